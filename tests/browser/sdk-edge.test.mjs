// The SDK before the real edge, of which two isolates answer in turn: whoever has changed something gets nothing older.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { demoWorld } from "./demo-world.mjs";
import { built, chromium } from "./harness.mjs";

const FILE = "v_sunrise_7f3a";
const ROUNDS = 10;

let cloud, chrome, front;
before(async () => {
  cloud = await demoWorld({ edge: { isolates: 2 } });
  chrome = await chromium();
  front = await frontDoor(cloud.edges.map(({ url }) => url));
});
after(async () => {
  await chrome?.close();
  await front?.close();
  await cloud?.close();
});

/**
 * One site before both isolates: `toEdge` says which one answers. The edge's cookie with the token is kept from the browser, so
 * that it is the SDK that carries it, or nobody.
 */
async function frontDoor(edges) {
  const door = { toEdge: 0, tokens: [] };
  const server = createServer(async (request, response) => {
    if (request.url.startsWith("/api/")) {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      if (request.method === "GET") door.tokens.push(request.headers["tiercel-consistency"] ?? null);
      const { host, connection, ...headers } = request.headers;
      const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
      const answer = await fetch(edges[door.toEdge] + request.url, { method: request.method, headers, body });
      for (const [name, value] of answer.headers) {
        if (!["set-cookie", "content-encoding", "content-length", "transfer-encoding"].includes(name)) response.setHeader(name, value);
      }
      response.setHeader("set-cookie", answer.headers.getSetCookie().filter((line) => !line.startsWith("tiercel-seen-")));
      response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
      return;
    }
    if (request.url.startsWith("/sdk/")) {
      const type = request.url.endsWith(".wasm") ? "application/wasm" : "text/javascript";
      response.writeHead(200, { "content-type": type }).end(await readFile(built(path.normalize(request.url.slice(1)))));
      return;
    }
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>edge</title><link rel=icon href=data:,>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  door.url = `http://localhost:${server.address().port}`;
  door.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return door;
}

test("after a mutation no isolate of the edge gives this user older data, by the token that the SDK carries", { timeout: 60_000 }, async () => {
  const page = await chrome.browser.newPage();
  await page.goto(front.url);
  const user = await page.evaluate(async () => {
    const body = JSON.stringify({ user: "abc123", password: "demo" });
    const headers = { "content-type": "application/json" };
    const response = await fetch("/api/auth/login", { method: "POST", headers, body });
    const { data } = await response.json();
    const { open } = await import("/sdk/index.js");
    globalThis.cache = await open({ user: data.user.id });
    return data.user.id;
  });
  assert.equal(user, "abc123");
  const read = () => page.evaluate(async (fileId) => (await cache.get("ratings", { fileId })).data.data, FILE);
  /** What somebody else is given, who has changed nothing. */
  const others = async (edge) => (await (await fetch(`${cloud.edges[edge].url}/api/ratings/${FILE}`)).json()).data;

  let older = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [here, there] = [round % 2, (round + 1) % 2];
    // Both isolates have an answer, and know of no purge since.
    for (const edge of [here, there]) await others(edge);
    front.toEdge = here;
    const score = 1 + (round % 5);
    const { data } = await page.evaluate(
      async (fileId, score) => cache.mutate("new-rating", { params: { fileId }, body: { score } }),
      FILE,
      score,
    );
    const wanted = data.data;
    front.toEdge = there;
    if ((await others(there)).average !== wanted.average) older += 1;
    front.tokens.length = 0;
    const got = await read();
    assert.deepEqual([got.average, got.count], [wanted.average, wanted.count], `round ${round}`);
    assert.ok(front.tokens.length === 1 && front.tokens[0], "the SDK asked, and said what it had changed");
    // Over a reload as well: the page after it knows.
    await page.reload();
    await page.evaluate(async (user) => {
      const { open } = await import("/sdk/index.js");
      globalThis.cache = await open({ user });
    }, user);
    const again = await page.evaluate(async (fileId) => (await cache.get("ratings", { fileId }, { reload: true })).data.data, FILE);
    assert.deepEqual([again.average, again.count], [wanted.average, wanted.count], `round ${round}, reloaded`);
    assert.ok(front.tokens.at(-1), "it still says so");
  }
  // Else the token had nothing to do, and this test would show nothing.
  assert.ok(older > 0, "others were given older data meanwhile, within the bound");
});
