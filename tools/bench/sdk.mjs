// Measures ways to keep metadata in a page side by side in one Chromium: the packed SDK, Dexie, and IndexedDB by hand.
//
//   node sdk.mjs JSON       {"sdk": the built package, for tools/bench/sdk.json, "chrome": the browser,
//                            "effort": {"rounds", "visits", "calls"}}
//
// Each has an origin of its own. In every round each is measured once, in an order that changes from round to round, so
// that what slows the machine slows all of them. Prints one line of JSON: for each of them, in milliseconds a round,
//   open     from the call that opens to the first record, in a page that has just been loaded
//   put      one record, into a store of 10,000: the median of some
//   put1000, put10000        that many into an empty store
//   get      one of 10,000 by key;  page: the newest 50 of 10,000 by the index of time;  list: all of 1,000, the newest
//            first: medians of some
//   paint    from the beginning of the navigation until React has put a stored list of 200 into the document
// and `js` and `wasm`, the sizes of its code as gzip -9 sends it, in bytes.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { inTurns, measure, median } from "./browser.mjs";
import { file } from "./peers/sdk-records.js";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const NAMES = ["ours", "dexie", "raw"];
const WASM = "pkg/tiercel_sdk_bg.wasm";
const { sdk, chrome, effort } = JSON.parse(process.argv[2]);

async function bundled(name, more = {}) {
  const { outputFiles } = await build({
    entryPoints: [path.join(HERE, "peers", name)],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
    alias: { "@tiercel/sdk/react": path.join(sdk, "react.js"), "@tiercel/sdk": path.join(sdk, "index.js") },
    nodePaths: [path.join(HERE, "../../node_modules")],
    ...more,
  });
  return Buffer.from(outputFiles[0].contents);
}

const html = (script, more = "") =>
  Buffer.from(`<!doctype html><meta charset=utf-8><title>bench</title><link rel=icon href=data:,>${more}<main></main><script type=module src=${script}></script>`);

