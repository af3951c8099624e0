// How the SDK asks: again after a passing failure, when the user or the connection comes back, and with what the user's
// own changes need.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { HOUR, World, get, later, open, send, videos } from "./sdk-world.mjs";

const FILES = "/api/upload/user/a?category=videos";
const JSON_TYPE = { "content-type": "application/json" };

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(() => world.leave());

/** Timers of the page ring when `ring()` says so; `pauses` is what they were set to that is not a limit of the SDK's. */
const timers = () => {
  const set = globalThis.setTimeout;
  globalThis.pauses = [];
  globalThis.ringing = [];
  globalThis.setTimeout = (callback, ms, ...rest) => {
    if (ms < 100 || ms >= 3_000) return set(callback, ms, ...rest);
    pauses.push(ms);
    return set(() => callback(), 1);
  };
};
const pauses = (page) => page.evaluate(() => pauses);
/** Answers in turn; the last one again and again. */
const inTurn = (...answers) => {
  let at = 0;
  return (request, response) => {
    const answer = answers[Math.min(at++, answers.length - 1)];
    // A broken connection, the browser itself may try again. It does not follow where nobody is.
    if (answer === "break") return send(response, 302, { location: "http://127.0.0.1:1/" });
    const [status, headers = {}] = answer;
    send(response, status, { ...JSON_TYPE, ...headers }, `{"data":{"version":${status}}}`);
  };
};

for (const [name, answers, asked, result] of [
  ["a broken connection", ["break", [200]], 2, 200],
  ["two 503", [[503], [503], [200]], 3, 200],
  ["429, 502", [[429], [502], [200]], 3, 200],
  ["504", [[504], [200]], 2, 200],
  ["503 three times", [[503]], 3, "http-error"],
  ["broken three times", ["break"], 3, "network-failure"],
  ["500", [[500], [200]], 1, "http-error"],
  ["404", [[404], [200]], 1, "http-error"],
]) {
  test(`a read is tried again after what passes, at most twice: ${name}`, async () => {
    const page = await world.page(timers);
    await open(page, "a");
    world.handlers.set(FILES, inTurn(...answers));
    const read = await videos(page);
    assert.equal(read.error ? read.error.code : read.data.data.version, result);
    assert.equal(world.asked().length, asked);
    const waited = await pauses(page);
    assert.equal(waited.length, asked - 1);
    waited.forEach((pause, at) => assert.ok(pause >= 150 * 2 ** at && pause <= 300 * 2 ** at, `${pause} in turn ${at}`));
  });
}

test("the pauses are not all alike", async () => {
  const page = await world.page(timers);
  await open(page, "a");
  world.handlers.set(FILES, inTurn([503]));
  for (let n = 0; n < 4; n++) await videos(page);
  const firsts = (await pauses(page)).filter((_, at) => at % 2 === 0);
  assert.equal(new Set(firsts).size, firsts.length, firsts.join(" "));
});

test("as long as Retry-After says, unless that is longer than the class waits", async () => {
  const page = await world.page(timers);
  await open(page, "a");
  world.handlers.set(FILES, inTurn([503, { "retry-after": "2" }], [200]));
  assert.equal((await videos(page)).data.data.version, 200);
  assert.deepEqual(await pauses(page), [2_000]);
  world.handlers.set("/api/stats", inTurn([503, { "retry-after": "120" }], [200]));
  assert.equal((await get(page, "user-stats")).error.status, 503);
  assert.equal(world.asked("/api/stats").length, 1);
});

test("open() says how often; a mutation is never repeated", async () => {
  const page = await world.page(timers);
  await page.evaluate(async () => (globalThis.cache = await sdk.open({ user: "a", retry: 0 })).user);
  world.handlers.set(FILES, inTurn([503]));
  assert.equal((await videos(page)).error.status, 503);
  assert.equal(world.asked().length, 1);
  await open(page, "a");
  world.handlers.set("/api/upload", inTurn([503]));
  assert.equal(await page.evaluate(() => cache.mutate("upload").catch(({ status }) => status)), 503);
  assert.equal(world.asked("/api/upload").length, 1);
});

