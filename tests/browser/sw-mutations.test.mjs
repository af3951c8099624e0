// Mutations through the built sw.js: passed on as they are, and what they make untrue is known in every tab.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { get, stopWorkers, tell, until, workerOf } from "./harness.mjs";
import { broadcasts, PROGRESS, RATING, send, stored, THUMBNAIL, Writes } from "./writes-world.mjs";

const OTHER = "/api/files/videos/f9/thumbnail";
const FILE = "/api/files/videos/f1";

describe("mutations", { timeout: 120_000 }, () => {
  let world, web, page;
  before(async () => {
    world = await Writes.start();
  });
  after(() => world.close());
  beforeEach(async () => {
    await world.fresh();
    ({ web, page } = world);
  });
  afterEach(() => world.leave());

  const gone = (names) => (_, response) =>
    response.writeHead(200, { "content-type": "application/json", "cache-group-invalidation": names }).end('{"success":true}');

  async function bothStored() {
    for (const path of [THUMBNAIL, OTHER]) await get(page, path);
    await until(async () => (await stored(page, "thumbnail:")).length === 2, "both are stored");
  }

  test("what an answer names is gone when the page has the answer, and every tab hears of it", async () => {
    const [hers, his] = [await world.open("ada"), await world.open("bob")];
    await tell(page, { type: "tiercel:identify", user: "ada" });
    await bothStored();
    world.answers[FILE] = gone('"file:f1", "user:ada:files"');
    const answer = await send(page, "DELETE", FILE);
    assert.deepEqual([answer.status, answer.body], [200, '{"success":true}']);
    assert.equal((await stored(page, "file:f1:")).length, 0);
    assert.equal((await stored(page, "file:f9:")).length, 1);
    const expected = [{ type: "purge", scope: "videomi_cache_ada", event: null, names: ["file:f1", "user:ada:files"] }];
    // Tabs of others hear it too, and know by the scope that it is not theirs.
    for (const tab of [page, hers, his]) {
      await until(async () => (await broadcasts(tab)).length, "the tab has heard");
      assert.deepEqual(await broadcasts(tab), expected);
    }
    assert.deepEqual(world.log, [`DELETE ${FILE}`]);
  });

  test("errors, answers to safe methods and those of another origin invalidate nothing", async () => {
    await bothStored();
    const other = await import("node:http").then(({ createServer }) =>
      new Promise((resolve) => {
        const server = createServer((request, response) =>
          response.writeHead(200, {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "DELETE",
            "access-control-expose-headers": "*",
            "cache-group-invalidation": '"file:f1"',
          }).end("elsewhere"));
        server.listen(0, "127.0.0.1", () => resolve(server));
      }));
    try {
      world.answers[FILE] = (_, response) => response.writeHead(409, { "cache-group-invalidation": '"file:f1"' }).end();
      assert.equal((await send(page, "DELETE", FILE)).status, 409);
      world.answers["/api/files/videos/f7"] = (_, response) =>
        response.writeHead(307, { location: `http://127.0.0.1:${other.address().port}/x` }).end();
      const elsewhere = await send(page, "DELETE", "/api/files/videos/f7");
      assert.deepEqual([elsewhere.redirected, elsewhere.body], [true, "elsewhere"]);
      // RFC 9875 §3: on the answer to a safe method the field is ignored.
      world.answers["/api/files/videos/f8/thumbnail"] = gone('"file:f1"');
      await get(page, "/api/files/videos/f8/thumbnail");
      await until(async () => (await stored(page, "file:f8:")).length, "the worker is done with it");
      assert.equal((await stored(page, "file:f1:")).length, 1);
      assert.deepEqual(await broadcasts(page), []);
    } finally {
      other.close();
    }
  });

  test("what neither a class nor an event covers is not intercepted, what does is: also by a worker that was stopped", async () => {
    const through = async (url, method) => {
      const [response] = await Promise.all([page.waitForResponse((response) => response.url().endsWith(url)), send(page, method, url, "x")]);
      return response.fromServiceWorker();
    };
    await stopWorkers(page);
    assert.equal(await through("/api/upload", "POST"), true);
    assert.equal(await through("/api/upload", "PUT"), false);
    assert.equal(await through("/api/profile/name", "POST"), false);
    assert.deepEqual(world.log, ["POST /api/upload x", "PUT /api/upload x", "POST /api/profile/name x"]);
  });

  test("a long body goes through, redirects are followed, and a refusal is the page's own", async () => {
    let size = 0;
    world.answers["/api/upload"] = (_, response, body) => {
      size = body.length;
      response.writeHead(303, { location: RATING }).end();
    };
    const answer = await page.evaluate(async () => {
      const response = await fetch("/api/upload", { method: "POST", body: new Blob([new Uint8Array(8 << 20).fill(97)]) });
      return [response.status, response.redirected, new URL(response.url).pathname];
    });
    assert.deepEqual([size, answer], [8 << 20, [200, true, RATING]]);
    await web.down();
    assert.deepEqual(await send(page, "POST", "/api/upload", "x"), { error: "TypeError" });
  });

  test("the mutation goes through when there is no wasm", async () => {
    await (await workerOf(page)).evaluate(() => {
      WebAssembly.Module = class { constructor() { throw new Error("no wasm today"); } };
    });
    assert.equal((await send(page, "DELETE", FILE)).status, 200);
    assert.equal((await send(page, "PUT", PROGRESS, "{}")).status, 200);
    assert.deepEqual(world.log, [`DELETE ${FILE}`, `PUT ${PROGRESS} {}`]);
  });

  test("the mutation goes through when the store hangs", async () => {
    await (await workerOf(page)).evaluate(() => {
      caches.keys = caches.open = () => new Promise(() => {});
    });
    world.answers[FILE] = gone('"file:f1"');
    assert.equal((await send(page, "DELETE", FILE)).status, 200);
    assert.deepEqual(world.log, [`DELETE ${FILE}`]);
  });

  test("a logout wipes that user alone, without a network too, and the page gets the network's error", async () => {
    const [second, other] = [await world.open("a"), await world.open("a_b")];
    await tell(page, { type: "tiercel:identify", user: "a" });
    for (const tab of [page, other]) await get(tab, THUMBNAIL);
    await until(async () => (await stored(page, "file:f1:")).length === 2, "both are stored");
    await stopWorkers(page);
    await web.down();
    assert.deepEqual(await send(page, "POST", "/api/auth/logout"), { error: "TypeError" });
    assert.deepEqual((await stored(page, "file:f1:")).map((line) => line.split(" ")[0]), ["videomi_a%5Fb_thumbnail_v1"]);
    // SDKs in the user's tabs hear it.
    await until(async () => (await broadcasts(second)).length, "the tab has heard");
    assert.deepEqual(await broadcasts(second), [{ type: "logout", scope: "videomi_cache_a" }]);
    await stopWorkers(page);
    assert.match((await get(other, THUMBNAIL)).headers["cache-status"], /hit/, "another user's tab is untouched");
    await web.up();
    for (const tab of [page, second]) await get(tab, OTHER);
    await until(async () => (await stored(page, "file:f9:")).length, "it is stored");
    const names = (await stored(page, "")).map((line) => line.split(" ")[0]);
    assert.ok(!names.some((name) => name.startsWith("videomi_a_")), `nobody's page stores for a: ${names}`);
  });

  test("a logout that the SDK tells of wipes as well", async () => {
    await tell(page, { type: "tiercel:identify", user: "ada" });
    await bothStored();
    assert.deepEqual(await tell(page, { type: "tiercel:logout", user: "ada" }), { ok: true });
    assert.deepEqual(await stored(page, "videomi_ada_"), []);
  });

  /** What holds something of the browser's in the worker, the first time that it is asked of a cache of `ada`'s. */
  const holds = {
    lookup: () => {
      const { match } = caches;
      caches.match = async (url, options) => {
        const found = await match.call(caches, url, options);
        if (options.cacheName.startsWith("videomi_ada_")) await self.hold();
        return found;
      };
    },
    store: () => {
      const { put } = Cache.prototype;
      Cache.prototype.put = async function (request, response) {
        if (`${request}`.includes("thumbnail")) await self.hold();
        return put.call(this, request, response);
      };
    },
    index: () => {
      const { match } = caches;
      caches.match = async (url, options) => {
        const found = await match.call(caches, url, options);
        // What is found so is looked for before the index is written.
        if (found && options.cacheName.startsWith("videomi_ada_")) await self.hold();
        return found;
      };
    },
    purge: () => {
      caches.keys = async () => {
        delete caches.keys;
        await self.hold();
        return caches.keys();
      };
    },
  };
  const look = () => get(page, THUMBNAIL);
  const replay = async () => {
    await web.down();
    assert.equal((await send(page, "POST", RATING, "1")).status, 202);
    world.answers[RATING] = gone('"ratings:f1"');
    await web.up();
    return tell(page, { type: "tiercel:replay" });
  };
  const told = () => tell(page, { type: "tiercel:logout", user: "ada" });
  const deleted = () => page.evaluate(async () => {
    for (const name of await caches.keys()) if (name.startsWith("videomi_ada_")) await caches.delete(name);
  });
  /** Whether nothing of `ada`'s is left when she leaves while that is held, and goes on afterwards. */
  async function leavesNothing(hold, begin, leave) {
    await tell(page, { type: "tiercel:identify", user: "ada" });
    const worker = await workerOf(page);
    await worker.evaluate(() => {
      const released = new Promise((resolve) => (self.release = resolve));
      self.hold = () => {
        self.isHeld = true;
        return released;
      };
      const { waitUntil } = ExtendableEvent.prototype;
      self.tasks = [];
      ExtendableEvent.prototype.waitUntil = function (task) {
        self.tasks.push(task);
        return waitUntil.call(this, task);
      };
    });
    await worker.evaluate(hold);
    const begun = begin();
    await until(() => worker.evaluate(() => self.isHeld), "it is held");
    await leave();
    await worker.evaluate(async () => {
      self.release();
      // One task may begin another.
      for (let known = 0; known < self.tasks.length; ) {
        known = self.tasks.length;
        await Promise.allSettled(self.tasks);
      }
    });
    await begun;
    assert.deepEqual((await page.evaluate(() => caches.keys())).filter((name) => name.startsWith("videomi_ada_")), []);
    await tell(page, { type: "tiercel:identify", user: "ada" });
    await look();
    await until(async () => (await stored(page, "videomi_ada_thumbnail_v1")).length, "what is hers is stored again");
  }

  test("a logout while something is looked up leaves nothing", () => leavesNothing(holds.lookup, look, told));

  test("a logout while an answer is being stored leaves nothing", () => leavesNothing(holds.store, look, told));

  test("a logout while the index is being written leaves nothing", () => leavesNothing(holds.index, look, told));

  test("a page that deletes the caches while the index is being written leaves nothing", () => leavesNothing(holds.index, look, deleted));

  test("a logout between a replay and its report leaves nothing", () => leavesNothing(holds.purge, replay, told));
});
