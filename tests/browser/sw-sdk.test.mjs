// The built sw.js and the built SDK together: a mutation through the worker, and what the SDKs of all tabs make of it.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { built } from "./harness.mjs";
import { RATING, PROGRESS, send, stored, tell, until, waiting, Writes } from "./writes-world.mjs";

describe("the worker and the SDK", { timeout: 120_000 }, () => {
  let world, web;
  before(async () => {
    world = await Writes.start();
  });
  after(() => world.close());
  beforeEach(async () => {
    await world.fresh();
    ({ web } = world);
    const files = await readdir(built("sdk"), { recursive: true });
    for (const file of files.filter((file) => /\.(js|wasm)$/.test(file))) {
      const content = await readFile(built("sdk", file));
      const type = file.endsWith("js") ? "text/javascript" : "application/wasm";
      world.answers[`/sdk/${file}`] = (_, response) => response.writeHead(200, { "content-type": type }).end(content);
    }
  });
  afterEach(() => world.leave());

  /** A page of `user`'s with the SDK open, in the order that the documentation names; with an own credential in every request if `signed`. */
  async function tab(user, signed = false) {
    const page = await world.open();
    await page.evaluate(async (user, signed) => {
      const { open, register } = await import("/sdk/index.js");
      globalThis.worker = await register({ credential: async () => globalThis.token });
      globalThis.heard = [];
      worker.onMessage((message) => heard.push(message.type));
      await worker.identify(user);
      globalThis.cache = await open({ user, ...(signed && { credential: () => "Bearer his" }) });
    }, user, signed);
    return page;
  }

  const source = (page, cls) => page.evaluate(async (cls) => (await cache.get(cls, { fileId: "f1" })).source, cls);
  const isKept = async (page, cls) => assert.equal(await source(page, cls).then(() => source(page, cls)), "device");

  test("what an answer names is dropped from IndexedDB in the user's tabs, and in nobody else's", async () => {
    const [hers, second, his] = [await tab("ada"), await tab("ada"), await tab("bob", true)];
    for (const page of [hers, his]) await isKept(page, "ratings");
    world.answers[RATING] = (request, response) =>
      response.writeHead(200, { "content-type": "application/json", ...(request.method === "POST" && { "cache-group-invalidation": '"ratings:f1"' }) }).end("{}");
    assert.equal((await send(hers, "POST", RATING, "1")).status, 200);
    await until(async () => (await source(second, "ratings")) !== "device", "it is dropped in the other tab");
    assert.equal(await source(his, "ratings"), "device");
  });

  test("a mutation that had to wait drops what its event says, in tabs that are open and in one that comes later", async () => {
    const page = await tab("ada");
    await isKept(page, "watch-progress");
    await web.down();
    assert.equal((await send(page, "PUT", PROGRESS, '{"seconds":9}')).status, 202);
    await web.up();
    // The page hears that there is a network again, and the worker by it.
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await until(() => page.evaluate(() => heard.includes("tiercel:replayed")), "it was sent");
    assert.deepEqual(world.log, [`PUT ${PROGRESS} {"seconds":9}`]);
    await until(async () => (await source(page, "watch-progress")) !== "device", "it is dropped");
    // Without a page: what lies in IndexedDB is not believed when one comes.
    await isKept(page, "watch-progress");
    await web.down();
    assert.equal((await send(page, "PUT", PROGRESS, '{"seconds":10}')).status, 202);
    const other = await world.open();
    await page.close();
    await web.up();
    await tell(other, { type: "tiercel:replay" });
    assert.equal(world.log.at(-1), `PUT ${PROGRESS} {"seconds":10}`);
    const later = await tab("ada");
    await until(async () => (await source(later, "watch-progress")) !== "device", "it is dropped");
  });

  test("what was sent with Authorization goes out with what the page gives", async () => {
    const page = await tab("ada");
    await web.down();
    assert.equal((await send(page, "POST", RATING, "1", { authorization: "Bearer old" })).status, 202);
    await web.up();
    await page.evaluate(() => (globalThis.token = "Bearer new"));
    await tell(page, { type: "tiercel:replay" });
    assert.deepEqual(world.arrived.map(({ headers }) => headers.authorization), ["Bearer new"]);
  });

  test("the SDK's logout drops what waits, and the user's other tab is nobody's in the worker", async () => {
    const [page, second] = [await tab("ada"), await tab("ada")];
    await web.down();
    assert.equal((await send(page, "POST", RATING, "1")).status, 202);
    assert.equal((await waiting(page, "ada")).length, 1);
    await page.evaluate(() => cache.logout());
    await until(async () => (await stored(page, "videomi_ada_")).length === 0, "nothing of hers is left");
    assert.deepEqual(await send(second, "POST", RATING, "1"), { error: "TypeError" });
  });
});
