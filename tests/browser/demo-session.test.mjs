// A user comes back to the demo and looks around: how much of what the page reads needs no request. A count, not a time.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { demoWorld } from "./demo-world.mjs";
import { chromium, until } from "./harness.mjs";

/** Twenty actions; the session has ten times as many. */
const ROUND = [
  "list", "list images", "open 0", "next", "next", "previous", "close", "list music", "open 1", "rate", "close",
  "list videos", "back", "forward", "back", "back", "forward", "focus", "list", "reload",
];
const ROUNDS = 10;
/** How long the user takes for a round, in seconds: some of what is stored gets stale on the way. */
const PACE = 60;
/** How long the user was away, in seconds. */
const AWAY = 20 * 60;
/** Reads of metadata: what the SDK keeps. */
const METADATA = /\/api\/(upload\/user\/[^/]+|stats|files\/[^/]+\/[^/]+\/info|ratings\/[^/]+|watch-progress\/[^/]+)$/;

let cloud, chrome;
before(async () => {
  cloud = await demoWorld({ clock: true });
  chrome = await chromium();
});
after(async () => {
  await chrome?.close();
  await cloud?.close();
});

test("on a repeat visit over 95 % of what the page reads needs no request", { timeout: 400_000 }, async () => {
  const page = await chrome.browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  // The page's clock goes with that of the Workers.
  await page.evaluateOnNewDocument(() => {
    const now = Date.now.bind(Date);
    const ahead = () => Number(globalThis.sessionStorage?.getItem("ahead") ?? 0);
    if (location.protocol !== "about:") Date.now = () => now() + ahead() * 1000;
  });
  const later = async (seconds) => {
    await cloud.control("POST", "clock", { advance_seconds: seconds });
    await page.evaluate((seconds) => sessionStorage.setItem("ahead", Number(sessionStorage.getItem("ahead") ?? 0) + seconds), seconds);
  };

  let asked = [];
  const under = new Set();
  page.on("request", (request) => {
    const isRead = request.method() === "GET" && METADATA.test(new URL(request.url()).pathname);
    if (!isRead) return;
    under.add(request);
    asked.push(new URL(request.url()).pathname);
  });
  // What a page leaves behind that is left, nobody tells the end of.
  page.on("framenavigated", (frame) => frame === page.mainFrame() && under.clear());
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => under.delete(request));
  /** Nothing is under way, and what came is drawn. */
  const quiet = () =>
    until(async () => {
      const drawn = await page.evaluate(
        () =>
          new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(document.querySelectorAll("#library .card-foot").length > 0)))),
      );
      return drawn && under.size === 0;
    }, "the page is quiet").catch((error) => {
      throw new Error(`${error.message}: ${[...under].map((request) => request.url())}`, { cause: error });
    });

  /** What the SDK has counted, of all pages so far. */
  const counted = { hits: 0, misses: 0, stale: 0, offline: 0, errors: 0 };
  const count = async () => {
    const counters = await page.$eval("tiercel-inspector", ({ client }) => client.counters());
    for (const each of Object.values(counters)) for (const name of Object.keys(counted)) counted[name] += each[name];
  };
  const click = (selector, at = 0) => page.$$eval(selector, (all, at) => all[at % all.length].click(), at);
  const act = {
    list: (category = "") => page.evaluate((category) => void (location.hash = category), category),
    open: (at) => click("#library .card-open", Number(at)),
    next: () => page.keyboard.press("PageDown"),
    previous: () => page.keyboard.press("PageUp"),
    close: () => page.keyboard.press("Escape"),
    rate: () => click(".stars label", 3),
    back: () => page.evaluate(() => history.back()),
    forward: () => page.evaluate(() => history.forward()),
    focus: () => page.evaluate(() => dispatchEvent(new Event("focus"))),
    reload: async () => {
      await count();
      await page.reload();
    },
  };
  const perform = async (action) => {
    const [name, argument] = action.split(" ");
    await act[name](argument);
    await quiet();
  };

  await page.goto(cloud.url);
  await page.waitForSelector(".demo-user");
  await page.click(".demo-user");
  await quiet();
  // The first visit looks at as much as the second one will.
  for (const action of ROUND) await perform(action);

  await later(AWAY);
  await page.goto("about:blank");
  for (const name of Object.keys(counted)) counted[name] = 0;
  asked = [];
  await page.goto(cloud.url);
  await quiet();
  for (let round = 0; round < ROUNDS; round++) {
    // Most of the time a rating is looked at; now and then one is given.
    for (const action of ROUND) await perform(action === "rate" && round % 5 > 0 ? "focus" : action);
    await later(PACE);
  }
  await count();
  const reads = Object.values(counted).reduce((sum, each) => sum + each, 0);
  const share = 1 - asked.length / reads;
  console.log(`${(100 * share).toFixed(1)} % of ${reads} reads in ${ROUND.length * ROUNDS} actions needed none of ${asked.length} requests; ${JSON.stringify(counted)}`);
  assert.ok(reads > 800, `${reads} reads are a session`);
  assert.ok(counted.stale > 0, "the session is long enough for some of it to get stale");
  assert.ok(share > 0.95, `${share}: ${asked.join(" ")}`);
});
