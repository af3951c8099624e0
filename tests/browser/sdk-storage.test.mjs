// The SDK's storage over releases and accidents, and what it says is stored.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { HOUR, World, databases, get, later, open, videos } from "./sdk-world.mjs";

const FILES = "/api/upload/user/a?category=videos";

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(() => world.leave());

/** An age in whole hours: the page's clock goes on during a test. */
const hours = (age) => age && Math.floor(age / HOUR);

/** Lets `code` work on the open database `db`, whose `settled(request)` gives results. `version` opens that one. */
const onDisk = (page, code, version = "") =>
  page.evaluate(`(async () => {
    const settled = (request) => new Promise((done, failed) => {
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    });
    const opening = indexedDB.open("videomi_cache_a", ${version || undefined});
    opening.onupgradeneeded = () => opening.result.createObjectStore("entries", { keyPath: "key" }).createIndex("groups", "groups", { multiEntry: true });
    const db = await settled(opening);
    const result = await (async () => { ${code} })();
    if (!globalThis.keeps) db.close();
    return result;
  })()`);

/** IndexedDB that does not open. */
function refuses() {
  IDBFactory.prototype.open = () => {
    throw new DOMException("not today", "UnknownError");
  };
}

test("the database of an older release is made new, and used", async () => {
  const page = await world.page();
  await onDisk(page, `db.createObjectStore; return db.version`, 1);
  await open(page, "a");
  await videos(page);
  await page.evaluate(() => cache.local("history").set("x", 1));
  assert.equal((await videos(page)).source, "device");
  assert.deepEqual(await onDisk(page, `return [db.version, [...db.objectStoreNames]]`), [3, ["entries", "local"]]);
});

test("a tab that holds an older release open does not hold up the app: memory stands in", async () => {
  const [page, old] = [await world.page(), await world.page()];
  await old.evaluate(() => void (globalThis.keeps = true));
  await onDisk(old, `globalThis.held = db; return 0`, 1);
  await open(page, "a");
  assert.equal((await videos(page)).source, "origin");
  assert.equal((await videos(page)).source, "device");
  await page.evaluate(() => cache.local("history").set("x", 1));
  assert.equal(await page.evaluate(() => cache.local("history").get("x")), 1);
  await old.evaluate(() => held.close());
  const next = await world.page();
  await open(next, "a");
  await videos(next);
  await page.close();
  assert.deepEqual(await onDisk(next, `return (await settled(db.transaction("entries").objectStore("entries").getAllKeys())).length`), 1);
});

test("what the disk would not purge, the next page does not read", async () => {
  const [first, broken, next, last] = [await world.page(), await world.page(refuses), await world.page(), await world.page()];
  await open(first, "a");
  await videos(first);
  await first.evaluate(() => cache.local("preferences").set("x", 1));
  await first.close();
  await open(broken, "a");
  await broken.evaluate(() => cache.invalidate("upload", { category: "videos" }));
  await broken.close();
  await open(next, "a");
  assert.equal((await videos(next)).source, "origin");
  assert.equal(await next.evaluate(() => cache.local("preferences").get("x")), 1, "what is the user's own stays");
  await next.close();
  await open(last, "a");
  assert.equal((await videos(last)).source, "device", "once is enough");
  await last.evaluate(() => (localStorage.setItem("videomi_cache_a:untrue", ""), cache.logout()));
  assert.deepEqual(await last.evaluate(() => Object.keys(localStorage)), []);
});

test("what gives up waiting for the disk after a logout notes nothing of who has gone", async () => {
  const page = await world.page(() => {
    IDBFactory.prototype.open = () => ({});
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (run, ms, ...args) => (ms === 3000 ? ((globalThis.giveUp = run), 0) : setTimeout(run, ms, ...args));
  });
  await open(page, "a");
  const noted = await page.evaluate(async () => {
    const removing = cache.remove("v1/user:a:stats").catch(() => {});
    await cache.logout();
    giveUp();
    await removing;
    return Object.keys(localStorage);
  });
  assert.deepEqual(noted, []);
});

test("what another version of the policy stored goes, what is local stays", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await page.evaluate(() => cache.local("preferences").set("x", 1));
  await onDisk(page, `
    const store = db.transaction("entries", "readwrite").objectStore("entries");
    const [record] = await settled(store.getAll());
    for (const key of ["v0/a", "v10/a", "v2/a", "what is this", "v1"]) await settled(store.put({ ...record, key }));
  `);
  const keys = () => onDisk(page, `return settled(db.transaction("entries").objectStore("entries").getAllKeys())`);
  assert.equal((await keys()).length, 6);
  // The sweep after an opening waits for the page to paint: five seconds.
  await until(async () => (await keys()).length === 1, "the sweep has been");
  assert.deepEqual(await keys(), ["v1/user:a:files:videos"]);
  assert.equal(await page.evaluate(() => cache.local("preferences").get("x")), 1);
});

