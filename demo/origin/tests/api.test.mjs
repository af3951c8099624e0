// The rest of Videomi's API, and what every resource has in common.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { call, data, get, refused, useOrigin } from "./client.mjs";

useOrigin();

describe("ratings", () => {
  test("one score per user and file", async () => {
    const path = "/api/ratings/i_peaks_0a94";
    const first = await get(path);
    assert.deepEqual(await data(first), { file_id: "i_peaks_0a94", average: null, count: 0 });
    assert.equal(first.headers.get("Cache-Control"), "no-cache");
    const rate = async (as, score) => data(await call("POST", path, { as, body: { score } }));
    assert.deepEqual(await rate("ada", 5), { average: 5, count: 1 });
    assert.deepEqual(await rate("bob", 2), { average: 3.5, count: 2 });
    assert.deepEqual(await rate("ada", 3), { average: 2.5, count: 2 });
    const again = await get(path, { headers: { "If-None-Match": first.headers.get("ETag") } });
    assert.deepEqual(await data(again), { file_id: "i_peaks_0a94", average: 2.5, count: 2 });
  });

  test("the best ten, best first", async () => {
    const { files } = await data(await get("/api/ratings/top10"));
    assert.equal(files.length, 10);
    assert.deepEqual(files[0], {
      id: "v_sunrise_7f3a",
      name: "Sunrise over the ridge",
      category: "videos",
      average: 5,
      count: 2,
    });
    const averages = files.map((file) => file.average);
    assert.deepEqual(averages, averages.toSorted((a, b) => b - a));
  });

  test("a rating that makes no sense says why", async () => {
    const path = "/api/ratings/i_peaks_0a94";
    for (const score of [0, 6, 300, -1, 2.5, "5", null]) {
      await refused(await call("POST", path, { as: "ada", body: { score } }), 400, /from 1 to 5/);
    }
    await refused(await call("POST", path, { body: { score: 5 } }), 401);
    await refused(await call("POST", "/api/ratings/none", { as: "ada", body: { score: 5 } }), 404);
    await refused(await get("/api/ratings/none"), 404);
  });
});

describe("what is private", () => {
  test("watch progress, kept by no cache", async () => {
    const path = "/api/watch-progress/v_sunrise_7f3a";
    const none = await get(path, { as: "ada" });
    assert.equal(none.headers.get("Cache-Control"), "no-store");
    assert.deepEqual(await data(none), { file_id: "v_sunrise_7f3a", seconds: 0, updated_at: null });
    const put = await data(await call("PUT", path, { as: "ada", body: { seconds: 4.25 } }));
    assert.equal(put.seconds, 4.25);
    assert.deepEqual(await data(await get(path, { as: "ada" })), put);
    assert.equal((await data(await get(path, { as: "bob" }))).seconds, 0);
    const { progress } = await data(await get("/api/watch-progress", { as: "ada" }));
    assert.deepEqual(progress.map((entry) => entry.file_id), ["v_sunrise_7f3a", "m_orbit_68ca", "v_northern_c41d"]);
    for (const seconds of [-1, "4", null, 1e12]) {
      await refused(await call("PUT", path, { as: "ada", body: { seconds } }), 400, /seconds/);
    }
    await refused(await call("PUT", "/api/watch-progress/none", { as: "ada", body: { seconds: 1 } }), 404);
    await refused(await get("/api/watch-progress"), 401);
  });

  test("profile and billing", async () => {
    const me = await get("/api/profile/me", { as: "bob" });
    assert.equal(me.headers.get("Cache-Control"), "no-store");
    assert.deepEqual((await data(me)).user, {
      id: "bob7",
      name: "Bob",
      email: "bob@videomi.example",
      created_at: "2026-02-03T16:40:00.000Z",
    });
    const renamed = await data(await call("PATCH", "/api/profile/me", { as: "bob", body: { name: "Robert" } }));
    assert.equal(renamed.user.name, "Robert");
    assert.equal((await data(await get("/api/auth/session", { as: "bob" }))).user.name, "Robert");
    await refused(await call("PATCH", "/api/profile/me", { as: "bob", body: { name: "" } }), 400);
    await refused(await get("/api/profile/me"), 401);

    const plan = await data(await get("/api/billing/plan", { as: "ada" }));
    assert.deepEqual([plan.plan, plan.renews_at], ["studio", "2027-01-12T00:00:00.000Z"]);
    const { bytes } = await data(await get("/api/stats", { as: "ada" }));
    assert.equal(plan.storage.used_bytes, bytes);
    await refused(await get("/api/billing/plan"), 401);
  });

  test("stats add up", async () => {
    const response = await get("/api/stats", { as: "bob" });
    const stats = await data(response);
    const { videos, images, music } = stats.by_category;
    assert.deepEqual([videos.files, images.files, music.files, stats.files], [1, 3, 1, 5]);
    assert.equal(videos.bytes + images.bytes + music.bytes, stats.bytes);
    const again = await get("/api/stats", { as: "bob", headers: { "If-None-Match": response.headers.get("ETag") } });
    assert.equal(again.status, 304);
    await refused(await get("/api/stats"), 401);
  });
});

describe("routing", () => {
  test("an unknown resource is 404, a wrong method 405 with Allow", async () => {
    for (const path of ["/api", "/api/", "/api/none", "/api/stats/x", "/api/files", "/api/auth", "/api/user", "/api/user/artist", "/api//stats", "/api/%ff"]) {
      await refused(await get(path), 404);
    }
    const allowed = {
      "/api/auth/login": "POST",
      "/api/stats": "GET, HEAD",
      "/api/upload": "POST",
      "/api/files/videos/v_sunrise_7f3a": "GET, HEAD, DELETE",
      "/api/files/videos/v_sunrise_7f3a/info": "GET, HEAD, PATCH",
      "/api/ratings/v_sunrise_7f3a": "GET, HEAD, POST",
      "/api/user/artists": "GET, HEAD",
      "/api/user/artists/sync": "POST",
      "/api/user/artists/toggle": "POST",
      "/api/user/platforms": "GET, HEAD",
      "/api/user/platforms/connect": "POST",
      "/api/user/platforms/disconnect": "POST",
      "/api/watch-progress/v_sunrise_7f3a": "GET, HEAD, PUT",
    };
    for (const [path, allow] of Object.entries(allowed)) {
      const response = await refused(await call("OPTIONS", path, { as: "ada" }), 405);
      assert.equal(response.headers.get("Allow"), allow, path);
    }
  });

  test("the web app answers outside /api, and its routes start from its page", async () => {
    const page = (path, headers) => get(path, { headers });
    assert.match(await (await page("/", {})).text(), /Videomi/);
    assert.equal((await page("/app.js", {})).headers.get("Content-Type"), "text/javascript");
    const route = await page("/library/videos", { Accept: "text/html,*/*" });
    assert.deepEqual([route.status, route.headers.get("Content-Type")], [200, "text/html"]);
    assert.equal((await page("/missing.js", { Accept: "*/*" })).status, 404);
    assert.equal((await page("/apis", {})).status, 404);
    assert.equal((await call("POST", "/library", { headers: { Accept: "text/html" } })).status, 404);
  });
});
