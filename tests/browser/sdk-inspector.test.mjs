// <tiercel-inspector> in a real browser, over the real SDK, under a Content-Security-Policy that forbids inline styles.
// With TIERCEL_SCREENSHOTS=DIR it is photographed.

import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { HOUR, World, get, later, open, videos } from "./sdk-world.mjs";

let world;
before(async () => {
  world = await World.start();
});
after(() => world?.close());
beforeEach(async () => {
  await world.fresh();
  world.errors = [];
});
afterEach(async () => {
  await world.leave();
  assert.deepEqual(world.errors, []);
});

/** A page with the cache of `user`, and its inspector. */
async function inspected(user = "a") {
  const page = await world.page();
  await open(page, user);
  await page.evaluate(async () => {
    await import("/sdk/inspector.js");
    globalThis.inspector = document.createElement("tiercel-inspector");
    globalThis.inside = (selector) => [...inspector.shadowRoot.querySelectorAll(selector)];
    inspector.client = cache;
    document.body.append(inspector);
  });
  return page;
}

/** The texts of the cells of every row that is shown in a tab. */
const rows = (page, tab) =>
  page.evaluate((tab) => inside(`#${tab} tbody tr`).filter((row) => !row.hidden).map((row) => [...row.cells].map((cell) => cell.textContent)), tab);
const click = (page, selector) => page.evaluate((selector) => inside(selector)[0].click(), selector);
const said = (page) => page.evaluate(() => inside("output")[0].textContent);
/** Waits until the column of a tab's rows is what `wanted` says. */
const hasColumn = async (page, tab, column, wanted) => {
  let now;
  try {
    return await until(async () => {
      now = (await rows(page, tab)).map((row) => row[column]).sort();
      return String(now) === String([...wanted].sort()) && (await rows(page, tab));
    }, `${tab} shows ${wanted}`);
  } catch (error) {
    throw new Error(`${error.message}, but ${now}; ${await said(page)}`, { cause: error });
  }
};
const KEYS = { videos: "v1/user:a:files:videos", images: "v1/user:a:files:images", stats: "v1/user:a:stats" };
const fill = async (page) => {
  await videos(page);
  await get(page, "user-files", { category: "images" });
  await get(page, "user-stats");
};
const shoot = async (page, name) => {
  const dir = process.env.TIERCEL_SCREENSHOTS;
  if (dir) await page.screenshot({ path: path.join(dir, `inspector-${name}.png`) });
};

test("what is stored: class, key, state, age; it can be filtered and removed", async () => {
  const page = await inspected();
  await fill(page);
  const shown = await hasColumn(page, "stored", 1, Object.values(KEYS));
  assert.deepEqual(shown.map(([cls, key, state]) => [cls, key, state]).sort(), [
    ["user-files", KEYS.images, "fresh"], ["user-files", KEYS.videos, "fresh"], ["user-stats", KEYS.stats, "fresh"],
  ]);
  for (const [, , , age, left, size] of shown) assert.match(`${age}, ${left}, ${size}`, /^\d+ s, \d+ d, \d+ B$/);
  await shoot(page, "stored");

  await later(page, HOUR - 60);
  await page.evaluate(() => inspector.refresh());
  await hasColumn(page, "stored", 2, ["fresh", "fresh", "stale"]);
  assert.deepEqual([...new Set((await rows(page, "stored")).map((row) => row[3]))], ["59 min"]);

  await page.evaluate(() => {
    const [filter] = inside("input[type=search]");
    filter.value = "USER-FILES";
    filter.dispatchEvent(new Event("input"));
  });
  await hasColumn(page, "stored", 1, [KEYS.videos, KEYS.images]);

  // The focus stays where it is while the rows are read again.
  await page.evaluate(() => inside(`[aria-label$="user:a:files:images"]`)[0].focus());
  await page.evaluate(() => inspector.refresh());
  await get(page, "ratings", { fileId: "7" });
  await until(() => page.evaluate(() => inside("#tab-stored small")[0].textContent === "4"), "the fourth is counted");
  assert.equal(await page.evaluate(() => inspector.shadowRoot.activeElement?.ariaLabel), `Remove ${KEYS.images}`);
  await page.keyboard.press("Enter");
  await hasColumn(page, "stored", 1, [KEYS.videos]);
  assert.equal(await page.evaluate(async () => (await cache.stored()).length), 3);
  assert.equal(await said(page), `Removed ${KEYS.images}`);
});

test("removing everything asks once more", async () => {
  const page = await inspected();
  await fill(page);
  await hasColumn(page, "stored", 1, Object.values(KEYS));
  await click(page, "button.danger");
  assert.equal((await rows(page, "stored")).length, 3);
  await click(page, "button.danger");
  await hasColumn(page, "stored", 1, []);
  assert.deepEqual(await page.evaluate(() => cache.stored()), []);
  assert.equal(await page.evaluate(() => inside("#stored .empty")[0].hidden), false);
});