/** The site of one of them. Scripts and wasm are kept by the browser, as they are of a deployed app. */
async function serve(name) {
  const wasm = await readFile(path.join(sdk, WASM));
  const preload = name === "ours" ? `<link rel=preload as=fetch crossorigin href=/${WASM}>` : "";
  const list = JSON.stringify({ success: true, data: { files: Array.from({ length: 200 }, (_, n) => file(n)) } });
  const files = {
    "/": ["text/html", html("/bench.js")],
    "/paint": ["text/html", html("/paint.js", preload)],
    "/bench.js": ["text/javascript", await bundled(`sdk-${name}.js`)],
    "/paint.js": ["text/javascript", await bundled(`sdk-paint-${name}.js`)],
    [`/${WASM}`]: ["application/wasm", wasm],
    "/api/upload/user/abc123": ["application/json", Buffer.from(list)],
  };
  let asked = 0;
  const server = createServer((request, response) => {
    const found = files[request.url];
    if (!found) return response.writeHead(404).end();
    const [type, body] = found;
    const isApi = request.url.startsWith("/api/");
    if (isApi) asked += 1;
    const kept = type === "text/html" ? "no-cache" : isApi ? "public, max-age=300" : "public, max-age=31536000, immutable";
    // A page that is isolated has a clock of 5 µs, others one of 100 µs.
    const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
    response.writeHead(200, { "Content-Type": type, "Content-Length": body.length, "Cache-Control": kept, ...isolated }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}`, asked: () => asked };
}

/** As `gzip -9` sends it. */
const zipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** What an app pays: the library alone, bundled and minified. */
async function sizes(name) {
  if (name === "raw") return { js: 0, wasm: 0 };
  const contents = { ours: `export { open } from "@tiercel/sdk"`, dexie: `export { Dexie } from "dexie"` }[name];
  const js = zipped(await bundled("", { entryPoints: undefined, stdin: { contents, resolveDir: HERE } }));
  return { js, wasm: name === "ours" ? zipped(await readFile(path.join(sdk, WASM))) : 0 };
}

/** What runs in the page. */
const inPage = {
  async open() {
    const { open } = await import("/bench.js");
    const start = performance.now();
    globalThis.db = await open();
    await db.files.get("f000001");
    return performance.now() - start;
  },
  /** Times a call, some times; `calls` is how often. */
  async times(what, argument, calls) {
    const run = {
      put: (n) => db.files.put(argument[n % argument.length]),
      get: (n) => db.files.get(argument[(n * 97) % argument.length]),
      page: () => db.files.newest(50),
      list: () => db.thousand.all(),
    }[what];
    const wanted = { page: 50, list: 1000 }[what];
    const times = [];
    for (let n = 0; n < calls; n++) {
      const start = performance.now();
      const found = await run(n);
      times.push(performance.now() - start);
      if (wanted && found.length !== wanted) throw new Error(`${what}: ${found.length}`);
      if (what === "list" && !(found[0].added > found.at(-1).added)) throw new Error("list: not the newest first");
      if (what === "get" && !found.name) throw new Error("get: nothing");
    }
    return times;
  },
  async putMany(store, files) {
    await db[store].clear();
    const start = performance.now();
    await db[store].putMany(files);
    return performance.now() - start;
  },
};

await measure(chrome, async (browser, sites) => {
  const found = {};
  const many = Array.from({ length: 10_000 }, (_, n) => file(n));
  const ids = many.map(({ id }) => id);
  for (const name of NAMES) {
    const site = { name, ...(await serve(name)), page: await browser.newPage() };
    sites.push(site);
    found[name] = { ...(await sizes(name)), open: [], put: [], put1000: [], put10000: [], get: [], page: [], list: [], paint: [] };
    site.page.on("pageerror", (error) => console.error(name, error.message));
    await site.page.goto(site.url);
    await site.page.evaluate(inPage.open);
    await site.page.evaluate(inPage.putMany, "files", many);
    await site.page.evaluate(inPage.putMany, "thousand", many.slice(0, 1000));
  }
  const rounds = (count, measured) => inTurns(count, sites, found, measured);
  const { rounds: count, calls, visits } = effort;
  // What runs for the first time is slower, and is not what is asked here.
  for (const warm of [true, false]) {
    const note = (into, value) => warm || into.push(value);
    await rounds(warm ? 2 : count, async ({ page }, into) => {
      await page.reload();
      note(into.open, await page.evaluate(inPage.open));
    });
    const timed = async (what, argument) =>
      rounds(warm ? 1 : count, async ({ page }, into) => note(into[what], median(await page.evaluate(inPage.times, what, argument, calls))));
    await timed("put", many.slice(0, 100));
    await timed("get", ids);
    await timed("page");
    await timed("list");
    for (const size of [1000, 10_000]) {
      const files = many.slice(0, size);
      // They may not write at the same time: each is done with all that it has begun.
      await rounds(warm ? 1 : count, async ({ page }, into) => note(into[`put${size}`], await page.evaluate(inPage.putMany, "files", files)));
    }
  }
  for (const { page } of sites) {
    await page.evaluateOnNewDocument(() => {
      globalThis.painting = new Promise((resolve) => (globalThis.painted = (at, length) => resolve({ at, length })));
    });
  }
  await rounds(3 + visits, async ({ page, url, name, asked }, into, round) => {
    const before = asked();
    await page.goto(`${url}/paint`);
    const { at, length } = await page.evaluate(() => painting);
    if (length !== 200) throw new Error(`${name} shows ${length}`);
    if (round > 0 && asked() !== before) throw new Error(`${name} has asked the network`);
    // The first ones fill the stores and the browser's cache of code.
    if (round >= 3) into.paint.push(at);
    await page.goto("about:blank");
  });
  return found;
});
