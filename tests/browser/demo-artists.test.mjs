// The demo's artists as a visitor sees them: the real edge, origin, Service Worker and SDK, and the stand-in for Spotify.
// With TIERCEL_SCREENSHOTS=DIR the page is photographed at each step.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { demoWorld } from "./demo-world.mjs";
import { chromium, until } from "./harness.mjs";

const TOTAL = 137;

describe("the demo's artists", { timeout: 180_000 }, () => {
  let cloud, chrome, page;
  const errors = [];

  before(async () => {
    cloud = await demoWorld({ spotify: {}, clock: true });
    chrome = await chromium();
    page = await chrome.browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(cloud.url);
    await page.waitForSelector(".demo-user");
    await page.click(".demo-user");
    await page.waitForSelector("#library .card");
  });
  after(async () => {
    await chrome?.close();
    await cloud?.close();
  });

  const shoot = async (name) => {
    const dir = process.env.TIERCEL_SCREENSHOTS;
    if (dir) await page.screenshot({ path: path.join(dir, `artists-${name}.png`) });
  };
  const go = (hash) => page.evaluate((hash) => void (location.hash = hash), hash);
  // Null, and not a failure, on the way from one page to the next.
  const text = (selector) => page.$eval(selector, ({ textContent }) => textContent.trim()).catch(() => null);
  const count = (selector) => page.$$eval(selector, (all) => all.length).catch(() => null);
  const places = () => page.$$eval(".artist:not(.skeleton *) .artist-place", (all) => all.map(({ textContent }) => Number(textContent)));
  const names = () => page.$$eval(".artist strong", (all) => all.map(({ textContent }) => textContent));
  const selected = () => page.$$eval(".artist-toggle[aria-pressed=true]", (all) => all.length);
  const press = (label) =>
    until(
      () =>
        page.evaluate((label) => {
          const button = [...document.querySelectorAll("button:enabled")].find((one) => one.textContent.trim() === label);
          button?.click();
          return button !== undefined;
        }, label),
      `there is a button ${label}`,
    );
  const isConnected = () => until(async () => /Spotify · Listener/.test(await text(".artists-connection")), "the account is named");
  const shown = (label) => until(() => text(".pages span[aria-live]").then((found) => found === label), `${label} is shown`);
  /** The edge stores behind its answer. */
  const isStored = () =>
    until(
      () => page.evaluate(async () => /^tiercel-edge; hit/.test((await fetch("/api/user/artists?page=0&limit=20", { cache: "no-store" })).headers.get("cache-status"))),
      "the edge has stored the list",
    );
  const spotify = (name, body = {}) => fetch(`${cloud.spotifyUrl}/control/${name}`, { method: "POST", body: JSON.stringify(body) });
  /** What of the origin's resources for artists was asked for since the last call. */
  const asked = async () => (await cloud.atOrigin()).filter((line) => line.startsWith("GET /api/user/artists"));

  test("are shown twenty at a time, with pictures, from one answer of the origin", async () => {
    await cloud.atOrigin();
    await go("artists");
    await shown("Page 1 of 7");
    assert.deepEqual(await places(), Array.from({ length: 20 }, (_, index) => index + 1));
    const scores = await page.$$eval(".artist-score b", (all) => all.map(({ textContent }) => Number(textContent)));
    assert.deepEqual(scores, scores.toSorted((a, b) => b - a));
    assert.equal(await selected(), 3);
    await until(() => page.$$eval(".artist-picture img", (all) => all.filter(({ naturalWidth }) => naturalWidth > 0).length >= 6), "pictures come");
    await shoot("1-first-page");
    const first = await names();
    await page.click("[aria-label='Next page']");
    await shown("Page 2 of 7");
    assert.deepEqual((await places())[0], 21);
    assert.ok((await names()).every((name) => !first.includes(name)));
    await go("artists/7");
    await shown("Page 7 of 7");
    assert.equal((await places()).length, TOTAL - 120);
    assert.equal(await page.$("[aria-label='Next page']"), null);
    assert.deepEqual(await asked(), ["GET /api/user/artists"]);
  });

  test("are selected at once, and stay so", async () => {
    await go("artists");
    await shown("Page 1 of 7");
    await page.click(".artist-toggle[aria-pressed=false]");
    await until(async () => (await selected()) === 4, "it is shown as selected");
    await until(async () => (await asked()).length > 0, "the list is read again");
    await page.reload();
    await shown("Page 1 of 7");
    assert.equal(await selected(), 4);
  });

  test("of a revoked connection: a warning, and a way back", async () => {
    assert.match(await text(".stand-in"), /Then select an artist: Spotify is asked again, and refuses\./);
    await Promise.all([page.waitForNavigation(), press("Revoke the connection there")]);
    await shown("Page 1 of 7");
    await page.click(".artist-toggle[aria-pressed=true]");
    await page.waitForSelector(".artists-alert");
    assert.match(await text(".artists-alert"), /no longer accepts this connection/);
    await shoot("2-revoked");
    await press("Reconnect Spotify");
    await until(async () => (await count(".artists-alert")) === 0 && (await count(".artist strong")) === 20, "the list is back");
    assert.equal(await selected(), 3);
    assert.equal(await page.evaluate(() => location.href), `${cloud.url}/#artists`);
    await isConnected();
  });

  test("that the edge keeps for a revoked connection stand under its warning", async () => {
    // What the device has goes, so that the edge is asked.
    const again = () => page.evaluate(() => dispatchEvent(new CustomEvent("videomi:cache-invalidate", { detail: { event: "artist-toggle", params: {} } })));
    await until(async () => (await count(".artist strong")) === 20, "there is a list");
    await isStored();
    await cloud.control("POST", "clock", { advance_seconds: 3 * 3600 + 60 });
    await spotify("revoke");
    await spotify("expire");
    await again();
    await page.waitForSelector(".artists-alert");
    assert.match(await text(".artists-alert [lang=fr]"), /^Données du cache utilisées\. Reconnectez-vous à Spotify\.$/);
    assert.equal((await places()).length, 20);
    await shoot("3-fallback");
    await press("Reconnect Spotify");
    await until(async () => (await count(".artists-alert")) === 0 && (await count(".artist strong")) === 20, "the list is fresh");
    await isConnected();
    await isStored();
    // A passing failure is a quieter matter.
    await cloud.control("POST", "clock", { advance_seconds: 3 * 3600 + 60 });
    await spotify("fail", { status: 500, times: 100 });
    await again();
    await page.waitForSelector(".artists-note");
    assert.match(await text(".artists-note"), /A little old/);
    assert.equal(await page.$(".artists-alert"), null);
    await spotify("reset");
    await page.reload();
    await shown("Page 1 of 7");
  });

  test("are none without a connection, and one is made", async () => {
    await press("Disconnect");
    await page.waitForSelector(".artists-empty");
    await shoot("4-not-connected");
    await press("Connect Spotify");
    await shown("Page 1 of 7");
    assert.ok(!page.url().includes("code"), page.url());
  });

  test("are not connected by somebody else's link", async () => {
    const granted = await fetch(`${cloud.spotifyUrl}/authorize?client_id=videomi-demo&response_type=code&account=mallory&state=guessed&redirect_uri=${cloud.url}/`, { redirect: "manual" });
    await cloud.atOrigin();
    await page.goto(granted.headers.get("Location"));
    const problem = () => page.$$eval(".notice.problem", (all) => all.some(({ textContent }) => /did not begin here/.test(textContent)));
    await until(problem, "it is refused");
    assert.match(await text("#root > .visually-hidden[role=status]"), /did not begin here/);
    await shoot("5-problem");
    // A notice of something done goes after five seconds; a problem waits for somebody who has read it.
    await press("Store scores");
    await until(() => page.$$eval(".notice.done", (all) => all.length === 1), "it is said that scores are stored");
    await until(() => page.$$eval(".notice.done", (all) => all.length === 0), "what was done goes");
    assert.ok(await problem());
    await page.click(".notice.problem [aria-label=Dismiss]");
    await until(async () => !(await problem()), "the problem was read");
    assert.ok(!(await cloud.atOrigin()).includes("POST /api/user/platforms/connect"));
    await isConnected();
  });

  test("fit a narrow screen", async () => {
    await page.setViewport({ width: 390, height: 844 });
    await page.click("[aria-controls=activity]");
    await shown("Page 1 of 7");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
    await shoot("6-narrow");
  });

  test("nothing went wrong in the page", () => assert.deepEqual(errors, []));
});
