// The library of a user: lists, metadata, uploads and deletions.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { call, data, get, origin, refused, useOrigin } from "./client.mjs";
import { seeded } from "./origin.mjs";

useOrigin();

function uploadForm(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof File) form.append(name, value, value.name);
    else form.append(name, value);
  }
  return form;
}

const picture = (bytes = 1000, name = "holiday.png", type = "image/png") =>
  new File([new Uint8Array(bytes).map((_, index) => index)], name, { type });

async function upload(fields, as = "ada") {
  const { file } = await data(await call("POST", "/api/upload", { as, body: uploadForm(fields) }), 201);
  return file;
}

describe("the list of files", () => {
  const list = "/api/upload/user/abc123";

  test("is newest first, of one category or of all", async () => {
    const { files } = await data(await get(list, { as: "ada" }));
    assert.equal(files.length, 12);
    const times = files.map((file) => file.created_at);
    assert.deepEqual(times, times.toSorted().reverse());
    assert.deepEqual(files[0], {
      id: "v_sunrise_7f3a",
      name: "Sunrise over the ridge",
      category: "videos",
      type: "video/mp4",
      size: (await seeded("media/videos/v_sunrise_7f3a")).length,
      created_at: "2026-04-18T05:42:00.000Z",
      width: 640,
      height: 360,
      duration: 8,
    });
    const music = (await data(await get(`${list}?category=music`, { as: "ada" }))).files;
    assert.equal(music.length, 4);
    assert.ok(music.every((file) => file.category === "music" && !("width" in file)));
    await refused(await get(`${list}?category=books`, { as: "ada" }), 400, /videos, images or music/);
  });

  test("belongs to its user alone", async () => {
    await refused(await get(list), 401);
    await refused(await get(list, { as: "bob" }), 403);
    await refused(await get("/api/upload/user/abc123%2Fbob7", { as: "ada" }), 403);
  });

  test("has a validator and careful headers", async () => {
    const first = await get(list, { as: "ada" });
    const etag = first.headers.get("ETag");
    assert.match(etag, /^"[\w-]{22}"$/);
    assert.equal(first.headers.get("Cache-Control"), "private, no-cache");
    assert.equal(first.headers.get("Vary"), "Authorization, Cookie");
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const again = await get(list, { as: "ada", headers: { "If-None-Match": known } });
      assert.equal(again.status, 304, known);
      assert.equal(again.headers.get("ETag"), etag);
      assert.equal(await again.text(), "");
    }
    const other = await get(list, { as: "ada", headers: { "If-None-Match": '"other"' } });
    assert.equal(other.status, 200);
    const head = await call("HEAD", list, { as: "ada" });
    assert.deepEqual([head.status, head.headers.get("ETag")], [200, etag]);
    assert.equal(head.headers.get("Content-Length"), String((await first.arrayBuffer()).byteLength));
  });

  test("agrees with the seeded objects", async () => {
    for (const [as, id] of [["ada", "abc123"], ["bob", "bob7"]]) {
      for (const file of (await data(await get(`/api/upload/user/${id}`, { as }))).files) {
        assert.equal((await seeded(`media/${file.category}/${file.id}`)).length, file.size, file.id);
      }
    }
  });
});

describe("metadata", () => {
  const path = "/api/files/videos/v_fjord_92be/info";

  test("is for the owner alone, with a validator", async () => {
    const response = await get(path, { as: "ada" });
    const { file } = await data(response);
    assert.equal(file.description, "Still water, slow boat.");
    assert.equal(file.updated_at, file.created_at);
    assert.ok(!("owner_id" in file));
    const again = await get(path, { as: "ada", headers: { "If-None-Match": response.headers.get("ETag") } });
    assert.equal(again.status, 304);
    await refused(await get(path), 401);
    await refused(await get(path, { as: "bob" }), 403);
    await refused(await get("/api/files/videos/v_none/info", { as: "ada" }), 404);
    await refused(await call("PATCH", path, { as: "bob", body: { name: "Mine" } }), 403);
  });

  test("a patch names what really changed", async () => {
    const patch = async (body) => data(await call("PATCH", path, { as: "ada", body }));
    const { file } = await data(await get(path, { as: "ada" }));
    assert.deepEqual((await patch({ name: file.name, description: file.description })).changed, []);
    assert.deepEqual((await patch({ name: "  Fjord, renamed " })).changed, ["name"]);
    const both = await patch({ name: "Fjord", description: "Calm." });
    assert.deepEqual(both.changed, ["name", "description"]);
    assert.deepEqual([both.file.name, both.file.description], ["Fjord", "Calm."]);
    assert.deepEqual((await patch({ name: "Fjord", description: "Calmer." })).changed, ["description"]);
    const { files } = await data(await get("/api/upload/user/abc123?category=videos", { as: "ada" }));
    assert.equal(files.find((entry) => entry.id === file.id).name, "Fjord");
  });

  test("a patch that makes no sense says why", async () => {
    const bad = [
      ["{", /expected a JSON object with "name"/],
      ["", /expected a JSON object/],
      ["[]", /expected a JSON object/],
      [{}, /nothing to change/],
      [{ name: 5 }, /invalid type: integer/],
      [{ size: 5 }, /unknown field `size`/],
      [{ name: "   " }, /1 to 200 characters/],
      [{ name: "a\u0000b" }, /control/],
      [{ name: "x".repeat(201) }, /1 to 200 characters/],
      [{ description: "x".repeat(5001) }, /5000 characters/],
    ];
    for (const [body, message] of bad) await refused(await call("PATCH", path, { as: "ada", body }), 400, message);
    await refused(await call("PATCH", path, { as: "ada", body: { name: "x".repeat(70_000) } }), 413);
  });
});

