// The React hooks in a real browser, under StrictMode and React's development build, over the real SDK.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { until } from "./harness.mjs";
import { startReact } from "./react-world.mjs";
import { HOUR, databases, later, open, send } from "./sdk-world.mjs";

/** What `react` stands for: the newest, or `?react=18` behind this file's name. */
const old = new URL(import.meta.url).searchParams.get("react");

const VIDEOS = "/api/upload/user/a?category=videos";
const IMAGES = "/api/upload/user/a?category=images";

let world, reactPage, shown, shows;
before(async () => {
  ({ world, reactPage, shown, shows } = await startReact(old));
});
after(() => world?.close());
beforeEach(() => world.fresh());
afterEach(async () => {
  await world.leave();
  // React's own complaints are errors as well.
  assert.deepEqual(world.errors.splice(0), []);
});

const showVideos = (page) => page.evaluate(() => show(cache, { one: ({ useResource }) => useResource("user-files", { category: "videos" }) }));

test("components that want the same share one read, whatever the order of their parameters", async () => {
  const page = await reactPage();
  await page.evaluate(() =>
    show(cache, {
      one: ({ useResource }) => useResource("file-info", { category: "videos", fileId: "7" }),
      two: ({ useResource }) => useResource("file-info", { fileId: "7", category: "videos" }),
      other: ({ useResource }) => useResource("file-info", { category: "videos", fileId: "8" }),
      none: ({ useResource }) => useResource("file-info", null),
    }),
  );
  assert.deepEqual(await shown(page, "none"), { isLoading: false, isRefreshing: false });
  for (const name of ["one", "two", "other"]) await shows(page, { version: 1, status: "fresh", isLoading: false, isRefreshing: false }, name);
  assert.ok(await page.evaluate(() => seen.one.data === seen.two.data));
  assert.deepEqual(world.asked().map(({ path }) => path).sort(), ["/api/files/videos/7/info", "/api/files/videos/8/info"]);
});

test("what is stored is there without a request, and what is stale is shown while it is refreshed", async () => {
  const page = await reactPage();
  const first = world.hold(VIDEOS);
  await showVideos(page);
  await first.arrived;
  assert.deepEqual(await shown(page), { isLoading: true, isRefreshing: false });
  first.release();
  await shows(page, { version: 1, source: "origin" });
  await page.evaluate(() => leave());
  const again = await reactPage();
  await showVideos(again);
  await shows(again, { version: 1, source: "device" });
  assert.equal(world.asked().length, 1);
  await again.evaluate(() => leave());
  await later(again, HOUR + 1);
  world.versions.set(VIDEOS, 2);
  const held = world.hold(VIDEOS);
  await showVideos(again);
  await held.arrived;
  await shows(again, { version: 1, status: "stale", isLoading: false, isRefreshing: true });
  held.release();
  await shows(again, { version: 2, status: "fresh", isRefreshing: false });
});

test("a change in any tab renders again, and the old data stays until the new is there", async () => {
  const [page, other] = [await reactPage(), await reactPage()];
  for (const each of [page, other]) await showVideos(each);
  for (const each of [page, other]) await shows(each, { version: 1 });
  world.versions.set(VIDEOS, 2);
  const held = world.hold(VIDEOS);
  await other.evaluate(() => cache.invalidate("upload", { category: "videos" }));
  await held.arrived;
  await shows(page, { version: 1, isLoading: false, isRefreshing: true });
  held.release();
  for (const each of [page, other]) await shows(each, { version: 2, isRefreshing: false });
});

test("refetch asks the network and renders every component", async () => {
  const page = await reactPage();
  await page.evaluate(() =>
    show(cache, Object.fromEntries(["one", "two"].map((name) => [name, ({ useResource }) => useResource("user-files", { category: "videos" })]))),
  );
  await shows(page, { version: 1 });
  world.versions.set(VIDEOS, 2);
  await page.evaluate(() => seen.one.refetch());
  for (const name of ["one", "two"]) await shows(page, { version: 2 }, name);
});

