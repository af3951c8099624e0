// Connecting to Spotify, and the tokens that come of it.

import assert from "node:assert/strict";
import { setImmediate as others } from "node:timers/promises";
import { afterEach, describe, test } from "node:test";
import { call, callsOfSpotify, connect, control, data, get, origin, refused, SECRET, spotify, useOriginWithSpotify } from "./client.mjs";

useOriginWithSpotify();

const LIST = "/api/user/artists";
const REVOKED = /^SPOTIFY_TOKEN_REVOKED$/;
const artists = (as) => get(LIST, { as });
const disconnect = (as) => call("POST", "/api/user/platforms/disconnect", { as, body: { platform_slug: "spotify" } });
const platform = async (as) => (await data(await get("/api/user/platforms", { as }))).platforms[0];
const row = (user = "abc123") => origin.db.prepare("SELECT * FROM connections WHERE user_id = ?").bind(user).first();
/** The access token is about to run out. */
const runOut = () => origin.db.prepare("UPDATE connections SET expires_at = ?").bind(Date.now() + 30_000).run();
const refreshes = async () => (await callsOfSpotify())["POST /api/token"] ?? 0;

async function until(probe, what) {
  for (const end = Date.now() + 10_000; Date.now() < end; await others()) if (await probe()) return;
  assert.fail(`never: ${what}`);
}

afterEach(() => assert.doesNotMatch(origin.log.join("\n"), SECRET));

describe("a connection", () => {
  test("is made with a code, shown, and removed", async () => {
    await data(await disconnect("ada"));
    const none = await platform("ada");
    assert.deepEqual({ ...none, authorize_url: "" }, {
      slug: "spotify", name: "Spotify", connected: false, revoked: false, account: null, connected_at: null, synced_at: null, scores: 0, authorize_url: "",
    });
    const authorize = new URL(none.authorize_url);
    assert.equal(authorize.origin + authorize.pathname, `${spotify.url}/authorize`);
    assert.equal(authorize.searchParams.get("scope"), "user-top-read user-follow-read");
    const response = await connect("ada", "listener");
    assert.equal(response.headers.get("Cache-Control"), "no-store");
    const made = (await data(response)).platform;
    assert.deepEqual([made.connected, made.revoked, made.account], [true, false, { id: "listener", name: "Listener" }]);
    assert.ok(Math.abs(Date.parse(made.connected_at) - Date.now()) < 60_000);
    assert.deepEqual(await platform("ada"), made);
    assert.equal((await platform("bob")).connected, false);
    assert.deepEqual(await data(await disconnect("ada")), { platform_slug: "spotify", was_connected: true });
    assert.deepEqual(await data(await disconnect("ada")), { platform_slug: "spotify", was_connected: false });
    assert.equal((await platform("ada")).connected, false);
    assert.equal(await row(), null);
  });

  test("takes the place of the one before", async () => {
    await data(await connect("ada", "first"));
    await data(await connect("ada", "second"));
    assert.equal((await platform("ada")).account.id, "second");
  });

  test("is not made with a code that is not good", async () => {
    await data(await connect("ada", "listener"));
    const before = await row();
    const { authorize_url } = await platform("ada");
    const redirect_uri = "http://videomi.example/";
    const granted = await fetch(`${authorize_url}&redirect_uri=${encodeURIComponent(redirect_uri)}`, { redirect: "manual" });
    const code = new URL(granted.headers.get("Location")).searchParams.get("code");
    const post = (body) => call("POST", "/api/user/platforms/connect", { as: "bob", body: { platform_slug: "spotify", ...body } });
    await refused(await post({ code: "code-made-up", redirect_uri }), 400, /code/, /^spotify_code_refused$/);
    await refused(await post({ code: code.replace("code", "kode"), redirect_uri }), 400, /code/, /^spotify_code_refused$/);
    await data(await post({ code, redirect_uri }));
    await data(await disconnect("bob"));
    await refused(await post({ code, redirect_uri }), 400, /used before/, /^spotify_code_refused$/);
    assert.equal(await row("bob7"), null);
    assert.deepEqual(await row(), before);
  });

  test("needs a body that makes sense, and a session", async () => {
    const good = { platform_slug: "spotify", code: "c", redirect_uri: "http://videomi.example/" };
    const bad = [{}, { ...good, platform_slug: "deezer" }, { ...good, code: "" }, { ...good, redirect_uri: "" }, { ...good, code: 7 }, { ...good, code: undefined }];
    await control("forget");
    for (const body of bad) {
      await refused(await call("POST", "/api/user/platforms/connect", { as: "ada", body }), 400, /platform_slug/);
    }
    for (const body of [{}, { platform_slug: "deezer" }, { platform_slug: null }, "spotify", "[]"]) {
      await refused(await call("POST", "/api/user/platforms/disconnect", { as: "ada", body }), 400, /platform_slug/);
    }
    for (const what of ["connect", "disconnect"]) {
      await refused(await call("POST", `/api/user/platforms/${what}`, { body: good }), 401);
    }
    await refused(await get("/api/user/platforms"), 401);
    await refused(await get("/api/user/platforms/deezer", { as: "ada" }), 404);
    assert.deepEqual(await callsOfSpotify(), {});
  });
});

