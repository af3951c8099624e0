// The SDK in a real browser when things go wrong: storage, connections, answers, calls.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { HOUR, World, get, later, open, send, videos } from "./sdk-world.mjs";

const FILES = "/api/upload/user/a?category=videos";

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(() => world.leave());

const BROKEN = {
  "there is no IndexedDB": () => Object.defineProperty(globalThis, "indexedDB", { value: undefined }),
  "IndexedDB is forbidden": () => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("denied", "SecurityError");
    };
  },
  "the database cannot be opened": () => {
    const { open } = IDBFactory.prototype;
    // A later release was here: its version is higher, and ours is refused.
    IDBFactory.prototype.open = function (name, version) {
      open.call(this, name, version + 1).onsuccess = ({ target }) => target.result.close();
      return open.call(this, name, version);
    };
  },
  "the disk is full": () => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  },
  "every transaction fails": () => {
    IDBDatabase.prototype.transaction = () => {
      throw new DOMException("Connection to Indexed Database server lost. Refresh the page to try again", "UnknownError");
    };
  },
};
for (const [name, breakIt] of Object.entries(BROKEN)) {
  test(`memory stands in: ${name}`, async () => {
    const page = await world.page(breakIt);
    await open(page, "a");
    assert.equal((await videos(page)).source, "origin");
    assert.equal((await videos(page)).source, "device");
    assert.equal(world.asked().length, 1);
    await page.evaluate(() => cache.invalidate("upload", { category: "videos" }));
    world.versions.set(FILES, 2);
    assert.equal((await videos(page)).data.data.version, 2);
    await later(page, HOUR + 1);
    const update = await page.evaluate(() => next((onUpdate) => cache.get("user-files", { category: "videos" }, { onUpdate })));
    assert.deepEqual([update.reason, update.data.data.version], ["revalidated", 2]);
    assert.equal((await videos(page)).reason, "fresh");
    await page.evaluate(() => cache.logout());
    assert.equal((await videos(page)).error.code, "logged-out");
  });
}

test("a lost connection is opened again", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await page.evaluate(() => {
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function () {
      IDBDatabase.prototype.transaction = transaction;
      throw new DOMException("Connection to Indexed Database server lost. Refresh the page to try again", "UnknownError");
    };
  });
  assert.equal((await videos(page)).source, "device");
  // Somebody else deletes the database: the connection closes for it, and a new one begins with nothing.
  await page.evaluate(() => next((done) => (indexedDB.deleteDatabase("videomi_cache_a").onsuccess = done)).then(() => {}));
  assert.equal((await videos(page)).source, "origin");
  assert.equal((await videos(page)).source, "device");
});

test("records that are not ours are dropped", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  for (const spoil of [
    "record.fields = 7",
    "record.fields = record.fields.filter(([name]) => name !== 'x-tiercel-meta')",
    "record.status = 'ok'",
    "delete record.expires",
    "for (const pair of record.fields) if (pair[0] === 'x-tiercel-meta') pair[1] = 't0;' + pair[1]",
    "for (const pair of record.fields) if (pair[0] === 'x-tiercel-meta') pair[1] = pair[1].replace('videos', 'images')",
  ]) {
    await page.evaluate(`(async () => {
      const settled = (request) => next((done) => (request.onsuccess = () => done(request.result)));
      const db = await settled(indexedDB.open("videomi_cache_a"));
      const store = db.transaction("entries", "readwrite").objectStore("entries");
      const [record] = await settled(store.getAll());
      ${spoil};
      await settled(store.put(record));
      db.close();
    })()`);
    assert.equal((await videos(page)).source, "origin", spoil);
    assert.equal((await videos(page)).source, "device", spoil);
  }
});

test("errors say what to do", async () => {
  const page = await world.page();
  for (const user of ["", "\ud800", 7]) {
    // As source text: on the wire to the browser a lone surrogate would be lost.
    const code = await page.evaluate(`sdk.open({ user: ${JSON.stringify(user)} }).catch(({ code }) => code)`);
    assert.equal(code, "bad-user", JSON.stringify(user));
  }
  await open(page, "a");
  world.handlers.set("/api/files/videos/9/info", (_, response) =>
    send(response, 404, { "content-type": "application/json" }, JSON.stringify({ success: false, error: { code: "not-found" } })),
  );
  world.handlers.set("/api/stats", (_, response) => send(response, 200, { "content-type": "text/html" }, "<h1>Sign in</h1>"));
  const errorOf = async (...call) => (await get(page, ...call)).error;
  const missing = await errorOf("file-info", { category: "videos", fileId: "9" });
  assert.deepEqual([missing.code, missing.status, missing.body.error.code], ["http-error", 404, "not-found"]);
  assert.equal((await errorOf("user-stats")).code, "not-json");
  assert.match((await errorOf("no-such-class")).message, /user-files/);
  assert.equal((await errorOf("file-info", { category: "videos" })).code, "missing-parameter");
  assert.equal((await errorOf("file-info", { category: {}, fileId: "9" })).code, "bad-params");
  const codes = await page.evaluate(async () => {
    const code = (error) => (error instanceof sdk.TiercelError ? error.code : error.name);
    const codes = [await cache.invalidate("no-such-event").catch(code)];
    try {
      cache.subscribe("no-such-class", {}, () => {});
    } catch (error) {
      codes.push(code(error));
    }
    codes.push(await cache.get("user-files", {}, { signal: AbortSignal.abort() }).catch(code));
    return codes;
  });
  assert.deepEqual(codes, ["unknown-event", "unknown-class", "AbortError"]);
});

test("a sign-in page or a server error does not replace what is stored", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await later(page, HOUR + 1);
  for (const [status, type, expected] of [
    [200, "text/html", "offline"],
    [503, "application/json", "stale"],
  ]) {
    world.handlers.set(FILES, (_, response) => send(response, status, { "content-type": type }, status === 200 ? "<html>" : "{}"));
    const update = await page.evaluate(() => next((onUpdate) => cache.get("user-files", { category: "videos" }, { onUpdate })));
    assert.deepEqual([update.status, update.data.data.version], [expected, 1]);
  }
});
