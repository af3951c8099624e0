// The typed facade over the wasm in pkg/. What is cached, and for how long, is decided there.

import load, { Client } from "./pkg/tiercel_sdk.js";
import { TiercelError, typed } from "./error.js";
import { Decisions } from "./decisions.js";
import { sender, textOf } from "./host.js";
import { deleteCaches, linesOf, sayOnce } from "./lines.js";
import { asked as askedFor, shown } from "./lists.js";
import { local } from "./local.js";
import { Layers } from "./optimistic.js";
import { policy } from "./policy.js";
import { distrust, isDistrusted, tokensOf } from "./seen.js";
import { onGivenUp, onWake, tellWorker } from "./wake.js";

export { TiercelError };
export { estimate, persist, register } from "./register.js";

let loading;

/** Loads the wasm, once. After a failure the next call tries again. */
function loaded() {
  // Bundlers find the file by this very expression.
  loading ??= load({ module_or_path: new URL("./pkg/tiercel_sdk_bg.wasm", import.meta.url) }).catch((cause) => {
    loading = undefined;
    const message = `The SDK's wasm cannot be loaded (${cause?.message ?? cause}); is pkg/tiercel_sdk_bg.wasm deployed, and does the CSP allow 'wasm-unsafe-eval'?`;
    throw new TiercelError({ code: "load-failed", message }, { cause });
  });
  return loading;
}

/**
 * Has the browser get the database ready while the wasm is on its way. Its name is guessed: where the wasm says another, there
 * is none of this one, and none is made.
 */
function warm(user) {
  try {
    const opening = globalThis.indexedDB.open(`${policy}_cache_${user}`);
    opening.onupgradeneeded = () => opening.transaction.abort();
    opening.onsuccess = () => opening.result.close();
    opening.onerror = (event) => event.preventDefault();
  } catch {
    // None, or forbidden here: records live in memory.
  }
}

/** How often a read is repeated, unless the app says otherwise. */
const RETRY = 2;

export async function open({ user, baseUrl = globalThis.location.origin, credential, retry = RETRY, refetchOnFocus = true, refetchOnReconnect = true }) {
  if (!loading && user) warm(user);
  await loaded();
  const base = new URL(baseUrl, globalThis.location?.href).href;
  // What the wasm holds must not hold the cache: one that the app lets go of closes by itself.
  const state = { isOpen: true, layers: new Layers(), watches: new Set(), stop: () => {} };
  let send, lines, own;
  const host = {
    ...local,
    send: (wanted, readers, signal) => send(wanted, readers, signal),
    tell: tellWorker,
    listen(name) {
      lines = linesOf(name, { heard: (message) => own.deref()?.heard(message), told: (detail) => own.deref()?.told(detail) });
    },
    broadcast: (message) => (lines ? lines.broadcast(message) : sayOnce(policy, message)),
    announce: (detail) => lines?.announce(detail),
    quiet() {
      lines?.close();
      lines = undefined;
    },
    deleteCaches,
    // Of a user who has logged out nothing is noted: a write that gives up late may come after the end.
    distrust: (name, isUntrue) => (isUntrue && state.hasLeft) || distrust(name, isUntrue),
    isDistrusted,
    ended(forGood) {
      state.isOpen = false;
      state.hasLeft ||= forGood;
      state.stop();
      state.unhear?.();
      state.layers.clear();
      if (forGood) state.seen.forget();
    },
    replayed(method, url, at) {
      for (const layer of state.layers.waiting(method, url)) state.layers.done(layer, at);
    },
  };
  const client = attempt(() => Client.open(user, base, host, Boolean(credential)));
  own = new WeakRef(client);
  state.seen = tokensOf(client.scope);
  send = sender({ retry, seen: state.seen, isOpen: () => state.isOpen, credential: credential && user !== null && (() => credential(user)) });
  return new Cache(user, client, state, { focus: refetchOnFocus, reconnect: refetchOnReconnect });
}

class Cache {
  #client;
  #state;
  #wake;
  #decisions = new Decisions();

