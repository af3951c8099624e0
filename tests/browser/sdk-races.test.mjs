// Users who come and go while much is under way: what is left of who left.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { built, until } from "./harness.mjs";
import { World, send } from "./sdk-world.mjs";

const ROUNDS = 50;
/** With the site's Service Worker, which is told of every user and takes longer. */
const WORKER_ROUNDS = 20;
/** Ids of files that a page reads at once. */
const FILES = 13;

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(async () => {
  await world.fresh();
  for (const path of ["/api/upload", "/api/stats", "/api/ratings/1", "/api/upload/user/first"]) world.handlers.set(path, answer);
  for (let id = 0; id < FILES; id++) {
    world.handlers.set(`/api/files/videos/${id}/info`, answer);
    world.handlers.set(`/api/files/videos/first-${id}/thumbnail`, answer);
  }
});
afterEach(() => world.leave());

/** What every class may store. Some answers come at once and some later, in another order each time. */
function answer(_, response) {
  const token = `a${Math.random().toString(36).slice(2)};max-age=40`;
  const headers = { "content-type": "application/json", "tiercel-consistency": token, "cache-control": "public, max-age=300" };
  setTimeout(() => send(response, 200, headers, '{"secret":"first"}'), Math.random() * 20);
}

/** Whatever storage of this origin, as text: databases with all they hold, caches, keys of localStorage. */
const everything = async () => {
  const settled = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const found = [];
  for (const { name } of await indexedDB.databases()) {
    const opening = indexedDB.open(name);
    // It has gone meanwhile, and looking must not make it anew.
    opening.onupgradeneeded = () => opening.transaction.abort();
    const db = await settled(opening).catch(() => null);
    if (!db) continue;
    for (const store of db.objectStoreNames) {
      for (const record of await settled(db.transaction(store).objectStore(store).getAll())) found.push(`${name}/${store}: ${JSON.stringify(record)}`);
    }
    found.push(name);
    db.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    const texts = (await cache.matchAll()).map((response) => response.text());
    found.push(name, ...(await cache.keys()).map(({ url }) => `${name}: ${url}`), ...(await Promise.all(texts)).map((text) => `${name}: ${text}`));
  }
  return [...found, ...Object.keys(localStorage)];
};

/** A page with what the rounds need there; `withWorker`: its requests go through the site's Service Worker. */
async function equipped(withWorker) {
  const page = await world.page();
  await page.evaluate(
    async (FILES, withWorker) => {
      const worker = withWorker ? await sdk.register() : null;
      /** Opens the cache of `user`, in the order that the documentation names. */
      globalThis.enter = async (user) => {
        await worker?.identify(user);
        return sdk.open({ user });
      };
      /** Begins 20 requests and five writes to local stores at once, and by a worker gets five pictures. */
      globalThis.begin = (cache) => {
        const optimistic = [{ class: "user-stats", params: {}, update: (data) => ({ ...data, mine: "first" }) }];
        const work = [
          ...Array.from({ length: FILES }, (_, id) => cache.get("file-info", { category: "videos", fileId: String(id) })),
          cache.get("user-stats", {}),
          cache.get("user-files", {}),
          cache.get("ratings", { fileId: "1" }),
          ...Array.from({ length: 4 }, (_, n) => cache.mutate("upload", { body: { n }, optimistic })),
          ...Array.from({ length: 4 }, (_, n) => cache.local("history").set(`${n}`, "first")),
          cache.local("preferences").set("who", "first"),
          ...Array.from({ length: worker ? 5 : 0 }, (_, id) => fetch(`/api/files/videos/first-${id}/thumbnail`).then((response) => response.text())),
        ];
        return work.map((promise) => promise.catch(() => {}));
      };
      /** Shows what an app shows, and asks anew when it is untrue. The promise that it gives is done when the user has gone. */
      globalThis.follow = (cache) => new Promise((gone) => {
        const watched = [["user-stats", {}], ["user-files", {}], ["file-info", { category: "videos", fileId: "1" }]];
        for (const [cls, params] of watched) {
          cache.subscribe(cls, params, (result) => result ?? cache.get(cls, params).catch(({ code }) => code === "logged-out" && gone()));
        }
      });
      /** The first user comes, and goes when `wanted` of what began has ended; the second comes at once. */
      globalThis.visit = async (wanted, looks) => {
        const first = await enter("first");
        follow(first);
        const work = begin(first);
        let ended = 0;
        if (wanted > 0) await new Promise((enough) => work.forEach((promise) => promise.then(() => ++ended === wanted && enough())));
        const records = looks && (await first.stored()).length > 0;
        const pictures = looks && (await caches.keys()).some((name) => name.startsWith("videomi_first_"));
        const leaving = first.logout();
        const second = await enter("second");
        const late = [first.local("history").set("late", "first"), first.get("user-stats", {}), first.mutate("upload", {})];
        const codes = await Promise.all(late.map((promise) => promise.then(() => "done", ({ code }) => code)));
        const [stats, history] = await Promise.all([second.get("user-stats", {}), second.local("history").entries()]);
        await Promise.all([leaving, ...work]);
        await second.logout();
        return { codes, seen: [stats.source === "device", stats.data.mine, stats.optimistic, ...history].filter(Boolean), records, pictures, all: work.length };
      };
    },
    FILES,
    withWorker,
  );
  return page;
}

