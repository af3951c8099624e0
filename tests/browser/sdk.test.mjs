// The SDK in a real browser, against a real server: what an app sees of it.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { HOUR, World, databases, get, later, open, printSizes, videos } from "./sdk-world.mjs";

const FILES = "/api/upload/user/a?category=videos";

let world;
before(async () => {
  world = await World.start();
});
after(async () => {
  await world?.close();
  await printSizes();
});
beforeEach(() => world.fresh());
afterEach(() => world.leave());

test("a miss asks once for all who read; a fresh hit asks nobody", async () => {
  const page = await world.page();
  // Its age is told to the second.
  await page.evaluate(() => freeze());
  await open(page, "a");
  const held = world.hold(FILES);
  const reads = page.evaluate(() => Promise.all([1, 2, 3].map(() => cache.get("user-files", { category: "videos" }))));
  await held.arrived;
  held.release();
  for (const miss of await reads) {
    assert.deepEqual(miss.data, { success: true, data: { target: FILES, version: 1 } });
    assert.deepEqual([miss.status, miss.source, miss.reason, miss.age], ["fresh", "origin", "miss", 0]);
    assert.match(miss.cacheStatus, /^tiercel-edge; fwd=uri-miss; stored; ttl=300, tiercel-sdk; fwd=uri-miss; stored; ttl=3600$/);
  }
  assert.equal(world.asked().length, 1);
  await later(page, 30);
  const hit = await videos(page);
  assert.deepEqual([hit.status, hit.source, hit.reason, hit.age], ["fresh", "device", "fresh", 30]);
  assert.match(hit.cacheStatus, /tiercel-sdk; hit; ttl=3570$/);
  assert.equal(world.asked().length, 1);
});

test("what is stored outlives the page", async () => {
  const first = await world.page();
  await open(first, "a");
  await videos(first);
  await first.close();
  const page = await world.page();
  await open(page, "a");
  assert.equal((await videos(page)).source, "device");
  assert.equal(world.asked().length, 1);
});

test("a stale answer comes at once; what changed comes after it, to readers and subscribers", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await later(page, HOUR + 1);
  world.versions.set(FILES, 2);
  const held = world.hold(FILES);
  const updates = page.evaluate(async () => {
    const params = { category: "videos" };
    const told = next((tell) => (globalThis.stop = cache.subscribe("user-files", params, tell)));
    const updated = next((update) => (globalThis.stale = cache.get("user-files", params, { onUpdate: update })));
    globalThis.first = await stale;
    return [await updated, await told];
  });
  await held.arrived;
  const first = await page.evaluate(() => stale);
  assert.deepEqual([first.status, first.reason, first.data.data.version], ["stale", "stale-while-revalidate", 1]);
  held.release();
  for (const update of await updates) {
    assert.deepEqual([update.status, update.source, update.data.data.version], ["fresh", "origin", 2]);
  }
  assert.deepEqual((await videos(page)).data.data.version, 2);
  assert.equal(world.asked().length, 2);
});

test("a refresh is conditional, and 304 makes the stored body fresh again", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await later(page, HOUR + 1);
  const update = await page.evaluate(() =>
    next(async (onUpdate) => {
      const stale = await cache.get("user-files", { category: "videos" }, { onUpdate });
      // The page may do with its answer what it likes; the store does not see it.
      stale.data.data.version = "spoilt";
    }),
  );
  assert.equal(world.asked()[1].headers["if-none-match"], '"v1"');
  assert.deepEqual([update.status, update.source, update.reason, update.data.data.version], ["fresh", "device", "revalidated", 1]);
  const hit = await videos(page);
  assert.deepEqual([hit.status, hit.reason, hit.data.data.version], ["fresh", "fresh", 1]);
  assert.equal(world.asked().length, 2);
});

test("offline: the stored answer, marked; an error for what was never stored", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  world.down = true;
  assert.equal((await videos(page)).status, "fresh");
  await later(page, HOUR + 1);
  const update = await page.evaluate(() =>
    next((onUpdate) => cache.get("user-files", { category: "videos" }, { onUpdate })),
  );
  assert.deepEqual([update.status, update.reason, update.data.data.version], ["offline", "offline", 1]);
  const { error } = await get(page, "user-stats");
  assert.deepEqual([error.name, error.code, error.status], ["TiercelError", "network-failure", 504]);
});

test("what is kept too long is gone", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await later(page, 100 * 24 * HOUR);
  assert.equal((await videos(page)).reason, "miss");
});

