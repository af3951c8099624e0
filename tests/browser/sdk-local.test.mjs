// The SDK's local stores in a real browser: what only the device has.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { HOUR, World, databases, later, open } from "./sdk-world.mjs";

const DAY = 24 * HOUR;

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(() => world.leave());

const local = (page, store, method, ...args) =>
  page.evaluate((store, method, args) => cache.local(store)[method](...args).catch(({ code }) => ({ code })), store, method, args);

test("values come back as they were, in the page after it as well", async () => {
  const page = await world.page();
  await open(page, "a");
  assert.equal(await local(page, "preferences", "get", "volume"), undefined);
  await page.evaluate(() => cache.local("preferences").set("volume", { level: 0.5, since: new Date(0), tags: new Set(["a"]) }));
  await local(page, "preferences", "set", "théme/☃", "dark");
  await page.close();
  const next = await world.page();
  await open(next, "a");
  const [level, since, tags] = await next.evaluate(async () => {
    const { level, since, tags } = await cache.local("preferences").get("volume");
    return [level, since.toISOString(), [...tags]];
  });
  assert.deepEqual([level, since, tags], [0.5, "1970-01-01T00:00:00.000Z", ["a"]]);
  assert.equal(await local(next, "preferences", "get", "théme/☃"), "dark");
  assert.equal(await local(next, "history", "get", "volume"), undefined, "stores are apart");
  await local(next, "preferences", "delete", "volume");
  assert.equal(await local(next, "preferences", "get", "volume"), undefined);
});

const WITHOUT = {
  "on the disk": undefined,
  "in memory": () => Object.defineProperty(globalThis, "indexedDB", { value: undefined }),
  "in memory, where the disk is full": () => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  },
};
for (const [where, breakIt] of Object.entries(WITHOUT)) {
  test(`the newest come first, and the oldest go where there are too many: ${where}`, async () => {
    const page = await world.page(breakIt);
    await open(page, "a");
    const [entries, gone, limited] = await page.evaluate(async () => {
      const search = cache.local("search");
      for (let n = 0; n < 102; n++) await search.set(`q${n}`, n);
      // Written again, it is new again.
      await search.set("q2", "again");
      await search.set("q200", 200);
      return [await search.entries(), (await search.get("q3")) === undefined, await search.entries({ limit: 2 })];
    });
    assert.equal(entries.length, 100, "what the policy allows");
    assert.deepEqual(entries.slice(0, 3), [["q200", 200], ["q2", "again"], ["q101", 101]]);
    assert.deepEqual(entries.at(-1), ["q4", 4]);
    assert.ok(gone);
    assert.deepEqual(limited, [["q200", 200], ["q2", "again"]]);
    await local(page, "history", "set", "other", 1);
    await local(page, "search", "clear");
    assert.deepEqual(await local(page, "search", "entries"), []);
    assert.equal(await local(page, "history", "get", "other"), 1);
  });

  test(`many at once, the last the newest, page by page: ${where}`, async () => {
    const page = await world.page(breakIt);
    await open(page, "a");
    const found = await page.evaluate(async () => {
      const search = cache.local("search");
      await search.set("old", "old");
      // More than there is room for, and one of them twice.
      await search.setMany(Array.from({ length: 120 }, (_, n) => [`q${n}`, { n }]));
      await search.setMany(new Map([["q50", "again"], ["last", "last"], ["q50", "once more"]]));
      await search.setMany([]);
      const keys = (entries) => entries.map(([key]) => key);
      const first = keys(await search.entries({ limit: 3 }));
      const second = keys(await search.entries({ limit: 3, after: first.at(-1) }));
      const all = await search.entries();
      const end = await search.entries({ after: all.at(-1)[0] });
      const many = await search.getMany(["q119", "nothing", "q0", "q50"]);
      many[0].n = "changed";
      const gone = await search.entries({ after: "old" }).catch(({ code }) => code);
      const again = (await search.getMany(["q119", "nothing", "q0", "q50"])).map((value) => value ?? null);
      return { first, second, all: all.length, oldest: all.at(-1)[0], end, many: again, gone };
    });
    assert.deepEqual(found, {
      first: ["last", "q50", "q119"],
      second: ["q118", "q117", "q116"],
      all: 100,
      oldest: "q21",
      end: [],
      many: [{ n: 119 }, null, null, "once more"],
      gone: "unknown-key",
    });
  });

  test(`of many, one that cannot be stored is named and none of them is: ${where}`, async () => {
    const page = await world.page(breakIt);
    await open(page, "a");
    const set = (entries) => page.evaluate(`cache.local("search").setMany(${entries}).catch(({ code, message }) => code + ": " + message)`);
    assert.match(await set(`[["x", 1], ["y", document.body], ["z", 1]]`), /^bad-value: .*`y`/);
    assert.match(await set(`[["x", 1], [7, 1]]`), /^bad-params: /);
    assert.match(await set(`["xy"]`), /^bad-params: /);
    assert.deepEqual(await local(page, "search", "entries"), []);
    await local(page, "search", "set", "x", 2);
    assert.deepEqual(await local(page, "search", "entries"), [["x", 2]], "it goes on");
  });

  test(`what the policy's ttl is over for is gone: ${where}`, async () => {
    const page = await world.page(breakIt);
    await open(page, "a");
    for (const store of ["search", "preferences"]) await local(page, store, "set", "x", 1);
    await later(page, DAY - 60);
    assert.equal(await local(page, "search", "get", "x"), 1);
    await later(page, 61);
    assert.equal(await local(page, "search", "get", "x"), undefined);
    assert.deepEqual(await local(page, "search", "entries"), []);
    assert.equal(await local(page, "preferences", "get", "x"), 1);
  });

  test(`what the app does to a value later is not stored, and an element is refused: ${where}`, async () => {
    const page = await world.page(breakIt);
    await open(page, "a");
    const [kept, code] = await page.evaluate(async () => {
      const preferences = cache.local("preferences");
      const value = { n: 1 };
      await preferences.set("x", value);
      value.n = 2;
      (await preferences.get("x")).n = 3;
      return [await preferences.get("x"), await preferences.set("y", document.body).catch(({ code }) => code)];
    });
    assert.deepEqual([kept, code], [{ n: 1 }, "bad-value"]);
  });
}

