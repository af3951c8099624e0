// Mutations by the SDK: what is sent, what is shown meanwhile, what becomes untrue.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { World, get, open, send, videos } from "./sdk-world.mjs";

const FILES = "/api/upload/user/a?category=videos";
const JSON_TYPE = { "content-type": "application/json" };
const UPLOADED = JSON.stringify({ success: true, data: { file: { category: "videos" } } });

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(() => world.leave());

/** The API answers mutations of `path` with `status` and `body`. */
const answers = (path, status = 200, body = UPLOADED, headers = {}) =>
  world.handlers.set(path, (_, response) => send(response, status, { ...JSON_TYPE, ...headers }, body));

/** Sends a mutation; the answer, or the members of the error as `error`. */
const mutate = (page, event, options) =>
  page.evaluate(
    (event, options) => cache.mutate(event, options).catch(({ name, code, status, body }) => ({ error: { name, code, status, body } })),
    event,
    options,
  );

/** Subscribes; what is told gathers in `told`, which `heard` waits for. */
const watch = (page, params = { category: "videos" }) =>
  page.evaluate((params) => {
    globalThis.told = [];
    globalThis.unwatch = cache.subscribe("user-files", params, (result) => (told.push(result && { version: result.data.data.version, optimistic: result.optimistic ?? false, ...(result.data.mine && { mine: result.data.mine }) }), globalThis.wake?.()));
  }, params);
const heard = (page, count) =>
  page.evaluate(async (count) => {
    while (told.length < count) await next((wake) => (globalThis.wake = wake));
    return told;
  }, count);

/** Adds `word` to what is shown of the list, while the origin is asked. */
const add = (page, word, event = "upload", options = {}) =>
  page.evaluate(
    (word, event, options) => {
      const update = (data) => ({ ...data, mine: [...(data.mine ?? []), word] });
      globalThis[word] = cache
        .mutate(event, { ...options, optimistic: [{ class: "user-files", params: { category: "videos" }, update }] })
        .catch(({ code }) => ({ code }));
    },
    word,
    event,
    options,
  );

const plain = (version) => ({ version, optimistic: false });
const shown = (version, ...mine) => ({ version, optimistic: true, mine });

const BODIES = [
  ["an object", `{ file: "x" }`, "application/json", '{"file":"x"}'],
  ["a text", `"a=b"`, "text/plain;charset=UTF-8", "a=b"],
  ["a form", `new URLSearchParams({ a: "b" })`, "application/x-www-form-urlencoded;charset=UTF-8", "a=b"],
  ["a blob", `new Blob(["<x/>"], { type: "text/xml" })`, "text/xml", "<x/>"],
  ["form data", `(() => { const form = new FormData(); form.set("a", "b"); return form; })()`, /^multipart\/form-data; boundary=/, /name="a"\r\n\r\nb/],
  ["nothing", "undefined", undefined, ""],
];
for (const [name, body, type, sent] of BODIES) {
  test(`method and path come from the policy, the body goes as it is: ${name}`, async () => {
    const page = await world.page();
    await open(page, "a");
    answers("/api/files/videos/x%2F7", 200, '{"ok":true}');
    const answer = await page.evaluate(`cache.mutate("delete", { params: { category: "videos", fileId: "x/7" }, body: ${body}, headers: { "X-Mine": "1" } })`);
    assert.deepEqual(answer, { data: { ok: true }, status: 200, queued: false });
    const [request] = world.asked();
    assert.deepEqual([request.method, request.path, request.headers["x-mine"]], ["DELETE", "/api/files/videos/x%2F7", "1"]);
    const fits = (value, wanted) => (wanted instanceof RegExp ? assert.match(value, wanted) : assert.equal(value, wanted));
    fits(request.headers["content-type"], type);
    fits(request.body, sent);
  });
}

test("a mutation purges what its answer says, here and in other tabs, and is heard of", async () => {
  const [page, twin] = [await world.page(), await world.page()];
  for (const tab of [page, twin]) await open(tab, "a");
  answers("/api/upload", 201);
  await videos(page);
  await get(page, "user-files", { category: "images" });
  await watch(twin);
  const detail = page.evaluate(() => next((hear) => addEventListener("videomi:cache-invalidate", ({ detail }) => hear(detail))));
  const answer = await mutate(page, "upload", { body: {} });
  assert.deepEqual([answer.status, answer.data.data.file.category], [201, "videos"]);
  const { event, names } = await detail;
  assert.equal(event, "upload");
  assert.ok(names.includes("user:a:files:videos"), names);
  assert.deepEqual(await heard(twin, 1), [null]);
  assert.equal((await videos(page)).source, "origin");
  assert.equal((await get(page, "user-files", { category: "images" })).source, "device", "a fact of the answer narrows it");
});