test("an error is shown beside old data, or alone; a wrong name ends no page", async () => {
  const page = await reactPage();
  await page.evaluate(() =>
    show(cache, {
      one: ({ useResource }) => useResource("user-files", { category: "videos" }),
      wrong: ({ useResource }) => useResource("no-such-class", {}),
      missing: ({ useResource }) => useResource("file-info", { category: "videos" }),
    }),
  );
  await shows(page, { error: "unknown-class", isLoading: false }, "wrong");
  await shows(page, { error: "missing-parameter", isLoading: false }, "missing");
  await shows(page, { version: 1 });
  world.handlers.set(VIDEOS, (_, response) => send(response, 403, { "content-type": "application/json" }, "{}"));
  await page.evaluate(() => seen.one.refetch());
  await shows(page, { version: 1, error: "http-error", isRefreshing: false });
  world.handlers.clear();
  await page.evaluate(() => seen.one.refetch());
  await shows(page, { version: 1, error: undefined });
});

test("a refresh that fails is said at once, beside what it was to replace", async () => {
  const page = await reactPage();
  await showVideos(page);
  await shows(page, { version: 1, status: "fresh" });
  const answer = (status) => world.handlers.set(VIDEOS, (_, response) => send(response, status, { "content-type": "application/json" }, "{}"));
  for (const [fail, wanted] of [
    [() => answer(403), { status: "stale", error: "http-error" }],
    [() => world.handlers.set(VIDEOS, (_, response) => send(response, 200, {}, "<p>a portal</p>")), { status: "offline", error: undefined }],
    [() => (world.down = true), { status: "offline", error: undefined }],
    [() => world.versions.set(VIDEOS, 2), { version: 2, status: "fresh", error: undefined }],
  ]) {
    world.handlers.clear();
    world.down = false;
    await page.evaluate(() => (leave(), cache.get("user-files", { category: "videos" }, { reload: true }).then(() => {})));
    await later(page, HOUR + 1);
    fail();
    await showVideos(page);
    await shows(page, { version: 1, isLoading: false, isRefreshing: false, ...wanted });
  }
  // The same for an app without hooks.
  answer(403);
  await later(page, HOUR + 1);
  const told = await page.evaluate(() => next((onUpdate) => cache.get("user-files", { category: "videos" }, { onUpdate })).then(({ data, status, error }) => [data.data.version, status, error instanceof sdk.TiercelError, error.code, error.status]));
  assert.deepEqual(told, [2, "stale", true, "http-error", 403]);
});

test("logging out clears what hooks show, here and in other tabs, and so does another user's cache", async () => {
  const open = async (user, signed) => {
    const page = await reactPage(user, signed);
    await page.evaluate(() => cache.local("preferences").set("theme", "dark"));
    await page.evaluate(() =>
      show(cache, {
        one: ({ useResource }) => useResource("user-files", { category: "videos" }, { keepPrevious: true }),
        local: ({ useLocal }) => useLocal("preferences", "theme"),
      }),
    );
    await shows(page, { version: 1 });
    await until(() => page.evaluate(() => seen.local[0] === "dark"), "the value is shown");
    return page;
  };
  const isEmpty = async (page, code) => {
    await shows(page, { version: undefined, error: code, isLoading: false, isRefreshing: false });
    await until(() => page.evaluate(() => seen.local[0] === undefined), "no value is shown");
  };
  const [page, other, elsewhere] = [await open("a"), await open("a"), await open("b", true)];
  await page.evaluate(() => cache.logout());
  for (const each of [page, other]) await isEmpty(each, "logged-out");
  assert.equal((await shown(elsewhere)).version, 1, "another user's tab is left alone");
  await elsewhere.evaluate(() => void sdk.open({ user: "c" }));
  await isEmpty(elsewhere, "closed");
  const before = await open("a");
  await open("b");
  await isEmpty(before, "closed");
});