  constructor(user, client, state, wake) {
    this.user = user;
    this.#client = client;
    this.#state = state;
    this.#wake = wake;
    Object.freeze(this);
  }

  async get(cls, params, { signal, onUpdate, reload = false } = {}) {
    signal?.throwIfAborted();
    const asked = { class: cls, params, began: performance.now() };
    const update = (raw) => {
      this.#decisions.refreshed(asked, raw);
      // What was stored of a user who has left is nobody's.
      if (!onUpdate || signal?.aborted || !this.#state.isOpen) return;
      const { error, ...answer } = raw;
      const result = this.#shown(cls, params, answer);
      onUpdate(error ? { ...result, error: typed(error) } : result);
    };
    const reading = settled(this.#client.get(cls, askedFor(cls, params), reload, update, signal ?? null));
    reading.then(
      (raw) => this.#decisions.read(asked, raw),
      (error) => this.#decisions.read(asked, null, error),
    );
    return this.#shown(cls, params, await unlessAborted(reading, signal));
  }

  subscribe(cls, params, listener) {
    const key = attempt(() => this.#client.key(cls, askedFor(cls, params)));
    const watch = { cls, params, key, listener, last: null };
    const id = attempt(() => this.#client.subscribe(cls, askedFor(cls, params), (raw) => this.#told(watch, raw)));
    const { watches } = this.#state;
    if (watches.size === 0) this.#watch();
    watches.add(watch);
    return () => {
      this.#client.unsubscribe(id);
      watches.delete(watch);
      if (watches.size === 0) this.#state.stop();
    };
  }

  async mutate(event, { params, body, headers, signal, optimistic = [] } = {}) {
    signal?.throwIfAborted();
    const { layers } = this.#state;
    const asked = { event, params, began: performance.now() };
    const abort = new AbortController();
    const stop = () => abort.abort(signal.reason);
    const fields = new Headers(headers);
    const asIs = isSentAsItIs(body);
    if (!asIs && !fields.has("content-type")) fields.set("content-type", "application/json");
    // Before anything is shown or sent: a wrong class, or a body that is none.
    const keyed = optimistic.map((change) => ({ ...change, key: attempt(() => this.#client.key(change.class, askedFor(change.class, change.params))) }));
    const content = asIs ? body : JSON.stringify(body);
    const changes = keyed.filter(({ key }) => key !== undefined);
    const layer = layers.add(changes.map(({ key, update }) => [key, update]));
    this.#tell(changes);
    signal?.addEventListener("abort", stop);
    try {
      const { at, method, url, ...answer } = await settled(this.#client.mutate(event, params, textOf(fields), content, abort));
      if (answer.queued) {
        layers.waits(layer, method, url);
        this.#hear();
      } else {
        layers.done(layer, at);
        this.#renew(changes);
      }
      this.#decisions.mutated(asked, answer);
      return answer;
    } catch (error) {
      this.#decisions.mutated(asked, null, error);
      this.#undo([layer]);
      // Without an answer nobody knows whether it was done.
      if (error.status === null || error.status >= 500) this.#renew(changes);
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  async invalidate(event, params) {
    await settled(this.#client.invalidate(event, params));
  }

  local(store) {
    const client = this.#client;
    return {
      get: async (key) => (await settled(client.localGet(store, [key])))[0],
      getMany: (keys) => settled(client.localGet(store, [...keys])),
      set: (key, value) => settled(client.localSet(store, [[key, value]])),
      setMany: (entries) => settled(client.localSet(store, [...entries])),
      delete: (key) => settled(client.localRemove(store, key)),
      clear: () => settled(client.localClear(store)),
      entries: ({ limit, after } = {}) => settled(client.localEntries(store, limit, after)),
      subscribe(listener) {
        const id = attempt(() => client.localListen(store, listener));
        return () => client.localForget(id);
      },
    };
  }

  async counters() {
    return this.#decisions.counters();
  }

  onDecision(listener) {
    return this.#decisions.listen(listener);
  }

  async stored() {
    const stored = await settled(this.#client.stored());
    return stored.map(({ data, ...record }) => ({ ...record, bytes: JSON.stringify(data)?.length ?? 0 }));
  }

  async remove(key) {
    await settled(this.#client.remove(key));
  }

  async logout() {
    await settled(this.#client.logout());
    this.#decisions.clear();
  }

  close() {
    this.#client.close();
    this.#decisions.clear();
  }

  /** An answer as the page sees it: with what it has changed meanwhile. */
  #shown(cls, params, raw) {
    const { layers } = this.#state;
    const key = layers.size > 0 && this.#state.isOpen ? this.#client.key(cls, askedFor(cls, params)) : undefined;
    return shown(cls, params, layers.over(key, raw));
  }

  /** The wasm told a subscriber. */
  #told(watch, raw) {
    watch.last = raw;
    const result = raw && shown(watch.cls, watch.params, this.#state.layers.over(watch.key, raw));
    try {
      watch.listener(result);
    } catch (error) {
      // The page's mistake; whatever goes on must not stop at it.
      globalThis.reportError?.(error);
    }
  }

  /** Tells who watches what `changes` lie over that it looks different now. */
  #tell(changes) {
    for (const watch of this.#watching(changes)) {
      if (watch.last) {
        this.#told(watch, watch.last);
        continue;
      }
      const stored = settled(this.#client.peek(watch.cls, askedFor(watch.cls, watch.params)));
      // What has come meanwhile is newer.
      stored.then((raw) => raw && !watch.last && this.#state.watches.has(watch) && this.#told(watch, raw), () => {});
    }
  }

  /** A mutation failed: what was shown of it goes, and what others changed stays. */
  #undo(layers) {
    const keys = layers.flatMap((layer) => [...layer.keys.keys()]).map((key) => ({ key }));
    for (const layer of layers) this.#state.layers.remove(layer);
    if (this.#state.isOpen) this.#tell(keys);
  }

  /** Asks anew for what `changes` lie over and somebody watches. */
  #renew(changes) {
    const watched = new Map(this.#watching(changes).map((watch) => [watch.key, watch]));
    for (const { cls, params } of watched.values()) this.#ask(cls, params, true);
  }

  /** Asks for nobody but those who watch. */
  #ask(cls, params, reload) {
    const asked = { class: cls, params, began: performance.now() };
    const update = (raw) => this.#decisions.refreshed(asked, raw);
    settled(this.#client.get(cls, askedFor(cls, params), reload, update, null)).then((raw) => reload && update(raw), () => {});
  }

  #watching(changes) {
    return [...this.#state.watches].filter(({ key }) => changes.some((change) => change.key === key));
  }

  /** From the first subscription to the end of the last. */
  #watch() {
    const { watches } = this.#state;
    const look = () => {
      // Fresh ones answer by themselves; behind a stale one runs a refresh, which tells.
      const watched = new Map([...watches].filter(({ key }) => key !== undefined).map((watch) => [watch.key, watch]));
      for (const { cls, params } of watched.values()) this.#ask(cls, params, false);
    };
    this.#state.stop = onWake(this.#wake, look);
  }

  /** From the first mutation that waits to the end of the session: it may be given up. Must not hold the cache either. */
  #hear() {
    const own = new WeakRef(this);
    this.#state.unhear ??= onGivenUp((method, url) => own.deref()?.#givenUp(method, url));
  }

  #givenUp(method, url) {
    this.#undo(this.#state.layers.waiting(method, url));
  }
}

/** Bodies that `fetch` takes; everything else is sent as JSON. */
function isSentAsItIs(body) {
  if (body === undefined || typeof body === "string" || ArrayBuffer.isView(body)) return true;
  return [globalThis.Blob, globalThis.FormData, globalThis.URLSearchParams, ArrayBuffer, globalThis.ReadableStream].some((type) => type && body instanceof type);
}

function attempt(call) {
  try {
    return call();
  } catch (error) {
    throw typed(error);
  }
}

async function settled(promise) {
  try {
    return await promise;
  } catch (error) {
    throw typed(error);
  }
}

function unlessAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
