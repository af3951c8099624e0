// Users who come and go while much is under way: what is left of who left.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { World, send } from "./sdk-world.mjs";

const ROUNDS = 50;

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(() => world.leave());

/** Whatever storage of this origin, as text: databases with all they hold, caches, keys of localStorage. */
const everything = async () => {
  const settled = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const found = [];
  for (const { name } of await indexedDB.databases()) {
    const db = await settled(indexedDB.open(name));
    for (const store of db.objectStoreNames) {
      for (const record of await settled(db.transaction(store).objectStore(store).getAll())) found.push(`${name}/${store}: ${JSON.stringify(record)}`);
    }
    found.push(name);
    db.close();
  }
  for (const name of await caches.keys()) found.push(name, ...(await (await caches.open(name)).keys()).map(({ url }) => `${name}: ${url}`));
  return [...found, ...Object.keys(localStorage)];
};

test(`${ROUNDS} times one logs out and another comes during 20 requests: nothing is left of the first`, { timeout: 300_000 }, async () => {
  const answer = (_, response) => {
    const headers = { "content-type": "application/json", "tiercel-consistency": `a${Math.random().toString(36).slice(2)};max-age=40`, "cache-control": "no-store" };
    // Some come at once and some later, in another order each time.
    setTimeout(() => send(response, 200, headers, '{"secret":"first"}'), Math.random() * 20);
  };
  for (const path of ["/api/upload", "/api/stats", "/api/ratings/1", "/api/upload/user/first"]) world.handlers.set(path, answer);
  for (let id = 0; id < 8; id++) world.handlers.set(`/api/files/videos/${id}/info`, answer);
  const [page, twin] = [await world.page(), await world.page()];
  await twin.evaluate(() => void (globalThis.cache = null));
  const left = [];
  for (let round = 0; round < ROUNDS; round++) {
    const twinOpen = round % 3 === 0;
    if (twinOpen) await twin.evaluate(async () => (globalThis.cache = await sdk.open({ user: "first" })).user);
    const seen = await page.evaluate(
      async (round) => {
        const first = await sdk.open({ user: "first" });
        const update = (data) => ({ ...data, mine: "first" });
        const optimistic = [{ class: "user-stats", params: {}, update }];
        const shown = [];
        first.subscribe("user-stats", {}, (result) => result && shown.push(result));
        const work = [
          ...Array.from({ length: 8 }, (_, id) => first.get("file-info", { category: "videos", fileId: String(id) })),
          first.get("user-stats", {}),
          first.get("user-files", {}),
          first.get("ratings", { fileId: "1" }),
          ...Array.from({ length: 4 }, (_, n) => first.mutate("upload", { body: { n }, optimistic })),
          ...Array.from({ length: 4 }, (_, n) => first.local("history").set(`${n}`, "first")),
          first.local("preferences").set("who", "first"),
        ].map((promise) => promise.catch(() => {}));
        // In each round another number of them has ended when the user goes.
        const wanted = round % work.length;
        let ended = 0;
        if (wanted > 0) await new Promise((resolve) => work.forEach((promise) => promise.then(() => ++ended === wanted && resolve())));
        const leaving = first.logout();
        const second = await sdk.open({ user: "second" });
        const late = [first.local("history").set("late", "first"), first.get("user-stats", {}), first.mutate("upload", {})];
        const codes = await Promise.all(late.map((promise) => promise.then(() => "done", ({ code }) => code)));
        const others = await Promise.all([second.get("user-stats", {}).catch(() => null), second.local("history").entries()]);
        await Promise.all([leaving, ...work]);
        const inMemory = [others[0]?.data?.mine, others[0]?.optimistic, ...others[1]].filter((found) => found !== undefined);
        await second.logout();
        return [codes, inMemory];
      },
      round,
    );
    assert.deepEqual(seen, [["logged-out", "logged-out", "logged-out"], []], `round ${round}`);
    if (twinOpen) {
      const code = await twin.evaluate(() => cache.get("user-stats", {}).then(() => "done", ({ code }) => code));
      assert.equal(code, "logged-out", `round ${round}`);
    }
    // What was written first and removed after is not seen; what outlives the logout is.
    left.push(...(await page.evaluate(everything)).map((found) => `round ${round}: ${found}`));
  }
  assert.deepEqual(left, []);
});
