// The built sw.js in real browsers, in front of a real web site.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { browsers, controlledPage, get, moveWorkerClock, site, stopWorkers, tell, until } from "./harness.mjs";

const FILM = Buffer.from(Array.from({ length: 1000 }, (_, i) => 97 + (i % 26)));
const THUMBNAIL = "/api/files/videos/f1/thumbnail";
const DAY = 86_400;

for (const { name, start, skip } of browsers) describe(`sw.js in ${name}`, { timeout: 120_000, skip }, () => {
  let chrome, web, page, context;
  /** Of tests that stop the worker, which no protocol does in Firefox; there sw-restart.test.mjs restarts the browser. */
  const stopping = { skip: name === "Firefox" && "no protocol stops a worker" };
  /** What the site answers for a path: overridden by tests. */
  let answers = {};

  before(async () => {
    chrome = await start();
  });
  after(() => chrome.close());

  beforeEach(async (t) => {
    answers = {};
    web = await site(async (request, response) => {
      const path = request.url.split("?")[0];
      if (answers[path]) {
        await answers[path](request, response);
        return true;
      }
      if (path.endsWith("/thumbnail") || path.startsWith("/assets/")) {
        response.writeHead(200, { "content-type": "text/plain", etag: '"1"' });
        response.end(`${path} ${request.url}`);
        return true;
      }
      if (path.startsWith("/api/files/videos/")) {
        response.writeHead(200, { "content-type": "video/mp4", "content-length": FILM.length, etag: '"film"' });
        response.end(FILM);
        return true;
      }
      if (path.startsWith("/api/")) {
        response.writeHead(200, { "content-type": "application/json" });
        response.end('{"success":true}');
        return true;
      }
      return false;
    });
    context = await chrome.browser.createBrowserContext();
    page = await controlledPage(context, web.url);
  });
  afterEach(async () => {
    await context.close();
    await web.close();
  });

  const stored = (path) => page.evaluate(
    async (path) => {
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) if (request.url.includes(path)) return name;
      }
      return null;
    },
    path,
  );

  test("a fresh hit makes no request, and says so", async () => {
    const first = await get(page, THUMBNAIL);
    assert.equal(first.headers["cache-status"], "tiercel-sw; fwd=uri-miss; stored; ttl=604800");
    await until(() => stored("file:f1:thumbnail"), "the thumbnail is stored");
    const second = await get(page, THUMBNAIL);
    assert.match(second.headers["cache-status"], /^tiercel-sw; hit; ttl=6047\d\d$|^tiercel-sw; hit; ttl=604800$/);
    assert.equal(second.body, first.body);
    assert.equal(web.count(THUMBNAIL), 1);
    assert.ok(!Object.keys(second.headers).some((name) => name.startsWith("x-tiercel")), "private fields stay inside");
  });

  test("what no class covers is not intercepted", async () => {
    const { headers } = await get(page, "/api/stats");
    assert.equal(headers["cache-status"], undefined);
  });

  test("a stale copy is served at once, with one refresh behind it", async () => {
    await get(page, THUMBNAIL);
    await until(() => stored("file:f1:thumbnail"), "the thumbnail is stored");
    await moveWorkerClock(page, 8 * DAY);
    let go;
    const served = new Promise((resolve) => (go = resolve));
    answers[THUMBNAIL] = async (request, response) => {
      assert.equal(request.headers["if-none-match"], '"1"');
      await served;
      response.writeHead(304, { etag: '"1"' }).end();
    };
    const stale = await Promise.all([1, 2, 3].map(() => get(page, THUMBNAIL)));
    go();
    for (const { headers } of stale) assert.match(headers["cache-status"], /hit; ttl=-86\d\d\d; detail="stale-while-revalidate"/);
    await until(async () => / hit; ttl=604/.test((await get(page, THUMBNAIL)).headers["cache-status"]), "the refresh has ended");
    assert.equal(web.count(THUMBNAIL), 2);
  });

  test("ranges are cut from what is stored", async () => {
    const film = "/api/files/videos/f2";
    const whole = await get(page, film, { range: "bytes=0-" });
    assert.equal(whole.status, 206);
    assert.equal(whole.headers["content-range"], "bytes 0-999/1000");
    await until(() => stored("file:f2:media"), "the film is stored");
    for (const [range, status, contentRange, body] of [
      ["bytes=0-1", 206, "bytes 0-1/1000", "ab"],
      ["bytes=-3", 206, "bytes 997-999/1000", FILM.subarray(-3).toString()],
      ["bytes=998-", 206, "bytes 998-999/1000", FILM.subarray(-2).toString()],
      ["bytes=990-5000", 206, "bytes 990-999/1000", FILM.subarray(-10).toString()],
      ["bytes=1000-", 416, "bytes */1000", ""],
      ["bytes=5-1", 200, undefined, FILM.toString()],
      // RFC 9110 §15.3.7.2: what nearly touches is one part.
      ["bytes=0-1,4-5", 206, "bytes 0-5/1000", FILM.subarray(0, 6).toString()],
    ]) {
      const part = await get(page, film, { range });
      assert.deepEqual([part.status, part.headers["content-range"], part.body], [status, contentRange, body], range);
    }
    const several = await get(page, film, { range: "bytes=0-1,500-502" });
    const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(several.headers["content-type"])?.[1];
    const parts = [[0, 1], [500, 502]].map(([first, last]) => {
      const head = `Content-Type: video/mp4\r\nContent-Range: bytes ${first}-${last}/1000\r\n\r\n`;
      return `\r\n--${boundary}\r\n${head}${FILM.subarray(first, last + 1)}`;
    });
    assert.deepEqual([several.status, several.body], [206, `${parts.join("")}\r\n--${boundary}--\r\n`]);
    assert.equal(web.count(film), 1);
  });

  test("the worker, restarted without a network, answers from the store", stopping, async () => {
    await tell(page, { type: "tiercel:identify", user: "ada" });
    await get(page, THUMBNAIL);
    await until(() => stored("file:f1:thumbnail"), "the thumbnail is stored");
    await page.reload();
    await tell(page, { type: "tiercel:identify", user: "ada" });
    await until(() => stored("page:"), "the page is stored");
    await stopWorkers(page);
    await web.down();
    assert.match((await get(page, THUMBNAIL)).headers["cache-status"], /tiercel-sw; hit/);
    const missing = await get(page, "/api/files/videos/never/thumbnail");
    assert.equal(missing.status, 504);
    assert.match(missing.headers["cache-status"], /network-failure/);
  });

  test("a page that was visited opens offline", async () => {
    await page.reload();
    await until(() => stored("page:"), "the page is stored");
    await web.down();
    const response = await page.reload();
    assert.equal(response.status(), 200);
    assert.match(response.headers()["cache-status"], /detail="offline"/);
    assert.equal(await page.title(), "site");
  });

  test("a page that has not said whose it is counts as the last user's, also offline", stopping, async () => {
    await tell(page, { type: "tiercel:identify", user: "ada" });
    await get(page, THUMBNAIL);
    await until(() => stored("file:f1:thumbnail"), "the thumbnail is stored");
    await page.reload();
    await until(() => stored("page:"), "the page is stored");
    await stopWorkers(page);
    await web.down();
    await page.reload();
    assert.match((await get(page, THUMBNAIL)).headers["cache-status"], /tiercel-sw; hit/);
    await tell(page, { type: "tiercel:identify", user: null });
    assert.equal((await get(page, THUMBNAIL)).status, 504, "after a logout it is nobody's");
  });

  /** A page that is nobody's since it did `leave` stays so for a worker that starts after another user came. */
  async function staysNobodys(leave) {
    await tell(page, { type: "tiercel:identify", user: "ada" });
    // A new client, of which nothing was said.
    await page.reload();
    await leave();
    const his = await context.newPage();
    await his.goto(web.url);
    await tell(his, { type: "tiercel:identify", user: "bob" });
    await get(his, THUMBNAIL);
    await until(() => stored("file:f1:thumbnail"), "his thumbnail is stored");
    await stopWorkers(page);
    await web.down();
    assert.match((await get(his, THUMBNAIL)).headers["cache-status"], /tiercel-sw; hit/);
    assert.equal((await get(page, THUMBNAIL)).status, 504);
  }

  test("a page that has said it is nobody's does not become the next user's", stopping, () =>
    staysNobodys(() => tell(page, { type: "tiercel:identify", user: null })));

  test("a page that logged out without a word of whose it was does not become the next user's", stopping, () =>
    staysNobodys(() => page.evaluate(async () => void (await fetch("/api/auth/logout", { method: "POST" })))));

  test("each user has caches of their own", async () => {
    for (const user of ["a", "a_b", "a/b"]) {
      await tell(page, { type: "tiercel:identify", user });
      await get(page, THUMBNAIL);
    }
    await until(async () => (await page.evaluate(() => caches.keys())).filter((n) => n.includes("thumbnail")).length === 3, "all three are stored");
    const names = await page.evaluate(() => caches.keys());
    for (const name of ["videomi_a_thumbnail_v1", "videomi_a%5Fb_thumbnail_v1", "videomi_a%2Fb_thumbnail_v1"]) assert.ok(names.includes(name), name);
    assert.equal(web.count(THUMBNAIL), 3);
  });

  test("a purge removes what carries the name, and nothing else", async () => {
    await get(page, THUMBNAIL);
    await get(page, "/api/files/videos/f9/thumbnail");
    await until(async () => (await stored("file:f1:")) && (await stored("file:f9:")), "both are stored");
    assert.deepEqual(await tell(page, { type: "tiercel:purge", names: ["file:f1"] }), { ok: true });
    assert.equal(await stored("file:f1:"), null);
    assert.ok(await stored("file:f9:"));
  });

  test("an answer that was asked for before a purge is not stored after it", async () => {
    let release;
    const released = new Promise((resolve) => (release = resolve));
    answers[THUMBNAIL] = async (_, response) => {
      await released;
      response.writeHead(200, { "content-type": "text/plain" }).end("old");
    };
    const under_way = get(page, THUMBNAIL);
    await until(() => web.count(THUMBNAIL) === 1, "the request is under way");
    await tell(page, { type: "tiercel:purge", names: ["file:f1"] });
    release();
    assert.match((await under_way).headers["cache-status"], /purged-meanwhile/);
    delete answers[THUMBNAIL];
    assert.match((await get(page, THUMBNAIL)).headers["cache-status"], /uri-miss; stored/);
  });

  test("an answer that was asked for as one user is not stored when another is logged in", async () => {
    await tell(page, { type: "tiercel:identify", user: "ada" });
    let release;
    const released = new Promise((resolve) => (release = resolve));
    answers[THUMBNAIL] = async (_, response) => {
      await released;
      response.writeHead(200, { "content-type": "text/plain" }).end("hers");
    };
    const under_way = get(page, THUMBNAIL);
    await until(() => web.count(THUMBNAIL) === 1, "the request is under way");
    await tell(page, { type: "tiercel:identify", user: "bob" });
    release();
    await under_way;
    // The worker is done with the request when it has answered the next message.
    await tell(page, { type: "tiercel:purge", names: [] });
    assert.equal(await stored("file:f1:thumbnail"), null);
  });

  test("what was loaded before the worker is fetched when the page names it", async () => {
    await tell(page, { type: "tiercel:warm", urls: [`${web.url}/assets/app.js`, `${web.url}/api/stats`, "https://elsewhere.example/assets/x.js"] });
    assert.ok(await stored("image:%2Fassets%2Fapp.js"));
    assert.equal(web.count("/api/stats"), 0);
  });
});
