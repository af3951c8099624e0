// The way to the Service Worker. Needs no wasm, so that the worker can start while that loads.

import { TiercelError } from "./error.js";

/** Longest wait for a new worker, in milliseconds: a page must not hang on it. */
const CONTROL_LIMIT = 10_000;
/** A worker that claims its pages only after its activation does so soon. Milliseconds. */
const CLAIM_GRACE = 500;
/** Longest wait for what the page loads first, in milliseconds. */
const LOAD_LIMIT = 3_000;
/** Longest wait for the worker's answer to a message, in milliseconds. */
const ANSWER_LIMIT = 3_000;

/** A worker that is installed waits if it has not gone on after this time, in milliseconds. */
const WAITING_GRACE = 200;
/** Longest wait for a worker that was asked to take over, in milliseconds. */
const ACTIVATE_LIMIT = 10_000;

export async function register({ url = "/sw.js", credential, onLifecycle } = {}) {
  const workers = globalThis.navigator?.serviceWorker;
  if (!workers) return null;
  const firstVisit = workers.controller === null;
  let registration;
  try {
    registration = await workers.register(url);
  } catch (cause) {
    const message = `The Service Worker ${url} cannot be registered (${cause?.message ?? cause}); is it served over https as JavaScript, with a CSP that allows it?`;
    throw new TiercelError({ code: "register-failed", message }, { cause });
  }
  if (onLifecycle) watch(workers, registration, onLifecycle);
  const worker = () => workers.controller ?? registration.active;
  if (firstVisit) {
    await Promise.all([controlled(workers, registration), pageLoaded()]);
    // Before anybody is identified: the next visit also begins as nobody's.
    await ask(worker(), { type: "tiercel:warm", urls: loadedUrls() });
  }

  let identified;
  // A new version of the worker must be told again.
  workers.addEventListener("controllerchange", () => {
    if (identified) ask(worker(), identified);
  });
  workers.addEventListener("message", async ({ data, ports }) => {
    if (data?.type !== "tiercel:credential") return;
    // Another user's is none of this page's.
    const known = credential && identified?.user === data.user;
    ports[0]?.postMessage(known ? await Promise.resolve(data.user).then(credential).catch(() => "") : "");
  });
  workers.startMessages();
  // Where there is no Background Sync, this is how the worker hears that there is a network again.
  globalThis.addEventListener("online", () => ask(worker(), { type: "tiercel:replay" }));
  return {
    async identify(user) {
      identified = { type: "tiercel:identify", user };
      await ask(worker(), identified);
    },
    onMessage(listener) {
      const heard = ({ data }) => listener(data);
      workers.addEventListener("message", heard);
      workers.startMessages();
      return () => workers.removeEventListener("message", heard);
    },
    async update() {
      await registration.update();
      return Boolean(registration.installing ?? registration.waiting);
    },
    async activate() {
      const { waiting } = registration;
      if (!waiting) return false;
      const active = stateOf(waiting, "activated");
      waiting.postMessage({ type: "tiercel:activate" });
      return active;
    },
    claim: () => ask(registration.active, { type: "tiercel:claim" }),
  };
}

export async function persist() {
  // Insecure pages have no such thing, and private windows may refuse to answer.
  return (await globalThis.navigator?.storage?.persist?.().catch(() => false)) ?? false;
}

export async function estimate() {
  try {
    const { storage } = globalThis.navigator;
    const [{ usage, quota }, persisted] = await Promise.all([storage.estimate(), storage.persisted()]);
    return { usage, quota, persisted };
  } catch {
    return null;
  }
}

/** Tells of what becomes of every worker of the registration: of those that are there, and of those that come. */
function watch(workers, registration, listener) {
  const updates = new WeakMap();
  const seen = new WeakSet();
  const tell = (type, worker) => listener({ type, isUpdate: updates.get(worker) ?? false });
  const follow = (worker) => {
    if (!worker || seen.has(worker)) return;
    seen.add(worker);
    updates.set(worker, registration.active !== null && registration.active !== worker);
    const look = () => {
      const { state } = worker;
      if (state === "activating") return;
      tell(state, worker);
      if (state !== "installed") return;
      setTimeout(() => registration.waiting === worker && tell("waiting", worker), WAITING_GRACE);
    };
    worker.addEventListener("statechange", look);
    if (worker.state === "installed") look();
  };
  registration.addEventListener("updatefound", () => follow(registration.installing));
  workers.addEventListener("controllerchange", () => tell("controlling", workers.controller));
  follow(registration.waiting);
  follow(registration.installing);
}

/** Resolves when a worker has come to a state: true, or false where it never will. */
function stateOf(worker, wanted) {
  return new Promise((resolve) => {
    const look = () => {
      if (worker.state !== wanted && worker.state !== "redundant") return;
      clearTimeout(limit);
      worker.removeEventListener("statechange", look);
      resolve(worker.state === wanted);
    };
    const limit = setTimeout(() => resolve(false), ACTIVATE_LIMIT);
    worker.addEventListener("statechange", look);
    look();
  });
}

/** Resolves when a worker controls the page, or it is clear that none will: after a forced reload, for example. */
function controlled(workers, registration) {
  if (workers.controller) return undefined;
  const coming = registration.installing ?? registration.waiting ?? registration.active;
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(limit);
      workers.removeEventListener("controllerchange", done);
      coming.removeEventListener("statechange", look);
      resolve();
    };
    const look = () => {
      if (coming.state === "activated") setTimeout(done, CLAIM_GRACE);
      if (coming.state === "redundant") done();
    };
    const limit = setTimeout(done, CONTROL_LIMIT);
    workers.addEventListener("controllerchange", done);
    coming.addEventListener("statechange", look);
    look();
  });
}

/** Resolves when the page has loaded what it starts with; what loads later, the worker sees. */
function pageLoaded() {
  if (globalThis.document?.readyState === "complete") return undefined;
  return new Promise((resolve) => {
    setTimeout(resolve, LOAD_LIMIT);
    globalThis.addEventListener("load", () => resolve(), { once: true });
  });
}

/** The page and what it loaded, of this origin. */
function loadedUrls() {
  const { href, origin } = globalThis.location;
  const names = [href, ...performance.getEntriesByType("resource").map(({ name }) => name)];
  const urls = names.filter((name) => name.startsWith(`${origin}/`)).map((name) => name.split("#")[0]);
  return [...new Set(urls)];
}

/** Sends a message and waits for the worker to answer it, or long enough. */
function ask(worker, message) {
  if (!worker) return undefined;
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const done = () => {
      clearTimeout(limit);
      port1.close();
      resolve();
    };
    const limit = setTimeout(done, ANSWER_LIMIT);
    port1.onmessage = done;
    worker.postMessage(message, [port2]);
  });
}
