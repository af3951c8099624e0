// Releases of sw.js one after the other, and what it serves while the network hangs or is away.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { chromium, get, stopWorkers, tell, until } from "./harness.mjs";
import { caches, releases, update, visit, workers } from "./releases.mjs";

describe("the life of sw.js", { timeout: 120_000 }, () => {
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

  const text = (body, fields) => (_, response) =>
    response.writeHead(200, { "content-type": "text/plain", "cache-control": "no-cache", ...fields }).end(body);

  /** Under which names a URL with `part` in it is stored. */
  const stored = (part) =>
    page.evaluate(async (part) => {
      const found = [];
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const { url } of await cache.keys()) if (url.includes(part)) found.push([name, await (await cache.match(url)).text()].join(": "));
      }
      return found.join();
    }, part);

  test("a later release waits until a page asks for it", async () => {
    web.release = 2;
    await update(page, "installed");
    await page.goto(web.url);
    assert.equal(await page.title(), "app 1");
    assert.deepEqual((await workers(page, web.url)).map((worker) => worker.split(" ")[0]).sort(), ["activated", "installed"]);
    const controls = await page.evaluate(async () => {
      const { waiting } = await navigator.serviceWorker.getRegistration();
      const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
      waiting.postMessage({ type: "tiercel:activate" });
      await changed;
      return navigator.serviceWorker.controller === waiting;
    });
    assert.ok(controls);
    await page.reload();
    assert.equal(await page.title(), "app 2");
  });

  test("a page that no worker controls can ask for one", async () => {
    // A forced reload: the browser leaves the page to the network.
    const session = await page.createCDPSession();
    await session.send("Page.reload", { ignoreCache: true });
    await until(() => page.evaluate(() => navigator.serviceWorker.controller === null).catch(() => false), "the page is nobody's");
    await page.evaluate(async () => {
      const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
      (await navigator.serviceWorker.ready).active.postMessage({ type: "tiercel:claim" });
      await changed;
    });
  });

  test("a new version of the policy leaves no cache of an old one, and takes nobody else's", async () => {
    web.answers["/pictures/1"] = text("one");
    for (const user of ["a", "a_b"]) {
      await tell(page, { type: "tiercel:identify", user });
      await get(page, "/pictures/1");
      await until(() => stored("picture:1"), "the picture is stored");
    }
    const others = ["lifecycle_x_y_picture_v1", "lifecycle-x__picture_v1", "other_a_picture_v1", "lifecycle_mine", "workbox-precache-v2"];
    await page.evaluate((names) => Promise.all(names.map((name) => caches.open(name))), others);
    const old = ["lifecycle_a_picture_v1", "lifecycle_a%5Fb_picture_v1"];
    await until(async () => old.every((name, _, all) => all.includes(name)) && (await caches(page)).includes(old[1]), "both are stored");
    for (const name of old) assert.ok((await caches(page)).includes(name), name);
    web.release = 2;
    await update(page, "installed");
    for (const name of old) assert.ok((await caches(page)).includes(name), `${name} serves until the new version does`);
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).waiting.postMessage({ type: "tiercel:activate" }));
    await until(async () => !(await caches(page)).some((name) => old.includes(name)), "the old caches are gone");
    const left = await caches(page);
    for (const name of [...others, "lifecycle__identity"]) assert.ok(left.includes(name), name);
    assert.equal(left.filter((name) => name.includes("__precache_")).length, 1);
    await get(page, "/pictures/1");
    await until(async () => (await caches(page)).includes("lifecycle_a%5Fb_picture_v2"), "the new version knows the user");
  });

  test("a network that hangs is given its time, then what is stored is served, and stored anew when the answer comes", async () => {
    web.answers["/news/1"] = text("old", { etag: '"1"' });
    await get(page, "/news/1");
    await until(() => stored("news:1"), "the news are stored");
    let release;
    const released = new Promise((resolve) => (release = resolve));
    web.answers["/news/1"] = async (request, response) => {
      assert.equal(request.headers["if-none-match"], '"1"');
      await released;
      text("new", { etag: '"2"' })(request, response);
    };
    const late = await get(page, "/news/1");
    assert.deepEqual([late.status, late.body], [200, "old"]);
    assert.match(late.headers["cache-status"], /^tiercel-sw; fwd=stale; ttl=-?\d+; detail="timeout"$/);
    assert.equal(await stored("news:1"), "lifecycle__news_v1: old");
    release();
    await until(async () => (await stored("news:1")).endsWith(": new"), "the answer is stored");
    assert.equal(web.count("/news/1"), 2, "one request for both");
    web.answers["/news/1"] = (request, response) => {
      assert.equal(request.headers["if-none-match"], '"2"');
      response.writeHead(304, { etag: '"2"' }).end();
    };
    const quick = await get(page, "/news/1");
    assert.equal(quick.body, "new");
    assert.match(quick.headers["cache-status"], /fwd=stale; fwd-status=304; stored/);
  });

  /** Until the policy's `network-timeout` is over: what is to be seen is that nothing comes of it. */
  const pastTimeout = () => page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1500)));

  test("a network that hangs is waited for where nothing is stored, or only what was purged meanwhile", async () => {
    let release;
    web.answers["/news/2"] = async (request, response) => {
      await new Promise((resolve) => (release = resolve));
      text("late", { etag: '"1"' })(request, response);
    };
    const first = get(page, "/news/2");
    await until(() => release, "the request has come");
    await pastTimeout();
    release();
    assert.equal((await first).body, "late");
    await until(() => stored("news:2"), "the news are stored");
    release = undefined;
    const second = get(page, "/news/2");
    await until(() => release, "the request has come again");
    await tell(page, { type: "tiercel:purge", names: ["news:2"] });
    await pastTimeout();
    release();
    assert.match((await second).headers["cache-status"], /purged-meanwhile/);
  });

  test("without network and store, a picture and a page stand in, and say so", async () => {
    await stopWorkers(page);
    await web.down();
    const { status, headers } = await get(page, "/pictures/9");
    assert.deepEqual([status, headers["cache-status"], headers["cache-control"], headers["content-type"]], [
      504, 'tiercel-sw; fwd=uri-miss; detail="fallback"', "no-store", "image/svg+xml",
    ]);
    const size = await page.evaluate(async () => {
      const image = new Image();
      image.src = "/pictures/9";
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
      const drawing = canvas.getContext("2d");
      drawing.drawImage(image, 0, 0);
      return [canvas.width, canvas.height, ...drawing.getImageData(5, 5, 1, 1).data];
    });
    assert.deepEqual(size, [30, 20, 255, 0, 0, 255]);
    const response = await page.goto(`${web.url}/news/9`);
    assert.deepEqual([response.status(), await page.title()], [504, "offline"]);
    await web.up();
    web.answers["/pictures/9"] = text("there it is");
    assert.equal((await get(page, "/pictures/9")).body, "there it is", "what stood in is not stored");
  });

  test("a navigation is asked for while the worker starts, and once", async () => {
    const asked = (path) => web.heads.filter(([name]) => name === path).map(([, fields]) => fields["service-worker-navigation-preload"]);
    web.answers["/news/3"] = text("<title>news</title>", { "content-type": "text/html", etag: '"1"' });
    web.answers["/library"] = text("<title>library</title>", { "content-type": "text/html" });
    await stopWorkers(page);
    const response = await page.goto(`${web.url}/news/3`);
    assert.match(response.headers()["cache-status"], /^tiercel-sw; fwd=uri-miss; stored/);
    assert.deepEqual(asked("/news/3"), ["true"]);
    await until(() => stored("news:3"), "it is stored");
    await stopWorkers(page);
    await page.goto(`${web.url}/library`);
    assert.deepEqual([asked("/library"), await page.title()], [["true"], "library"]);
    await web.down();
    await page.goto(`${web.url}/news/3`);
    assert.equal(await page.title(), "news");
  });
});