test("reload asks the network whatever is stored", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  world.versions.set(FILES, 2);
  const reloaded = await videos(page, { reload: true });
  assert.deepEqual([reloaded.source, reloaded.data.data.version], ["origin", 2]);
  assert.equal((await videos(page)).data.data.version, 2);
});

test("an event invalidates what the policy says, and nothing else", async () => {
  const page = await world.page();
  await open(page, "a");
  const images = () => get(page, "user-files", { category: "images" });
  await videos(page);
  await images();
  await get(page, "user-stats");
  world.versions.set(FILES, 2);
  const [told, detail] = await page.evaluate(async () => {
    const told = next((tell) => cache.subscribe("user-files", { category: "videos" }, tell));
    const heard = next((hear) => addEventListener("videomi:cache-invalidate", (event) => hear(event.detail)));
    await cache.invalidate("upload", { category: "videos" });
    return [await told, await heard];
  });
  assert.equal(told, null);
  assert.equal(detail.event, "upload");
  assert.ok(detail.names.includes("user:a:stats"), detail.names);
  const again = await videos(page);
  assert.deepEqual([again.source, again.data.data.version], ["origin", 2]);
  assert.equal((await images()).source, "device");
  assert.equal((await get(page, "user-stats")).source, "origin");
});

test("the app may dispatch the event itself", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  const told = await page.evaluate(() =>
    next((tell) => {
      cache.subscribe("user-files", { category: "videos" }, tell);
      dispatchEvent(new CustomEvent("videomi:cache-invalidate", { detail: { event: "upload", params: { category: "videos" } } }));
    }),
  );
  assert.equal(told, null);
  assert.equal((await videos(page)).source, "origin");
});

test("other tabs of the user hear of changes, tabs of others do not", async () => {
  const [page, twin, other] = [await world.page(), await world.page(), await world.page()];
  await open(page, "a");
  await open(twin, "a");
  await open(other, "b", true);
  const watch = (page) =>
    page.evaluate(() => {
      globalThis.told = [];
      cache.subscribe("user-stats", {}, (result) => (told.push(result), globalThis.wake?.()));
    });
  const heard = (page, count) =>
    page.evaluate(async (count) => {
      while (told.length < count) await next((wake) => (globalThis.wake = wake));
      return told;
    }, count);
  await watch(twin);
  await watch(other);
  await get(page, "user-stats");
  const [stored] = await heard(twin, 1);
  assert.deepEqual([stored.source, stored.data.data.version], ["device", 1]);
  await get(other, "user-stats");
  await page.evaluate(() => cache.invalidate("upload"));
  assert.equal((await heard(twin, 2))[1], null);
  assert.equal((await get(twin, "user-stats")).source, "origin");
  assert.equal((await get(other, "user-stats")).source, "device");
  assert.deepEqual((await heard(other, 1)).map((result) => result.status), ["fresh"]);
});

test("a fetch that an invalidation overtakes neither stores nor gives the old answer", async () => {
  const page = await world.page();
  await open(page, "a");
  const held = world.hold(FILES);
  const reading = videos(page);
  await held.arrived;
  world.versions.set(FILES, 2);
  await page.evaluate(() => cache.invalidate("upload", { category: "videos" }));
  // A read from now on does not join the request that began before.
  const young = videos(page);
  held.release();
  assert.equal((await reading).data.data.version, 2);
  assert.equal((await young).data.data.version, 2);
  const hit = await videos(page);
  assert.deepEqual([hit.source, hit.data.data.version], ["device", 2]);
});

test("users are kept apart, also a and a_b", async () => {
  const page = await world.page();
  await open(page, "a");
  await get(page, "user-stats");
  await open(page, "a_b");
  assert.equal((await get(page, "user-stats")).source, "origin");
  await open(page, "a:files");
  assert.equal((await get(page, "user-stats")).source, "origin");
  assert.deepEqual(await databases(page), ["videomi_cache_a", "videomi_cache_a%3Afiles", "videomi_cache_a%5Fb"]);
  await open(page, "a");
  assert.equal((await get(page, "user-stats")).source, "device");
  await page.evaluate(() => cache.logout());
  assert.deepEqual(await databases(page), ["videomi_cache_a%3Afiles", "videomi_cache_a%5Fb"]);
  await open(page, "a_b");
  assert.equal((await get(page, "user-stats")).source, "device");
});

test("another user's path is refused before it is asked", async () => {
  const page = await world.page();
  await open(page, "a");
  const { error } = await get(page, "user-files", { userId: "b" });
  assert.deepEqual([error.code, error.status], ["not-the-owner", 403]);
  assert.equal(world.asked().length, 0);
});

