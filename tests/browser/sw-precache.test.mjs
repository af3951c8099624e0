// The app's files in the Service Worker: fetched once and whole, answered without a network and without the worker.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { readFile } from "node:fs/promises";
import { built, chromium, get, stopWorkers, tell, until } from "./harness.mjs";
import { caches, releases, update, visit, workers } from "./releases.mjs";

describe("the precache of sw.js", { timeout: 120_000 }, () => {
  let chrome, web, page, context;

  before(async () => {
    chrome = await chromium();
  });
  after(() => chrome.close());

  beforeEach(async () => {
    web = await releases();
    context = await chrome.browser.createBrowserContext();
    page = await visit(context, web.url);
  });
  afterEach(async () => {
    await context.close();
    await web.close();
  });

  /** Has the worker stopped, and sees to it that it is. */
  const stop = async () => {
    await stopWorkers(page);
    await until(async () => (await workers(page, web.url)).join() === "activated stopped", "the worker has stopped");
  };

  test("the app's files are fetched once, and then answered from the store", async () => {
    web.requests.length = 0;
    for (const path of ["/", "/index.html", "/help/", "/help/index.html", "/assets/style.css", "/assets/old.txt"]) {
      const { status, headers } = await get(page, path);
      assert.deepEqual([status, headers["cache-status"]], [200, 'tiercel-sw; hit; detail="precache"'], path);
    }
    assert.deepEqual(web.requests, []);
    assert.equal((await get(page, "/assets/style.css?x=1")).headers["cache-status"], undefined, "with a query it is another");
    assert.equal(web.count("/assets/style.css?x=1"), 1);
  });

  test("a fresh start without a network shows the app, at its own path and at any other", async () => {
    await stop();
    await web.down();
    for (const [path, title, status] of [
      ["/", "app 1", 'tiercel-sw; hit; detail="precache"'],
      ["/help/", "help", 'tiercel-sw; hit; detail="precache"'],
      ["/library/videos?sort=name", "app 1", 'tiercel-sw; fwd=uri-miss; detail="app-shell"'],
    ]) {
      const response = await page.goto(web.url + path);
      assert.deepEqual([response.status(), response.headers()["cache-status"], await page.title()], [200, status, title]);
      assert.equal(response.headers()["content-security-policy"], "script-src 'self' 'wasm-unsafe-eval'");
    }
    assert.equal(await page.$eval("body", (body) => body.dataset.release), "1", "its script runs");
    assert.equal(await page.$eval("body", (body) => getComputedStyle(body).backgroundColor), "rgb(1, 2, 3)");
  });

  test("the shell stands in for no API, for nothing that a script asks for, and for nothing while there is a network", async () => {
    web.answers["/library"] = (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<title>the server's</title>");
    await page.goto(`${web.url}/library`);
    assert.equal(await page.title(), "the server's");
    await page.goto(web.url);
    await web.down();
    await assert.rejects(get(page, "/library"), /Failed to fetch/);
    for (const path of ["/api/stats", "/save/7"]) {
      await assert.rejects(page.goto(web.url + path), /ERR_CONNECTION_REFUSED/, path);
    }
  });

  test("an unchanged file is not fetched again, and the old release's files go when the new one is at work", async () => {
    const [old] = (await caches(page)).filter((name) => name.includes("precache"));
    assert.match(old, /^lifecycle__precache_[0-9a-f]{12}$/);
    web.release = 2;
    web.requests.length = 0;
    await update(page, "installed");
    assert.deepEqual(
      web.requests.filter((line) => !line.endsWith(".svg") && !line.endsWith("offline.html")).sort(),
      ["GET /", "GET /assets/app.js", "GET /sw.js"],
    );
    assert.equal((await get(page, "/assets/old.txt")).status, 200, "the old release is still at work");
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).waiting.postMessage({ type: "tiercel:activate" }));
    await until(async () => !(await caches(page)).includes(old), "the old release's files are gone");
    await page.goto(web.url);
    assert.equal(await page.title(), "app 2");
    assert.equal((await get(page, "/assets/old.txt")).status, 404);
    web.requests.length = 0;
    assert.equal((await get(page, "/assets/style.css")).status, 200);
    assert.deepEqual(web.requests, []);
  });

  for (const [what, answer] of [
    ["is missing", (_, response) => response.writeHead(404).end("not found")],
    ["is an error", (_, response) => response.writeHead(503).end("busy")],
    ["is another than the build had", (_, response) => response.writeHead(200, { "content-type": "text/javascript" }).end("alert(1)")],
    ["is elsewhere", (_, response) => response.writeHead(302, { location: "/assets/style.css" }).end()],
    ["breaks off", (_, response) => {
      response.writeHead(200, { "content-type": "text/javascript", "content-length": 1000 });
      response.write("document");
      response.destroy();
    }],
  ]) {
    test(`a release of which one file ${what} is not installed, and the old one goes on`, async () => {
      web.release = 2;
      web.answers["/assets/app.js"] = answer;
      await update(page, "redundant");
      await stop();
      await web.down();
      await page.goto(web.url);
      assert.equal(await page.title(), "app 1");
      assert.equal(await page.$eval("body", (body) => body.dataset.release), "1");
      await web.up();
      delete web.answers["/assets/app.js"];
      web.requests.length = 0;
      await update(page, "installed");
      assert.equal(web.count("/"), 0, "what came the first time is kept for the second");
      assert.equal(web.count("/assets/app.js"), 1);
    });
  }

  const drop = () => page.evaluate(async () => {
    for (const name of await caches.keys()) if (name.includes("precache")) await caches.delete(name);
  });
  /** How many of the app's files are stored. */
  const kept = () => page.evaluate(async () => {
    const name = (await caches.keys()).find((name) => name.includes("precache"));
    return name ? (await (await caches.open(name)).keys()).length : 0;
  });
  const identify = () => tell(page, { type: "tiercel:identify", user: "ada" });

  test("with its cache deleted, the app comes from the network and is put back", async () => {
    await drop();
    await stop();
    web.requests.length = 0;
    assert.deepEqual([(await get(page, "/assets/style.css")).status, web.count("/assets/style.css")], [200, 1]);
    await identify();
    await until(async () => (await kept()) === 9, "the app is back");
    await web.down();
    await page.goto(web.url);
    assert.equal(await page.title(), "app 1");
  });

  test("with its cache deleted, a browser without a router puts the app back when one file of it is asked for", async () => {
    const script = await readFile(built("lifecycle", "1", "sw.js"), "utf8");
    web.answers["/sw.js"] = (_, response) =>
      response.writeHead(200, { "content-type": "text/javascript" }).end(`delete InstallEvent.prototype.addRoutes;\n${script}`);
    await update(page, "installed");
    await page.evaluate(async () => {
      const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
      (await navigator.serviceWorker.getRegistration()).waiting.postMessage({ type: "tiercel:activate" });
      await changed;
    });
    await drop();
    assert.equal((await get(page, "/assets/style.css")).status, 200);
    await until(async () => (await kept()) === 9, "the app is back");
  });

  test("with its cache deleted and the network away, the app is put back when both are asked for again", async () => {
    const other = await context.newPage();
    await other.goto(web.url);
    await drop();
    await web.down();
    // The shell is looked for, a file is asked for, and putting all of it back fails: nothing of that may pass for the app.
    await assert.rejects(other.goto(`${web.url}/library`), /net::ERR/);
    await assert.rejects(get(page, "/assets/style.css"), /Failed to fetch/);
    await identify();
    await web.up();
    assert.equal(await kept(), 0);
    await identify();
    await until(async () => (await kept()) === 9, "the app is back");
  });

  test("the browser answers a file of the app, and asks for what nothing covers, without starting the worker", async () => {
    web.answers["/elsewhere"] = (_, response) => response.writeHead(200).end("elsewhere");
    await stop();
    web.requests.length = 0;
    const { status, headers, body } = await get(page, "/assets/app.js");
    assert.deepEqual([status, headers["cache-status"], body], [200, 'tiercel-sw; hit; detail="precache"', 'document.body.dataset.release = "1";\n']);
    assert.equal((await get(page, "/elsewhere")).body, "elsewhere");
    const other = await releases();
    await page.evaluate((url) => fetch(url, { mode: "no-cors" }), `${other.url}/assets/app.js`);
    assert.equal(other.count("/assets/app.js"), 1);
    await other.close();
    assert.deepEqual(web.requests, ["GET /elsewhere"]);
    assert.deepEqual(await workers(page, web.url), ["activated stopped"]);
    // A class does start it, and so does what an event names.
    web.answers["/pictures/1"] = (_, response) => response.writeHead(200, { "content-type": "text/plain" }).end("picture");
    assert.match((await get(page, "/pictures/1")).headers["cache-status"], /^tiercel-sw; fwd=uri-miss; stored/);
    assert.deepEqual(await workers(page, web.url), ["activated running"]);
    await stop();
    web.answers["/save/7"] = (_, response) => response.writeHead(204).end();
    assert.equal(await page.evaluate(async () => (await fetch("/save/7", { method: "POST" })).status), 204);
    assert.deepEqual(await workers(page, web.url), ["activated running"]);
  });
});
