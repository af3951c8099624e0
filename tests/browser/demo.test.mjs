// The demo as a visitor sees it: the real edge, origin, Service Worker and SDK, in a real browser.
// With TIERCEL_SCREENSHOTS=DIR the page is photographed at each step.

import assert from "node:assert/strict";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { demoWorld } from "./demo-world.mjs";
import { chromium, until } from "./harness.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

describe("the demo", { timeout: 180_000 }, () => {
  let cloud, chrome, page;
  const errors = [];
  const log = [];

  before(async () => {
    cloud = await demoWorld();
    chrome = await chromium();
    page = await chrome.browser.newPage();
    await page.setViewport({ width: 1280, height: 800 });
    page.on("console", (message) => log.push(message.text()));
    page.on("pageerror", (error) => errors.push(error.message));
  });
  after(async () => {
    await chrome?.close();
    await cloud?.close();
  });

  const shoot = async (name) => {
    const dir = process.env.TIERCEL_SCREENSHOTS;
    if (dir) await page.screenshot({ path: path.join(dir, `${name}.png`) });
  };
  const titles = () => page.$$eval("#library .card h3", (all) => all.map((one) => one.textContent));
  /** What the panel has counted: {Device: 18, SW: 11, Edge: 0, Origin: 0}. */
  const tiers = () =>
    page.$$eval(".chips .chip", (chips) => Object.fromEntries(chips.map((chip) => {
      const [tier, count] = chip.textContent.trim().split(/\s+/);
      return [tier, Number(count)];
    })));
  /** Every key in Ada's database and in the caches, without the escapes of an id. */
  const stored = () =>
    page.evaluate(async () => {
      const keys = [];
      for (const name of await caches.keys()) keys.push(...(await (await caches.open(name)).keys()).map(({ url }) => url));
      const database = await new Promise((resolve, reject) => {
        const opening = indexedDB.open("videomi_cache_abc123");
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
      });
      const stores = [...database.objectStoreNames];
      const transaction = database.transaction(stores);
      for (const store of stores) {
        const request = transaction.objectStore(store).getAllKeys();
        keys.push(...(await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)))));
      }
      database.close();
      return keys.map((key) => decodeURIComponent(key));
    });
  /** What the device knows of where the one video stopped. */
  const places = async () => (await stored()).filter((key) => key.includes("progress:v_sunrise_7f3a"));
  /** The list is there and every thumbnail in sight has come. */
  const settled = async () => {
    const missing = () =>
      page.evaluate(() => {
        const cards = [...document.querySelectorAll("#library .card")];
        if (cards.length === 0) return ["the list"];
        const inSight = cards.filter((card) => card.getBoundingClientRect().top < innerHeight - 40);
        return inSight.filter((card) => !card.querySelector("img")).map((card) => card.querySelector("h3")?.textContent ?? "a card");
      });
    try {
      await until(async () => (await missing()).length === 0, "the library is shown");
    } catch (error) {
      const requests = await page.evaluate(() =>
        performance.getEntriesByType("resource").map((e) => `${new URL(e.name).pathname} ${e.responseStatus} ${Math.round(e.duration)} ms`),
      );
      await shoot("failure");
      throw new Error(`${error.message}; missing: ${await missing()}; log: ${log.join(" | ")}; requests: ${requests.join(", ")}`, { cause: error });
    }
  };

  test("a first visit misses everywhere", async () => {
    await page.goto(cloud.url);
    await page.waitForSelector(".demo-user");
    await shoot("1-sign-in");
    await page.click(".demo-user");
    await settled();
    await shoot("2-first-visit");
    const asked = await cloud.atOrigin();
    for (const wanted of ["GET /api/upload/user/abc123", "GET /api/stats", "GET /api/files/videos/v_sunrise_7f3a/thumbnail"]) {
      assert.equal(asked.filter((line) => line === wanted).length, 1, `${wanted} once in ${asked}`);
    }
    const { Device, SW } = await tiers();
    assert.deepEqual({ Device, SW }, { Device: 0, SW: 0 });
    // A reload ends what is under way, and what comes next relies on it.
    await until(async () => {
      asked.push(...(await cloud.atOrigin()));
      const keys = await stored();
      return Object.entries({ "ratings/": "ratings:", "watch-progress/": ":progress:" }).every(([path, key]) => {
        const wanted = new Set(asked.filter((line) => line.startsWith(`GET /api/${path}`)));
        return wanted.size > 0 && keys.filter((each) => each.includes(key)).length >= wanted.size;
      });
    }, "what the cards have asked for is stored");
  });

  test("a reload answers lists from IndexedDB and thumbnails from the Service Worker", async () => {
    await page.reload();
    await settled();
    await shoot("3-reload");
    const asked = await cloud.atOrigin();
    // The page itself comes from the network while there is one, and the session is never stored.
    const data = asked.filter((line) => /^GET \/(api|assets|icons)\//.test(line) && line !== "GET /api/auth/session");
    assert.deepEqual(data, []);
    const counts = await tiers();
    assert.ok(counts.Device > 5 && counts.SW > 5, JSON.stringify(counts));
    assert.deepEqual([counts.Edge, counts.Origin], [0, 0]);
  });

  test("each view has a title and a heading, and each card says who answered", async () => {
    const heading = () => page.$$eval("h1", (all) => all.map(({ textContent }) => textContent));
    const called = () => page.title();
    for (const [hash, title] of [["#videos", "Videos · Videomi"], ["#artists/2", "Your artists, page 2 · Videomi"], ["#", "Your library · Videomi"]]) {
      await page.evaluate((hash) => void (location.hash = hash), hash);
      await until(async () => (await called()) === title, `the page is called ${title}`);
      assert.deepEqual(await heading(), [title]);
    }
    await settled();
    const said = async (selector) => (await page.accessibility.snapshot({ root: await page.$(selector), interestingOnly: false })).description;
    assert.match(await said("#library .card-open"), /^Service Worker answered \(Cache Storage on this device\): .* waited /);
    assert.match(await said(".top-card .card-open"), /^Service Worker answered /);
    assert.match(await page.$eval("#library .section-title .tier-badge .visually-hidden", ({ textContent }) => textContent), /^Device answered \(IndexedDB on this device\)/);
  });

  test("the inspector shows what is stored and who answered", async () => {
    const inside = (selector) => page.$$eval("tiercel-inspector", ([host], selector) => [...host.shadowRoot.querySelectorAll(selector)].map(({ textContent }) => textContent), selector);
    await page.click("[aria-label=Inspector]");
    await until(async () => (await inside("#stored tbody th")).includes("user-files"), "the list is among what is stored");
    assert.ok((await inside("#decisions .badge")).includes("Device"));
    await shoot("3-inspector");
    const counted = () => page.$eval("tiercel-inspector", (host) =>
      Object.fromEntries([...host.shadowRoot.querySelectorAll("#counters table")].map(({ caption, tBodies: [{ rows }] }) => [
        caption.textContent,
        Object.fromEntries([...rows].map(({ cells: [name, hits] }) => [name.textContent, Number(hits.textContent)])),
      ])),
    );
    await until(async () => {
      const { "This page": ofPage, "Service Worker": ofWorker } = await counted();
      return ofPage?.["user-files"] > 0 && ofWorker?.thumbnail > 0;
    }, "the hits of both are shown");
    await page.click("[aria-label=Inspector]");
    assert.equal(await page.$eval("tiercel-inspector", (host) => getComputedStyle(host).display), "none");
  });

  test("after an upload the list is new", async () => {
    const before = await titles();
    const input = await page.$("input[type=file]");
    await input.uploadFile(path.join(ROOT, "demo/media/dunes.webp"));
    await until(async () => (await titles()).length === before.length + 1, "the uploaded file is in the list");
    await shoot("4-upload");
    const asked = await cloud.atOrigin();
    for (const wanted of ["POST /api/upload", "GET /api/upload/user/abc123", "GET /api/stats"]) {
      assert.ok(asked.includes(wanted), `${wanted} in ${asked}`);
    }
  });

  test("a video plays, and again without the origin", async () => {
    const play = async () => {
      await page.evaluate(() => [...document.querySelectorAll(".card-open")].find((card) => /Sunrise/.test(card.ariaLabel)).click());
      await page.waitForSelector("video");
      await until(() => page.$eval("video", (video) => video.currentTime > 0.3), "the video plays");
    };
    await play();
    await shoot("5-player");
    await page.keyboard.press("Escape");
    await until(() => page.evaluate(async () => (await caches.open("videomi_abc123_media_v1")).keys().then((keys) => keys.length)), "the video is stored");
    await cloud.atOrigin();
    await play();
    assert.deepEqual((await cloud.atOrigin()).filter((line) => line.includes("/api/files/videos/v_sunrise_7f3a") && !line.endsWith("/info")), []);
    await page.keyboard.press("Escape");
  });

  test("a deleted file leaves list, caches and database", async () => {
    const before = await titles();
    await page.evaluate(() => document.querySelector("#library .card .card-actions .button:last-of-type").click());
    await page.waitForSelector(".button.danger");
    await page.click(".button.danger");
    await until(async () => (await titles()).length === before.length - 1, "the file is gone from the list");
    assert.deepEqual(errors, [], "the dialog goes, and takes nothing along");
    assert.ok(!(await titles()).includes(before[0]));
    const id = (await cloud.atOrigin()).find((line) => line.startsWith("DELETE ")).split("/").at(-1);
    const left = await stored();
    assert.ok(left.length > 10, "the stores hold other entries");
    // The policy leaves its rating, which is everybody's, to its lifetime.
    assert.deepEqual(left.filter((key) => key.includes(id) && key !== `v1/ratings:${id}`), []);
  });

  test("offline the page still works", async () => {
    await page.reload();
    await settled();
    // As its card does when it is in sight.
    await page.$eval("tiercel-inspector", ({ client }) => client.get("watch-progress", { fileId: "v_sunrise_7f3a" }).then(() => {}));
    assert.equal((await places()).length, 1);
    const before = await titles();
    await cloud.close();
    await page.reload();
    await settled();
    await page.waitForSelector(".offline-banner");
    assert.deepEqual(await titles(), before);
    await shoot("6-offline");
  });

  test("a place reached offline waits, and the one that is known stays", async () => {
    await page.evaluate(() => document.querySelector(".card-open[aria-label*='Sunrise']").click());
    await page.waitForSelector("video");
    await until(() => page.$eval("video", (video) => video.currentTime > 1.2), "the video plays");
    await page.keyboard.press("Escape");
    await until(() => page.$$eval(".entry.write", (all) => all.some(({ textContent }) => /PUT \/api\/watch-progress\/v_sunrise_7f3a.*keeps it/.test(textContent))), "the place is kept");
    assert.equal((await places()).length, 1);
  });

  test("a rating given offline waits, and nobody says that the origin has it", async () => {
    assert.deepEqual((await stored()).filter((key) => key.includes("ratings:m_embers_a203")), [], "of this file the device knows no rating");
    await page.evaluate(() => document.querySelector(".card-open[aria-label='Play Embers']").click());
    await page.waitForSelector(".stars-row");
    assert.doesNotMatch(await page.$eval(".stars-row", ({ textContent }) => textContent), /rated/);
    await page.evaluate(() => document.querySelector(".stars input[value='4']").click());
    const within = "dialog[open] [role=status].visually-hidden";
    await until(() => page.$$eval(within, (all) => all[0]?.textContent === "Rated 4 of 5. It is sent when the network is back."), "the page says when it is sent");
    assert.equal(await page.$$eval(".stars .lit", (all) => all.length), 4);
    await shoot("7-offline-rating");
    const [written] = await page.$$eval(".entry.write", (all) => all.map(({ textContent }) => textContent));
    assert.match(written, /^POST \/api\/ratings\/.*No network: the Service Worker keeps it, and sends it later$/);
    assert.doesNotMatch(await page.$eval(".stars-row", ({ textContent }) => textContent), /rated/);
    await page.keyboard.press("Escape");
    await page.setViewport({ width: 390, height: 844 });
    await shoot("8-offline-narrow");
  });

  test("nothing went wrong in the page", () => assert.deepEqual(errors, []));
});
