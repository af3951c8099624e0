// What the React hooks do before there is anything to show: the cache is being opened, the component is being rendered.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { startReact } from "./react-world.mjs";

const old = new URL(import.meta.url).searchParams.get("react");
const VIDEOS = "/api/upload/user/a?category=videos";

let world, reactPage, shown, shows;
before(async () => {
  ({ world, reactPage, shown, shows } = await startReact(old));
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(async () => {
  await world.leave();
  assert.deepEqual(world.errors.splice(0), []);
});

test("a cache that is being opened: what is rendered meanwhile is read once it is there", async () => {
  const page = await reactPage(null);
  await page.evaluate(() => {
    const opening = new Promise((resolve) => (globalThis.opens = () => sdk.open({ user: "a" }).then(async (cache) => {
      await cache.local("preferences").set("theme", "dark");
      resolve((globalThis.cache = cache));
    })));
    show(opening, {
      one: ({ useResource }) => useResource("user-files", { category: "videos" }),
      none: ({ useResource }) => useResource("user-files", null),
      local: ({ useLocal }) => useLocal("preferences", "theme"),
      client: ({ useTiercel }) => ({ client: useTiercel() }),
    });
  });
  assert.deepEqual(await shown(page), { isLoading: true, isRefreshing: false });
  assert.deepEqual(await page.evaluate(() => [seen.client.client, seen.local[0] === undefined, seen.local[2]]), [null, true, true]);
  await page.evaluate(() => opens());
  await shows(page, { version: 1, status: "fresh", isLoading: false });
  await until(() => page.evaluate(() => seen.local[0] === "dark"), "the local value is shown");
  assert.ok(await page.evaluate(() => seen.client.client === cache));
  assert.deepEqual(await shown(page, "none"), { isLoading: false, isRefreshing: false });
  assert.equal(world.asked().length, 1);
});

test("the read begins before React hears that the cache is open", async () => {
  const page = await reactPage();
  const order = await page.evaluate(async () => {
    const order = [];
    const { get } = cache.constructor.prototype;
    cache.constructor.prototype.get = function (...args) {
      order.push("read");
      return get.apply(this, args);
    };
    let opens;
    show(new Promise((resolve) => (opens = resolve)), {
      one({ useResource, useTiercel }) {
        if (useTiercel()) order.push("rendered");
        return useResource("user-files", { category: "videos" });
      },
    });
    opens(cache);
    await new Promise((done) => setTimeout(done));
    return order;
  });
  assert.equal(order[0], "read");
  await shows(page, { version: 1 });
  assert.equal(world.asked().length, 1);
});

test("the read begins while the component renders", async () => {
  const page = await reactPage();
  const before = await page.evaluate(() => {
    const { get } = cache.constructor.prototype;
    let reads = 0;
    cache.constructor.prototype.get = function (...args) {
      reads++;
      return get.apply(this, args);
    };
    let before;
    show(cache, {
      one({ useResource }) {
        const shown = useResource("user-files", { category: "videos" });
        before ??= reads;
        return shown;
      },
    });
    return before;
  });
  assert.equal(before, 1);
  await shows(page, { version: 1 });
  assert.equal(world.asked().length, 1, "what was begun is what is shown, also in StrictMode");
});

test("what was begun for a component that never came ends", async () => {
  const page = await reactPage();
  await page.evaluate(() => {
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (run, ms, ...args) => (ms === 5000 ? ((globalThis.giveUp = () => run(...args)), 0) : setTimeout(run, ms, ...args));
    const never = new Promise(() => {});
    const Waiting = ({ useResource }) => {
      useResource("user-files", { category: "videos" });
      throw never;
    };
    show(cache, { one: (hooks) => ({ data: React.createElement(React.Suspense, { fallback: "waiting" }, React.createElement(Waiting, hooks)) }) });
  });
  await until(() => page.evaluate(async () => (await cache.stored()).length > 0), "the answer is stored");
  await page.evaluate(() => giveUp());
  world.versions.set(VIDEOS, 2);
  await page.evaluate(async () => {
    await cache.invalidate("upload", { category: "videos" });
    await cache.get("user-stats");
  });
  assert.equal(world.asked(VIDEOS).length, 1, "nobody follows it");
});

test("a cache that cannot be opened is the error of the boundary above", async () => {
  const page = await reactPage(null);
  await page.evaluate(() => show(Promise.reject(new Error("no wasm")), { one: ({ useResource }) => useResource("user-files", { category: "videos" }) }));
  await until(() => page.evaluate(() => seen.caught?.message === "no wasm"), "the boundary has it");
  // React says so as well.
  assert.ok(world.errors.splice(0).every((error) => /no wasm|TiercelProvider/.test(error)));
});

test("another user's cache that is being opened shows nothing of the one before", async () => {
  const page = await reactPage();
  await page.evaluate(() => show(cache, { one: ({ useResource }) => useResource("user-files", { category: "videos" }, { keepPrevious: true }) }));
  await shows(page, { version: 1 });
  await page.evaluate(() => {
    const opening = new Promise((resolve) => (globalThis.opens = () => sdk.open({ user: "b" }).then(resolve)));
    show(opening, { one: ({ useResource }) => useResource("user-files", { category: "videos" }, { keepPrevious: true }) });
  });
  assert.deepEqual(await shown(page), { isLoading: true, isRefreshing: false });
  await page.evaluate(() => opens());
  await shows(page, { version: 1, isLoading: false });
  assert.deepEqual(world.asked().map(({ path }) => path), [VIDEOS, VIDEOS.replace("/a?", "/b?")]);
});

test("what is changed while the cache is being opened is changed when it is there", async () => {
  const page = await reactPage(null);
  await page.evaluate(() => {
    const opening = new Promise((resolve) => (globalThis.opens = () => sdk.open({ user: "a" }).then((cache) => resolve((globalThis.cache = cache)))));
    show(opening, { upload: ({ useMutation }) => useMutation("upload"), local: ({ useLocal }) => useLocal("preferences", "theme") });
    globalThis.changing = Promise.all([seen.upload.mutate({}), seen.local[1]("dark")]);
  });
  await page.evaluate(() => opens());
  await page.evaluate(() => changing);
  assert.deepEqual(world.asked().map(({ method, path }) => `${method} ${path}`), ["POST /api/upload"]);
  assert.equal(await page.evaluate(() => cache.local("preferences").get("theme")), "dark");
  await until(() => page.evaluate(() => seen.local[0] === "dark" && !seen.upload.isPending), "and shown");
});