test("what is heard of just when the user logs out is not shown", async () => {
  const page = await reactPage();
  await showVideos(page);
  await shows(page, { version: 1 });
  const other = await world.page();
  await other.evaluate(() => {
    const [scope, key] = ["videomi_cache_a", "v1/user:a:files:videos"];
    const channel = new BroadcastChannel("tiercel:videomi");
    for (const message of [{ type: "stored", scope, key }, { type: "logout", scope }]) channel.postMessage(message);
  });
  // It goes by what it hears first, and is done when the database is gone.
  await until(async () => (await databases(page)).length === 0, "nothing is stored");
  await shows(page, { version: undefined, error: "logged-out", isLoading: false });
});

test("a component that left is left alone, and its subscription ends", async () => {
  const page = await reactPage();
  const held = world.hold(VIDEOS);
  await showVideos(page);
  await held.arrived;
  const before = await page.evaluate(() => {
    leave();
    return renders.one;
  });
  held.release();
  await until(() => page.evaluate(async () => (await cache.stored()).length > 0), "the answer is stored nevertheless");
  world.versions.set(VIDEOS, 2);
  await page.evaluate(async () => {
    await cache.invalidate("upload", { category: "videos" });
    await cache.get("user-stats");
  });
  assert.equal(await page.evaluate(() => renders.one), before);
  // Nobody follows the list any more: nobody asks for it.
  assert.equal(world.asked(VIDEOS).length, 1);
});

test("another key shows nothing of the one before, unless that is wanted", async () => {
  const page = await reactPage();
  const showCategory = (category) =>
    page.evaluate((category) => {
      show(cache, {
        one: ({ useResource }) => useResource("user-files", { category }),
        kept: ({ useResource }) => useResource("user-files", { category }, { keepPrevious: true }),
      });
      return Object.fromEntries(Object.entries(seen).map(([name, { data, isLoading, isRefreshing }]) => [name, [data?.data.target ?? null, isLoading, isRefreshing]]));
    }, category);
  await showCategory("videos");
  await shows(page, { version: 1 });
  await shows(page, { version: 1 }, "kept");
  const held = world.hold(IMAGES);
  assert.deepEqual(await showCategory("images"), { one: [null, true, false], kept: [VIDEOS, false, true] });
  held.release();
  for (const name of ["one", "kept"]) await until(() => page.evaluate((name) => seen[name].data?.data.target, name).then((target) => target === IMAGES), "the other list");
});

test("what a server rendered is taken over as it is, whatever the cache already has", async () => {
  const page = await reactPage();
  await showVideos(page);
  await shows(page, { version: 1 });
  const html = await page.evaluate(() =>
    hydrate(cache, {
      hydrated: ({ useResource }) => useResource("user-files", { category: "videos" }),
      none: ({ useResource }) => useResource("user-files", null),
    }),
  );
  assert.equal(html, '<p id="hydrated">nothing</p><p id="none">nothing</p>');
  await shows(page, { version: 1, isLoading: false }, "hydrated");
  assert.deepEqual(await shown(page, "none"), { isLoading: false, isRefreshing: false });
  assert.equal(world.asked().length, 1);
});

test("nothing of one user is shown to another, nor after the end", async () => {
  const page = await reactPage();
  await page.evaluate(() => show(cache, { one: ({ useResource }) => useResource("user-files", { category: "videos" }, { keepPrevious: true }) }));
  await shows(page, { version: 1 });
  await page.evaluate(async () => {
    globalThis.first = cache;
    globalThis.cache = await sdk.open({ user: "b" });
  });
  const held = world.hold("/api/upload/user/b?category=videos");
  await page.evaluate(() => show(cache, { one: ({ useResource }) => useResource("user-files", { category: "videos" }, { keepPrevious: true }) }));
  assert.deepEqual(await shown(page), { isLoading: true, isRefreshing: false });
  held.release();
  await shows(page, { version: 1 });
  // A page that still shows the cache that has ended.
  await page.evaluate(() => cache.logout());
  await page.evaluate(() => seen.one.refetch());
  await shows(page, { version: undefined, error: "logged-out", isLoading: false });
  await page.evaluate(() => show(null, { one: ({ useResource }) => useResource("user-files", { category: "videos" }) }));
  assert.equal((await shown(page)).isLoading, true);
});

