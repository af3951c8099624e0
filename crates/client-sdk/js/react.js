"use client";

// React hooks over a `Tiercel`. What is shown lives outside React, one value for each client and resource, so that all
// components of a render see the same and a read is asked for once however many want it.

import {
  createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore,
} from "react";

/** After these the user's data may not be shown any more. */
const ENDED = ["closed", "logged-out", "not-the-owner"];

const NOTHING = Object.freeze({
  data: undefined, status: undefined, age: undefined, source: undefined, reason: undefined, cacheStatus: undefined,
  warning: undefined, error: null, isLoading: false, isRefreshing: false,
});
const LOADING = Object.freeze({ ...NOTHING, isLoading: true });
/** A local value that has not been read yet. */
const UNREAD = Object.freeze({ value: undefined, isLoading: true });

const Context = createContext(undefined);

export function TiercelProvider({ client, children }) {
  const opening = typeof client?.then === "function" ? openingOf(client) : null;
  useSyncExternalStore(opening?.subscribe ?? unheard, () => opening?.isOver ?? true, () => false);
  if (opening?.failure) throw opening.failure.error;
  return createElement(Context.Provider, { value: opening?.isOver ? opening.client : (opening ?? client) }, children);
}

export function useTiercel() {
  const held = useHeld();
  return held instanceof Opening ? null : held;
}

/** What the provider has: a cache, one that is being opened, or `null`. */
function useHeld() {
  const held = useContext(Context);
  if (held === undefined) throw new Error("This component is outside <TiercelProvider>.");
  return held;
}

export function useResource(cls, params = {}, { keepPrevious = false } = {}) {
  const held = useHeld();
  const client = held instanceof Opening ? null : held;
  const key = params === null ? null : resourceKey(cls, params);
  const subscribe = useCallback(
    (listener) => (client === null || key === null ? unheard() : follow(client, key, () => new Resource(client, key), listener)),
    [client, key],
  );
  // Now, not when the component is on the screen: until then the answer may be there.
  if (held !== null && key !== null) begin(held, key, (client) => new Resource(client, key));
  const snapshot = () => {
    if (key === null) return NOTHING;
    return (client === null ? undefined : onPage(client).get(key)?.shown) ?? LOADING;
  };
  // A server has no cache. What it rendered is taken over as it is, and what is there already is shown right after.
  const shown = useSyncExternalStore(subscribe, snapshot, () => (key === null ? NOTHING : LOADING));
  const refetch = useCallback(async () => {
    if (client !== null && key !== null) await onPage(client).get(key)?.read(true);
  }, [client, key]);
  const seen = useKept(client, shown, keepPrevious);
  return useMemo(() => ({ ...seen, refetch }), [seen, refetch]);
}

export function useMutation(event) {
  const held = useHeld();
  const [state, setState] = useState({ pending: 0, error: null });
  const mounted = useMounted();
  const mutate = useCallback(
    (options) => {
      const set = (next) => mounted.current && setState(next);
      const run = async () => {
        set(({ pending }) => ({ pending: pending + 1, error: null }));
        try {
          // At once where it is open: what is optimistic shows with the event.
          const client = there(held instanceof Opening ? await held.promise : held);
          const done = await client.mutate(event, options);
          set(({ pending, error }) => ({ pending: pending - 1, error }));
          return done;
        } catch (error) {
          set(({ pending }) => ({ pending: pending - 1, error }));
          throw error;
        }
      };
      const running = run();
      // Whoever only shows `error` need not catch it as well.
      running.catch(() => {});
      return running;
    },
    [held, event, mounted],
  );
  return { mutate, isPending: state.pending > 0, error: state.error };
}

export function useLocal(store, key) {
  const held = useHeld();
  const client = held instanceof Opening ? null : held;
  const id = JSON.stringify({ store, key });
  const subscribe = useCallback(
    (listener) => (client === null ? unheard() : follow(client, id, () => new LocalValue(client, store, key), listener)),
    [client, store, key, id],
  );
  if (held !== null) begin(held, id, (client) => new LocalValue(client, store, key));
  const snapshot = () => (client === null ? undefined : onPage(client).get(id)?.shown) ?? UNREAD;
  const { value, isLoading } = useSyncExternalStore(subscribe, snapshot, () => UNREAD);
  const set = useCallback(
    async (value) => {
      // At once where it is open: React puts the caret of a field at its end that has another text after its event.
      const client = there(held instanceof Opening ? await held.promise : held);
      await (onPage(client).get(id) ?? new LocalValue(client, store, key)).set(value);
    },
    [held, store, key, id],
  );
  return [value, set, isLoading];
}

