// What becomes of the list when Spotify fails: a clear error in time, and the connection stays.

import assert from "node:assert/strict";
import { before, beforeEach, describe, test } from "node:test";
import { call, callsOfSpotify, connect, control, data, get, origin, refused, useOriginWithSpotify } from "./client.mjs";

const TIMEOUT_MS = 3500;
useOriginWithSpotify({ SPOTIFY_TIMEOUT_MS: String(TIMEOUT_MS) });

const list = () => get("/api/user/artists", { as: "ada" });
const row = () => origin.db.prepare("SELECT * FROM connections WHERE user_id = 'abc123'").first();
const TOKEN = "/api/token";
const FIRST = { path: "/v1/me/top/artists" };
const MIDDLE = { path: "/v1/me/following", skip: 1 };

describe("Spotify", () => {
  let whole;
  before(async () => {
    await data(await connect("ada", "listener"));
    whole = await data(await list());
  });
  beforeEach(() => origin.db.prepare("UPDATE connections SET refreshing_at = NULL").run());

  const failures = [
    ["hangs", [FIRST, MIDDLE, { path: TOKEN }], { how: "hang" }, 504, "spotify_timeout"],
    ["stops in the middle of an answer", [FIRST], { how: "stall" }, 504, "spotify_timeout"],
    ["breaks the connection", [FIRST, MIDDLE, { path: TOKEN }], { how: "reset" }, 502, "spotify_unreachable"],
    ["sends no JSON", [FIRST, MIDDLE, { path: TOKEN }], { how: "garbage" }, 502, "spotify_failed"],
    ["fails", [FIRST, MIDDLE, { path: TOKEN }], { status: 500 }, 502, "spotify_failed"],
    ["is overloaded", [FIRST, { path: TOKEN }], { status: 503 }, 502, "spotify_failed"],
    ["forbids", [FIRST], { status: 403 }, 502, "spotify_failed"],
    ["redirects", [FIRST, { path: TOKEN }], { status: 302 }, 502, "spotify_failed"],
    ["limits for long", [FIRST, MIDDLE, { path: TOKEN }], { retry_after: 60 }, 503, "spotify_rate_limited"],
    ["limits for ever", [FIRST], { retry_after: 2, times: 1000 }, 503, "spotify_rate_limited"],
    ["limits and does not say how long", [FIRST], { retry_after: "soon" }, 503, "spotify_rate_limited"],
  ];
  for (const [what, places, fault, status, code] of failures) {
    test(`${what}: ${status} ${code}`, async () => {
      for (const place of places) {
        await control("reset");
        if (place.path === TOKEN) await origin.db.prepare("UPDATE connections SET expires_at = 0").run();
        const before = await row();
        // Broken connections are tried again by the runtime, as they may be.
        await control("fail", { times: 10, ...place, ...fault });
        const started = performance.now();
        const response = await refused(await list(), status, /Spotify/, new RegExp(`^${code}$`));
        const took = performance.now() - started;
        assert.ok(took < TIMEOUT_MS + 4000, `${place.path}: ${took} ms`);
        assert.equal(response.headers.get("Retry-After"), typeof fault.retry_after === "number" ? String(fault.retry_after) : null);
        const { access_token, refresh_token, revoked_at, refreshing_at } = await row();
        assert.deepEqual([refresh_token, revoked_at, refreshing_at], [before.refresh_token, null, null]);
        if (place.path === TOKEN) assert.equal(access_token, before.access_token);
        // It passes.
        await control("reset");
        assert.deepEqual(await data(await list()), whole);
      }
    });
  }

  test("limits for a moment: it is waited for", async () => {
    await control("forget");
    await control("fail", { path: "/v1/me/", times: 4, retry_after: 1 });
    const started = performance.now();
    assert.deepEqual(await data(await list()), whole);
    // One wait for the first calls of all four lists: one each would be too long.
    assert.ok(performance.now() - started >= 990);
    assert.deepEqual(await callsOfSpotify(), { "GET /v1/me/top/artists": 9, "GET /v1/me/following": 4 });
  });

  test("hangs while a connection is made: 504, and the connection before stays", async () => {
    const before = await row();
    await control("fail", { path: TOKEN, how: "hang" });
    await refused(await connect("ada", "other"), 504, /in time/, /^spotify_timeout$/);
    await control("fail", { path: "/v1/me", status: 500 });
    await refused(await connect("ada", "other"), 502, /500/, /^spotify_failed$/);
    assert.deepEqual(await row(), before);
  });

  test("fails in a synchronisation: stored scores stay", async () => {
    const sync = () => call("POST", "/api/user/artists/sync", { as: "ada" });
    const stored = () => origin.db.prepare("SELECT COUNT(*) AS n FROM artist_scores").first("n");
    await data(await sync());
    await control("fail", { ...MIDDLE, status: 500 });
    await refused(await sync(), 502, /500/, /^spotify_failed$/);
    assert.equal(await stored(), 137);
  });
});
