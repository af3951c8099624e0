// What goes wrong on a device: no wrong byte is served, the worker heals by itself, the app goes on.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { chromium, get, signedIn, site, stopWorkers, tell, until, workerOf } from "./harness.mjs";

const THUMBNAIL = "/api/files/videos/f1/thumbnail";
const PICTURE = "a picture of some length, so that a part of it can be told from the whole";

describe("faults of the device", { timeout: 240_000 }, () => {
  let chrome, web, context, page;
  /** How the site answers the thumbnail. */
  let answer;
  const whole = (response) => response.writeHead(200, { "content-type": "text/plain", "content-length": PICTURE.length, etag: '"1"' }).end(PICTURE);

  before(async () => {
    chrome = await chromium();
  });
  after(() => chrome.close());
  beforeEach(async () => {
    answer = whole;
    web = await site((request, response) => {
      if (!request.url.endsWith("/thumbnail")) return false;
      answer(response);
      return true;
    });
    ({ context, page } = await signedIn(chrome.browser, web.url));
  });
  afterEach(async () => {
    await context.close();
    await web.close();
  });

  const entries = (of) => of.evaluate(async () => {
    const found = [];
    for (const name of await caches.keys()) {
      if (!name.includes("_thumbnail_")) continue;
      for (const request of await (await caches.open(name)).keys()) if (request.url.includes("thumbnail")) found.push(request.url);
    }
    return found;
  });

  /** The whole picture is there, from the network and then from the store. */
  async function works(on = page) {
    answer = whole;
    assert.equal((await get(on, THUMBNAIL)).body, PICTURE);
    await until(async () => (await entries(on)).length > 0, "the picture is stored");
    const { headers, body } = await get(on, THUMBNAIL);
    assert.match(headers["cache-status"], /^tiercel-sw; hit/);
    assert.equal(body, PICTURE);
  }

  /** An answer whose second half waits until `release`. */
  function halfway() {
    let release, begun;
    const arrived = new Promise((resolve) => (begun = resolve));
    const released = new Promise((resolve) => (release = resolve));
    answer = async (response) => {
      response.writeHead(200, { "content-type": "text/plain", "content-length": PICTURE.length });
      response.write(PICTURE.slice(0, 20), () => begun());
      await released;
      response.end(PICTURE.slice(20));
    };
    return { arrived, release };
  }

  for (const [what, head] of [["of a known length", { "content-length": PICTURE.length }], ["in chunks", {}]]) {
    test(`a download ${what} that breaks off is not kept`, async () => {
      answer = (response) => {
        response.writeHead(200, { "content-type": "text/plain", ...head });
        response.write(PICTURE.slice(0, 20), () => response.destroy());
      };
      const got = await get(page, THUMBNAIL).catch((error) => error.message);
      assert.notEqual(got.body, PICTURE.slice(0, 20), "a part does not pass for the whole");
      await tell(page, { type: "tiercel:purge", names: [] });
      assert.deepEqual(await entries(page), []);
      await works();
    });
  }

  test("the worker is stopped while a picture is being stored", async () => {
    const { arrived, release } = halfway();
    const asked = get(page, THUMBNAIL).catch((error) => error.message);
    await arrived;
    await stopWorkers(page);
    release();
    const got = await asked;
    if (typeof got === "object") assert.equal(got.body, PICTURE);
    await tell(page, { type: "tiercel:purge", names: [] });
    for (const url of await entries(page)) assert.equal(await bodyOf(url), PICTURE);
    await works();
  });

  const bodyOf = (url) => page.evaluate(async (url) => (await caches.match(url)).text(), url);

  test("the tab is killed while a picture is being stored", async () => {
    const { arrived, release } = halfway();
    void get(page, THUMBNAIL).catch(() => {});
    await arrived;
    const session = await page.createCDPSession();
    // Its answer never comes: the process that would send it is gone.
    void session.send("Page.crash").catch(() => {});
    await new Promise((resolve) => page.once("error", resolve));
    release();
    page = await context.newPage();
    await page.goto(web.url);
    await tell(page, { type: "tiercel:identify", user: "ada" });
    for (const url of await entries(page)) assert.equal(await bodyOf(url), PICTURE);
    await works();
  });

  test("the page deletes all caches: the worker does not go on with what it has open", async () => {
    await works();
    await page.evaluate(async () => Promise.all((await caches.keys()).map((name) => caches.delete(name))));
    await until(async () => /fwd=uri-miss/.test((await get(page, THUMBNAIL)).headers["cache-status"]), "it is missed");
    await works();
  });

  for (const [what, meta] of [["nothing", null], ["nonsense", "1;x;;"], ["a cut text", "cut"]]) {
    test(`an entry of which ${what} is known is not served`, async () => {
      await works();
      await page.evaluate(async (meta) => {
        const name = (await caches.keys()).find((name) => name.includes("_thumbnail_"));
        const cache = await caches.open(name);
        const request = (await cache.keys()).find(({ url }) => url.includes("thumbnail"));
        const stored = await cache.match(request);
        const known = stored.headers.get("x-tiercel-meta");
        if (!known) throw new Error(`what is known of it stands elsewhere: ${[...stored.headers.keys()]}`);
        const headers = new Headers(stored.headers);
        headers.delete("x-tiercel-meta");
        if (meta) headers.set("x-tiercel-meta", meta === "cut" ? known.slice(0, known.length / 2) : meta);
        await cache.put(request, new Response("not the picture", { headers }));
      }, meta);
      assert.equal((await get(page, THUMBNAIL)).body, PICTURE);
    });
  }

  for (const [what, refuse] of [
    ["refuses to be opened", () => (CacheStorage.prototype.open = () => Promise.reject(new Error("refused")))],
    ["refuses to be read", () => (Cache.prototype.match = () => Promise.reject(new Error("refused")))],
    ["refuses to be written", () => (Cache.prototype.put = () => Promise.reject(new Error("refused")))],
    ["throws", () => (CacheStorage.prototype.open = () => { throw new Error("refused"); })],
  ]) {
    test(`Cache Storage ${what}: the network answers`, async () => {
      await stopWorkers(page);
      const worker = await workerOf(page);
      await worker.evaluate(refuse);
      for (const round of [1, 2]) {
        assert.equal((await get(page, THUMBNAIL)).body, PICTURE, `round ${round}`);
      }
      assert.equal(web.count(THUMBNAIL), 2);
      await stopWorkers(page);
      await works();
    });
  }

  test("the wasm cannot be started: everything goes to the network", async () => {
    await works();
    await stopWorkers(page);
    const worker = await workerOf(page);
    await worker.evaluate(() => (WebAssembly.Instance = function () { throw new Error("refused"); }));
    assert.equal((await get(page, THUMBNAIL)).headers["cache-status"], undefined);
    await stopWorkers(page);
    assert.match((await get(page, THUMBNAIL)).headers["cache-status"], /^tiercel-sw; hit/);
  });

  describe("the wasm crashes", () => {
    /** The next `steps` steps of the wasm are taken, then so many instances crash at the next one, each in its turn. */
    async function crashing(worker, steps, instances) {
      await worker.evaluate((steps, instances) => {
        self.crash = { steps, instances };
      }, steps, instances);
    }

    /** A worker whose wasm can be made to crash, and that says what it has under way. */
    async function fragile() {
      await works();
      await stopWorkers(page);
      const worker = await workerOf(page);
      await worker.evaluate(() => {
        const { Instance } = WebAssembly;
        WebAssembly.Instance = function (wasm) {
          const { exports } = new Instance(wasm);
          const step = (...words) => {
            if (self.crash?.instances && !self.crash.steps--) {
              self.crash = { steps: 0, instances: self.crash.instances - 1 };
              throw new WebAssembly.RuntimeError("unreachable");
            }
            return exports.step(...words);
          };
          return { exports: { ...exports, step } };
        };
        const { waitUntil } = ExtendableEvent.prototype;
        self.tasks = [];
        ExtendableEvent.prototype.waitUntil = function (task) {
          self.tasks.push(task);
          return waitUntil.call(this, task);
        };
      });
      assert.match((await get(page, THUMBNAIL)).headers["cache-status"], /^tiercel-sw; hit/);
      return worker;
    }

    const hers = async () => (await page.evaluate(() => caches.keys())).filter((name) => name.startsWith("videomi_ada_"));
    const logOut = () => tell(page, { type: "tiercel:logout", user: "ada" });

    test("a logout after it has an instance of its own", async () => {
      await crashing(await fragile(), 0, 1);
      assert.equal((await get(page, THUMBNAIL)).headers["cache-status"], undefined, "it has crashed");
      assert.deepEqual(await logOut(), { ok: true });
      assert.deepEqual(await hers(), []);
      assert.equal((await get(page, THUMBNAIL)).headers["cache-status"], undefined, "all else goes to the network");
    });

    test("a logout in the middle of it is done all the same", async () => {
      await crashing(await fragile(), 1, 1);
      assert.deepEqual(await logOut(), { ok: true });
      assert.deepEqual(await hers(), []);
    });

    test("a logout that the page sends after it wipes as well", async () => {
      await crashing(await fragile(), 0, 1);
      await get(page, THUMBNAIL);
      assert.equal(await page.evaluate(async () => (await fetch("/api/auth/logout", { method: "POST" })).status), 404);
      assert.deepEqual(await hers(), []);
    });

    test("a logout that cannot be done is not confirmed", async () => {
      const worker = await fragile();
      await crashing(worker, 0, 9);
      await page.evaluate(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => (globalThis.confirmed = data);
        navigator.serviceWorker.controller.postMessage({ type: "tiercel:logout", user: "ada" }, [port2]);
      });
      // What comes after it has been answered, and nothing is under way.
      await tell(page, { type: "tiercel:claim" });
      await worker.evaluate(() => Promise.allSettled(self.tasks).then(() => {}));
      await tell(page, { type: "tiercel:claim" });
      assert.notDeepEqual(await hers(), []);
      assert.equal(await page.evaluate(() => globalThis.confirmed), undefined);
    });
  });

  test("an entry that should have made room and stayed is still purged", async () => {
    await works();
    const worker = await workerOf(page);
    await worker.evaluate(() => {
      const { put, delete: remove } = Cache.prototype;
      Cache.prototype.put = function (request, response) {
        return `${request}`.includes("f2") ? Promise.reject(new DOMException("full", "QuotaExceededError")) : put.call(this, request, response);
      };
      Cache.prototype.delete = () => {
        Cache.prototype.delete = remove;
        self.isRefused = true;
        return Promise.reject(new Error("refused"));
      };
    });
    await get(page, THUMBNAIL.replace("f1", "f2"));
    await until(() => worker.evaluate(() => self.isRefused), "it could not be removed");
    assert.equal((await entries(page)).length, 1);
    assert.deepEqual(await tell(page, { type: "tiercel:purge", names: ["file:f1"] }), { ok: true });
    assert.deepEqual(await entries(page), []);
  });
});