test("the app's credential goes with every read, repeat and mutation, and where it gives none nothing does", async () => {
  const page = await world.page(timers);
  const openWith = (user) =>
    page.evaluate(async (user) => {
      globalThis.given = [];
      globalThis.give = () => `Bearer ${given.length}`;
      globalThis.cache = await sdk.open({ user, credential: (user) => (given.push(user), give()) });
    }, user);
  const sent = () => world.requests.splice(0).map(({ method, headers }) => `${method} ${headers.authorization}`);
  const upload = (options) => page.evaluate((options) => cache.mutate("upload", options).catch(({ name, code }) => `${name} ${code}`), options);
  await openWith("a");
  world.handlers.set(FILES, inTurn([503], [200]));
  await upload();
  await upload({ headers: { Authorization: "Bearer mine" } });
  await videos(page);
  assert.deepEqual(sent(), ["POST Bearer 1", "POST Bearer mine", "GET Bearer 2", "GET Bearer 3"]);
  assert.deepEqual(await page.evaluate(() => given), ["a", "a", "a"]);
  await later(page, HOUR + 1);
  for (const give of [() => "", () => undefined, () => Promise.reject(new Error("away")), () => JSON.parse("no token"), () => "two\nlines"]) {
    await page.evaluate(`globalThis.give = ${give}`);
    const { error } = await get(page, "user-stats");
    assert.deepEqual([error?.name, error?.code], ["TiercelError", "network-failure"], `${give}`);
    assert.equal(await upload(), "TiercelError network-failure", `${give}`);
    const update = await page.evaluate(() => next((onUpdate) => cache.get("user-files", { category: "videos" }, { onUpdate })));
    assert.deepEqual([update.status, update.data.data.version], ["offline", 200], `${give}`);
  }
  assert.deepEqual(sent(), []);
  await openWith(null);
  await get(page, "ratings", { fileId: "1" });
  assert.deepEqual([sent(), await page.evaluate(() => given)], [["GET undefined"], []], "nobody has no credential");
});

for (const [how, stop] of [
  ["the reader leaves", () => leave.abort()],
  ["the cache is closed", () => cache.close()],
  ["the user logs out", () => cache.logout()],
]) {
  test(`nothing is tried again when ${how}`, async () => {
    const page = await world.page(() => {
      // A pause before a repeat lasts until the test says.
      const set = globalThis.setTimeout;
      globalThis.setTimeout = (callback, ms, ...rest) => {
        if (ms < 100 || ms >= 3_000) return set(callback, ms, ...rest);
        globalThis.ring = callback;
        globalThis.wake?.();
        return 0;
      };
    });
    await open(page, "a");
    world.handlers.set(FILES, inTurn([503]));
    const reading = page.evaluate(() => {
      globalThis.leave = new AbortController();
      return cache.get("user-files", { category: "videos" }, { signal: leave.signal }).catch(({ code, name }) => code ?? name);
    });
    await page.evaluate(async () => {
      while (!globalThis.ring) await next((wake) => (globalThis.wake = wake));
    });
    await page.evaluate(stop);
    await page.evaluate(() => ring());
    assert.notEqual(await reading, "http-error");
    // Whatever is asked next would come after a repeat.
    await open(page, "b");
    await get(page, "user-stats");
    assert.deepEqual(world.asked().map(({ path }) => path), [FILES, "/api/stats"]);
  });
}

test("a repeat goes on while somebody reads", async () => {
  const page = await world.page(timers);
  await open(page, "a");
  const held = world.hold(FILES);
  world.handlers.set(FILES, inTurn([503], [200]));
  const reads = page.evaluate(() => {
    globalThis.leave = new AbortController();
    const params = { category: "videos" };
    globalThis.second = cache.get("user-files", params, { signal: leave.signal }).catch(({ name }) => name);
    return cache.get("user-files", params).then(({ data }) => data.data.version);
  });
  await held.arrived;
  await page.evaluate(() => leave.abort());
  held.release();
  assert.equal(await reads, 200);
});

const watch = (page) =>
  page.evaluate(async () => {
    globalThis.told = [];
    globalThis.stop = cache.subscribe("user-files", { category: "videos" }, (result) => (told.push(result?.data.data.version), globalThis.wake?.()));
  });
const heard = (page, count) =>
  page.evaluate(async (count) => {
    while (told.length < count) await next((wake) => (globalThis.wake = wake));
    return told;
  }, count);