describe("uploads", () => {
  test("a file is listed, counted, served and deleted", async () => {
    const before = await data(await get("/api/stats", { as: "ada" }));
    const file = await upload({
      file: picture(),
      category: "images",
      thumbnail: picture(50, "t.webp", "image/webp"),
      width: "40",
      height: "25",
    });
    assert.match(file.id, /^i_[0-9a-f]{32}$/);
    assert.deepEqual(
      [file.name, file.type, file.size, file.width, file.height, "duration" in file],
      ["holiday.png", "image/png", 1000, 40, 25, false],
    );
    const { files } = await data(await get("/api/upload/user/abc123?category=images", { as: "ada" }));
    assert.deepEqual(files[0], file);
    const now = await data(await get("/api/stats", { as: "ada" }));
    assert.deepEqual([now.files, now.bytes], [before.files + 1, before.bytes + 1000]);

    const path = `/api/files/images/${file.id}`;
    const served = await get(path, { headers: { Range: "bytes=10-12" } });
    assert.deepEqual([...new Uint8Array(await served.arrayBuffer())], [10, 11, 12]);
    const thumbnail = await get(`${path}/thumbnail`);
    assert.equal(thumbnail.headers.get("Content-Type"), "image/webp");
    assert.equal((await thumbnail.arrayBuffer()).byteLength, 50);

    await data(await call("POST", `/api/ratings/${file.id}`, { as: "bob", body: { score: 5 } }));
    await data(await call("PUT", `/api/watch-progress/${file.id}`, { as: "bob", body: { seconds: 1 } }));
    await refused(await call("DELETE", path), 401);
    await refused(await call("DELETE", path, { as: "bob" }), 403);
    assert.deepEqual(await data(await call("DELETE", path, { as: "ada" })), { id: file.id, category: "images" });
    for (const gone of [path, `${path}/thumbnail`, `/api/ratings/${file.id}`]) await refused(await get(gone), 404);
    await refused(await call("DELETE", path, { as: "ada" }), 404);
    assert.deepEqual(await data(await get("/api/stats", { as: "ada" })), before);
    const left = await origin.db.prepare("SELECT COUNT(*) AS n FROM ratings WHERE file_id = ?").bind(file.id).first();
    assert.equal(left.n, 0);
  });

  test("a file without a thumbnail gets a drawing", async () => {
    const file = await upload({
      file: picture(10, "x.mp3", "audio/mpeg"),
      category: "music",
      name: "Rock & <Roll>",
      duration: "12.5",
    });
    assert.deepEqual([file.name, file.duration], ["Rock & <Roll>", 12.5]);
    const response = await get(`/api/files/music/${file.id}/thumbnail`);
    assert.equal(response.headers.get("Content-Type"), "image/svg+xml; charset=utf-8");
    assert.match(await response.text(), /Rock &amp; &lt;Roll&gt;<\/text>/);
  });

  test("names in any script survive", async () => {
    const file = await upload({ file: picture(3, "été 🌅.webp", "image/webp"), category: "images" });
    assert.equal(file.name, "été 🌅.webp");
  });

  test("what is not an upload is refused with the reason", async () => {
    const bad = [
      [{ category: "images" }, 400, /field file/],
      [{ file: "text", category: "images" }, 400, /field file/],
      [{ file: picture() }, 400, /videos, images or music/],
      [{ file: picture(), category: "books" }, 400, /videos, images or music/],
      [{ file: picture(), category: "videos" }, 415, /videos may be video\/mp4/],
      [{ file: picture(9, "x.svg", "image/svg+xml"), category: "images" }, 415, /image\/svg\+xml/],
      [{ file: picture(), category: "images", width: "-1" }, 400, /width/],
      [{ file: picture(), category: "images", name: "a\nb" }, 400, /name/],
      [{ file: picture(), category: "images", thumbnail: picture(2 << 20) }, 413, /1 MiB/],
      [{ file: picture(), category: "images", thumbnail: picture(9, "x.js", "text/javascript") }, 415, /thumbnail/],
    ];
    for (const [fields, status, message] of bad) {
      await refused(await call("POST", "/api/upload", { as: "ada", body: uploadForm(fields) }), status, message);
    }
    await refused(await call("POST", "/api/upload", { as: "ada", body: { file: 1 } }), 400, /multipart/);
    await refused(await call("POST", "/api/upload", { as: "ada" }), 400, /multipart/);
    await refused(await call("POST", "/api/upload", { body: uploadForm({ file: picture(), category: "images" }) }), 401);
  });

  test("50 MiB are taken, more is not", async () => {
    const limit = 50 * 1024 * 1024;
    const file = await upload({ file: new File([new Uint8Array(limit)], "long.mp4", { type: "video/mp4" }), category: "videos" });
    assert.equal(file.size, limit);
    await data(await call("DELETE", `/api/files/videos/${file.id}`, { as: "ada" }));
    for (const size of [limit + 1, limit + (3 << 20)]) {
      const body = uploadForm({ file: new File([new Uint8Array(size)], "longer.mp4", { type: "video/mp4" }), category: "videos" });
      await refused(await call("POST", "/api/upload", { as: "ada", body }), 413, /50 MiB/);
    }
  });
});
