// How much the worker keeps, what makes room, and what it remembers of it over restarts.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { readFile } from "node:fs/promises";
import { CLOCK, built, chromium, get, signedIn, site, stopWorkers, tell, until } from "./harness.mjs";

const MB = 1 << 20;
/** In milliseconds. */
const DAY = 86_400_000;
const INDEX = "https://tiercel.invalid/index";
const thumbnail = (name) => `/api/files/videos/${name}/thumbnail`;

describe("budget, index and counters", { timeout: 240_000 }, () => {
  let chrome, web, page, context, script;
  /** What the site answers for a path: a body, or what does it. */
  let answers;

  before(async () => {
    chrome = await chromium();
    script = `${CLOCK}\n${await readFile(built("sw.js"), "utf8")}`;
  });
  after(() => chrome.close());
  beforeEach(async () => {
    answers = { "/sw.js": (response) => response.writeHead(200, { "content-type": "text/javascript" }).end(script) };
    web = await site(async (request, response) => {
      const path = request.url.split("?")[0];
      const answer = answers[path] ?? (path.endsWith("/thumbnail") || path.startsWith("/images/") ? `the body of ${path}` : undefined);
      if (answer === undefined) return false;
      if (typeof answer === "function") await answer(response, request);
      else response.writeHead(200, { "content-type": "text/plain", "content-length": Buffer.byteLength(answer), etag: '"1"' }).end(answer);
      return true;
    });
    ({ context, page } = await signedIn(chrome.browser, web.url));
  });
  afterEach(async () => {
    await context.close();
    await web.close();
  });

  /** The ends of the URLs in `ada`'s cache of a class, and the index. */
  const kept = (of, user = "ada") => page.evaluate(
    async (name, INDEX) => {
      if (!(await caches.has(name))) return null;
      const cache = await caches.open(name);
      const urls = (await cache.keys()).map((request) => request.url).filter((url) => url !== INDEX);
      return { names: urls.map((url) => url.split("/v1/")[1]).sort(), index: (await (await cache.match(INDEX))?.text()) ?? "" };
    },
    `videomi_${user}_${of}_v1`,
    INDEX,
  );
  const holds = (of, ...names) => until(async () => {
    const now = (await kept(of))?.names ?? [];
    return now.length === names.length && names.sort().every((name, at) => now[at].includes(name));
  }, `${of} holds ${names}`);
  const counters = async () => (await tell(page, { type: "tiercel:counters" })).counters;
  /** Asks for a path, and waits until it is stored. */
  async function store(path, of, name = path.split("/").at(-1)) {
    const status = await page.evaluate(async (path) => {
      const response = await fetch(path);
      await response.arrayBuffer();
      return response.status;
    }, path);
    assert.equal(status, 200, path);
    await until(async () => (await kept(of))?.names.some((kept) => kept.includes(name)), `${path} is stored`);
  }
  const written = (of, text) => until(async () => (await kept(of))?.index.includes(text), `the index of ${of} holds ${text}`);

  test("what was not used for longest makes room, also over a restart", async () => {
    const big = Buffer.alloc(22 * MB, "x");
    for (const name of ["a", "b", "c"]) answers[`/images/${name}.bin`] = big;
    for (const name of ["a", "b"]) await store(`/images/${name}.bin`, "image");
    await written("image", "b.bin");
    const line = async () => /a\.bin.*\n.*\n.*\n/.exec((await kept("image")).index)?.[0];
    const first = await line();
    await store("/images/a.bin", "image");
    await until(async () => (await line()) !== first, "the use of a is written");
    await stopWorkers(page);
    await store("/images/c.bin", "image");
    await holds("image", "a.bin", "c.bin");
    const { hits, evictions, entries, bytes } = (await counters()).image;
    assert.deepEqual({ hits, evictions, entries, bytes }, { hits: 1, evictions: 1, entries: 2, bytes: 44 * MB });
  });

  test("of many small entries the first goes when there is one too many", async () => {
    const fill = (from, to) => page.evaluate(
      async (from, to) => {
        for (let at = from; at < to; at += 50) {
          await Promise.all(Array.from({ length: 50 }, async (_, i) => (await fetch(`/images/${at + i}.txt`)).text()));
        }
      },
      from,
      to,
    );
    await fill(0, 500);
    await until(async () => (await kept("image"))?.names.length === 500, "500 are stored");
    await stopWorkers(page);
    assert.equal((await counters()).image.entries, 500, "found again by a worker that was killed");
    await fill(500, 1000);
    await until(async () => (await kept("image")).names.length === 1000, "1000 are stored");
    await get(page, "/images/one-more.txt");
    await until(async () => {
      const { names } = await kept("image");
      return names.length === 1000 && names.some((name) => name.includes("one-more"));
    }, "one has made room");
    const { entries, evictions } = (await counters()).image;
    assert.deepEqual({ entries, evictions }, { entries: 1000, evictions: 1 });
    const { names } = await kept("image");
    const gone = Array.from({ length: 1000 }, (_, i) => i).filter((i) => !names.includes(`image:%2Fimages%2F${i}.txt:*`));
    assert.equal(gone.length, 1);
    assert.ok(gone[0] < 50, `${gone[0]} was of the first`);
  });

  test("what is larger than the whole budget is not stored, and takes nothing along", async () => {
    await page.reload();
    await holds("page", "page:%2F");
    answers["/index.html"] = Buffer.alloc(17 * MB, "x");
    await get(page, "/index.html");
    answers["/index.html"] = (response) => {
      // Nobody has said how long this one is.
      response.writeHead(200, { "content-type": "text/plain" });
      response.end(Buffer.alloc(17 * MB, "x"));
    };
    await get(page, "/index.html");
    await until(async () => (await counters()).page.evictions === 1, "it has gone again");
    await holds("page", "page:%2F");
  });

  test("where the quota is exceeded the same class makes room, and no other", async () => {
    const body = Buffer.alloc(400 << 10, "x");
    for (let i = 0; i < 8; i++) answers[thumbnail(`q${i}`)] = body;
    answers["/images/other.bin"] = body;
    await store("/images/other.bin", "image");
    for (let i = 0; i < 6; i++) await store(thumbnail(`q${i}`), "thumbnail", `q${i}:`);
    const session = await page.createCDPSession();
    const { usage } = await session.send("Storage.getUsageAndQuota", { origin: web.url });
    await session.send("Storage.overrideQuotaForOrigin", { origin: web.url, quotaSize: usage + (100 << 10) });
    await store(thumbnail("q6"), "thumbnail", "q6:");
    const { evictions } = (await counters()).thumbnail;
    const { names } = await kept("thumbnail");
    assert.ok(evictions >= 1 && evictions < 5, `${evictions} had to go`);
    assert.deepEqual(names, [0, 1, 2, 3, 4, 5, 6].slice(evictions).map((i) => `file:q${i}:thumbnail:videos`), "the oldest have gone");
    assert.equal((await kept("image")).names.length, 1);
    // What can never fit is not stored, whatever goes for it.
    await session.send("Storage.overrideQuotaForOrigin", { origin: web.url, quotaSize: 200 << 10 });
    assert.equal((await get(page, thumbnail("q7"))).body.length, body.length, "the page has it all the same");
    await until(async () => (await kept("thumbnail")).names.length === 0, "all have gone in vain");
    assert.equal((await kept("image")).names.length, 1);
    assert.ok((await tell(page, { type: "tiercel:purge", names: ["file:q0"] })).ok, "the worker goes on");
    await session.send("Storage.overrideQuotaForOrigin", { origin: web.url });
  });

  test("a worker that was killed before it wrote the index finds everything by its tags", async () => {
    for (const [name, group] of [["k1", "red"], ["k2", "blue"], ["k3", "red"]]) {
      answers[thumbnail(name)] = (response) =>
        response.writeHead(200, { "content-type": "text/plain", "cache-groups": `"${group}"` }).end(name);
      await store(thumbnail(name), "thumbnail", `${name}:`);
    }
    assert.equal((await kept("thumbnail")).index, "", "nothing is written yet");
    await stopWorkers(page);
    assert.deepEqual(await tell(page, { type: "tiercel:purge", names: ["red"] }), { ok: true });
    assert.deepEqual((await kept("thumbnail")).names, ["file:k2:thumbnail:videos"]);
    await written("thumbnail", "file:k2");
  });

  test("an entry that was replaced by one with other tags is found by the new ones", async () => {
    const path = thumbnail("t");
    const grouped = (group) => (response) =>
      response.writeHead(200, { "content-type": "text/plain", "cache-groups": `"${group}"` }).end(group);
    answers[path] = grouped("old");
    await store(path, "thumbnail", "file:t:");
    await written("thumbnail", "file:t:");
    await tell(page, { type: "test:clock", ahead: 8 * DAY });
    answers[path] = grouped("new");
    await get(page, path);
    await until(async () => (await get(page, path)).body === "new", "it is replaced");
    await stopWorkers(page);
    await tell(page, { type: "tiercel:purge", names: ["new"] });
    assert.deepEqual((await kept("thumbnail")).names, []);
  });

  test("an entry that could not be replaced by one with other tags is still purged", async () => {
    const path = thumbnail("t");
    const grouped = { "content-type": "text/plain", "content-length": 1000 };
    answers[path] = (response) => response.writeHead(200, { ...grouped, "cache-groups": '"old"' }).end("x".repeat(1000));
    await store(path, "thumbnail", "file:t:");
    await written("thumbnail", "file:t:");
    await tell(page, { type: "test:clock", ahead: 8 * DAY });
    answers[path] = (response) => {
      response.writeHead(200, { ...grouped, "cache-groups": '"new"' });
      response.write("x", () => response.destroy());
    };
    await get(page, path);
    await until(async () => !(await kept("thumbnail")).index.includes("file:t:"), "what is written tells nothing of it");
    assert.deepEqual((await kept("thumbnail")).names, ["file:t:thumbnail:videos"]);
    assert.deepEqual(await tell(page, { type: "tiercel:purge", names: ["file:t"] }), { ok: true });
    assert.deepEqual((await kept("thumbnail")).names, []);
    await stopWorkers(page);
    await web.down();
    assert.equal((await get(page, path)).status, 504);
  });

  test("a broken index is made anew from what is there", async () => {
    for (const name of ["x1", "x2"]) await store(thumbnail(name), "thumbnail", `${name}:`);
    await written("thumbnail", "file:x2");
    const { index } = await kept("thumbnail");
    const [, ...rest] = index.split("\n");
    for (const broken of [
      "", "garbage", "\0\n\0", index.slice(0, -20), index.replace("file:x1", "file:y1"), `${index}\n`, ["i1 1", ...rest].join("\n"),
    ]) {
      await stopWorkers(page);
      await page.evaluate(async (INDEX, text) => {
        await (await caches.open("videomi_ada_thumbnail_v1")).put(INDEX, new Response(text));
      }, INDEX, broken);
      for (const name of ["x1", "x2"]) {
        const { headers, body } = await get(page, thumbnail(name));
        assert.match(headers["cache-status"], /hit/, broken);
        assert.equal(body, `the body of ${thumbnail(name)}`, broken);
      }
      const { entries, bytes } = (await counters()).thumbnail;
      assert.deepEqual({ entries, bytes }, { entries: 2, bytes: 2 * `the body of ${thumbnail("x1")}`.length }, broken);
    }
    await stopWorkers(page);
    await tell(page, { type: "tiercel:purge", names: ["file:x1"] });
    assert.deepEqual((await kept("thumbnail")).names, ["file:x2:thumbnail:videos"]);
    await until(async () => {
      const { index } = await kept("thumbnail");
      return index.includes("file:x2") && !index.includes("file:x1");
    }, "the index is whole again");
  });

  test("a cache that was deleted is not made anew by what the worker remembers", async () => {
    await store(thumbnail("secret"), "thumbnail", "secret");
    await get(page, thumbnail("secret"));
    assert.ok(await page.evaluate(() => caches.delete("videomi_ada_thumbnail_v1")));
    // The same batch writes both.
    await store("/images/later.txt", "image");
    await written("image", "later.txt");
    assert.equal(await kept("thumbnail"), null);
    assert.equal((await counters()).thumbnail.entries, 0);
    await store(thumbnail("public"), "thumbnail", "public");
    await written("thumbnail", "public");
    assert.ok(!(await kept("thumbnail")).index.includes("secret"));
  });

  test("a cache that was deleted and made anew holds nothing of the first", async () => {
    await store(thumbnail("secret"), "thumbnail", "secret");
    await written("thumbnail", "secret");
    await page.evaluate(() => caches.delete("videomi_ada_thumbnail_v1"));
    await until(async () => {
      await get(page, thumbnail("public"));
      return (await kept("thumbnail"))?.names.length === 1;
    }, "it is made anew");
    await written("thumbnail", "public");
    assert.ok(!(await kept("thumbnail")).index.includes("secret"));
    assert.equal((await counters()).thumbnail.entries, 1);
  });

  test("counters say what there was, to whose it was, and survive a restart", async () => {
    const film = "/api/files/videos/film";
    answers[film] = Buffer.from("0123456789".repeat(10));
    const path = thumbnail("n");
    const length = `the body of ${path}`.length;
    await store(path, "thumbnail", "file:n:");
    for (let i = 0; i < 3; i++) await get(page, path);
    await store(film, "media", "file:film:");
    assert.equal((await get(page, film, { range: "bytes=10-14" })).body, "01234");
    await web.down();
    await tell(page, { type: "test:clock", ahead: 8 * DAY });
    // The refresh behind it finds nobody either, however late it comes: it would count.
    assert.match((await get(page, path)).headers["cache-status"], /hit; ttl=-/);
    const expected = {
      thumbnail: { hits: 3, misses: 1, stale: 1, bytesServed: 4 * length, evictions: 0, entries: 1, bytes: length },
      media: { hits: 1, misses: 1, stale: 0, bytesServed: 5, evictions: 0, entries: 1, bytes: 100 },
    };
    const { thumbnail: thumbnails, media } = await counters();
    assert.deepEqual({ thumbnail: thumbnails, media }, expected);
    await tell(page, { type: "tiercel:identify", user: "bob" });
    for (const of of Object.values(await counters())) {
      assert.deepEqual(of, { hits: 0, misses: 0, stale: 0, bytesServed: 0, evictions: 0, entries: 0, bytes: 0 });
    }
    await tell(page, { type: "tiercel:identify", user: "ada" });
    await until(async () => (await kept("thumbnail")).index.includes(`\n3\n1\n1\n${4 * length}\n0\n`), "the counters are written");
    await stopWorkers(page);
    assert.deepEqual((await counters()).thumbnail, expected.thumbnail);
    await web.up();
  });

  test("what has no Date expires by the time at which it came", async () => {
    const path = thumbnail("dateless");
    answers[path] = (response) => {
      response.sendDate = false;
      response.writeHead(200, { "content-type": "text/plain" }).end("dateless");
    };
    await store(path, "thumbnail", "dateless");
    const { headers } = await get(page, path);
    assert.equal(headers.date, undefined);
    assert.match(headers["cache-status"], /hit; ttl=604/);
    await tell(page, { type: "test:clock", ahead: 8 * DAY });
    assert.match((await get(page, path)).headers["cache-status"], /hit; ttl=-86/);
    await until(() => web.count(path) === 2, "it is asked for anew");
  });

  test("what another origin sends without CORS reaches the page and is not stored", async () => {
    const elsewhere = await site((request, response) => {
      response.writeHead(200, { "content-type": "image/svg+xml" });
      response.end('<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"/>');
      return true;
    });
    try {
      answers["/images/far.svg"] = (response) =>
        response.writeHead(302, { location: `${elsewhere.url.replace("127.0.0.1", "localhost")}/far.svg` }).end();
      const shown = () => page.evaluate(async () => {
        const picture = new Image();
        picture.src = "/images/far.svg";
        document.body.append(picture);
        await picture.decode();
        picture.remove();
        return [picture.naturalWidth, picture.naturalHeight];
      });
      assert.deepEqual(await shown(), [7, 5]);
      await store("/images/near.txt", "image");
      assert.deepEqual((await kept("image")).names, ["image:%2Fimages%2Fnear.txt:*"]);
      assert.equal((await counters()).image.entries, 1);
    } finally {
      await elsewhere.close();
    }
  });
});
