// What a worker that lives long takes of memory: what it has taken once is enough for as much again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readFile } from "node:fs/promises";
import { built, chromium, controlledPage, get, site, tell, until } from "./harness.mjs";

/** In front of the script: keeps the memory of the wasm, so that it can be measured. */
const WATCH = `
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (wasm) {
    const instance = new Instance(wasm);
    if (instance.exports.step) self.watched = instance.exports.memory;
    return instance;
  };
`;

test("memory does not grow with the number of requests", { timeout: 120_000 }, async () => {
  const script = WATCH + (await readFile(built("sw.js"), "utf8"));
  const web = await site((request, response) => {
    if (request.url !== "/sw.js" && !request.url.endsWith("/thumbnail")) return false;
    const type = request.url === "/sw.js" ? "text/javascript" : "text/plain";
    response.writeHead(200, { "content-type": type, etag: '"1"' }).end(request.url === "/sw.js" ? script : request.url);
    return true;
  });
  const chrome = await chromium();
  try {
    const page = await controlledPage(chrome.browser, web.url);
    await tell(page, { type: "tiercel:identify", user: "ada" });
    const target = await chrome.browser.waitForTarget((target) => target.type() === "service_worker");
    const worker = await target.worker();
    const taken = () => worker.evaluate(() => self.watched.buffer.byteLength);
    const path = "/api/files/videos/f1/thumbnail";
    await get(page, path);
    await until(async () => (await get(page, path)).headers["cache-status"].includes("hit"), "the thumbnail is stored");
    // Texts of every size up to 48 KiB, hits and misses, purges.
    const round = (name) => page.evaluate(async (path, name) => {
      for (let i = 0; i < 96; i++) {
        const url = i % 8 ? path : `/api/files/videos/${name}${i}/thumbnail`;
        await (await fetch(url, { headers: { "x-long": "x".repeat(i * 512) } })).text();
      }
    }, path, name).then(() => tell(page, { type: "tiercel:purge", names: Array.from({ length: 12 }, (_, i) => `file:${name}${i * 8}`) }));
    for (const name of ["a", "b"]) await round(name);
    const before = await taken();
    for (const name of ["c", "d", "e", "f", "g", "h"]) await round(name);
    const after = await taken();
    assert.ok(before < 8 << 20, `it takes little: ${before} bytes`);
    assert.ok(after <= before + (1 << 17), `${before} bytes, then ${after}`);
  } finally {
    await chrome.close();
    await web.close();
  }
});