test("what is stored can be seen: key, class, age, size, and whether it is fresh", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await later(page, HOUR + 1);
  await get(page, "user-stats");
  const stored = await page.evaluate(() => cache.stored());
  const now = await page.evaluate(() => Date.now());
  stored.sort((a, b) => a.key.localeCompare(b.key));
  // The page's clock is ahead of the origin's, whose `Date` the age counts from; how long it is kept does not.
  assert.deepEqual(
    stored.map(({ expires, age, ...record }) => ({ ...record, age: hours(age) })),
    [
      { key: "v1/user:a:files:videos", class: "user-files", age: 1, fresh: false, bytes: JSON.stringify({ success: true, data: { target: FILES, version: 1 } }).length },
      { key: "v1/user:a:stats", class: "user-stats", age: 1, fresh: true, bytes: JSON.stringify({ success: true, data: { target: "/api/stats", version: 1 } }).length },
    ],
  );
  assert.ok(stored.every(({ expires }) => expires > now));
});

test("what is only in memory can be seen as well", async () => {
  const page = await world.page(() => Object.defineProperty(globalThis, "indexedDB", { value: undefined }));
  await open(page, "a");
  await videos(page);
  assert.deepEqual((await page.evaluate(() => cache.stored())).map(({ key }) => key), ["v1/user:a:files:videos"]);
});

test("one record can be dropped: who watches it hears, in every tab", async () => {
  const [page, twin] = [await world.page(), await world.page()];
  for (const tab of [page, twin]) {
    await open(tab, "a");
    await videos(tab);
  }
  await get(page, "user-stats");
  const told = [page, twin].map((tab) => tab.evaluate(() => next((tell) => cache.subscribe("user-files", { category: "videos" }, tell))));
  // Subscribing takes its turn in each page.
  for (const tab of [page, twin]) await tab.evaluate(() => 0);
  await page.evaluate(() => cache.remove("v1/user:a:files:videos"));
  assert.deepEqual(await Promise.all(told), [null, null]);
  assert.equal((await videos(twin)).source, "origin");
  assert.equal((await get(page, "user-stats")).source, "device");
});

const counters = (page) => page.evaluate(() => cache.counters());

test("each class counts what became of its reads", async () => {
  const page = await world.page();
  await open(page, "a");
  assert.deepEqual(await counters(page), {});
  await videos(page);
  for (let n = 0; n < 3; n++) await videos(page);
  await later(page, HOUR + 1);
  const refreshed = () => page.evaluate(() => next((onUpdate) => cache.get("user-files", { category: "videos" }, { onUpdate })).then(() => {}));
  await refreshed();
  world.down = true;
  await later(page, HOUR + 1);
  await refreshed();
  await get(page, "user-stats");
  assert.deepEqual(await counters(page), {
    "user-files": { hits: 3, misses: 1, stale: 2, offline: 1, revalidated: 1, errors: 0 },
    "user-stats": { hits: 0, misses: 0, stale: 0, offline: 0, revalidated: 0, errors: 1 },
  });
});

test("every decision can be heard of, and none says whose it is", async () => {
  const page = await world.page();
  await open(page, "a");
  await page.evaluate(() => {
    globalThis.decided = [];
    globalThis.deaf = cache.onDecision((decision) => decided.push(decision));
    cache.onDecision(() => {
      throw new Error("the app's");
    });
  });
  await page.evaluate(() => cache.get("user-files", { category: "videos", userId: "a" }));
  await videos(page);
  await later(page, HOUR + 1);
  await page.evaluate(() => next((onUpdate) => cache.get("user-files", { category: "videos" }, { onUpdate })).then(() => {}));
  await get(page, "user-files", { userId: "b" });
  await page.evaluate(() => cache.mutate("upload", {}).catch(() => {}));
  await page.evaluate(() => deaf());
  await videos(page);
  const decided = await page.evaluate(() => decided);
  assert.deepEqual(
    decided.map(({ at, ms, age, ...decision }) => ({ ...decision, age: hours(age) })),
    [
      { class: "user-files", params: { category: "videos" }, status: "fresh", source: "origin", reason: "miss", age: 0 },
      { class: "user-files", params: { category: "videos" }, status: "fresh", source: "device", reason: "fresh", age: 0 },
      { class: "user-files", params: { category: "videos" }, status: "stale", source: "device", reason: "stale-while-revalidate", age: 1 },
      { class: "user-files", params: { category: "videos" }, behind: true, status: "fresh", source: "device", reason: "revalidated", age: 1 },
      { class: "user-files", params: {}, status: "failed", source: null, reason: "not-the-owner", age: null },
      { event: "upload", params: {}, status: "done", source: "origin", reason: "done", age: 0 },
    ],
  );
  assert.ok(decided.every(({ at, ms }) => at > 1e12 && ms >= 0));
});

test("a database of nobody's is left alone", async () => {
  const page = await world.page();
  await page.evaluate(() => next((done) => (indexedDB.open("videomi_cache_other").onsuccess = ({ target }) => (target.result.close(), done()))));
  await open(page, "a");
  await videos(page);
  await page.evaluate(() => cache.logout());
  assert.deepEqual(await databases(page), ["videomi_cache_other"]);
});