test("expired entries leave the disk", async () => {
  const page = await world.page();
  await open(page, "a");
  for (const store of ["search", "preferences"]) await local(page, store, "set", "x", 1);
  const stored = () =>
    page.evaluate(async () => {
      const settled = (request) => next((done) => (request.onsuccess = () => done(request.result)));
      const db = await settled(indexedDB.open("videomi_cache_a"));
      const ids = await settled(db.transaction("local").objectStore("local").getAllKeys());
      db.close();
      return ids;
    });
  assert.deepEqual(await stored(), ["preferences/x", "search/x"]);
  await later(page, DAY + 1);
  // The sweep after an opening waits for the page to paint: five seconds.
  await until(async () => (await stored()).length === 1, "the sweep has been");
  assert.deepEqual(await stored(), ["preferences/x"]);
});

test("other tabs of the user hear of changes, tabs of others do not", async () => {
  const [page, twin, other] = [await world.page(), await world.page(), await world.page()];
  for (const [tab, user, signed] of [[page, "a"], [twin, "a"], [other, "b", true]]) await open(tab, user, signed);
  for (const tab of [page, twin, other]) {
    await tab.evaluate(() => {
      globalThis.told = [];
      globalThis.stop = cache.local("history").subscribe((key) => (told.push(key), globalThis.wake?.()));
    });
  }
  const heard = (tab, count) =>
    tab.evaluate(async (count) => {
      while (told.length < count) await next((wake) => (globalThis.wake = wake));
      return told;
    }, count);
  await local(page, "preferences", "set", "x", 1);
  await local(page, "history", "set", "x", 1);
  await local(page, "history", "delete", "x");
  await local(page, "history", "clear");
  for (const tab of [page, twin]) assert.deepEqual(await heard(tab, 3), ["x", "x", null]);
  await page.evaluate(() => cache.local("history").setMany([["x", 1], ["z", 2]]));
  for (const tab of [page, twin]) assert.deepEqual((await heard(tab, 4)).at(-1), null, "many at once");
  assert.equal(await local(twin, "preferences", "get", "x"), 1);
  await twin.evaluate(() => stop());
  await local(page, "history", "set", "y", 1);
  await heard(page, 5);
  await local(other, "history", "set", "z", 1);
  assert.deepEqual([await heard(twin, 4), await heard(other, 1)].map((told) => told.length), [4, 1]);
});

test("a store that two tabs fill holds no more than the policy allows", async () => {
  const [page, twin] = [await world.page(), await world.page()];
  for (const tab of [page, twin]) {
    await open(tab, "a");
    await tab.evaluate(() => {
      globalThis.heard = 0;
      cache.local("search").subscribe(() => ++globalThis.heard);
    });
  }
  const fill = (tab, prefix, count) =>
    tab.evaluate((prefix, count) => cache.local("search").setMany(Array.from({ length: count }, (_, n) => [prefix + n, n])), prefix, count);
  const told = (tab, count) => until(() => tab.evaluate((count) => heard >= count, count), `the tab has heard of ${count} changes`);
  await fill(page, "a", 60);
  await told(twin, 1);
  await fill(twin, "b", 60);
  await told(page, 2);
  await fill(page, "c", 1);
  await told(twin, 3);
  await fill(twin, "d", 1);
  const keys = (await local(page, "search", "entries")).map(([key]) => key);
  assert.deepEqual([keys.length, keys[0], keys[1], keys.at(-1)], [100, "d0", "c0", "a22"]);
  assert.deepEqual(await page.evaluate(async () => (await cache.local("search").getMany(["a21", "a22"])).map((value) => value ?? null)), [null, 22]);
});

test("users are kept apart, and logout leaves nothing", async () => {
  const page = await world.page();
  await open(page, "a");
  await local(page, "history", "set", "x", "mine");
  await open(page, "b");
  assert.equal(await local(page, "history", "get", "x"), undefined);
  await open(page, "a");
  assert.equal(await local(page, "history", "get", "x"), "mine");
  await page.evaluate(() => {
    globalThis.late = cache.local("history").set("y", 1).catch(({ code }) => code);
    return cache.logout();
  });
  assert.equal(await page.evaluate(() => late), "logged-out");
  assert.deepEqual(await databases(page), ["videomi_cache_b"]);
  for (const [method, ...args] of [["get", "x"], ["getMany", ["x"]], ["set", "x", 1], ["setMany", [["x", 1]]], ["entries"], ["delete", "x"], ["clear"]]) {
    assert.deepEqual(await local(page, "history", method, ...args), { code: "logged-out" }, method);
  }
  await open(page, "a");
  assert.deepEqual(await local(page, "history", "entries"), []);
});

test("errors say what to do", async () => {
  const page = await world.page();
  await open(page, "a");
  const message = await page.evaluate(() => cache.local("histroy").get("x").catch(({ code, message }) => `${code}: ${message}`));
  assert.match(message, /^unknown-store: .*`histroy`.*history, preferences, search/);
  assert.equal(await page.evaluate(() => cache.local("history").set(7, 1).catch(({ code }) => code)), "bad-params");
});
