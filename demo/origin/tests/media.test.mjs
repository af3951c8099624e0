// The bytes of files and thumbnails: ranges, preconditions, HEAD.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { call, get, refused, useOrigin } from "./client.mjs";
import { manifest, seeded } from "./origin.mjs";

useOrigin();

describe("media", () => {
  const path = "/api/files/videos/v_sunrise_7f3a";
  const range = (value, more = {}) => get(path, { headers: { Range: value, ...more } });
  let bytes;
  before(async () => (bytes = await seeded("media/videos/v_sunrise_7f3a")));

  test("is public, whole and immutable", async () => {
    const response = await get(path);
    assert.equal(response.status, 200);
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
    const header = (name) => response.headers.get(name);
    assert.equal(header("Content-Type"), "video/mp4");
    assert.equal(header("Content-Length"), String(bytes.length));
    assert.equal(header("Accept-Ranges"), "bytes");
    assert.equal(header("Cache-Control"), "public, max-age=31536000, immutable");
    assert.match(header("ETag"), /^"[0-9a-f]+"$/);
    assert.match(header("Last-Modified"), /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  });

  test("every seeded object is served with its type", async () => {
    for (const { key, contentType } of manifest) {
      const [kind, category, id] = key.split("/");
      const response = await get(`/api/files/${category}/${id}${kind === "thumbnails" ? "/thumbnail" : ""}`);
      assert.deepEqual([response.status, response.headers.get("Content-Type")], [200, contentType], key);
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), await seeded(key));
    }
  });

  test("one range is 206", async () => {
    const size = bytes.length;
    const cases = [
      ["bytes=0-1", 0, 2],
      ["bytes=100-199", 100, 200],
      [`bytes=${size - 5}-`, size - 5, size],
      ["bytes=0-", 0, size],
      ["bytes=-500", size - 500, size],
      ["bytes=-999999999", 0, size],
      ["bytes=10-999999999", 10, size],
      ["BYTES=3-3", 3, 4],
    ];
    for (const [value, from, to] of cases) {
      const response = await range(value);
      assert.equal(response.status, 206, value);
      assert.equal(response.headers.get("Content-Range"), `bytes ${from}-${to - 1}/${size}`);
      assert.equal(response.headers.get("Content-Length"), String(to - from));
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes.subarray(from, to));
    }
  });

  test("a range beyond the end is 416 with the size", async () => {
    for (const value of [`bytes=${bytes.length}-`, "bytes=99999999999999999999-", "bytes=-0"]) {
      const response = await refused(await range(value), 416);
      assert.equal(response.headers.get("Content-Range"), `bytes */${bytes.length}`);
    }
  });

  test("a range that is malformed, manifold or of another unit is ignored", async () => {
    for (const value of ["bytes=5-2", "bytes=a-b", "bytes=", "bytes=0-1,5-6", "items=0-1", "0-5"]) {
      const response = await range(value);
      assert.equal(response.status, 200, value);
      assert.equal((await response.arrayBuffer()).byteLength, bytes.length);
    }
  });

  test("preconditions come before the range, and If-Range guards it", async () => {
    const plain = await get(path);
    await plain.arrayBuffer();
    const etag = plain.headers.get("ETag");
    const modified = plain.headers.get("Last-Modified");
    assert.equal((await get(path, { headers: { "If-None-Match": etag } })).status, 304);
    assert.equal((await range("bytes=0-1", { "If-None-Match": etag })).status, 304);
    assert.equal((await range("bytes=0-1", { "If-None-Match": '"other"' })).status, 206);
    assert.equal((await range("bytes=0-1", { "If-Range": etag })).status, 206);
    assert.equal((await range("bytes=0-1", { "If-Range": modified })).status, 206);
    for (const stale of ['"other"', `W/${etag}`, "Thu, 01 Jan 1970 00:00:00 GMT", "rubbish"]) {
      const response = await range("bytes=0-1", { "If-Range": stale });
      assert.equal(response.status, 200, stale);
      assert.equal((await response.arrayBuffer()).byteLength, bytes.length);
    }
  });

  test("HEAD tells the same without the content", async () => {
    const response = await call("HEAD", path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("Content-Length"), String(bytes.length));
    assert.equal(response.headers.get("Accept-Ranges"), "bytes");
    assert.equal((await call("HEAD", path, { headers: { Range: "bytes=0-1" } })).status, 200);
  });

  test("what is not there is 404", async () => {
    const paths = ["videos/v_none", "images/v_sunrise_7f3a", "books/v_sunrise_7f3a", "videos/..%2Fv_sunrise_7f3a", "videos/%zz"];
    for (const path of paths) {
      await refused(await get(`/api/files/${path}`), 404);
      await refused(await get(`/api/files/${path}/thumbnail`), 404);
    }
  });
});
