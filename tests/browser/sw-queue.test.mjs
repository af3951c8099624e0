// Mutations without a network: kept, and sent in order and once when there is one, as the user who made them.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { get, moveWorkerClock, stopWorkers, workerOf } from "./harness.mjs";
import { broadcasts, PROGRESS, RATING, reports, send, stored, tell, THUMBNAIL, until, waiting, Writes } from "./writes-world.mjs";

const DAY = 86_400;
const OTHER = "/api/ratings/f2";

/** Background Sync fires, as the browser does it. */
async function fireSync({ page, web }, lastChance = false) {
  const session = await page.createCDPSession();
  let versions;
  session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => (versions = registrations));
  await session.send("ServiceWorker.enable");
  const { registrationId } = await until(() => versions?.find(({ scopeURL }) => scopeURL.startsWith(web.url)), "the registration is known");
  await session.send("ServiceWorker.dispatchSyncEvent", { origin: web.url, registrationId, tag: "tiercel:replay", lastChance });
  await session.detach();
}

describe("offline writes with Background Sync", { timeout: 120_000 }, () => {
  let world;
  before(async () => {
    world = await Writes.start();
  });
  after(() => world.close());
  beforeEach(async () => {
    await world.fresh({ sync: true });
    await tell(world.page, { type: "tiercel:identify", user: "ada" });
  });
  afterEach(() => world.leave());

  test("the browser fires it by itself", async () => {
    // The network is there, only this request is lost: the sync comes at once.
    world.answers[RATING] = (request, response) =>
      request.headers["idempotency-key"] ? response.writeHead(200).end("{}") : request.socket.destroy();
    assert.equal((await send(world.page, "POST", RATING, "1")).status, 202);
    await until(() => world.arrived.some(({ headers }) => headers["idempotency-key"]), "the rating has come again");
    await until(async () => (await waiting(world.page, "ada")).length === 0, "nothing waits");
  });

  test("it is asked for until everything is sent, and starts a worker that was stopped", async () => {
    const { page, web } = world;
    await web.down();
    assert.equal((await send(page, "POST", RATING, "1")).status, 202);
    const tags = () => page.evaluate(async () => (await navigator.serviceWorker.ready).sync.getTags());
    await until(async () => (await tags()).includes("tiercel:replay"), "the sync is registered");
    await stopWorkers(page);
    await web.up();
    await fireSync(world);
    await until(() => world.arrived.length === 1, "the rating has arrived");
    await until(async () => (await waiting(page, "ada")).length === 0, "nothing waits");
  });
});

