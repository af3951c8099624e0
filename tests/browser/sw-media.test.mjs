// Media in the Service Worker: ranges, and long bodies that are kept in slices, in a real browser and in front of a real
// origin that counts what it is asked for.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { browsers, controlledPage, site, stopWorkers, tell, until } from "./harness.mjs";

/** Length of a slice, by the policy. */
const SLICE = 2 << 20;
const LENGTH = 7_000_000;
const FILM = "/api/files/videos/film";
const CACHE = "videomi__media_v1";

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
/** One version of a film. */
const version = (etag, length = LENGTH) => ({ etag: `"${etag}"`, bytes: randomBytes(length), modified: "Mon, 01 Nov 2010 00:00:00 GMT" });

/** Seconds of sound: 192,000 bytes each. */
function wave(seconds) {
  const rate = 48_000;
  const head = Buffer.alloc(44);
  head.write("RIFF");
  head.writeUInt32LE(36 + seconds * rate * 4, 4);
  head.write("WAVEfmt ", 8);
  [[16, 16, 4], [1, 20, 2], [2, 22, 2], [rate, 24, 4], [rate * 4, 28, 4], [4, 32, 2], [16, 34, 2]].forEach(([value, at, length]) => head.writeUIntLE(value, at, length));
  head.write("data", 36);
  head.writeUInt32LE(seconds * rate * 4, 40);
  return Buffer.concat([head, randomBytes(seconds * rate * 4)]);
}

/** Each film by its path, what was asked for it, and what may go wrong on the way. */
class Origin {
  films = new Map();
  asked = [];
  sent = 0;
  /** Instead of the honest answer: `(request, response, part) => true` when it has answered. */
  mood = () => false;

  ranges = (path = FILM) => this.asked.filter((one) => one.path === path).map((one) => one.range);

  async answer(request, response) {
    const film = this.films.get(request.url);
    if (!film) return false;
    const { range, "if-match": match, "if-none-match": none } = request.headers;
    this.asked.push({ path: request.url, range, match });
    const head = {
      "content-type": film.type ?? "video/mp4", "accept-ranges": "bytes", etag: film.etag, "last-modified": film.modified, date: new Date().toUTCString(),
    };
    if (match && match !== film.etag) return response.writeHead(412, head).end();
    if (none === film.etag) return response.writeHead(304, head).end();
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    const part = { first: +(first ?? 0), last: Math.min(+(last || Infinity), film.bytes.length - 1), head, bytes: film.bytes };
    if (first && part.first >= film.bytes.length) {
      return response.writeHead(416, { "content-range": `bytes */${film.bytes.length}` }).end();
    }
    const body = film.bytes.subarray(part.first, part.last + 1);
    part.body = body;
    part.head = { ...head, "content-length": body.length };
    if (first) part.head["content-range"] = `bytes ${part.first}-${part.last}/${film.bytes.length}`;
    part.status = first ? 206 : 200;
    if (await this.mood(request, response, part)) return true;
    this.sent += body.length;
    return response.writeHead(part.status, part.head).end(body);
  }
}

/** What runs in the page: an answer, with the hash of as much of its body as came. */
async function read(url, fields) {
  const response = await fetch(url, { headers: fields });
  const chunks = [];
  let size = 0;
  let broken = false;
  const reader = response.body?.getReader();
  try {
    while (reader) {
      const { value, done } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.length;
    }
  } catch {
    broken = true;
  }
  const bytes = await new Blob(chunks).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const text = size < 2000 ? new TextDecoder("latin1").decode(bytes) : "";
  return { status: response.status, headers: Object.fromEntries(response.headers), size, hash: hex, broken, text };
}

