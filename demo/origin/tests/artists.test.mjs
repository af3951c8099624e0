// The user's artists: the list by score, pages of it, the selection, stored scores.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { library } from "../../spotify/catalogue.mjs";
import { call, callsOfSpotify, connect, control, data, get, origin, refused, useOriginWithSpotify } from "./client.mjs";

useOriginWithSpotify();

const PATH = "/api/user/artists";
const WEIGHTS = { short_term: 45, medium_term: 30, long_term: 15 };

/** What the documented formula makes of an account's lists: [[id, score]], the best first. */
function expected(account, count) {
  const { top, followed } = library(account, count);
  const scores = new Map();
  const add = (id, points) => scores.set(id, (scores.get(id) ?? 0) + points);
  for (const [range, weight] of Object.entries(WEIGHTS)) top[range].forEach(({ id }, index) => add(id, (weight * 10) / (10 + index)));
  for (const { id } of followed) add(id, 10);
  const rounded = [...scores].map(([id, score]) => [id, Math.round(score * 100) / 100]);
  return rounded.sort(([a, high], [b, low]) => low - high || (a < b ? -1 : 1));
}

const scores = (artists) => artists.map(({ id, score }) => [id, score]);
const toggle = (as, artist_id, selected) => call("POST", `${PATH}/toggle`, { as, body: { artist_id, selected } });

describe("the list of artists", () => {
  test("is empty without a connection", async () => {
    const response = await get(PATH, { as: "bob" });
    assert.deepEqual(await data(response), { artists: [], connected: false });
    assert.deepEqual(await data(await get(`${PATH}?page=0`, { as: "bob" })), {
      artists: [],
      connected: false,
      pagination: { total: 0, page: 0, limit: 20, has_more: false },
    });
    assert.deepEqual(await callsOfSpotify(), {});
  });

  test("is whole, the highest score first", async () => {
    await data(await connect("ada", "listener"));
    await control("forget");
    const response = await get(PATH, { as: "ada" });
    const { artists, connected, ...rest } = await data(response);
    assert.equal(connected, true);
    assert.deepEqual(rest, {});
    assert.deepEqual(scores(artists), expected("listener", 137));
    const { id, name, genres } = library("listener", 137).top.short_term.find(({ id }) => id === artists[0].id);
    assert.equal(artists[0].image.split("/image/")[1], `${id}/160`);
    assert.deepEqual([artists[0].name, artists[0].genres, artists[0].selected], [name, genres, false]);
    assert.deepEqual(Object.keys(artists[0].ranks), Object.keys(WEIGHTS));
    assert.equal(response.headers.get("Cache-Control"), "private, no-cache");
    assert.equal(response.headers.get("Vary"), "Authorization, Cookie");
    // Two pages of each range, three of those who are followed.
    assert.deepEqual(await callsOfSpotify(), { "GET /v1/me/top/artists": 6, "GET /v1/me/following": 3 });
    const again = await get(PATH, { as: "ada", headers: { "If-None-Match": response.headers.get("ETag") } });
    assert.equal(again.status, 304);
  });

  test("pages by itself", async () => {
    await data(await connect("ada", "listener"));
    const all = expected("listener", 137);
    const cases = [
      ["page=0&limit=10", [0, 10, true]],
      ["page=1&limit=10", [10, 20, true]],
      ["page=6", [120, 137, false]],
      ["limit=100", [0, 100, true]],
      ["page=1&limit=100", [100, 137, false]],
      ["page=136&limit=1", [136, 137, false]],
      ["page=7", [0, 0, false]],
      ["page=999999999&limit=100", [0, 0, false]],
    ];
    for (const [query, [from, to, has_more]] of cases) {
      const { artists, pagination } = await data(await get(`${PATH}?${query}`, { as: "ada" }));
      assert.deepEqual(scores(artists), all.slice(from, to), query);
      const given = new URLSearchParams(query);
      const [page, limit] = [Number(given.get("page") ?? 0), Number(given.get("limit") ?? 20)];
      assert.deepEqual(pagination, { total: 137, page, limit, has_more });
    }
    await control("forget");
    for (const query of ["page=-1", "page=a", "page=1.5", "page=%2B1", "page=99999999999", "limit=0", "limit=101", "limit=1e1", "page=0&limit=-5"]) {
      await refused(await get(`${PATH}?${query}`, { as: "ada" }), 400, /whole number from/);
    }
    assert.deepEqual(await callsOfSpotify(), {});
  });

  test("has everybody, however many they are", async () => {
    await data(await connect("ada", "crowd"));
    for (const count of [10_000, 151, 50, 1, 0]) {
      await control("account", { account: "crowd", artists: count });
      const { artists } = await data(await get(PATH, { as: "ada" }));
      assert.equal(artists.length, count);
      assert.deepEqual(scores(artists), expected("crowd", count));
    }
  });

  test("belongs to its user alone", async () => {
    await data(await connect("ada", "adas"));
    await data(await connect("bob", "bobs"));
    const of = async (as) => scores((await data(await get(PATH, { as }))).artists);
    assert.deepEqual(await of("ada"), expected("adas", 137));
    assert.deepEqual(await of("bob"), expected("bobs", 137));
    const [[artist]] = expected("adas", 137);
    await data(await toggle("bob", artist, true));
    assert.equal((await data(await get(PATH, { as: "ada" }))).artists[0].selected, false);
    await data(await call("POST", "/api/user/platforms/disconnect", { as: "bob", body: { platform_slug: "spotify" } }));
    assert.deepEqual(await of("ada"), expected("adas", 137));
    for (const [method, path] of [["GET", PATH], ["POST", `${PATH}/toggle`], ["POST", `${PATH}/sync`]]) {
      await refused(await call(method, path, { body: method === "POST" ? { artist_id: artist, selected: true } : undefined }), 401);
    }
  });
});