describe("offline writes", { timeout: 180_000 }, () => {
  let world, web, page;
  before(async () => {
    world = await Writes.start();
  });
  after(() => world.close());
  beforeEach(async () => {
    await world.fresh();
    ({ web, page } = world);
    await tell(page, { type: "tiercel:identify", user: "ada" });
  });
  afterEach(() => world.leave());

  const replay = (tab = page) => tell(tab, { type: "tiercel:replay" });
  const queued = (path, body, method = "POST", tab = page) =>
    send(tab, method, path, body, { "content-type": "application/json" }).then((answer) => assert.equal(answer.status, 202, path));
  const told = async (tab = page) => (await reports(tab)).map(({ type, method, url, status }) => `${type} ${method} ${new URL(url).pathname} ${status}`);

  test("what cannot be sent is answered with 202, which says that it waits", async () => {
    await web.down();
    const answer = await send(page, "POST", RATING, '{"stars":1}', { "content-type": "application/json", authorization: "" });
    assert.deepEqual([answer.status, answer.body], [202, '{"success":true,"queued":true}']);
    assert.equal(answer.headers["cache-status"], 'tiercel-sw; fwd=method; detail="queued"');
    assert.equal(answer.headers["cache-control"], "no-store");
    assert.equal((await waiting(page, "ada")).length, 1);
  });

  test("in order, once, over restarts of the worker, with an Idempotency-Key for each", async () => {
    await web.down();
    for (const [path, body] of [[RATING, "1"], [OTHER, "2"], [RATING, "3"]]) {
      await queued(path, body);
      await stopWorkers(page);
    }
    await web.up();
    assert.deepEqual(world.log, [], "nothing was sent behind the page's back");
    await stopWorkers(page);
    await replay();
    assert.deepEqual(world.log, [`POST ${RATING} 1`, `POST ${OTHER} 2`, `POST ${RATING} 3`]);
    await Promise.all([replay(), replay()]);
    assert.equal(world.arrived.length, 3, "once");
    assert.deepEqual(await waiting(page, "ada"), []);
    const keys = world.arrived.map(({ headers }) => headers["idempotency-key"]);
    assert.equal(new Set(keys).size, 3);
    for (const key of keys) assert.match(key, /^"[0-9a-f-]{36}"$/);
    assert.equal(world.arrived[0].headers["content-type"], "application/json");
    assert.deepEqual(await told(), [RATING, OTHER, RATING].map((path) => `tiercel:replayed POST ${path} 200`));
  });

  test("offline by the browser's own switch", async () => {
    const worker = await workerOf(page);
    await worker.client.send("Network.enable");
    const offline = (offline) =>
      worker.client.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await offline(true);
    await queued(RATING, "1");
    await replay();
    assert.deepEqual(world.log, []);
    await offline(false);
    await replay();
    assert.deepEqual(world.log, [`POST ${RATING} 1`]);
  });

  test("the next start of the worker sends what waits, behind the first answer", async () => {
    await get(page, THUMBNAIL);
    await until(async () => (await stored(page, "file:f1:")).length, "the thumbnail is stored");
    await web.down();
    await queued(RATING, "1");
    await web.up();
    await stopWorkers(page);
    assert.match((await get(page, THUMBNAIL)).headers["cache-status"], /hit/);
    await until(() => world.arrived.length === 1, "the rating has arrived");
  });

  test("a covered request that reaches the network sends what waits", async () => {
    await web.down();
    await queued(RATING, "1");
    await web.up();
    await get(page, "/api/files/videos/f5/thumbnail");
    await until(() => world.arrived.length === 1, "the rating has arrived");
  });

  test("a later write does not come before what waits for the same place", async () => {
    await web.down();
    await queued(RATING, "1");
    await web.up();
    assert.equal((await send(page, "POST", RATING, "2")).status, 200);
    assert.deepEqual(world.log, [`POST ${RATING} 1`, `POST ${RATING} 2`]);
    // Where the first one has to wait on, so does the second; another place does not.
    await web.down();
    await queued(RATING, "3");
    await web.up();
    world.answers[RATING] = (_, response) => response.writeHead(503, { "retry-after": "3600" }).end();
    await replay();
    delete world.answers[RATING];
    await queued(RATING, "4");
    assert.equal((await send(page, "POST", OTHER, "5")).status, 200);
    assert.deepEqual(world.log.slice(2), [`POST ${RATING} 3`, `POST ${OTHER} 5`]);
    await moveWorkerClock(page, 3601);
    await replay();
    assert.deepEqual(world.log.slice(4), [`POST ${RATING} 3`, `POST ${RATING} 4`]);
  });

  test("two writes to the same place go one after the other", async () => {
    let release;
    world.answers[PROGRESS] = async (_, response) => {
      await new Promise((resolve) => (release = resolve));
      response.writeHead(200).end("{}");
    };
    const first = send(page, "PUT", PROGRESS, "1");
    await until(() => release, "the first has arrived");
    const second = send(page, "PUT", PROGRESS, "2");
    assert.equal((await send(page, "PUT", "/api/watch-progress/f2", "3")).status, 200, "another place does not wait");
    assert.deepEqual(world.log, [`PUT ${PROGRESS} 1`, "PUT /api/watch-progress/f2 3"]);
    delete world.answers[PROGRESS];
    release();
    await Promise.all([first, second]);
    assert.deepEqual(world.log.slice(2), [`PUT ${PROGRESS} 2`]);
  });

  test("a PUT makes the one before it needless, unless something else came between", async () => {
    await web.down();
    for (const body of ["10", "20", "30"]) await queued(PROGRESS, body, "PUT");
    await queued(RATING, "1");
    await queued(RATING, "2");
    assert.equal((await waiting(page, "ada")).length, 3);
    await web.up();
    await replay();
    assert.deepEqual(world.log, [`PUT ${PROGRESS} 30`, `POST ${RATING} 1`, `POST ${RATING} 2`]);
  });

  test("a 4xx is told to the page and not tried again; what comes behind it goes on", async () => {
    await web.down();
    await queued(RATING, "1");
    await queued(OTHER, "2");
    await web.up();
    world.answers[RATING] = (_, response) => response.writeHead(422).end();
    await replay();
    await replay();
    assert.deepEqual(world.log, [`POST ${RATING} 1`, `POST ${OTHER} 2`]);
    assert.deepEqual(await told(), [`tiercel:replay-failed POST ${RATING} 422`, `tiercel:replayed POST ${OTHER} 200`]);
    assert.deepEqual(await waiting(page, "ada"), []);
  });

  test("without a page the report waits for one, and for the user's", async () => {
    await web.down();
    await queued(RATING, "1");
    world.answers[RATING] = (_, response) => response.writeHead(403).end();
    const blank = await world.context.newPage();
    await page.goto("about:blank");
    await web.up();
    page = blank;
    await page.goto(web.url);
    await fireSync({ page, web });
    await until(async () => (await waiting(page, "ada")).length === 0, "the sync is done");
    await until(async () => (await stored(page, "videomi_ada_queue https://tiercel.invalid/report/")).length, "the report is kept");
    const [his, hers] = [await world.open("bob"), await world.open("ada")];
    await until(async () => (await reports(hers)).length, "the page is told");
    assert.deepEqual(await told(hers), [`tiercel:replay-failed POST ${RATING} 403`]);
    assert.deepEqual(await told(his), []);
  });

  test("a 5xx keeps it, over a restart, and the same key comes again", async () => {
    await web.down();
    await queued(RATING, "1");
    await queued(OTHER, "2");
    await web.up();
    world.answers[RATING] = (_, response) => response.writeHead(500).end();
    await replay();
    await replay();
    assert.deepEqual(world.log, [`POST ${RATING} 1`], "not at once again, and nothing overtakes it");
    await stopWorkers(page);
    delete world.answers[RATING];
    await replay();
    assert.equal(world.arrived.length, 1, "it remembers that it is too early");
    await moveWorkerClock(page, 16);
    await replay();
    assert.deepEqual(world.log, [`POST ${RATING} 1`, `POST ${RATING} 1`, `POST ${OTHER} 2`]);
    assert.equal(world.arrived[0].headers["idempotency-key"], world.arrived[1].headers["idempotency-key"]);
  });

  test("a network that fails in between keeps the rest, in order", async () => {
    await web.down();
    await queued(RATING, "1");
    await queued(OTHER, "2");
    await queued("/api/ratings/f3", "3");
    await web.up();
    world.answers[OTHER] = (request) => request.socket.destroy();
    await replay();
    assert.equal((await waiting(page, "ada")).length, 2);
    delete world.answers[OTHER];
    world.arrived = [];
    await replay();
    assert.deepEqual(world.log, [`POST ${OTHER} 2`, "POST /api/ratings/f3 3"]);
  });

  test("nothing waits for more than a week", async () => {
    await web.down();
    await queued(RATING, "1");
    await web.up();
    await moveWorkerClock(page, 7 * DAY);
    await replay();
    assert.deepEqual(world.log, []);
    assert.deepEqual(await told(), [`tiercel:replay-failed POST ${RATING} 0`]);
  });

  test("what does not wait fails as ever: another event, a long body, a condition, nobody's page", async () => {
    await web.down();
    const error = { error: "TypeError" };
    assert.deepEqual(await send(page, "POST", "/api/upload", "x"), error);
    assert.deepEqual(await send(page, "PUT", PROGRESS, "x".repeat(65_537)), error);
    assert.deepEqual(await send(page, "PUT", PROGRESS, "x", { "if-match": '"1"' }), error);
    await queued(PROGRESS, "x".repeat(65_536), "PUT");
    await tell(page, { type: "tiercel:identify", user: null });
    assert.deepEqual(await send(page, "PUT", PROGRESS, "x"), error);
    // An answer is an answer.
    await web.up();
    await tell(page, { type: "tiercel:identify", user: "bob" });
    world.answers[RATING] = (_, response) => response.writeHead(503).end("busy");
    assert.deepEqual((await send(page, "POST", RATING, "1")).status, 503);
    assert.deepEqual(await waiting(page, "bob"), []);
  });

  test("no more than two hundred wait", async () => {
    await web.down();
    const statuses = await page.evaluate(async () => {
      const statuses = [];
      for (let at = 0; at < 201; at++) {
        statuses.push(await fetch(`/api/ratings/f${at}`, { method: "POST", body: "1" }).then(({ status }) => status, () => 0));
      }
      return statuses;
    });
    assert.deepEqual([statuses.filter((status) => status === 202).length, statuses.at(-1)], [200, 0]);
  });

  test("no credential is at rest; a page of the user gives it again", async () => {
    await page.evaluate(() => {
      navigator.serviceWorker.addEventListener("message", ({ data, ports }) => {
        if (data.type === "tiercel:credential" && data.user === "ada") ports[0].postMessage(globalThis.token);
      });
    });
    const other = await world.open("bob");
    await other.evaluate(() => {
      navigator.serviceWorker.addEventListener("message", ({ ports }) => ports[0]?.postMessage("Bearer bobs"));
    });
    await web.down();
    const bearer = { authorization: "Bearer first" };
    assert.equal((await send(page, "PUT", PROGRESS, "1", bearer)).status, 202);
    const kept = await page.evaluate(async () => {
      const cache = await caches.open("videomi_ada_queue");
      return Promise.all((await cache.matchAll()).map(async (entry) => JSON.stringify([...entry.headers]) + (await entry.text())));
    });
    assert.equal(kept.length, 1);
    assert.ok(!kept[0].includes("first") && !/authorization|cookie/i.test(kept[0]), kept[0]);
    await web.up();
    await stopWorkers(page);
    await page.evaluate(() => (globalThis.token = ""));
    await replay();
    assert.deepEqual(world.log, [], "no page has a credential");
    await page.evaluate(() => (globalThis.token = "Bearer second"));
    await replay();
    assert.deepEqual(world.arrived.map(({ path, headers }) => `${path} ${headers.authorization}`), [`${PROGRESS} Bearer second`]);
  });

  test("another user's login does not send it, and the user's own does", async () => {
    await web.down();
    await queued(RATING, "1");
    await web.up();
    await tell(page, { type: "tiercel:identify", user: "bob" });
    await stopWorkers(page);
    await replay();
    await get(page, THUMBNAIL);
    await fireSync({ page, web });
    assert.equal((await send(page, "POST", OTHER, "his")).status, 200);
    assert.deepEqual(world.log, [`POST ${OTHER} his`]);
    await tell(page, { type: "tiercel:identify", user: "ada" });
    await until(() => world.arrived.length === 2, "hers has arrived");
    assert.deepEqual(world.log, [`POST ${OTHER} his`, `POST ${RATING} 1`]);
  });

  test("two tabs as two users: what waits of the one who was not named last waits on", async () => {
    const other = await world.open("bob");
    await web.down();
    await queued(RATING, "hers");
    await queued(OTHER, "his", "POST", other);
    await web.up();
    await replay(page);
    assert.deepEqual(world.log, [], "the cookies are bob's");
    await replay(other);
    assert.deepEqual(world.log, [`POST ${OTHER} his`]);
    assert.equal((await waiting(page, "ada")).length, 1);
  });

  test("a logout drops what waits, also while it is being sent", async () => {
    const { page: first } = world;
    await web.down();
    await queued(RATING, "1");
    await queued(OTHER, "2");
    await web.up();
    let release;
    world.answers[RATING] = async (_, response) => {
      await new Promise((resolve) => (release = resolve));
      response.writeHead(503).end();
    };
    const under_way = replay();
    await until(() => release, "the first is under way");
    assert.equal((await send(first, "POST", "/api/auth/logout")).status, 200);
    release();
    await under_way;
    assert.deepEqual(await stored(first, "videomi_ada_"), []);
    assert.ok(!(await first.evaluate(() => caches.keys())).some((name) => name.startsWith("videomi_ada_")));
    await tell(first, { type: "tiercel:identify", user: "ada" });
    await replay();
    assert.deepEqual(world.log, [`POST ${RATING} 1`, "POST /api/auth/logout"]);
  });

  test("what the late answer makes untrue is gone in the worker, and every tab hears of it", async () => {
    const second = await world.open("ada");
    await get(page, THUMBNAIL);
    await until(async () => (await stored(page, "file:f1:")).length, "the thumbnail is stored");
    await web.down();
    await queued(RATING, "1");
    await web.up();
    world.answers[RATING] = (_, response) => response.writeHead(200, { "cache-group-invalidation": '"ratings:f1", "file:f1"' }).end("{}");
    await replay();
    assert.deepEqual(await stored(page, "file:f1:"), []);
    const expected = { type: "purge", scope: "videomi_cache_ada", event: null, names: ["ratings:f1", "file:f1"], method: "POST", url: `${web.url}${RATING}` };
    for (const tab of [page, second]) {
      await until(async () => (await broadcasts(tab)).length, "the tab has heard");
      assert.deepEqual(await broadcasts(tab), [expected]);
    }
    // An SDK that is opened later hears it then, once, and only its user's.
    const post = (message) => second.evaluate((message) => navigator.serviceWorker.controller.postMessage(message), message);
    await post({ type: "tiercel:opened", scope: "videomi_cache_bob" });
    await second.evaluate(() => {
      for (let i = 0; i < 20; i++) navigator.serviceWorker.controller.postMessage({ type: "tiercel:opened", scope: "videomi_cache_ada" });
    });
    await until(async () => (await broadcasts(second)).length >= 2, "it is said again");
    await tell(second, { type: "tiercel:purge", names: [] });
    assert.deepEqual(await broadcasts(second), [expected, expected]);
  });
});