describe("tokens", () => {
  test("are refreshed when they run out, once", async () => {
    await data(await connect("ada", "listener"));
    const before = await row();
    await control("forget");
    await data(await artists("ada"));
    assert.equal(await refreshes(), 0);
    await runOut();
    await data(await artists("ada"));
    assert.equal(await refreshes(), 1);
    const after = await row();
    assert.notEqual(after.access_token, before.access_token);
    // Spotify named no new one: the old one stays.
    assert.equal(after.refresh_token, before.refresh_token);
    assert.ok(after.expires_at > Date.now() + 3_000_000);
    await data(await artists("ada"));
    assert.equal(await refreshes(), 0);
  });

  test("are kept when a refresh replaces both", async () => {
    await data(await connect("ada", "listener"));
    await control("tokens", { rotate: true });
    const seen = new Set();
    for (let turn = 0; turn < 3; turn++) {
      await runOut();
      await data(await artists("ada"));
      seen.add((await row()).refresh_token);
    }
    assert.equal(seen.size, 3);
  });

  test("are refreshed by one of many requests at once", async () => {
    await data(await connect("ada", "listener"));
    await control("tokens", { rotate: true });
    await control("latency", { ms: 50 });
    await runOut();
    await control("forget");
    const all = await Promise.all(Array.from({ length: 4 }, () => artists("ada")));
    for (const response of all) await data(response);
    assert.equal(await refreshes(), 1);
  });

  test("that come when the client has gone are kept", async () => {
    await data(await connect("ada", "listener"));
    await control("tokens", { rotate: true });
    await control("latency", { ms: 400 });
    await runOut();
    const before = await row();
    await control("forget");
    const client = new AbortController();
    const gone = get(LIST, { as: "ada", signal: client.signal });
    await until(async () => (await callsOfSpotify({ forget: false }))["POST /api/token"], "the refresh has begun");
    client.abort();
    await assert.rejects(gone, { name: "AbortError" });
    await until(async () => (await row()).refresh_token !== before.refresh_token, "the new tokens are kept");
    // It goes on to its end.
    await until(async () => (await callsOfSpotify({ forget: false }))["GET /v1/me/following"] === 3, "all is asked for");
    await control("latency", { ms: 0 });
    await data(await artists("ada"));
  });

  test("that the Web API refuses in the middle are refreshed, once for all calls", async () => {
    await data(await connect("ada", "listener"));
    const whole = await data(await artists("ada"));
    await control("forget");
    await control("expire");
    assert.deepEqual(await data(await artists("ada")), whole);
    assert.equal(await refreshes(), 1);
    await control("fail", { path: "/v1/me/following", skip: 1, status: 401 });
    assert.deepEqual(await data(await artists("ada")), whole);
    assert.deepEqual(await callsOfSpotify(), { "POST /api/token": 1, "GET /v1/me/top/artists": 6, "GET /v1/me/following": 4 });
  });

  test("that stay refused are not refreshed for ever", async () => {
    await data(await connect("ada", "listener"));
    await control("forget");
    await control("fail", { path: "/v1/", times: 100, status: 401 });
    await refused(await artists("ada"), 502, /401/, /^spotify_failed$/);
    assert.equal(await refreshes(), 1);
  });

  test("of a connection that a crash left refreshing are refreshed all the same", async () => {
    await data(await connect("ada", "listener"));
    await runOut();
    await origin.db.prepare("UPDATE connections SET refreshing_at = ?").bind(Date.now() - 20_000).run();
    await data(await artists("ada"));
  });
});

describe("a revoked connection", () => {
  test("says so, is remembered, and is healed by a new one", async () => {
    await data(await connect("ada", "listener"));
    await control("revoke");
    const response = await refused(await artists("ada"), 403, /connect again/, REVOKED);
    assert.equal(response.headers.get("Vary"), "Authorization, Cookie");
    assert.equal((await platform("ada")).revoked, true);
    assert.equal((await platform("ada")).connected, true);
    await control("forget");
    await refused(await artists("ada"), 403, /./, REVOKED);
    await refused(await call("POST", `${LIST}/sync`, { as: "ada" }), 403, /./, REVOKED);
    // What is revoked stays so: nobody asks again.
    assert.deepEqual(await callsOfSpotify(), {});
    await data(await disconnect("ada"));
    assert.deepEqual(await data(await artists("ada")), { artists: [], connected: false });
    await data(await connect("ada", "listener"));
    assert.equal((await data(await artists("ada"))).artists.length, 137);
    assert.equal((await platform("ada")).revoked, false);
  });

  test("without disconnecting first is healed too", async () => {
    await data(await connect("ada", "listener"));
    await control("revoke");
    await refused(await artists("ada"), 403, /./, REVOKED);
    await data(await connect("ada", "listener"));
    assert.equal((await data(await artists("ada"))).artists.length, 137);
  });

  test("is found by the refresh alone", async () => {
    await data(await connect("ada", "listener"));
    await runOut();
    await control("revoke");
    await control("forget");
    await refused(await artists("ada"), 403, /./, REVOKED);
    assert.deepEqual(await callsOfSpotify(), { "POST /api/token": 1 });
  });

  test("leaves other users alone", async () => {
    await data(await connect("ada", "adas"));
    await data(await connect("bob", "bobs"));
    await control("revoke", { account: "adas" });
    await refused(await artists("ada"), 403, /./, REVOKED);
    assert.equal((await data(await artists("bob"))).artists.length, 137);
  });
});