test("what the origin's answer names is purged too", async () => {
  const page = await world.page();
  await open(page, "a");
  await get(page, "ratings", { fileId: "9" });
  answers("/api/user/artists/sync", 200, "{}", { "cache-group-invalidation": '"ratings:9"' });
  await mutate(page, "artist-sync");
  assert.equal((await get(page, "ratings", { fileId: "9" })).source, "origin");
});

test("a mutation that fails purges nothing and says why", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  for (const [status, body, headers, code] of [
    [409, '{"why":"twice"}', JSON_TYPE, "http-error"],
    [500, "{}", JSON_TYPE, "http-error"],
    [200, "<h1>Sign in</h1>", { "content-type": "text/html" }, "not-json"],
  ]) {
    answers("/api/upload", status, body, headers);
    const { error } = await mutate(page, "upload");
    assert.deepEqual([error.name, error.code], ["TiercelError", code], String(status));
  }
  assert.deepEqual((await mutate(page, "no-such-event")).error.code, "unknown-event");
  assert.deepEqual((await mutate(page, "delete", { params: { category: "videos" } })).error.code, "missing-parameter");
  assert.equal(world.asked("/api/upload").length, 3, "none is sent twice");
  world.down = true;
  assert.deepEqual((await mutate(page, "upload")).error.code, "network-failure");
  assert.equal((await videos(page)).source, "device");
});

test("a change is shown at once, to readers and subscribers, and the origin's answer takes its place", async () => {
  const page = await world.page();
  await open(page, "a");
  answers("/api/upload");
  await videos(page);
  await watch(page);
  const held = world.hold("/api/upload");
  await add(page, "one");
  assert.deepEqual(await heard(page, 1), [shown(1, "one")]);
  const read = await videos(page);
  assert.deepEqual([read.data.mine, read.optimistic], [["one"], true]);
  await held.arrived;
  world.versions.set(FILES, 2);
  held.release();
  await until(async () => (await heard(page, 2)).at(-1)?.version === 2, "the origin's answer is heard");
  // That it was invalidated is said as well, where the answer takes its time.
  assert.deepEqual((await heard(page, 2)).filter((told) => told !== null), [shown(1, "one"), plain(2)]);
  const { data, optimistic, source } = await videos(page);
  assert.deepEqual([data.data.version, data.mine, optimistic, source], [2, undefined, undefined, "device"]);
});

test("a change that the origin refuses is taken back; what came meanwhile stays", async () => {
  const page = await world.page();
  await open(page, "a");
  answers("/api/upload", 409, "{}");
  await videos(page);
  await watch(page);
  const held = world.hold("/api/upload");
  await add(page, "one");
  await held.arrived;
  world.versions.set(FILES, 2);
  const fresh = await videos(page, { reload: true });
  assert.deepEqual([fresh.data.data.version, fresh.data.mine], [2, ["one"]]);
  held.release();
  assert.equal(await page.evaluate(() => one.then(({ code }) => code)), "http-error");
  assert.deepEqual(await heard(page, 3), [shown(1, "one"), shown(2, "one"), plain(2)]);
  assert.equal((await videos(page)).data.mine, undefined);
});

test("a listener that throws holds up no mutation, and what that shows goes with it", async () => {
  const page = await world.page();
  await open(page, "a");
  answers("/api/upload", 409, "{}");
  await page.evaluate(() => {
    globalThis.told = [];
    globalThis.reported = 0;
    addEventListener("error", () => ++reported);
    cache.subscribe("user-files", { category: "videos" }, ({ optimistic = false }) => {
      told.push(optimistic);
      throw new Error("the page's mistake");
    });
  });
  await videos(page);
  await add(page, "one");
  assert.equal(await page.evaluate(() => one.then(({ code }) => code)), "http-error");
  assert.equal(world.asked("/api/upload").length, 1);
  const { data, optimistic } = await videos(page);
  assert.deepEqual([data.mine, optimistic], [undefined, undefined]);
  assert.deepEqual(await page.evaluate(() => [told, reported]), [[false, true, false], 3]);
});

