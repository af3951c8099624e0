// The SDK in several tabs, and in one whose user leaves: what ends, and what is still heard.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { HOUR, World, databases, get, later, open, send, videos } from "./sdk-world.mjs";

const FILES = "/api/upload/user/a?category=videos";

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(() => world.leave());

test("a login of another user in another tab ends this one's cache: none of its answers is stored for the old user", async () => {
  const [page, twin, next] = [await world.page(), await world.page(), await world.page()];
  // Whose the browser's cookies are.
  let user = "a";
  world.handlers.set("/api/stats", (_, response) => send(response, 200, { "content-type": "application/json" }, JSON.stringify({ user })));
  for (const tab of [page, twin]) {
    await open(tab, "a");
    await tab.evaluate(() => {
      globalThis.told = [];
      cache.subscribe("user-stats", {}, (result) => told.push(result && result.data.user));
      cache.local("history").subscribe((key) => told.push(key));
    });
  }
  await get(page, "user-stats");
  await until(() => twin.evaluate(() => told.length === 1), "the other tab of the user has heard");
  // Nobody is signed in, as far as this tab knows, and one says itself whose its requests are. The last word comes after theirs.
  await open(next, null);
  await open(next, "c", true);
  await next.evaluate(() => new BroadcastChannel("tiercel:videomi").postMessage({ type: "stored", scope: "videomi_cache_a", key: "v1/user:a:stats" }));
  await until(() => twin.evaluate(() => told.length === 2), "the last word is heard");
  for (const tab of [page, twin]) assert.equal((await get(tab, "user-stats")).source, "device", "it is left alone");
  // The cookies change before anybody says so, while something is under way.
  const held = world.hold("/api/stats");
  const reading = get(page, "user-stats", {}, { reload: true });
  await held.arrived;
  user = "b";
  await open(next, "b");
  for (const tab of [page, twin]) {
    await until(() => tab.evaluate(() => told.slice(-2).every((told) => told === null)), "it hears that nothing holds any more");
  }
  held.release();
  assert.equal((await reading).error.code, "closed");
  for (const tab of [page, twin]) assert.equal((await get(tab, "user-stats")).error?.code, "closed");
  assert.deepEqual((await get(next, "user-stats")).data, { user: "b" });
  for (const tab of [page, twin]) assert.ok(!(await tab.evaluate(() => told)).includes("b"));
  await open(page, "b");
  assert.equal((await get(next, "user-stats")).source, "device", "two tabs of one user stay");
  await open(page, "a");
  assert.deepEqual((await get(page, "user-stats")).data, { user: "a" }, "what was stored of the first is still the first's");
});

test("what another tab says just when the user logs out is not told any more", async () => {
  const [page, other] = [await world.page(), await world.page()];
  await open(page, "a");
  await get(page, "user-stats");
  await page.evaluate(() => {
    globalThis.told = [];
    cache.subscribe("user-stats", {}, (result) => told.push(result && result.source));
  });
  await other.evaluate(() => {
    const [scope, key] = ["videomi_cache_a", "v1/user:a:stats"];
    const channel = new BroadcastChannel("tiercel:videomi");
    for (const message of [{ type: "stored", scope, key }, { type: "logout", scope }]) channel.postMessage(message);
  });
  await until(async () => (await databases(page)).length === 0, "nothing is stored");
  assert.equal((await get(page, "user-stats")).error.code, "logged-out");
  assert.equal((await page.evaluate(() => told)).at(-1), null);
});

test("a logout of a cache that has ended reaches other tabs as well", async () => {
  const [page, twin] = [await world.page(), await world.page()];
  for (const tab of [page, twin]) await open(tab, "a");
  await videos(page);
  await page.evaluate(() => (cache.close(), cache.logout()));
  await until(async () => (await get(twin, "user-stats")).error?.code === "logged-out", "the other tab is logged out");
  assert.deepEqual(await databases(page), []);
});

for (const [what, end] of [
  ["a logout", () => cache.logout()],
  ["another user", () => void sdk.open({ user: "b" })],
]) {
  test(`a refresh that ${what} overtakes tells its reader nothing`, async () => {
    const page = await world.page();
    await open(page, "a");
    await videos(page);
    await later(page, HOUR + 1);
    const held = world.hold(FILES);
    await page.evaluate(async () => {
      globalThis.updates = [];
      globalThis.ended = next((tell) => cache.onDecision(({ behind, status }) => behind && tell(status)));
      await cache.get("user-files", { category: "videos" }, { onUpdate: (result) => updates.push(result) });
    });
    await held.arrived;
    await page.evaluate(end);
    assert.equal(await page.evaluate(() => ended), "failed");
    held.release();
    assert.deepEqual(await page.evaluate(() => updates), []);
  });
}