/** What the component showed before, while what it now wants is loading; never that of another user, or of one who has gone. */
function useKept(client, shown, isWanted) {
  const [kept, keep] = useState({ client, shown });
  // What follows nothing does not hear of the end, and keeps nothing.
  const hasEnded = shown === NOTHING || ENDED.includes(shown.error?.code);
  const isNew = isWanted && (shown.data !== undefined || hasEnded) && (kept.shown !== shown || kept.client !== client);
  if (isNew) keep({ client, shown });
  const previous = isWanted && shown.isLoading && kept.client === client ? kept.shown : NOTHING;
  return useMemo(
    () => (previous.data === undefined ? shown : { ...previous, error: null, isLoading: false, isRefreshing: true }),
    [previous, shown],
  );
}

function useMounted() {
  const mounted = useRef(false);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  return mounted;
}

/** The same parameters give the same key, in whatever order they come. */
function resourceKey(cls, params) {
  const given = Object.entries(params).filter(([, value]) => value !== undefined);
  return JSON.stringify([cls, given.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** A cache that is being opened. */
class Opening {
  client = null;
  isOver = false;
  /** Why it could not be opened. */
  failure = null;
  promise;
  #wanted = new Map();
  #listeners = new Set();

  constructor(promise) {
    this.promise = promise;
    promise.then(
      (client) => {
        this.client = client;
        // Before React hears of it: what it renders then is on its way, or there.
        if (client) for (const [key, make] of this.#wanted) begin(client, key, make);
        this.#end();
      },
      (error) => {
        this.failure = { error };
        this.#end();
      },
    );
  }

  /** What is begun as soon as it is open. */
  want(key, make) {
    if (!this.isOver) this.#wanted.set(key, make);
  }

  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #end() {
    this.isOver = true;
    this.#wanted.clear();
    for (const listener of [...this.#listeners]) listener();
  }
}

const openings = new WeakMap();

/** The same for the same promise, however often it is rendered. */
function openingOf(promise) {
  if (!openings.has(promise)) openings.set(promise, new Opening(promise));
  return openings.get(promise);
}

/** The cache, for what cannot be done without one. */
function there(client) {
  if (!client) throw new Error("There is no cache yet: <TiercelProvider> has `client` null.");
  return client;
}

/** Follows nothing. */
const unheard = () => () => {};

const clients = new WeakMap();

/** What of a cache is on the page: resources and local values. */
function onPage(client) {
  if (!clients.has(client)) clients.set(client, new Map());
  return clients.get(client);
}

/** How long something waits for the component that it was begun for, in milliseconds: React may have given that up. */
const UNCLAIMED = 5_000;

/** Begins what is to be on the page under a key, unless it has been. */
function begin(held, key, make) {
  if (held instanceof Opening) {
    held.want(key, make);
    return;
  }
  const known = onPage(held);
  if (known.has(key)) return;
  const begun = make(held);
  known.set(key, begun);
  begun.start();
  setTimeout(leave, UNCLAIMED, known, key, begun);
}

/** Ends what nobody follows any more. */
function leave(known, key, followed) {
  if (followed.listeners.size > 0 || known.get(key) !== followed) return;
  known.delete(key);
  followed.stop();
}

/** Follows what is on the page under a key, or is to be from now on, until the function that this returns is called. */
function follow(client, key, make, listener) {
  const known = onPage(client);
  const followed = known.get(key) ?? make();
  known.set(key, followed);
  followed.listeners.add(listener);
  followed.start();
  return () => {
    followed.listeners.delete(listener);
    // Later, and only if nobody has come: StrictMode, and a list that is drawn anew, leave and come back at once.
    setTimeout(leave, 0, known, key, followed);
  };
}

/** One resource that is on the page. */
class Resource {
  shown = LOADING;
  listeners = new Set();
  #client;
  #cls;
  #params;
  #unsubscribe;
  #aborting = new AbortController();
  /** Answers may overtake each other; only the youngest question counts. */
  #turn = 0;

  constructor(client, key) {
    const [cls, given] = JSON.parse(key);
    this.#client = client;
    this.#cls = cls;
    this.#params = Object.fromEntries(given);
  }

  start() {
    if (this.#unsubscribe) return;
    try {
      this.#unsubscribe = this.#client.subscribe(this.#cls, this.#params, (result) => {
        if (result === null) void this.read();
        // Newer than whatever is being read.
        else this.#turn++, this.#show(result, false);
      });
    } catch (error) {
      this.#unsubscribe = () => {};
      this.#fail(error);
      return;
    }
    void this.read();
  }

  stop() {
    this.#aborting.abort();
    this.#unsubscribe();
  }

  async read(reload = false) {
    const mine = ++this.#turn;
    const isMine = () => mine === this.#turn && !this.#aborting.signal.aborted;
    if (this.shown.data !== undefined) this.#set({ isRefreshing: true });
    else this.#set({ isLoading: true });
    let updated = false;
    const onUpdate = (result) => {
      updated = true;
      if (isMine()) this.#show(result, false);
    };
    try {
      const result = await this.#client.get(this.#cls, this.#params, { signal: this.#aborting.signal, onUpdate, reload });
      if (isMine() && !updated) this.#show(result, result.reason === "stale-while-revalidate");
    } catch (error) {
      if (isMine()) this.#fail(error);
    }
  }

  #show({ data, status, age, source, reason, cacheStatus, warning, error = null }, isRefreshing) {
    if (ENDED.includes(error?.code)) this.#fail(error);
    else this.#set({ data, status, age, source, reason, cacheStatus, warning, error, isLoading: false, isRefreshing });
  }

  #fail(error) {
    // Old data is better than a message in its place, unless it is nobody's any more.
    const kept = ENDED.includes(error?.code) ? NOTHING : this.shown;
    this.#set({ ...kept, error, isLoading: false, isRefreshing: false });
  }

  #set(change) {
    if (Object.entries(change).every(([name, value]) => Object.is(this.shown[name], value))) return;
    this.shown = Object.freeze({ ...this.shown, ...change });
    for (const listener of [...this.listeners]) listener();
  }
}

/** One value of a local store that is on the page. */
class LocalValue {
  shown = UNREAD;
  listeners = new Set();
  #local;
  #key;
  #unsubscribe;
  /** Only the youngest reading counts, and none that began before something was set. */
  #turn = 0;
  /** How many writes are under way. */
  #writing = 0;

  constructor(client, store, key) {
    this.#local = client.local(store);
    this.#key = key;
  }

  start() {
    if (this.#unsubscribe) return;
    this.#unsubscribe = () => {};
    try {
      this.#unsubscribe = this.#local.subscribe((changed) => {
        if (changed === null || changed === this.#key) void this.#read();
      });
    } catch {
      // What cannot be followed counts as never set; `set` says why.
    }
    void this.#read();
  }

  stop() {
    this.#turn++;
    this.#unsubscribe();
  }

  /** Shows `value` at once. */
  async set(value) {
    this.#turn++;
    this.#writing++;
    this.#show(value);
    try {
      await (value === undefined ? this.#local.delete(this.#key) : this.#local.set(this.#key, value));
    } finally {
      this.#writing--;
      // What it has come to: what failed is gone.
      void this.#read();
    }
  }

  async #read() {
    const mine = ++this.#turn;
    let value;
    let isOver = false;
    try {
      value = await this.#local.get(this.#key);
    } catch (error) {
      isOver = ENDED.includes(error.code);
    }
    // What is being written is newer than what was read, unless it is nobody's any more.
    if (mine === this.#turn && (this.#writing === 0 || isOver)) this.#show(value);
  }

  #show(value) {
    if (!this.shown.isLoading && Object.is(this.shown.value, value)) return;
    this.shown = Object.freeze({ value, isLoading: false });
    for (const listener of [...this.listeners]) listener();
  }
}