test("two changes at a time lie over each other, and one goes without the other", async () => {
  const page = await world.page();
  await open(page, "a");
  answers("/api/upload", 409, "{}");
  answers("/api/files/videos/7");
  await videos(page);
  await watch(page);
  const [first, second] = [world.hold("/api/upload"), world.hold("/api/files/videos/7")];
  await add(page, "one");
  await add(page, "two", "delete", { params: { category: "videos", fileId: "7" } });
  await Promise.all([first.arrived, second.arrived]);
  first.release();
  await page.evaluate(() => one);
  assert.deepEqual(await heard(page, 3), [shown(1, "one"), shown(1, "one", "two"), shown(1, "two")]);
  world.versions.set(FILES, 2);
  second.release();
  await until(async () => (await heard(page, 4)).at(-1)?.optimistic === false, "the origin's answer is heard");
  assert.deepEqual((await heard(page, 4)).slice(3).filter((told) => told !== null), [plain(2)]);
});

test("a change of what the event does not purge is asked for anew when it is done", async () => {
  const page = await world.page();
  await open(page, "a");
  answers("/api/user/artists/sync", 200, "{}");
  await videos(page);
  await watch(page);
  world.versions.set(FILES, 2);
  await add(page, "one", "artist-sync");
  assert.deepEqual((await heard(page, 2)).at(-1), plain(2));
});

test("no change is on the disk, in another tab or with another user", async () => {
  const [page, twin] = [await world.page(), await world.page()];
  for (const tab of [page, twin]) await open(tab, "a");
  await videos(page);
  const held = world.hold("/api/upload");
  await add(page, "one");
  await held.arrived;
  assert.deepEqual((await videos(page)).data.mine, ["one"]);
  assert.equal((await videos(twin)).data.mine, undefined);
  // A refresh that ends meanwhile stores what the origin says.
  await videos(page, { reload: true });
  await page.close();
  const next = await world.page();
  await open(next, "a");
  const { source, data } = await videos(next);
  assert.deepEqual([source, data.mine], ["device", undefined]);
  await open(next, "b");
  assert.equal((await videos(next)).data.mine, undefined);
  held.release();
});

test("an aborted mutation ends, and so does one whose session ends", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  const held = world.hold("/api/upload");
  const aborted = page.evaluate(() => {
    globalThis.stop = new AbortController();
    return cache.mutate("upload", { signal: stop.signal }).catch(({ name }) => name);
  });
  await held.arrived;
  await page.evaluate(() => stop.abort());
  assert.equal(await aborted, "AbortError");
  const again = world.hold("/api/upload");
  const ended = mutate(page, "upload");
  await again.arrived;
  await page.evaluate(() => cache.close());
  assert.equal((await ended).error.code, "closed");
  held.release();
  again.release();
});

/** A page with a stand-in for the Service Worker, which keeps mutations of `paths` for later. */
async function waitingPage(...paths) {
  const page = await world.page();
  await page.evaluate(async () => {
    await sdk.register();
    // What the worker sends comes over these two.
    globalThis.says = (message) => navigator.serviceWorker.dispatchEvent(new MessageEvent("message", { data: message }));
    globalThis.worker = new BroadcastChannel("tiercel:videomi");
  });
  await open(page, "a");
  for (const path of paths) answers(path, 202, '{"success":true,"queued":true}', { "cache-status": 'tiercel-sw; fwd=method; detail="queued"' });
  return page;
}
/** The worker gave up what waited longest for `method` and `path`. */
const givesUp = (page, method, path) =>
  page.evaluate((method, url) => says({ type: "tiercel:replay-failed", method, url, status: 410 }), method, world.url + path);

test("what the Service Worker keeps for later stays shown, purges nothing, and ends with what it says", async () => {
  const page = await waitingPage("/api/upload", "/api/files/videos/7");
  await videos(page);
  await watch(page);
  await add(page, "one");
  await add(page, "two", "delete", { params: { category: "videos", fileId: "7" } });
  assert.deepEqual(await page.evaluate(async () => [await one, await two].map(({ status, queued }) => [status, queued])), [[202, true], [202, true]]);
  assert.deepEqual(await heard(page, 2), [shown(1, "one"), shown(1, "one", "two")]);
  const read = await videos(page);
  assert.deepEqual([read.source, read.data.mine], ["device", ["one", "two"]]);
  // The second is given up, the first is sent.
  await givesUp(page, "DELETE", "/api/files/videos/7");
  assert.deepEqual((await heard(page, 3)).at(-1), shown(1, "one"));
  world.versions.set(FILES, 2);
  await page.evaluate((url) => worker.postMessage({ type: "purge", scope: "videomi_cache_a", event: null, names: [], method: "POST", url }), `${world.url}/api/upload`);
  assert.deepEqual((await heard(page, 4)).at(-1), null, "its event purges");
  const { source, data } = await videos(page);
  assert.deepEqual([source, data.data.version, data.mine], ["origin", 2, undefined]);
});