test("opening another user ends the first, and its answer under way is not stored", async () => {
  const page = await world.page();
  await open(page, "a");
  const held = world.hold("/api/stats");
  const reading = get(page, "user-stats");
  await held.arrived;
  await open(page, "b");
  held.release();
  assert.equal((await reading).error.code, "closed");
  await open(page, "a");
  assert.equal((await get(page, "user-stats")).source, "origin");
});

test("nobody signed in: public classes are stored, user-scoped ones pass", async () => {
  const page = await world.page();
  await open(page, null);
  for (const source of ["origin", "device"]) assert.equal((await get(page, "ratings", { fileId: "7" })).source, source);
  for (const source of ["origin", "origin"]) {
    const passed = await get(page, "user-stats");
    assert.deepEqual([passed.source, passed.reason], [source, "no-credential"]);
  }
});

test("logout leaves nothing: not with requests in flight, not with other tabs open, not offline", async () => {
  const [page, twin] = [await world.page(), await world.page()];
  await open(page, "a");
  await open(twin, "a");
  await videos(page);
  await get(twin, "user-stats");
  await page.evaluate(async () => {
    for (const name of ["videomi_a_thumbnail_v1", "videomi_a%5Fb_thumbnail_v1", "videomi__image_v1"]) await caches.open(name);
  });
  const held = world.hold("/api/ratings/7");
  const reading = get(page, "ratings", { fileId: "7" });
  await held.arrived;
  const elsewhere = get(twin, "ratings", { fileId: "7" });
  const ended = twin.evaluate(() => next((tell) => cache.subscribe("user-stats", {}, tell)));
  world.down = true;
  await page.evaluate(() => cache.logout());
  held.release();
  assert.equal((await reading).error.code, "logged-out");
  assert.equal((await elsewhere).error.code, "logged-out");
  assert.equal(await ended, null);
  assert.equal((await videos(page)).error.code, "logged-out");
  assert.equal((await get(twin, "user-stats")).error.code, "logged-out");
  assert.deepEqual(await page.evaluate(async () => (await caches.keys()).sort()), ["videomi__image_v1", "videomi_a%5Fb_thumbnail_v1"]);
  // Deleting a database that is gone is done when every deletion before it is.
  await twin.evaluate(() => next((done) => (indexedDB.deleteDatabase("videomi_cache_a").onsuccess = done)).then(() => {}));
  assert.deepEqual(await databases(page), []);
});

test("logout as an event of the policy does the same", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await page.evaluate(() => cache.invalidate("logout"));
  assert.deepEqual(await databases(page), []);
  assert.equal((await videos(page)).error.code, "logged-out");
});

test("an aborted reader stops waiting; the request fills the store", async () => {
  const page = await world.page();
  await open(page, "a");
  const held = world.hold(FILES);
  const aborted = page.evaluate(() => {
    globalThis.stop = new AbortController();
    return cache.get("user-files", { category: "videos" }, { signal: stop.signal }).catch((error) => error.name);
  });
  await held.arrived;
  await page.evaluate(() => void stop.abort());
  assert.equal(await aborted, "AbortError");
  const joined = videos(page);
  held.release();
  assert.equal((await joined).source, "origin");
  assert.equal(world.asked().length, 1);
});

test("whoever logs in next finds nothing of who logged out with requests in flight", async () => {
  const page = await world.page();
  const ids = Array.from({ length: 20 }, (_, id) => String(id));
  const users = ["a", "a_b", "b"];
  const left = await page.evaluate(
    async (ids, users) => {
      const left = [];
      for (let round = 0; round < 10; round++) {
        const cache = await sdk.open({ user: users[round % users.length] });
        const reads = ids.map((fileId) => cache.get("ratings", { fileId }).catch(() => {}));
        // In each round another number of answers has come when the user goes.
        for (let seen = 0; seen < round; seen++) await Promise.race(reads.splice(0, 2));
        const leaving = cache.logout();
        const next = await sdk.open({ user: users[(round + 1) % users.length] });
        await Promise.all([leaving, ...reads]);
        left.push(...(await indexedDB.databases()).map(({ name }) => name).filter((name) => name !== `videomi_cache_${users[(round + 1) % users.length].replace("_", "%5F")}`));
        await next.logout();
      }
      return left;
    },
    ids,
    users,
  );
  assert.deepEqual(left, []);
  assert.deepEqual(await databases(page), []);
});