for (const [moment, option] of [
  ["focus", "refetchOnFocus"],
  ["online", "refetchOnReconnect"],
]) {
  test(`what is watched and stale is asked for at "${moment}", unless ${option} is off`, async () => {
    const page = await world.page();
    const wake = () => page.evaluate((moment) => void dispatchEvent(new Event(moment)), moment);
    const openWith = (value) => page.evaluate(async (option, value) => void (globalThis.cache = await sdk.open({ user: "a", [option]: value })), option, value);
    await openWith(true);
    await videos(page);
    await get(page, "user-stats");
    await watch(page);
    await wake();
    assert.equal((await videos(page)).source, "device");
    assert.equal(world.asked().length, 2, "it is fresh");
    await later(page, HOUR + 1);
    world.versions.set(FILES, 2);
    await wake();
    assert.deepEqual(await heard(page, 1), [2]);
    assert.equal(world.asked("/api/stats").length, 1, "nobody watches it");
    // And nobody does any longer.
    await page.evaluate(() => stop());
    await later(page, HOUR + 1);
    await wake();
    await get(page, "ratings", { fileId: "1" });
    assert.equal(world.asked(FILES).length, 2);
    await openWith(false);
    await watch(page);
    await wake();
    await get(page, "ratings", { fileId: "2" });
    assert.equal(world.asked(FILES).length, 2);
  });
}

test("after an ended session nobody asks at focus", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await watch(page);
  await page.evaluate(() => cache.close());
  await later(page, HOUR + 1);
  await page.evaluate(() => void dispatchEvent(new Event("focus")));
  await open(page, "b");
  await get(page, "user-stats");
  assert.equal(world.asked(FILES).length, 1);
});

/** An edge that speaks by the rule of docs/headers.md: each mutation names the next token. */
const edge = () => {
  let last = 0;
  for (const path of ["/api/upload", "/api/user/artists/sync"]) {
    world.handlers.set(path, (_, response) => send(response, 200, { ...JSON_TYPE, "tiercel-consistency": `atoken${++last};max-age=40` }, "{}"));
  }
};
const mutate = (page, event = "upload") => page.evaluate((event) => cache.mutate(event).then(({ status }) => status), event);
const tokens = () => world.requests.map(({ headers }) => headers["tiercel-consistency"]);
const leftovers = (page) => page.evaluate(() => Object.keys(localStorage));

test("the token of a change goes with every request until it counts no longer", async () => {
  edge();
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await mutate(page);
  await videos(page);
  // It says all that those say that went with its request.
  await mutate(page);
  await videos(page, { reload: true });
  await later(page, 39);
  await videos(page, { reload: true });
  await later(page, 2);
  await videos(page, { reload: true });
  assert.deepEqual(tokens(), [undefined, undefined, "atoken1", "atoken1", "atoken2", "atoken2", undefined]);
  assert.deepEqual(await leftovers(page), []);
});

test("changes at the same time keep a token each, for other tabs and over a reload", async () => {
  edge();
  const page = await world.page();
  await open(page, "a");
  const held = [world.hold("/api/upload"), world.hold("/api/user/artists/sync")];
  const both = page.evaluate(() => Promise.all([cache.mutate("upload"), cache.mutate("artist-sync")]).then(() => {}));
  await Promise.all(held.map(({ arrived }) => arrived));
  for (const { release } of held) release();
  await both;
  const sorted = () => tokens().at(-1)?.split(", ").sort();
  await videos(page);
  assert.deepEqual(sorted(), ["atoken1", "atoken2"]);
  await page.reload();
  await page.evaluate(async () => (globalThis.sdk = await import("/sdk/index.js")));
  await open(page, "a");
  await videos(page, { reload: true });
  assert.deepEqual(sorted(), ["atoken1", "atoken2"]);
  const twin = await world.page();
  await open(twin, "a");
  await videos(twin, { reload: true });
  assert.deepEqual(sorted(), ["atoken1", "atoken2"]);
  await open(twin, "b");
  await get(twin, "user-stats");
  assert.equal(sorted(), undefined, "they are the user's");
});

test("logout forgets tokens, and an answer after it leaves none", async () => {
  edge();
  const page = await world.page();
  await open(page, "a");
  await mutate(page);
  assert.deepEqual(await leftovers(page), ["videomi_cache_a:seen:atoken1"]);
  const held = world.hold("/api/upload");
  const late = page.evaluate(() => cache.mutate("upload").catch(({ code }) => code));
  await held.arrived;
  await page.evaluate(() => cache.logout());
  held.release();
  assert.equal(await late, "logged-out");
  assert.deepEqual(await leftovers(page), []);
});

test("tokens are kept where there is no localStorage, and one that is none is not", async () => {
  edge();
  const page = await world.page(() => {
    Object.defineProperty(globalThis, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
  });
  await open(page, "a");
  await mutate(page);
  await videos(page);
  world.handlers.set("/api/upload", (_, response) => send(response, 200, { ...JSON_TYPE, "tiercel-consistency": "what, is this" }, "{}"));
  await mutate(page);
  await videos(page);
  assert.deepEqual(tokens(), [undefined, "atoken1", "atoken1", "atoken1"]);
});