test("after a logout in another tab nothing that was kept is shown, whatever is wanted then", async () => {
  const [page, other] = [await reactPage(), await reactPage()];
  const showParams = (params) =>
    page.evaluate((params) => {
      /** What every commit has shown. */
      globalThis.commits = [];
      const use = ({ useResource }) => {
        const given = useResource("user-files", params, { keepPrevious: true });
        React.useLayoutEffect(() => void commits.push(given.data?.data.target ?? null));
        return given;
      };
      show(cache, { one: use });
    }, params);
  for (const isFollowing of [true, false]) {
    await showParams({ category: "videos" });
    await shows(page, { version: 1 });
    // What follows nothing is not told that the user has gone.
    if (!isFollowing) await showParams(null);
    await other.evaluate(() => cache.logout());
    await until(() => page.evaluate(() => cache.stored().then(() => false, () => true)), "the page has heard it");
    if (isFollowing) await shows(page, { version: undefined, error: "logged-out" });
    await showParams({ category: "images" });
    await shows(page, { version: undefined, error: "logged-out", isLoading: false });
    const commits = await page.evaluate(() => commits);
    assert.ok(commits.length > 0 && commits.every((target) => target === null), String(commits));
    await page.evaluate(() => leave());
    for (const each of [page, other]) await open(each, "a");
  }
});

test("no two components of one screen show different answers while React renders in pieces", async () => {
  const page = await reactPage();
  await page.evaluate(() => {
    globalThis.torn = [];
    new MutationObserver(() => {
      const texts = new Set([...document.querySelectorAll("main p")].map((p) => p.textContent));
      if (texts.size > 1) torn.push([...texts]);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    globalThis.slow = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`c${at}`, ({ useResource }) => {
      const until = performance.now() + 3;
      while (performance.now() < until);
      return useResource("user-files", { category: "videos" });
    }]));
    show(cache, slow, true);
  });
  await shows(page, { version: 1 }, "c29");
  for (let version = 2; version < 6; version++) {
    world.versions.set(VIDEOS, version);
    await page.evaluate(() => {
      show(cache, { ...slow }, true);
      return cache.get("user-files", { category: "videos" }, { reload: true });
    });
    await shows(page, { version }, "c29");
    await shows(page, { version }, "c0");
  }
  assert.deepEqual(await page.evaluate(() => torn), []);
});

test("useMutation: it is pending, shows at once, and an error is taken back and said", async () => {
  const page = await reactPage();
  const DELETE = "/api/files/videos/7";
  await page.evaluate(() =>
    show(cache, {
      one: ({ useResource }) => useResource("user-files", { category: "videos" }),
      remove: ({ useMutation }) => useMutation("delete"),
    }),
  );
  await shows(page, { version: 1 });
  const remove = () =>
    page.evaluate(() => {
      globalThis.removing = seen.remove.mutate({
        params: { category: "videos", fileId: "7" },
        optimistic: [{ class: "user-files", params: { category: "videos" }, update: (list) => ({ data: { ...list.data, version: "fewer" } }) }],
      });
    });
  const pending = () => page.evaluate(() => [seen.remove.isPending, seen.remove.error?.code ?? null]);
  const held = world.hold(DELETE);
  world.handlers.set(DELETE, (_, response) => send(response, 409, { "content-type": "application/json" }, "{}"));
  await remove();
  await held.arrived;
  await shows(page, { version: "fewer" });
  assert.deepEqual(await pending(), [true, null]);
  held.release();
  await shows(page, { version: 1 });
  await until(async () => String(await pending()) === "false,http-error", "the error is said");
  // Nobody has caught it, and nothing was reported; who waits hears of it.
  assert.equal(await page.evaluate(() => removing.catch(({ code }) => code)), "http-error");

  world.handlers.set(DELETE, (_, response) => (world.versions.set(VIDEOS, 2), send(response, 200, { "content-type": "application/json" }, "{}")));
  await remove();
  assert.equal(await page.evaluate(async () => (await removing).status), 200);
  await until(async () => String(await pending()) === "false,", "it is done");
  await shows(page, { version: 2, error: undefined });
});