for (const { name, start, skip } of browsers) describe(`media in sw.js in ${name}`, { timeout: 240_000, skip }, () => {
  /** Of tests that stop the worker, or look into it. */
  const stopping = { skip: name === "Firefox" && "no protocol reaches a worker" };
  let chrome, web, page, context, origin;

  before(async () => {
    chrome = await start();
  });
  after(() => chrome.close());

  beforeEach(async () => {
    origin = new Origin();
    origin.films.set(FILM, version("one"));
    web = await site((request, response) => origin.answer(request, response).then(Boolean));
    context = await chrome.browser.createBrowserContext();
    page = await controlledPage(context, web.url);
  });
  afterEach(async () => {
    await context.close();
    await web.close();
  });

  const get = (range, { path = FILM, fields = {} } = {}) =>
    page.evaluate(read, path, range ? { range, ...fields } : fields);
  /** The slices that are stored, by their numbers, each with the length of its body; and `head` and `whole`. */
  const kept = (path = FILM) => page.evaluate(async (id, cacheName) => {
    if (!(await caches.has(cacheName))) return {};
    const cache = await caches.open(cacheName);
    const found = {};
    for (const request of await cache.keys()) {
      if (!request.url.includes(`file:${id}:media`)) continue;
      const size = (await (await cache.match(request)).blob()).size;
      const slice = /!s[0-9a-f]+-(\d+)$/.exec(request.url)?.[1];
      const name = slice ?? (size ? "whole" : "head");
      found[name] = name in found ? "twice" : size;
    }
    return found;
  }, path.split("/").at(-1), CACHE);
  const stored = (...slices) => until(async () => {
    const found = await kept();
    return slices.every((slice) => slice in found) && found;
  }, `the slices ${slices} are stored`);
  const bytes = (first, end = LENGTH) => origin.films.get(FILM).bytes.subarray(first, end);
  const same = (got, expected, what) => assert.deepEqual([got.size, got.hash, got.broken], [expected.length, hash(expected), false], what);

  const RANGES = [
    // Safari's probe, what Chromium sends first, and what follows.
    ["bytes=0-1", 206, [0, 1]],
    ["bytes=0-", 206, [0, LENGTH - 1]],
    ["bytes=5000000-", 206, [5_000_000, LENGTH - 1]],
    ["bytes=0-0", 206, [0, 0]],
    // The ends of slices.
    [`bytes=${SLICE - 1}-${SLICE}`, 206, [SLICE - 1, SLICE]],
    [`bytes=${SLICE}-${2 * SLICE - 1}`, 206, [SLICE, 2 * SLICE - 1]],
    [`bytes=100-${3 * SLICE}`, 206, [100, 3 * SLICE]],
    ["bytes=6999999-", 206, [LENGTH - 1, LENGTH - 1]],
    // Suffixes, and more than there is.
    ["bytes=-1", 206, [LENGTH - 1, LENGTH - 1]],
    ["bytes=-3000000", 206, [LENGTH - 3_000_000, LENGTH - 1]],
    ["bytes=-99999999999", 206, [0, LENGTH - 1]],
    ["bytes=6999990-99999999999", 206, [LENGTH - 10, LENGTH - 1]],
    // RFC 9110 §15.3.7.2: what nearly touches is one part.
    ["bytes=0-1,4-5", 206, [0, 5]],
    ["bytes=7000000-", 416],
    ["bytes=99999999999-", 416],
    ["bytes=-0", 416],
    // RFC 9110 §14.2: what cannot be read is ignored.
    ["bytes=9-1", 200],
    ["bytes=x-y", 200],
    ["lines=0-1", 200],
    [null, 200],
  ];

  const check = (got, [range, status, part], bytes) => {
    const length = bytes.length;
    assert.equal(got.status, status, range);
    assert.equal(got.headers["content-range"], status === 416 ? `bytes */${length}` : part && `bytes ${part.join("-")}/${length}`, range);
    const expected = status === 416 ? bytes.subarray(0, 0) : part ? bytes.subarray(part[0], part[1] + 1) : bytes;
    same(got, expected, range);
    if (status !== 416) assert.equal(got.headers["content-length"], String(expected.length), range);
  };

  test("every range of what is not stored", async () => {
    for (const [at, one] of RANGES.entries()) {
      const path = `${FILM}${at}`;
      origin.films.set(path, origin.films.get(FILM));
      check(await get(one[0], { path }), one, bytes(0));
    }
  });

  test("every range of what is stored, by a worker that was restarted without a network", stopping, async () => {
    check(await get(null), [null, 200], bytes(0));
    await stored(0, 1, 2, 3);
    await stopWorkers(page);
    await web.down();
    for (const one of RANGES) {
      const got = await get(one[0]);
      check(got, one, bytes(0));
      assert.match(got.headers["cache-status"], /^tiercel-sw; hit; ttl=\d+$/, one[0]);
    }
    assert.deepEqual(origin.ranges(), [0, 1, 2, 3].map((n) => `bytes=${n * SLICE}-${Math.min((n + 1) * SLICE, LENGTH) - 1}`));
  });

  test("several ranges are several parts, from the store and from the origin", async () => {
    for (const where of ["origin", "store"]) {
      const got = await get("bytes=0-1,3000000-3000009,-2");
      const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(got.headers["content-type"])?.[1];
      const parts = [[0, 1], [3_000_000, 3_000_009], [LENGTH - 2, LENGTH - 1]].map(([first, last]) =>
        `\r\n--${boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes ${first}-${last}/${LENGTH}\r\n\r\n${bytes(first, last + 1).toString("latin1")}`);
      // TextDecoder's latin1 is windows-1252, so the hash tells.
      same(got, Buffer.from(`${parts.join("")}\r\n--${boundary}--\r\n`, "latin1"), where);
      await stored(0, 1, 3);
    }
    assert.equal(origin.asked.length, 3);
  });

  test("If-Range of this version gives the part, any other the whole", async () => {
    const whole = { status: 200, size: LENGTH };
    for (const [condition, expected] of [
      ['"one"', { status: 206, size: 10 }],
      ['"two"', whole],
      ['W/"one"', whole],
      ["Mon, 01 Nov 2010 00:00:00 GMT", { status: 206, size: 10 }],
      ["Tue, 02 Nov 2010 00:00:00 GMT", whole],
    ]) {
      const { status, size } = await get("bytes=10-19", { fields: { "if-range": condition } });
      assert.deepEqual({ status, size }, expected, condition);
    }
    assert.ok(origin.ranges().length <= 4, "whatever was asked for was asked for once");
  });

  test("half a film that was watched is half stored, and plays offline as far as it goes", stopping, async () => {
    same(await get(`bytes=0-${2 * SLICE - 1}`), bytes(0, 2 * SLICE));
    assert.deepEqual(await stored(0, 1), { head: 0, 0: SLICE, 1: SLICE });
    await stopWorkers(page);
    await web.down();

    const rest = await get("bytes=0-");
    assert.deepEqual([rest.status, rest.headers["content-length"], rest.broken], [206, String(LENGTH), true]);
    assert.deepEqual([rest.size, rest.hash], [2 * SLICE, hash(bytes(0, 2 * SLICE))], "as far as it goes");
    const seek = await get("bytes=3000000-3999999");
    same(seek, bytes(3_000_000, 4_000_000));
    assert.match(seek.headers["cache-status"], /^tiercel-sw; hit; ttl=/);
    const missing = await get(`bytes=${2 * SLICE}-`);
    assert.equal(missing.status, 504);
    assert.match(missing.headers["cache-status"], /^tiercel-sw; fwd=partial; detail="?network-failure"?$/);

    await stopWorkers(page);
    await web.up();
    origin.asked = [];
    same(await get("bytes=0-"), bytes(0));
    assert.deepEqual(origin.asked.map(({ range, match }) => [range, match]), [
      [`bytes=${2 * SLICE}-${3 * SLICE - 1}`, '"one"'], [`bytes=${3 * SLICE}-${LENGTH - 1}`, '"one"'],
    ]);
  });

  test("what many requests want at once is fetched once", async () => {
    const wanted = [["bytes=0-", 0, LENGTH], ["bytes=0-1", 0, 2], ["bytes=1000000-4999999", 1_000_000, 5_000_000], ["bytes=5000000-", 5_000_000, LENGTH], ["bytes=-10", LENGTH - 10, LENGTH], [null, 0, LENGTH]];
    const got = await Promise.all(wanted.map(([range]) => get(range)));
    wanted.forEach(([range, first, end], at) => same(got[at], bytes(first, end), range));
    const asked = origin.ranges();
    assert.deepEqual([...new Set(asked)].sort(), [...asked].sort(), "each once");
    assert.equal(asked.length, 4);
  });

  test("a slice that breaks off, or has another length than it says, breaks the body and is not stored", async () => {
    for (const [how, spoil] of [
      ["breaks off", (part, response) => {
        response.writeHead(206, part.head);
        response.write(part.body.subarray(0, 700_000), () => response.destroy());
      }],
      ["is shorter", ({ head: { "content-length": _, ...head }, body }, response) => {
        response.writeHead(206, head);
        response.end(body.subarray(0, 700_000));
      }],
      ["is longer", ({ head: { "content-length": _, ...head }, body }, response) => {
        response.writeHead(206, head);
        response.end(Buffer.concat([body, Buffer.alloc(900_000)]));
      }],
    ]) {
      const path = `${FILM}-${how.replace(" ", "-")}`;
      const film = version("one");
      origin.films.set(path, film);
      origin.mood = (request, response, part) => {
        if (part.first !== SLICE) return false;
        spoil(part, response);
        return true;
      };
      const got = await get("bytes=0-", { path });
      assert.equal(got.broken, true, how);
      assert.equal(got.hash, hash(film.bytes.subarray(0, got.size)), `${how}: what came is of the film`);
      assert.ok(got.size >= SLICE && got.size < LENGTH, `${how}: ${got.size}`);
      assert.deepEqual(await kept(path), { head: 0, 0: SLICE }, how);
      origin.mood = () => false;
      same(await get("bytes=0-", { path }), film.bytes, `${how}: the next request works`);
    }
  });

  test("another version at the origin removes the head and all slices, and is what is answered", async () => {
    for (const [id, change] of [["tag", version("two")], ["both", version("two", 5_000_000)], ["length", version("one", 5_500_000)]]) {
      const path = `${FILM}-${id}`;
      origin.films.set(path, version("one"));
      await get(`bytes=0-${2 * SLICE - 1}`, { path });
      await until(async () => 1 in (await kept(path)), "two slices are stored");
      origin.films.set(path, change);
      const length = change.bytes.length;
      const got = await get(`bytes=${2 * SLICE}-`, { path });
      check(got, [`bytes=${2 * SLICE}-`, 206, [2 * SLICE, length - 1]], change.bytes);
      const last = Math.floor((length - 1) / SLICE);
      await until(async () => last in (await kept(path)), "the new ones are stored");
      const sizes = { head: 0, 2: Math.min(SLICE, length - 2 * SLICE), [last]: length - last * SLICE };
      assert.deepEqual(await kept(path), sizes, `${id}: nothing is left of the other`);
      same(await get("bytes=0-9", { path }), change.bytes.subarray(0, 10), id);
    }
  });

  test("a version that comes in the middle breaks the body off, and is never mixed", async () => {
    const old = bytes(0);
    const change = version("two");
    origin.mood = (request) => {
      // After this slice was asked for.
      if (request.headers.range === `bytes=${SLICE}-${2 * SLICE - 1}`) origin.films.set(FILM, change);
      return false;
    };
    const got = await get("bytes=0-");
    assert.deepEqual([got.broken, got.size, got.hash], [true, 2 * SLICE, hash(old.subarray(0, 2 * SLICE))]);
    origin.mood = () => false;
    same(await get("bytes=0-"), change.bytes);
    assert.deepEqual(await stored(0, 1, 2, 3), { head: 0, 0: SLICE, 1: SLICE, 2: SLICE, 3: LENGTH - 3 * SLICE });
  });

  /** Holds back the answers whose range begins at `first`, until `go()`. `begun` is fulfilled by the first of them. */
  const hold = (first) => {
    const held = {};
    held.begun = new Promise((resolve) => (held.arrived = resolve));
    const gone = new Promise((resolve) => (held.go = resolve));
    origin.mood = async (request, response, part) => {
      if (part.first === first) {
        held.arrived();
        await gone;
      }
      return false;
    };
    return held;
  };

  test("who cancels ends the fetching after the slice that is under way, and the task", stopping, async () => {
    const worker = await (await chrome.browser.waitForTarget((target) => target.type() === "service_worker" && target.url().startsWith(web.url))).worker();
    await worker.evaluate(() => {
      // Every task that has a stream aborts it when it ends; one that was closed minds it not.
      self.ended = 0;
      const { abort } = WritableStream.prototype;
      WritableStream.prototype.abort = function (...reason) {
        self.ended += 1;
        return abort.apply(this, reason);
      };
    });
    for (const round of [1, 2]) {
      const held = hold(round * SLICE);
      await page.evaluate(async (url) => {
        self.reader = (await fetch(url, { headers: { range: "bytes=0-" } })).body.getReader();
        await self.reader.read();
      }, FILM);
      await held.begun;
      await page.evaluate(() => self.reader.cancel());
      // The worker has heard of it when it has answered the next request.
      check(await get("bytes=0-1"), ["bytes=0-1", 206, [0, 1]], bytes(0));
      held.go();
      await until(() => worker.evaluate((round) => self.ended === round, round), `task ${round} has ended`);
      assert.equal(origin.ranges().length, round + 1, `${origin.ranges()}`);
      assert.equal((await kept())[round], SLICE, "what was under way is stored");
    }
    same(await get("bytes=0-"), bytes(0));
  });

  test("who does not read on makes nobody fetch on, and others are served meanwhile", { skip: name === "Firefox" && "it reads far ahead of a page" }, async () => {
    // Chromium reads some 60 MB ahead of a page that does not read.
    const long = version("long", 0);
    const count = 80;
    long.bytes = Buffer.concat(Array(count).fill(randomBytes(SLICE)));
    origin.films.set(FILM, long);
    await page.evaluate(async (url) => {
      self.reader = (await fetch(url, { headers: { range: "bytes=0-" } })).body.getReader();
      await self.reader.read();
    }, FILM);
    // Until it asks for nothing more while twenty others are answered.
    await until(async () => {
      const asked = origin.asked.length;
      for (let i = 0; i < 20; i++) same(await get("bytes=10-1000009"), long.bytes.subarray(10, 1_000_010));
      return origin.asked.length === asked;
    }, "it has stopped asking");
    assert.ok(origin.asked.length > 4 && origin.asked.length < count / 2, `${origin.asked.length}`);
    const last = (count - 1) * SLICE;
    same(await get(`bytes=${last}-${last + 9}`), long.bytes.subarray(last, last + 10), "what it has not come to");
    const rest = await page.evaluate(async () => {
      let size = 0;
      for (;;) {
        const { value, done } = await self.reader.read();
        if (done) return size;
        size += value.length;
      }
    });
    assert.ok(rest > (count - 1) * SLICE && rest < count * SLICE, `${rest}`);
    assert.equal(new Set(origin.ranges()).size, count);
    assert.equal(origin.asked.length, count);
  });

  test("a worker that is stopped in the middle of a slice stores nothing wrong", stopping, async () => {
    let under_way;
    const begun = new Promise((resolve) => (under_way = resolve));
    origin.mood = (request, response, part) => {
      if (part.first !== SLICE) return false;
      response.writeHead(206, part.head);
      response.write(part.body.subarray(0, 500_000), under_way);
      return true;
    };
    const reading = get("bytes=0-");
    await begun;
    await stored(0);
    await stopWorkers(page);
    const got = await reading;
    assert.equal(got.broken, true);
    assert.equal(got.hash, hash(bytes(0, got.size)));
    assert.deepEqual(await kept(), { head: 0, 0: SLICE });
    origin.mood = () => false;
    same(await get("bytes=0-"), bytes(0));
  });

  test("an origin that ignores Range: the whole is passed on and stored, and ranges come out of it", async () => {
    origin.mood = (request, response, { bytes, head: { "content-range": _, ...head } }) => {
      response.writeHead(200, { ...head, "content-length": bytes.length });
      response.end(bytes);
      return true;
    };
    const got = await get("bytes=100-199");
    assert.equal(got.status, 200);
    same(got, bytes(0));
    await until(async () => (await kept()).whole === LENGTH, "the whole is stored");
    await web.down();
    check(await get("bytes=-70"), ["bytes=-70", 206, [LENGTH - 70, LENGTH - 1]], bytes(0));
  });

  test("a body that says no length is stored up to the policy's max-body, and passes whole", async () => {
    const MIB = Buffer.alloc(1 << 20, 7);
    for (const [id, length] of [["short", 24], ["long", 26]]) {
      const path = `/api/files/videos/${id}/thumbnail`;
      origin.films.set(path, version(id, 1));
      origin.mood = (_, response, { head: { "content-length": __, ...head } }) => {
        response.writeHead(200, head);
        for (let at = 0; at < length; at++) response.write(MIB);
        response.end();
        return true;
      };
      const got = await get(null, { path });
      assert.deepEqual([got.status, got.size, got.broken], [200, length << 20, false]);
    }
    const names = () => page.evaluate(async () => (await (await caches.open("videomi__thumbnail_v1")).keys()).map(({ url }) => url));
    await until(async () => (await names()).some((url) => url.includes("file:short:")), "the short one is stored");
    // The worker is done with the long one when it has answered the next message.
    await tell(page, { type: "tiercel:purge", names: ["nothing"] });
    assert.ok(!(await names()).some((url) => url.includes("file:long:")));
  });

  test("a purge by tag takes the slices, also those that are under way", async () => {
    await get("bytes=0-");
    await stored(0, 1, 2, 3);
    await tell(page, { type: "tiercel:purge", names: ["file:film"] });
    assert.deepEqual(await kept(), {});

    const held = hold(SLICE);
    const reading = get("bytes=0-");
    await held.begun;
    await stored(0);
    await tell(page, { type: "tiercel:purge", names: ["file:film"] });
    held.go();
    same(await reading, bytes(0), "who reads already gets the rest of what was begun");
    await tell(page, { type: "tiercel:purge", names: ["nothing"] });
    const found = await kept();
    assert.ok(!("head" in found) && !("0" in found) && !("1" in found), JSON.stringify(found));
  });

  test("what was asked for as one user is not stored once another is logged in", async () => {
    await tell(page, { type: "tiercel:identify", user: "ada" });
    const held = hold(SLICE);
    const reading = get("bytes=0-");
    await held.begun;
    await tell(page, { type: "tiercel:identify", user: "bob" });
    await page.evaluate(async () => {
      for (const name of await caches.keys()) if (name.startsWith("videomi_ada_")) await caches.delete(name);
    });
    held.go();
    same(await reading, bytes(0));
    await tell(page, { type: "tiercel:purge", names: ["nothing"] });
    const left = await page.evaluate(async () => {
      const left = [];
      for (const name of await caches.keys()) if (/_(ada|bob)_media/.test(name)) left.push(...(await (await caches.open(name)).keys()).map(({ url }) => url));
      return left;
    });
    assert.deepEqual(left, []);
  });

  test("of a film that the page had loaded without the worker one slice is fetched, and what comes after it whole", async () => {
    origin.films.set("/assets/app.js", { ...version("app", 100), type: "text/javascript" });
    // The second time the slice is at hand.
    const urls = [FILM, FILM, "/assets/app.js"].map((path) => web.url + path);
    assert.deepEqual(await tell(page, { type: "tiercel:warm", urls }), { ok: true });
    assert.deepEqual(await kept(), { head: 0, 0: SLICE });
    assert.deepEqual([origin.ranges(), origin.ranges("/assets/app.js")], [[`bytes=0-${SLICE - 1}`], [undefined]]);
    await web.down();
    assert.deepEqual([(await get(`bytes=0-${SLICE - 1}`)).status, (await get(undefined, { path: "/assets/app.js" })).size], [206, 100]);
  });

  test("an audio element plays, seeks, and plays offline what it has heard", stopping, async () => {
    origin.films.set(FILM, { ...version("sound", 0), type: "audio/wav", bytes: wave(50) });
    const play = () => page.evaluate(async (url) => {
      self.audio?.removeAttribute("src");
      self.audio = Object.assign(new Audio(url), { muted: true });
      await self.audio.play();
    }, FILM);
    const at = (least) => until(() => page.evaluate((least) => self.audio.currentTime > least, least), `it plays past ${least} s`);
    await play();
    await at(0.2);
    const end = await page.evaluate(() => (self.audio.currentTime = self.audio.duration * 0.95));
    await at(end + 0.2);
    await stored(0, 4);
    const asked = origin.ranges();
    assert.deepEqual([...new Set(asked)].sort(), [...asked].sort(), "each slice once");
    await page.evaluate(() => self.audio.pause());
    await stopWorkers(page);
    await web.down();
    await play();
    await at(0.2);
    await page.evaluate((end) => { self.audio.currentTime = end; }, end);
    await at(end + 0.2);
  });
});