test("of two that put to the same place one waits: what both show ends with it, and falls with it", async () => {
  const [first, second] = ["/api/watch-progress/7", "/api/watch-progress/8"];
  const page = await waitingPage(first, second, "/api/upload");
  await videos(page);
  const put = (word, fileId) => add(page, word, "watch-progress", { params: { fileId } });
  await put("one", "7");
  await put("two", "7");
  await put("three", "8");
  await put("four", "8");
  for (const word of ["five", "six"]) await add(page, word);
  await page.evaluate(() => Promise.all([one, two, three, four, five, six]).then(() => {}));
  const mine = async (options) => (await videos(page, options)).data.mine;
  assert.deepEqual(await mine(), ["one", "two", "three", "four", "five", "six"]);
  await page.evaluate((url) => worker.postMessage({ type: "purge", scope: "videomi_cache_a", event: null, names: [], method: "PUT", url }), world.url + first);
  await until(async () => (await mine({ reload: true }))[0] !== "one", "what was sent is heard of");
  assert.deepEqual(await mine(), ["three", "four", "five", "six"]);
  await givesUp(page, "PUT", second);
  assert.deepEqual(await mine(), ["five", "six"]);
  await givesUp(page, "POST", "/api/upload");
  assert.deepEqual(await mine(), ["six"], "each of them waits for itself");
});

test("what the Service Worker gives up is taken back where nobody watches", async () => {
  const page = await waitingPage("/api/upload");
  await videos(page);
  await watch(page);
  await add(page, "one");
  await page.evaluate(() => one.then(() => unwatch()));
  assert.deepEqual((await videos(page)).data.mine, ["one"]);
  await givesUp(page, "POST", "/api/upload");
  const { data, optimistic } = await videos(page);
  assert.deepEqual([data.mine, optimistic], [undefined, undefined]);
});

test("the Service Worker hears what is untrue from a page that it does not control, too", async () => {
  const page = await world.page();
  await page.evaluate(() => sdk.register().then(() => {}));
  await page.setBypassServiceWorker(true);
  await page.reload();
  await page.evaluate(async () => void (globalThis.sdk = await import("/sdk/index.js")));
  await open(page, "a");
  answers("/api/files/videos/7");
  const [isControlled, names] = await page.evaluate(async () => {
    const heard = next((hear) => navigator.serviceWorker.addEventListener("message", ({ data }) => data.echo?.type === "tiercel:purge" && hear(data.echo.names)));
    navigator.serviceWorker.startMessages();
    await cache.mutate("delete", { params: { category: "videos", fileId: "7" } });
    return [navigator.serviceWorker.controller !== null, await heard];
  });
  assert.equal(isControlled, false);
  assert.ok(names.includes("file:7"), names);
});

test("what is heard of twice, from the Service Worker and from the app, is asked for once", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await page.evaluate(() => {
    globalThis.reads = 0;
    const read = (result) => result === null && cache.get("user-files", { category: "videos" }).then(() => ++reads);
    cache.subscribe("user-files", { category: "videos" }, read);
    globalThis.worker = new BroadcastChannel("tiercel:videomi");
  });
  for (let round = 1; round <= 2; round++) {
    world.versions.set(FILES, round + 1);
    await page.evaluate(async () => {
      worker.postMessage({ type: "purge", scope: "videomi_cache_a", event: null, names: ["user:a:files:videos"] });
      await cache.invalidate("upload", { category: "videos" });
    });
    await until(() => page.evaluate((round) => reads >= round, round), `it was read again, round ${round}`);
    assert.equal((await videos(page)).data.data.version, round + 1);
  }
  assert.equal(world.asked(FILES).length, 3);
});

test("an origin's own 202 purges", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  answers("/api/upload", 202, '{"success":true,"queued":true}');
  assert.equal((await mutate(page, "upload")).queued, false);
  assert.equal((await videos(page)).source, "origin");
});

test("logging out is an event too", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  answers("/api/auth/logout", 200, "{}");
  assert.equal((await mutate(page, "logout")).status, 200);
  assert.equal((await videos(page)).error.code, "logged-out");
});
