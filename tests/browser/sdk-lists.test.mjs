// Lists in the SDK: pages are cut from what is stored, and what the edge says of a list is what the app hears.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { HOUR, World, get, later, open, send } from "./sdk-world.mjs";

const ARTISTS = "/api/user/artists";
const TOTAL = 145;
const WARNING = "Reconnect.";

let world, says, version;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(async () => {
  await world.fresh();
  [says, version] = ["fresh", 1];
  for (let page = 0; page < 20; page++) for (const limit of [30, 100]) serve(page, limit);
});
afterEach(() => world.leave());

/** The edge has this page. */
function serve(page, limit) {
  world.handlers.set(`${ARTISTS}?page=${page}&limit=${limit}`, (_, response) => {
    const count = Math.max(0, Math.min(limit, TOTAL - page * limit));
    const artists = Array.from({ length: count }, (_, index) => ({ id: `a${page * limit + index}`, version }));
    const pagination = { total: TOTAL, page, limit, has_more: (page + 1) * limit < TOTAL };
    const data = { artists, connected: true, pagination, cached: true, cache_status: says, ...(says !== "fresh" && { warning: WARNING }) };
    const status = says === "fresh" ? "tiercel-edge; hit; ttl=9000" : 'tiercel-edge; hit; ttl=-60; detail="declared-failure"';
    const headers = { "content-type": "application/json", "cache-control": "private, no-cache", "cache-status": status, etag: `W/"${version}-${page}-${limit}-${says}"` };
    send(response, 200, headers, JSON.stringify({ success: true, data }));
  });
}

const artists = (page, params, options) => get(page, "artists", params, options);
const ids = ({ data }) => data.data.artists.map(({ id }) => id);
const from = (first, count) => Array.from({ length: count }, (_, index) => `a${first + index}`);
const asked = () => world.asked().map(({ path }) => path);

test("a page that is inside what is stored needs no request", async () => {
  const page = await world.page();
  await open(page, "a");
  for (const [params, first, count, expected] of [
    [{ page: 0, limit: 20 }, 0, 20, { total: TOTAL, page: 0, limit: 20, has_more: true }],
    [{ page: 3, limit: 20 }, 60, 20, { total: TOTAL, page: 3, limit: 20, has_more: true }],
    [undefined, 0, 20, { total: TOTAL, page: 0, limit: 20, has_more: true }],
    [{ page: "9", limit: "10" }, 90, 10, { total: TOTAL, page: 9, limit: 10, has_more: true }],
    [{ limit: 100 }, 0, 100, { total: TOTAL, page: 0, limit: 100, has_more: true }],
  ]) {
    const got = await artists(page, params);
    assert.deepEqual(ids(got), from(first, count), JSON.stringify(params));
    assert.deepEqual(got.data.data.pagination, expected);
    assert.deepEqual([got.status, got.warning, got.data.data.connected], ["fresh", undefined, true]);
  }
  assert.deepEqual(asked(), [`${ARTISTS}?page=0&limit=100`]);
  const next = await artists(page, { page: 7, limit: 20 });
  assert.deepEqual(ids(next), from(140, 5));
  assert.deepEqual(next.data.data.pagination, { total: TOTAL, page: 7, limit: 20, has_more: false });
  assert.deepEqual(ids(await artists(page, { page: 5, limit: 20 })), from(100, 20));
  assert.deepEqual(ids(await artists(page, { page: 12, limit: 20 })), [], "past the end there is nothing");
  assert.deepEqual(asked().slice(1), [`${ARTISTS}?page=1&limit=100`, `${ARTISTS}?page=2&limit=100`]);
  assert.deepEqual(ids(await artists(page, { page: 1, limit: 30 })), from(30, 30), "what does not fit is asked for as it is");
  assert.equal(asked().at(-1), `${ARTISTS}?page=1&limit=30`);
});

test("a list that stands in says so, and gives way as soon as there is a good one", async () => {
  const page = await world.page();
  await open(page, "a");
  says = "fallback_revoked";
  const first = await artists(page, { page: 1, limit: 20 });
  assert.deepEqual([first.status, first.warning, ids(first)[0]], ["fallback_revoked", WARNING, "a20"]);
  says = "fresh";
  version = 2;
  const [again, update] = await page.evaluate(async () => {
    let told;
    const updated = new Promise((resolve) => (told = resolve));
    const again = await cache.get("artists", { page: 2, limit: 20 }, { onUpdate: told });
    return [again, await updated];
  });
  assert.deepEqual([again.status, again.source, ids(again)[0]], ["fallback_revoked", "device", "a40"]);
  assert.deepEqual([update.status, update.warning, ids(update)[0], update.data.data.artists[0].version], ["fresh", undefined, "a40", 2]);
  assert.equal((await artists(page, { page: 0, limit: 20 })).status, "fresh");
  assert.equal(asked().length, 2);
});

test("offline the stored pages are there", async () => {
  const page = await world.page();
  await open(page, "a");
  await artists(page, { page: 0, limit: 20 });
  world.down = true;
  await later(page, 4 * HOUR);
  const got = await artists(page, { page: 4, limit: 20 });
  assert.deepEqual([got.status, ids(got)[0]], ["stale", "a80"]);
  assert.equal((await artists(page, { page: 5, limit: 20 })).error.code, "network-failure");
});

test("an event makes every page untrue, and who watches one hears of the new one", async () => {
  const page = await world.page();
  await open(page, "a");
  await artists(page, { page: 6, limit: 20 });
  await page.evaluate(() => {
    globalThis.told = [];
    cache.subscribe("artists", { page: 1, limit: 20 }, (result) => told.push(result && [result.data.data.artists.length, result.data.data.artists[0]]));
  });
  await artists(page, { page: 1, limit: 20 });
  version = 2;
  await page.evaluate(() => cache.invalidate("platform-connect"));
  assert.equal((await artists(page, { page: 0, limit: 20 })).data.data.artists[0].version, 2);
  assert.equal((await artists(page, { page: 6, limit: 20 })).data.data.artists[0].version, 2);
  await until(async () => (await page.evaluate(() => told.at(-1)))?.[1]?.version === 2, "the watcher has heard");
  assert.deepEqual(await page.evaluate(() => told.at(-1)), [20, { id: "a20", version: 2 }]);
});

test("a change is shown on its page before it is confirmed", async () => {
  const page = await world.page();
  await open(page, "a");
  const toggle = world.hold("/api/user/artists/toggle");
  await artists(page, { page: 1, limit: 20 });
  await page.evaluate(() => {
    const update = ({ data }) => ({ data: { ...data, artists: data.artists.map((artist) => (artist.id === "a21" ? { ...artist, selected: true } : artist)) } });
    globalThis.toggled = cache.mutate("artist-toggle", { optimistic: [{ class: "artists", params: { page: 1, limit: 20 }, update }] });
  });
  await toggle.arrived;
  const got = await artists(page, { page: 1, limit: 20 });
  assert.deepEqual([got.optimistic, got.data.data.artists[1], ids(got).length], [true, { id: "a21", version: 1, selected: true }, 20]);
  toggle.release();
  await page.evaluate(() => toggled);
});

test("what is no page is refused by the edge", async () => {
  const page = await world.page();
  await open(page, "a");
  const text = "`page` is a whole number from 0 on.\n";
  world.handlers.set(`${ARTISTS}?page=-1&limit=20`, (_, response) => send(response, 400, { "content-type": "text/plain" }, text));
  const { error } = await artists(page, { page: -1, limit: 20 });
  assert.deepEqual([error.code, error.status], ["http-error", 400]);
});
