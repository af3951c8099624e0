// What another origin sends without CORS, where a class asks for it: it is stored unread, and shown to elements alone.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { CLOCK, built, chromium, get, signedIn, site, stopWorkers, tell, until } from "./harness.mjs";

const MB = 1 << 20;
/** In milliseconds. */
const HOUR = 3_600_000;
const svg = (width) => `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="5"/>`;

describe("opaque answers", { timeout: 120_000 }, () => {
  let chrome, web, far, page, context, script;
  /** The width of the pictures, and more fields that they come with. */
  let width, fields;

  before(async () => {
    chrome = await chromium();
    script = `${CLOCK}\n${await readFile(built("opaque", "sw.js"), "utf8")}`;
  });
  after(() => chrome.close());
  beforeEach(async () => {
    [width, fields] = [7, {}];
    far = await site((_, response) => {
      response.writeHead(200, { "content-type": "image/svg+xml", "cache-control": "no-store", ...fields }).end(svg(width));
      return true;
    });
    web = await site(({ url }, response) => {
      if (url === "/sw.js") response.writeHead(200, { "content-type": "text/javascript" }).end(script);
      else if (/^\/(pictures|portraits|plain)\//.test(url)) {
        response.writeHead(302, { location: `${far.url.replace("127.0.0.1", "localhost")}${url}`, "cache-control": "no-store" }).end();
      } else return false;
      return true;
    });
    ({ context, page } = await signedIn(chrome.browser, web.url));
  });
  afterEach(async () => {
    await context.close();
    await Promise.all([web.close(), far.close()]);
  });

  /** The width of the picture at `path`; nothing when it cannot be shown. */
  const shown = (path) => page.evaluate(async (path) => {
    const picture = new Image();
    // A browser shows a picture that it has in memory again, and asks nobody.
    picture.src = `${path}#${Math.random()}`;
    document.body.append(picture);
    await picture.decode().catch(() => {});
    picture.remove();
    return picture.naturalWidth;
  }, path);
  /** What is stored: the ends of the names and URLs, and what kind it is. */
  const kept = () => page.evaluate(async () => {
    const found = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        const { type } = await cache.match(request, { ignoreVary: true });
        if (request.url.includes("/v1/")) found.push(`${name} ${request.url.split("/v1/")[1]} ${type}`);
      }
    }
    return found.sort();
  });
  const holds = (...names) => until(async () => `${await kept()}` === `${names}`, `${names} are kept`);
  /** Shows a picture anew once the page's own memory of it is gone. */
  const again = async (path) => {
    await page.reload();
    return shown(path);
  };
  const counters = async (of) => (await tell(page, { type: "tiercel:counters" })).counters[of];

  const ONE = "opaque_ada_picture_v1 picture:one opaque";

  test("a picture is stored once, and shown without the network, over a restart too", async () => {
    assert.equal(await shown("/pictures/one"), 7);
    await holds(ONE);
    const asked = far.count("/pictures/one");
    await far.down();
    await web.down();
    assert.equal(await shown("/pictures/one"), 7);
    await stopWorkers(page);
    assert.equal(await shown("/pictures/one"), 7);
    await Promise.all([far.up(), web.up()]);
    assert.equal(await again("/pictures/one"), 7);
    assert.equal(web.count("/pictures/one"), 2, "once in vain with CORS, once without");
    assert.equal(far.count("/pictures/one"), asked);
    const { hits, entries, bytes } = await counters("picture");
    assert.deepEqual({ entries, bytes }, { entries: 1, bytes: 7 * MB }, "found again by a worker that was killed");
    assert.ok(hits > 0);
  });

  test("who could read an answer does not get what nobody may read", async () => {
    assert.equal(await shown("/pictures/one"), 7);
    await holds(ONE);
    const asked = (init) => page.evaluate(async (init) => {
      try {
        const response = await fetch("/pictures/one", init);
        return `${response.type} ${response.status}`;
      } catch {
        return "error";
      }
    }, init);
    for (const mode of ["cors", "same-origin"]) assert.equal(await asked({ mode }), "basic 504", mode);
    assert.equal(await asked({ mode: "no-cors" }), "opaque 0");
    const frame = await page.evaluate(async () => {
      const frame = document.createElement("iframe");
      frame.src = "/pictures/one";
      document.body.append(frame);
      await new Promise((resolve) => (frame.onload = resolve));
      return frame.contentDocument?.body?.textContent ?? "of another origin";
    });
    assert.ok(!frame.includes("svg"), frame);
    await holds(ONE);
    // As soon as it may be read and kept, it is an entry as any other, and shown to both.
    fields = { "access-control-allow-origin": "*", "cache-control": "no-cache" };
    assert.equal((await get(page, "/pictures/one")).body, svg(7));
    await holds("opaque_ada_picture_v1 picture:one default");
    assert.equal((await get(page, "/pictures/one")).headers["cache-status"].includes("hit"), true);
    assert.equal(await again("/pictures/one"), 7);
  });

  test("what is stale is shown and asked for anew, or waited for where the policy says so", async () => {
    assert.equal(await shown("/pictures/one"), 7);
    assert.equal(await shown("/portraits/p"), 7);
    await holds("opaque_ada_picture_v1 picture:one opaque", "opaque_ada_portrait_v1 user:ada:portrait:p opaque");
    width = 9;
    assert.equal(await again("/pictures/one"), 7);
    await tell(page, { type: "test:clock", ahead: 2 * HOUR });
    assert.equal(await again("/portraits/p"), 9, "nothing stale of this class");
    assert.equal(await again("/pictures/one"), 7, "stale");
    await until(async () => (await again("/pictures/one")) === 9, "it is new");
    const asked = far.count("/pictures/one");
    assert.equal(await again("/pictures/one"), 9);
    assert.equal(far.count("/pictures/one"), asked, "fresh again");
    await tell(page, { type: "test:clock", ahead: 4 * HOUR });
    await Promise.all([far.down(), web.down()]);
    assert.equal(await shown("/portraits/p"), 9, "offline, what is stale is better than nothing");
    await Promise.all([far.up(), web.up()]);
  });

  test("a purge by a tag takes it, also in a worker that was killed before it wrote the index", async () => {
    for (const name of ["one", "two"]) assert.equal(await shown(`/pictures/${name}`), 7);
    await holds(ONE, "opaque_ada_picture_v1 picture:two opaque");
    await stopWorkers(page);
    assert.deepEqual(await tell(page, { type: "tiercel:purge", names: ["album:one"] }), { ok: true });
    await holds("opaque_ada_picture_v1 picture:two opaque");
    width = 9;
    assert.equal(await again("/pictures/one"), 9);
    assert.equal(await again("/pictures/two"), 7);
  });

  test("each counts as 7 MB of the budget, and what was not used for longest makes room", async () => {
    for (const name of ["one", "two", "three"]) {
      assert.equal(await shown(`/pictures/${name}`), 7);
      await until(async () => `${await kept()}`.includes(`:${name} `), `${name} is kept`);
    }
    await holds("opaque_ada_picture_v1 picture:three opaque", "opaque_ada_picture_v1 picture:two opaque");
    const { evictions, entries, bytes } = await counters("picture");
    assert.deepEqual({ evictions, entries, bytes }, { evictions: 1, entries: 2, bytes: 14 * MB });
  });

  test("a user's own is not another's, and goes with the logout", async () => {
    assert.equal(await shown("/portraits/p"), 7);
    await holds("opaque_ada_portrait_v1 user:ada:portrait:p opaque");
    width = 9;
    await tell(page, { type: "tiercel:identify", user: "bob" });
    assert.equal(await again("/portraits/p"), 9);
    await tell(page, { type: "tiercel:identify", user: "ada" });
    assert.equal(await again("/portraits/p"), 7);
    assert.deepEqual(await tell(page, { type: "tiercel:logout", user: "ada" }), { ok: true });
    assert.ok(!`${await kept()}`.includes("ada"));
    await tell(page, { type: "tiercel:identify", user: "ada" });
    assert.equal(await again("/portraits/p"), 9);
  });

  test("a Vary that nobody can read hides nothing, neither from who looks nor from who removes", async () => {
    for (const [name, vary, ahead] of [["one", "Accept, X-Tiercel-Meta", 2 * HOUR], ["two", "*", 4 * HOUR]]) {
      const path = `/pictures/${name}`;
      fields = { vary };
      width = 7;
      assert.equal(await shown(path), 7, vary);
      await holds(`opaque_ada_picture_v1 picture:${name} opaque`);
      width = 9;
      assert.equal(await again(path), 7, vary);
      await tell(page, { type: "test:clock", ahead });
      await until(async () => (await again(path)) === 9, "it is replaced");
      await holds(`opaque_ada_picture_v1 picture:${name} opaque`);
      await tell(page, { type: "tiercel:purge", names: [`album:${name}`] });
      await holds();
    }
  });

  test("a class that does not ask for it stores none", async () => {
    assert.equal(await shown("/plain/one"), 7);
    assert.equal(await shown("/pictures/one"), 7);
    await holds(ONE);
    assert.equal(await again("/plain/one"), 7);
    await holds(ONE);
  });
});
