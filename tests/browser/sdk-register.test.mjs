// The SDK's way to the Service Worker, in a real browser. The worker here repeats what it is told.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { World } from "./sdk-world.mjs";

/** A worker whose later versions wait to be asked. */
const WAITS = `
  addEventListener("install", () => registration.active || skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("message", ({ data, ports }) => {
    if (data.type === "tiercel:activate") skipWaiting();
    ports[0]?.postMessage({ ok: true });
  });
`;

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(() => world.leave());

test("register: the worker controls the page, knows what it loaded and who it is", async () => {
  const page = await world.page();
  const [warm, identify, opened, purge] = await page.evaluate(async () => {
    const heard = [];
    let wake;
    navigator.serviceWorker.addEventListener("message", ({ data }) => (heard.push(data.echo), wake?.()));
    navigator.serviceWorker.startMessages();
    const registration = await sdk.register({ url: "/sw.js" });
    if (!navigator.serviceWorker.controller) throw new Error("not controlled");
    await registration.identify("a");
    globalThis.cache = await sdk.open({ user: "a" });
    await cache.invalidate("new-rating", { fileId: "7" });
    while (heard.length < 4) await next((resolve) => (wake = resolve));
    return heard;
  });
  assert.equal(warm.type, "tiercel:warm");
  assert.ok(warm.urls.includes(`${world.url}/`) && warm.urls.includes(`${world.url}/sdk/index.js`), warm.urls);
  assert.deepEqual(identify, { type: "tiercel:identify", user: "a" });
  assert.deepEqual(opened, { type: "tiercel:opened", scope: "videomi_cache_a" });
  assert.deepEqual(purge, { type: "tiercel:purge", names: ["ratings:7", "ratings:top10"] });
  // The second visit begins controlled: nothing to catch up with.
  const again = await world.page();
  const first = await again.evaluate(async () => {
    const heard = next((hear) => navigator.serviceWorker.addEventListener("message", ({ data }) => hear(data.echo)));
    const registration = await sdk.register();
    registration.onMessage(() => {});
    await registration.identify(null);
    return heard;
  });
  assert.deepEqual(first, { type: "tiercel:identify", user: null });
});

test("register: tells what becomes of the worker, and lets a new version go to work when asked", async () => {
  world.worker = WAITS;
  const page = await world.page();
  const events = () => page.evaluate(() => globalThis.events.map(({ type, isUpdate }) => `${type} ${isUpdate}`));
  const register = () =>
    page.evaluate(async () => {
      globalThis.events = [];
      globalThis.heard = () => {};
      globalThis.registration = await sdk.register({ onLifecycle: (event) => (events.push(event), heard()) });
    });
  /** Waits for an event; `type isUpdate`. */
  const event = (wanted) =>
    page.evaluate(async (wanted) => {
      while (!events.some(({ type, isUpdate }) => `${type} ${isUpdate}` === wanted)) await next((resolve) => (heard = resolve));
    }, wanted);
  await register();
  await event("controlling false");
  await event("activated false");
  assert.deepEqual((await events()).sort(), ["activated false", "controlling false", "installed false"]);
  assert.equal(await page.evaluate(() => registration.update()), false, "the same script is no new version");
  assert.equal(await page.evaluate(() => registration.activate()), false, "and none waits");

  world.worker = `// 2\n${WAITS}`;
  await page.evaluate(() => (events.length = 0));
  assert.equal(await page.evaluate(() => registration.update()), true);
  await event("waiting true");
  assert.deepEqual(await events(), ["installed true", "waiting true"]);
  // A page that comes later hears of it too, and so does one that is there when another has it go to work.
  const other = await world.page();
  await other.evaluate(async () => {
    globalThis.events = [];
    globalThis.registration = await sdk.register({ onLifecycle: ({ type, isUpdate }) => events.push(`${type} ${isUpdate}`) });
  });
  await until(() => other.evaluate(() => events.includes("waiting true")), "the other page hears of the one that waits");
  assert.equal(await other.evaluate(() => registration.activate()), true);
  await event("controlling true");
  await event("activated true");

  world.worker = 'addEventListener("install", (event) => event.waitUntil(Promise.reject(new Error("no"))));';
  await page.evaluate(() => (events.length = 0));
  await page.evaluate(() => registration.update());
  await event("redundant true");
  assert.deepEqual(await events(), ["redundant true"]);
});

test("register: null without Service Workers, an error for a script that is none", async () => {
  const page = await world.page();
  const code = await page.evaluate(() => sdk.register({ url: "/index.html" }).catch((error) => error.code));
  assert.equal(code, "register-failed");
  const bare = await world.page(() => Object.defineProperty(Navigator.prototype, "serviceWorker", { value: undefined }));
  assert.equal(await bare.evaluate(() => sdk.register()), null);
});

test("persist and estimate: what the browser says, and nothing where it says nothing", async () => {
  const page = await world.page();
  const [before, persisted, after] = await page.evaluate(async () => {
    await navigator.storage.estimate();
    const asked = [];
    navigator.storage.persist = async () => (asked.push("persist"), true);
    navigator.storage.persisted = async () => asked.length > 0;
    const before = await sdk.estimate();
    const persisted = await sdk.persist();
    return [before, persisted && asked.length, await (await import("/sdk/register.js")).estimate()];
  });
  assert.ok(before.quota > 1e6 && before.usage >= 0 && before.usage < before.quota, JSON.stringify(before));
  assert.deepEqual([before.persisted, persisted, after.persisted], [false, 1, true]);
  const broken = await world.page(() => {
    for (const name of ["persist", "persisted", "estimate"]) navigator.storage[name] = () => Promise.reject(new TypeError("not here"));
  });
  assert.deepEqual(await broken.evaluate(async () => [await sdk.persist(), await sdk.estimate()]), [false, null]);
  const bare = await world.page(() => Object.defineProperty(Navigator.prototype, "storage", { value: undefined }));
  assert.deepEqual(await bare.evaluate(async () => [await sdk.persist(), await sdk.estimate()]), [false, null]);
});