describe("the selection", () => {
  test("is kept, and undone", async () => {
    await data(await connect("ada", "listener"));
    await origin.db.prepare("DELETE FROM selected_artists").run();
    const [[first], [second]] = expected("listener", 137);
    const selected = async () =>
      (await data(await get(PATH, { as: "ada" }))).artists.filter(({ selected }) => selected).map(({ id }) => id);
    assert.deepEqual(await data(await toggle("ada", second, true)), { artist_id: second, selected: true });
    await data(await toggle("ada", second, true));
    await data(await toggle("ada", first, true));
    assert.deepEqual(await selected(), [first, second]);
    await data(await toggle("ada", first, false));
    await data(await toggle("ada", "unknown", false));
    assert.deepEqual(await selected(), [second]);
    await data(await toggle("ada", second, false));
  });

  test("refuses what names no artist", async () => {
    for (const body of [{}, { artist_id: "a" }, { selected: true }, { artist_id: 1, selected: true }, { artist_id: "a", selected: "yes" }]) {
      await refused(await call("POST", `${PATH}/toggle`, { as: "ada", body }), 400, /artist_id/);
    }
    for (const id of ["", "a b", "../x", "é", "a".repeat(65)]) await refused(await toggle("ada", id, true), 400, /artist's id/);
    await refused(await call("POST", `${PATH}/toggle`, { as: "ada", body: "not JSON" }), 400, /expected/);
    await refused(await call("POST", `${PATH}/toggle`, { as: "ada" }), 400);
    await refused(await call("POST", `${PATH}/toggle`, { as: "ada", body: `{"artist_id":"${"a".repeat(70_000)}"}` }), 413);
  });
});

describe("stored scores", () => {
  const stored = async (user) => {
    const sql = "SELECT artist_id, score FROM artist_scores WHERE user_id = ? ORDER BY score DESC, artist_id";
    const { results } = await origin.db.prepare(sql).bind(user).all();
    return results.map(({ artist_id, score }) => [artist_id, score]);
  };
  const sync = (as) => call("POST", `${PATH}/sync`, { as });

  test("are brought up to date, and change no list", async () => {
    await data(await connect("ada", "listener"));
    const before = await get(PATH, { as: "ada" });
    for (const count of [10_000, 137]) {
      await control("account", { artists: count });
      const { artists, synced_at } = await data(await sync("ada"));
      assert.equal(artists, count);
      assert.deepEqual(await stored("abc123"), expected("listener", count));
      const { platforms } = await data(await get("/api/user/platforms", { as: "ada" }));
      assert.deepEqual([platforms[0].synced_at, platforms[0].scores], [synced_at, count]);
    }
    const after = await get(PATH, { as: "ada" });
    assert.equal(after.headers.get("ETag"), before.headers.get("ETag"));
    assert.deepEqual(await stored("bob7"), []);
  });

  test("go with the connection, and need one", async () => {
    await data(await connect("ada", "listener"));
    await data(await sync("ada"));
    await data(await call("POST", "/api/user/platforms/disconnect", { as: "ada", body: { platform_slug: "spotify" } }));
    assert.deepEqual(await stored("abc123"), []);
    await refused(await sync("ada"), 409, /connect/, /^not_connected$/);
  });
});