test("an event is invalidated with its parameters, as the policy says", async () => {
  const page = await inspected();
  await fill(page);
  await hasColumn(page, "stored", 1, Object.values(KEYS));
  const fields = await page.evaluate(() => {
    const [select] = inside("select");
    select.value = "upload";
    select.dispatchEvent(new Event("change"));
    const inputs = inside("form input");
    inputs[0].value = "videos";
    return [[...select.options].map(({ value }) => value), inputs.map(({ name }) => name)];
  });
  assert.ok(fields[0].includes("delete") && fields[0].includes("new-rating"), fields[0]);
  assert.deepEqual(fields[1], ["category"]);
  await click(page, "form button");
  await hasColumn(page, "stored", 1, [KEYS.images]);
  assert.equal(await said(page), "Invalidated upload category=videos");
});

test("which tier answered, and why: the newest first", async () => {
  const page = await inspected();
  await click(page, "#tab-decisions");
  await videos(page);
  await videos(page);
  const shown = await hasColumn(page, "decisions", 1, ["Device", "Origin"]);
  assert.deepEqual(shown.map(([, tier, what, status, reason]) => [tier, what, status, reason]), [
    ["Device", "user-files videos", "fresh", "fresh"],
    ["Origin", "user-files videos", "fresh", "miss"],
  ]);
  world.down = true;
  await get(page, "ratings", { fileId: "7" });
  await hasColumn(page, "decisions", 3, ["failed", "fresh", "fresh"]);
  await shoot(page, "decisions");
  // Hidden, it still listens.
  await page.evaluate(() => (inspector.hidden = true));
  await videos(page);
  await hasColumn(page, "decisions", 3, ["failed", "fresh", "fresh", "fresh"]);
});

// Those of a Service Worker: demo.test.mjs.
test("counters of the page; a Service Worker that has none is no error", async () => {
  const page = await inspected();
  await click(page, "#tab-counters");
  await videos(page);
  await videos(page);
  const ofPage = await until(async () => (await rows(page, "counters")).find(([cls, hits]) => cls === "user-files" && hits === "1"), "the hit is counted");
  assert.equal(ofPage[2], "1");
  assert.match(await page.evaluate(() => inside("#counters")[0].textContent), /Service Worker: does not answer/);
  await shoot(page, "counters");
});

test("tabs are walked by the keyboard, and it can be closed", async () => {
  const page = await inspected();
  const chosen = () => page.evaluate(() => [inspector.shadowRoot.activeElement.id, inside("[role=tabpanel]").filter(({ hidden }) => !hidden).map(({ id }) => id).join()]);
  await page.evaluate(() => inside("#tab-stored")[0].focus());
  for (const [key, tab] of [["ArrowRight", "decisions"], ["ArrowRight", "counters"], ["ArrowRight", "stored"], ["ArrowLeft", "counters"]]) {
    await page.keyboard.press(key);
    assert.deepEqual(await chosen(), [`tab-${tab}`, tab]);
  }
  assert.equal(await page.evaluate(() => getComputedStyle(inspector).position), "fixed", "its style is applied");
  await page.evaluate(() => inspector.addEventListener("close", (event) => event.preventDefault(), { once: true }));
  await click(page, "header button");
  assert.equal(await page.evaluate(() => inspector.hidden), false);
  await click(page, "header button");
  assert.equal(await page.evaluate(() => getComputedStyle(inspector).display), "none");
});

test("what is stored is text, never markup", async () => {
  const page = await inspected();
  const fileId = `<img src=x onerror="document.title='hacked'">`;
  await get(page, "ratings", { fileId });
  await until(async () => (await rows(page, "stored")).length === 1, "it is stored");
  await click(page, "#tab-decisions");
  await hasColumn(page, "decisions", 2, [`ratings ${fileId}`]);
  assert.deepEqual(await page.evaluate(() => [inside("img").length, document.title]), [0, "SDK"]);
});

test("another client, or none, or one that has ended: nothing of the one before", async () => {
  const page = await inspected();
  await fill(page);
  await hasColumn(page, "stored", 1, Object.values(KEYS));
  await page.evaluate(async () => (inspector.client = await sdk.open({ user: "b" })));
  await hasColumn(page, "stored", 1, []);
  assert.deepEqual(await rows(page, "decisions"), []);
  assert.equal(await page.evaluate(() => inside(".user")[0].textContent), "b");
  await page.evaluate(() => inspector.client.logout());
  await page.evaluate(() => inspector.refresh());
  await until(async () => /logged out/.test(await said(page)), "it says that the user logged out");
  await page.evaluate(() => (inspector.client = null));
  assert.equal(await page.evaluate(() => inside("form button")[0].disabled), true);
});

test("a client that is set before the element is known counts", async () => {
  const page = await world.page();
  await open(page, "a");
  await videos(page);
  await page.evaluate(async () => {
    globalThis.inspector = document.createElement("tiercel-inspector");
    inspector.client = cache;
    document.body.append(inspector);
    await import("/sdk/inspector.js");
    globalThis.inside = (selector) => [...inspector.shadowRoot.querySelectorAll(selector)];
  });
  await hasColumn(page, "stored", 1, [KEYS.videos]);
});