test("the inspector is given the cache: by a ref, and where React sets properties of elements, as one", async () => {
  const page = await reactPage();
  await page.evaluate(async () => {
    await import("/sdk/inspector.js");
    const byRef = ({ useTiercel }) => {
      const client = useTiercel();
      const element = React.useRef(null);
      React.useEffect(() => {
        element.current.client = client;
      }, [client]);
      return { data: React.createElement("tiercel-inspector", { ref: element }) };
    };
    show(cache, { byRef, direct: ({ useTiercel }) => ({ data: React.createElement("tiercel-inspector", { client: useTiercel() }) }) });
  });
  const given = () => page.evaluate(() => ["byRef", "direct"].map((name) => document.querySelector(`#${name} tiercel-inspector`).client === cache));
  await until(async () => (await given())[0], "it has the cache");
  assert.deepEqual(await given(), [true, !old]);
});

test("useLocal: a value that every tab shows", async () => {
  const [page, other] = [await reactPage(), await reactPage()];
  for (const each of [page, other]) await each.evaluate(() => show(cache, { local: ({ useLocal }) => useLocal("preferences", "theme") }));
  const value = (page) => page.evaluate(() => [seen.local[0] ?? null, seen.local[2]]);
  const is = (page, wanted) => until(async () => String(await value(page)) === String(wanted), `the value is ${wanted}`);
  await is(page, [null, false]);
  await page.evaluate(() => seen.local[1]("dark"));
  for (const each of [page, other]) await is(each, ["dark", false]);
  await other.evaluate(() => seen.local[1](undefined));
  for (const each of [page, other]) await is(each, [null, false]);
  // A cache that has ended has no values, and ends no page.
  await page.evaluate(async () => {
    await seen.local[1]("dark");
    cache.close();
    show(cache, { other: ({ useLocal }) => useLocal("preferences", "theme") });
  });
  await until(() => page.evaluate(() => seen.other?.[2] === false && seen.other[0] === undefined), "nothing is there");
});

test("useLocal: a controlled field keeps its caret, and what cannot be written is taken back", async () => {
  const page = await reactPage();
  await page.evaluate(() => cache.local("preferences").set("title", "abd"));
  await page.evaluate(() => {
    const field = ({ useLocal }) => {
      const [title = "", setTitle] = useLocal("preferences", "title");
      return { data: React.createElement("input", { value: title, onChange: ({ target }) => setTitle(target.value) }), title, setTitle };
    };
    show(cache, { field, other: ({ useLocal }) => useLocal("preferences", "title") });
  });
  const title = () => page.evaluate(() => seen.field.title);
  const stored = () => page.evaluate(() => cache.local("preferences").get("title"));
  await until(async () => (await title()) === "abd", "the value is read");
  await page.evaluate(() => {
    const input = document.querySelector("input");
    input.focus();
    input.setSelectionRange(2, 2);
  });
  // Each character comes before what the one before it wrote has been read again.
  await page.keyboard.type("cccc");
  assert.equal(await title(), "abccccd");
  await until(async () => (await stored()) === "abccccd", "it is stored");
  assert.equal(await page.evaluate(() => seen.other[0]), "abccccd");
  assert.deepEqual(await page.evaluate(() => [document.querySelector("input").value, document.querySelector("input").selectionStart]), ["abccccd", 6]);

  // A function cannot be copied.
  const failed = await page.evaluate(() => {
    const setting = seen.field.setTitle({ toString: () => "shown" });
    return setting.then(() => "done", ({ code }) => code);
  });
  assert.equal(failed, "bad-value");
  await until(async () => (await title()) === "abccccd", "the old value is shown");
  // Another tab's change is shown, too.
  const other = await reactPage();
  await other.evaluate(() => cache.local("preferences").set("title", "x"));
  await until(async () => (await title()) === "x", "the other tab's is shown");
});