/** Has users come and go, the later the round the more requests have ended by then. Gives in how many something was stored. */
async function rounds(count, withWorker) {
  const [page, twin] = [await equipped(withWorker), await equipped(withWorker)];
  const leftOf = async (round) =>
    (await page.evaluate(everything)).filter((found) => /first|second/.test(found)).map((found) => `round ${round}: ${found.slice(0, 200)}`);
  const had = { records: 0, pictures: 0 };
  let all = 0;
  for (let round = 0; round < count; round++) {
    const twinOpen = round % 3 === 0;
    if (twinOpen) {
      await twin.evaluate(async () => {
        globalThis.cache = await enter("first");
        globalThis.gone = follow(cache);
      });
    }
    // Every other time at that very moment, else a little later, when the store has been read.
    const visit = await page.evaluate((wanted, looks) => visit(wanted, looks), Math.floor((round * all) / count), round % 2 === 1);
    ({ all } = visit);
    for (const kind of Object.keys(had)) had[kind] += visit[kind];
    assert.deepEqual(visit.codes, ["logged-out", "logged-out", "logged-out"], `round ${round}`);
    assert.deepEqual(visit.seen, [], `round ${round}`);
    if (twinOpen) {
      await twin.evaluate(() => gone);
      const code = await twin.evaluate(() => cache.get("user-stats", {}).then(() => "done", ({ code }) => code));
      assert.equal(code, "logged-out", `round ${round}`);
    }
    // Who only hears of the end, the other tab and the worker, removes what is its own when the logout may be done already.
    if (twinOpen || withWorker) await until(async () => (await leftOf(round)).length === 0, "nothing is left").catch(() => {});
    // What was written first and removed after is not seen; what outlives the logout is.
    assert.deepEqual(await leftOf(round), []);
  }
  return had;
}

test(`${ROUNDS} times one logs out and another comes during 20 requests: nothing is left of the first`, { timeout: 300_000 }, async () => {
  const had = await rounds(ROUNDS, false);
  // Else the rounds have shown nothing.
  assert.ok(had.records > ROUNDS / 10, `in ${had.records} rounds there was something to be left`);
});

test("the same with the site's Service Worker", { timeout: 300_000 }, async () => {
  world.worker = await readFile(built("sw.js"), "utf8");
  const had = await rounds(WORKER_ROUNDS, true);
  for (const [kind, count] of Object.entries(had)) assert.ok(count > WORKER_ROUNDS / 10, `in ${count} rounds there were ${kind} to be left`);
});

test("what waits for the database when another user comes is nowhere after that", async () => {
  const page = await world.page(() => {
    // A busy machine may take longer than the SDK waits for a database.
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (callback, ms, ...given) => setTimeout(callback, ms > 1000 ? ms * 100 : ms, ...given);
    const { text } = Response.prototype;
    /** Done when the next body has been read, and whoever waited for it has gone on. */
    globalThis.bodyRead = new Promise((done) => {
      Response.prototype.text = async function () {
        const body = await text.call(this);
        // A task of its own comes after all that the body sets off at once.
        setTimeout(done, 0);
        return body;
      };
    });
  });
  // How much of what the origin said is still held by anything, after a collection of garbage.
  const held = async () => {
    const all = await page.evaluateHandle(() => Object.prototype);
    const objects = await page.queryObjects(all);
    const count = await page.evaluate((objects) => objects.filter((object) => Object.hasOwn(object, "secret")).length, objects);
    // A handle holds what it stands for.
    await Promise.all([all, objects].map((handle) => handle.dispose()));
    return count;
  };
  await page.evaluate(() => next((opened) => {
    const opening = indexedDB.open("videomi_cache_first", 1);
    opening.onsuccess = () => opened(void (globalThis.older = opening.result));
  }));
  await page.evaluate(async () => {
    // It opens when the older one is closed.
    globalThis.first = await sdk.open({ user: "first" });
    globalThis.reading = first.get("user-stats", {}, { reload: true }).then(() => "done", ({ code }) => code);
    await bodyRead;
  });
  assert.equal(await held(), 1, "what is to be stored waits");
  const code = await page.evaluate(async () => {
    globalThis.second = await sdk.open({ user: "second" });
    older.close();
    return reading;
  });
  assert.equal(code, "closed");
  assert.equal(await held(), 0);
  // Nobody has logged out: the database stays, and has nothing of it.
  assert.deepEqual((await page.evaluate(everything)).filter((found) => found.includes("secret")), []);
});
