// The packed package in an app: the code that docs/sdk.md shows, built by Vite and by webpack, and on a plain page.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import ts from "typescript";
import { build as vite, createServer as viteServer } from "vite";
import webpack from "webpack";
import { chromium, until } from "./harness.mjs";
import { blocks, project, server } from "./sdk-package.mjs";

/** Reads the built page and the wasm that it asks for. */
describe("the packed package", { timeout: 180_000 }, () => {
  let app, chrome;
  before(async () => {
    app = await project(["react", "react-dom", "vite"]);
    for (const { title, text } of await blocks("docs/sdk.md")) if (title) await app.write(title, text);
    await app.write("vite/index.html", `<!doctype html><div id="root"></div><script type="module" src="/src/main.tsx"></script>`);
    await app.write("webpack/dist/index.html", `<!doctype html><body></body><script type="module" src="/main.js"></script>`);
    chrome = await chromium();
  });
  after(async () => {
    await chrome?.close();
    await app?.close();
  });

  const inApp = (...parts) => path.join(app.dir, ...parts);
  /** Opens the page in a clean profile and waits until it shows `text`. */
  const shows = async (url, text, look = async () => {}) => {
    const context = await chrome.browser.createBrowserContext();
    try {
      const page = await context.newPage();
      const errors = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      const asked = [];
      page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      await page.goto(url);
      const seen = () => page.evaluate(() => document.body.innerText);
      try {
        await until(async () => (await seen()).includes(text), `the page shows ${text}`);
      } catch (error) {
        throw new Error(`${error.message}, but: ${await seen()} ${errors.join("; ")}`, { cause: error });
      }
      await look(page, seen);
      assert.deepEqual(errors, []);
      return asked;
    } finally {
      await context.close();
    }
  };
  /** Serves `directories` while `use` runs. */
  const served = async (directories, use) => {
    const web = await server(directories);
    try {
      return await use(web);
    } finally {
      await web.close();
    }
  };
  const below = async (dir) => (await readdir(dir, { recursive: true })).sort();
  const viteConfig = () => ({ root: inApp("vite"), configFile: inApp("vite/vite.config.ts"), logLevel: "error" });

  test("holds what it needs and nothing else", async () => {
    const bound = app.files.filter((name) => name.startsWith("pkg/"));
    assert.ok(bound.includes("pkg/tiercel_sdk_bg.wasm"), bound);
    assert.deepEqual(app.files.filter((name) => !/^pkg\/|\.js$/.test(name)).sort(), [
      "LICENSE-APACHE", "LICENSE-MIT", "README.md", "index.d.ts", "inspector.d.ts", "package.json", "policy.d.ts", "react.d.ts", "register.d.ts",
    ]);
    // Everything that is exported is there, whatever condition chooses it.
    const { exports } = JSON.parse(await readFile(path.join(app.installed, "package.json"), "utf8"));
    const targets = Object.values(exports).flatMap((target) => (typeof target === "string" ? [target] : Object.values(target)));
    for (const target of targets) assert.ok(app.files.includes(target.slice(2)), `${target} is packed`);
  });

  test("is found by tools that require, and the hooks say that they belong to the client", async () => {
    const { resolve } = createRequire(inApp("index.js"));
    const { exports } = JSON.parse(await readFile(path.join(app.installed, "package.json"), "utf8"));
    for (const [name, target] of Object.entries(exports)) {
      const file = typeof target === "string" ? target : target.default;
      assert.equal(resolve(path.join("@tiercel/sdk", name)), path.join(app.installed, file));
    }
    // Where components run on a server, React has neither state nor effects but below this.
    const { statements } = ts.createSourceFile("react.js", await readFile(path.join(app.installed, "react.js"), "utf8"), ts.ScriptTarget.ES2022);
    assert.equal(statements[0].expression?.text, "use client");
  });

  test("a plain page reads a class and shows it", () =>
    served({ "/sdk/": app.installed, "/": inApp("plain") }, async ({ url }) => {
      const asked = await shows(`${url}/`, "Dunes", async (page, seen) => {
        // What is not caught is an error of the page.
        await page.evaluate(async () => (await (await import("/sdk/index.js")).open({ user: "abc123" })).logout());
        await until(async () => !(await seen()).includes("Dunes"), "nothing of the user is shown any more");
      });
      assert.ok(asked.includes("/sdk/pkg/tiercel_sdk_bg.wasm"), asked);
    }));

  test("a Vite build reads, writes and remembers", async () => {
    await vite(viteConfig());
    const assets = (await below(inApp("vite/dist/assets"))).filter((name) => name.endsWith(".wasm"));
    assert.equal(assets.length, 1, "one wasm beside the scripts");
    await served({ "/": inApp("vite/dist") }, async ({ url, requests }) => {
      await shows(`${url}/`, "Dunes", async (page, seen) => {
        await page.evaluate(() => [...document.querySelectorAll("li")].find((li) => /Dunes/.test(li.innerText)).querySelector("button").click());
        await until(async () => !(await seen()).includes("Dunes"), "what was deleted is gone");
        assert.ok(requests.some((line) => line.startsWith("DELETE /api/files/videos/v1")), requests);
        await page.evaluate(() => document.querySelector("section > button").click());
        await until(async () => (await seen()).includes("Sorted by: added"), "the order is another");
        await page.reload();
        await until(async () => (await seen()).includes("Sorted by: added"), "the order is remembered");
      });
    });
  });

  test("Vite's development server serves it", async () => {
    const web = await server({});
    const dev = await viteServer({
      ...viteConfig(),
      // React is CommonJS: it is bundled ahead, into a directory of this test.
      cacheDir: inApp("vite/.vite"),
      server: { port: 0, host: "127.0.0.1", hmr: false, ws: false, proxy: { "/api": web.url }, fs: { strict: false } },
    });
    try {
      await dev.listen();
      await shows(dev.resolvedUrls.local[0], "Dunes");
    } finally {
      await dev.close();
      await web.close();
    }
  });

  test("a webpack build reads a class and shows it", async () => {
    const { default: config } = await import(inApp("webpack/webpack.config.js"));
    const stats = await bundled({ ...config, context: inApp("webpack"), output: { path: inApp("webpack/dist") } });
    assert.deepEqual(stats.errors, []);
    assert.equal((await below(inApp("webpack/dist"))).filter((name) => name.endsWith(".wasm")).length, 1);
    await served({ "/": inApp("webpack/dist") }, ({ url }) => shows(`${url}/`, "Dunes, Aurora"));
  });

  for (const from of ["@tiercel/sdk", "@tiercel/sdk/register"]) {
    test(`an app that only registers the worker by ${from} bundles no client`, async () => {
      await app.write("small/main.js", `import { register } from "${from}";\nregister();\n`);
      const build = { write: false, lib: { entry: inApp("small/main.js"), formats: ["es"] } };
      const [{ output }] = await vite({ root: inApp("small"), configFile: false, logLevel: "error", build });
      await bundled({ mode: "production", entry: inApp("small/main.js"), context: inApp("small"), output: { path: inApp("small/dist") } });
      const byVite = output.map(({ code }) => code).join("");
      const byWebpack = await readFile(inApp("small/dist/main.js"), "utf8");
      for (const code of [byVite, byWebpack]) {
        assert.match(code, /tiercel:warm/);
        assert.doesNotMatch(code, /WebAssembly|_bg\.wasm/);
      }
      assert.deepEqual((await below(inApp("small/dist"))).filter((name) => name.endsWith(".wasm")), []);
    });
  }

  test("importing it loads no wasm and needs no DOM", async () => {
    for (const name of ["index.js", "register.js", "inspector.js"]) await import(path.join(app.installed, name));
    await app.write("plain/idle.html", `<!doctype html><body></body><script type="module" src="idle.js"></script>`);
    await app.write("plain/idle.js", `import "/sdk/index.js"; import "/sdk/inspector.js"; document.body.textContent = "idle";`);
    await served({ "/sdk/": app.installed, "/": inApp("plain") }, async ({ url }) => {
      const asked = await shows(`${url}/idle.html`, "idle");
      assert.deepEqual(asked.filter((name) => name.endsWith(".wasm")), []);
    });
  });
});

const bundled = (config) =>
  new Promise((resolve, reject) => {
    const compiler = webpack(config);
    compiler.run((error, stats) => compiler.close(() => (error ? reject(error) : resolve(stats.toJson({ errors: true })))));
  });
