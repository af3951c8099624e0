// Measures Service Workers side by side in one Chromium: ours, one written by hand, and Workbox.
//
//   node sw.mjs JSON        {"sw": the built sw.js, "routed": one that keeps ASSET or null, "chrome": the browser,
//                            "effort": {"rounds", "hits", "films"}}
//
// Each has an origin of its own, and a page that asks. In every round each is measured once, in an order that changes
// from round to round, so that what slows the machine slows all of them. Prints one line of JSON: for each of them
//   size     as gzip -9 sends it, in bytes
//   warm     milliseconds to a stored body of 2 KB: the median of each round;   warm95: their 95th percentiles
//   cold     milliseconds from a worker that is stopped to the head of a stored answer; of `routed`, to that of a file of
//            the app, which the browser's router answers
//   page     milliseconds to 200 stored bodies of 2 KB, asked for at once
//   range    milliseconds to 1 MiB out of 64 MiB;   read: bytes that the browser reads from files for it, where the
//            system tells

import { createServer } from "node:http";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { at, inTurns, measure } from "./browser.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const MIB = 1 << 20;
const ASSET = "/shell/asset.webp";
const { sw, routed, chrome, effort } = JSON.parse(process.argv[2]);

const THUMBNAIL = Buffer.alloc(2048, "x");
const FILM = Buffer.alloc(64 * MIB, Uint8Array.from({ length: 251 }, (_, i) => i));

async function bundled(name) {
  const options = { bundle: true, minify: true, format: "iife", write: false, legalComments: "none" };
  const define = { "process.env.NODE_ENV": '"production"' };
  const { outputFiles } = await build({ ...options, define, entryPoints: [path.join(HERE, "peers", name)] });
  return Buffer.from(outputFiles[0].contents);
}

function serve(script) {
  const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  const answer = ({ url }) => {
    if (url === "/sw.js") return ["text/javascript", script, {}];
    // A page that is isolated has a clock of 5 µs, others one of 100 µs.
    if (url === "/bench") return ["text/html", Buffer.from("<!doctype html><link rel=icon href=data:,>"), isolated];
    return url.endsWith("/thumbnail") || url === ASSET ? ["image/webp", THUMBNAIL, {}] : ["video/mp4", FILM, {}];
  };
  const server = createServer((request, response) => {
    const [type, body, more] = answer(request);
    const [, first = 0, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const end = Math.min(+(last ?? Infinity) + 1, body.length);
    const part = last ? { "Content-Range": `bytes ${first}-${end - 1}/${body.length}` } : {};
    const head = { "Content-Type": type, "Content-Length": end - first, ETag: '"1"', ...more, ...part };
    response.writeHead(last ? 206 : 200, head).end(body.subarray(+first, end));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** What runs in the page. */
const inPage = {
  async register() {
    await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) {
      await new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done, { once: true }));
    }
  },
  /** Until all of it is stored, which is not when it has been answered. */
  async store(urls) {
    const bytes = async () => {
      let sum = 0;
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) sum += (await (await cache.match(request)).blob()).size;
      }
      return sum;
    };
    const before = await bytes();
    const bodies = await Promise.all(urls.map(async (url) => (await fetch(url)).blob()));
    const sum = bodies.reduce((sum, { size }) => sum + size, before);
    while ((await bytes()) < sum) await new Promise((next) => setTimeout(next, 20));
  },
  async hits(url, count) {
    const times = [];
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      await (await fetch(url)).arrayBuffer();
      times.push(performance.now() - start);
    }
    return times;
  },
  async first(url) {
    const start = performance.now();
    const response = await fetch(url);
    const time = performance.now() - start;
    await response.arrayBuffer();
    return time;
  },
  async all(urls) {
    const start = performance.now();
    await Promise.all(urls.map(async (url) => (await fetch(url)).arrayBuffer()));
    return performance.now() - start;
  },
  async range(url, first, last) {
    const start = performance.now();
    const response = await fetch(url, { headers: { range: `bytes=${first}-${last}` } });
    const body = new Uint8Array(await response.arrayBuffer());
    const time = performance.now() - start;
    if (response.status !== 206 || body.length !== last - first + 1 || body[0] !== first % 251) throw new Error("not that range");
    return time;
  },
};

/** Bytes that the browser's processes have read from files so far; null where the system does not tell. */
async function bytesRead(root) {
  const parents = new Map();
  for (const pid of (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
    parents.set(+pid, +stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  }
  const isBelow = (pid) => pid === root || (pid > 1 && isBelow(parents.get(pid) ?? 0));
  let total = null;
  for (const pid of [...parents.keys()].filter(isBelow)) {
    const io = await readFile(`/proc/${pid}/io`, "latin1").catch(() => "");
    const read = /^rchar: (\d+)/m.exec(io);
    if (read) total = (total ?? 0) + Number(read[1]);
  }
  return total;
}

/** Stops the worker that controls `page`, and waits until it has. */
async function stop({ page, url }) {
  const session = await page.createCDPSession();
  const stopped = new Promise((resolve) => {
    session.on("ServiceWorker.workerVersionUpdated", ({ versions }) => {
      if (versions.some((v) => v.scriptURL.startsWith(url) && v.runningStatus === "stopped")) resolve();
    });
  });
  await session.send("ServiceWorker.enable");
  await session.send("ServiceWorker.stopAllWorkers");
  await stopped;
  await session.detach();
}

const scripts = {
  ours: await readFile(sw),
  hand: await bundled("sw-hand.js"),
  workbox: await bundled("sw-workbox.js"),
  ...(routed && { routed: await readFile(routed) }),
};
await measure(chrome, async (browser, sites) => {
  const found = {};
  const thumbnails = Array.from({ length: 200 }, (_, i) => `/api/files/videos/f${i}/thumbnail`);
  const film = "/api/files/videos/film";
  for (const [name, script] of Object.entries(scripts)) {
    const server = await serve(script);
    const url = `http://127.0.0.1:${server.address().port}`;
    const page = await browser.newPage();
    sites.push({ name, server, url, page });
    found[name] = { size: gzipSync(script, { level: 9 }).length, warm: [], warm95: [], cold: [], page: [], range: [], read: [] };
    await page.goto(`${url}/bench`);
    await page.evaluate(inPage.register);
    if (name === "routed") continue;
    await page.evaluate(inPage.store, thumbnails);
    await page.evaluate(inPage.store, [film]);
    await page.evaluate(inPage.hits, thumbnails[0], 50);
  }
  const rounds = (count, measured, of = sites.filter(({ name }) => name !== "routed")) => inTurns(count, of, found, measured);
  await rounds(effort.rounds, async ({ page }, into, round) => {
    const times = await page.evaluate(inPage.hits, thumbnails[round % 200], effort.hits);
    into.warm.push(at(times, 0.5));
    into.warm95.push(at(times, 0.95));
  });
  await rounds(effort.rounds, async ({ page }, into) => into.page.push(await page.evaluate(inPage.all, thumbnails)));
  await rounds(effort.rounds, async (site, into, round) => {
    await stop(site);
    into.cold.push(await site.page.evaluate(inPage.first, site.name === "routed" ? ASSET : thumbnails[round % 200]));
  }, sites);
  await rounds(effort.films, async ({ page }, into, round) => {
    const first = ((round * 37) % 63) * MIB + 4321;
    await page.evaluate(inPage.hits, thumbnails[0], 3);
    const before = await bytesRead(browser.process().pid);
    into.range.push(await page.evaluate(inPage.range, film, first, first + MIB - 1));
    const after = await bytesRead(browser.process().pid);
    if (before !== null && after !== null) into.read.push(after - before);
  });
  return found;
});
