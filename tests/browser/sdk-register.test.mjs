// The SDK's way to the Service Worker, in a real browser. The worker here repeats what it is told.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { World } from "./sdk-world.mjs";

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

test("register: null without Service Workers, an error for a script that is none", async () => {
  const page = await world.page();
  const code = await page.evaluate(() => sdk.register({ url: "/index.html" }).catch((error) => error.code));
  assert.equal(code, "register-failed");
  const bare = await world.page(() => Object.defineProperty(Navigator.prototype, "serviceWorker", { value: undefined }));
  assert.equal(await bare.evaluate(() => sdk.register()), null);
});
