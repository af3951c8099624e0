import type { Classes, Events, ListStatus, LocalStores, policy } from "./policy.js";

export { estimate, persist, register } from "./register.js";
export type { LifecycleEvent, Registration, RegisterOptions, Replayed, StorageUse } from "./register.js";

/**
 * How good an answer is. `offline`: an old copy, because the network is away. Of a list that the edge cuts into pages also what the
 * policy's `failures` say of one that stands in, such as `fallback_revoked`: its account is no longer connected.
 */
export type Status = "fresh" | "stale" | "offline" | ListStatus;

/** Who answered. `device` is IndexedDB; the others are read from the response's `Cache-Status`. */
export type Source = "device" | "edge" | "origin" | "service-worker";

/** A class of the policy that pages read. */
export type ClassName = keyof Classes & string;

/** An event of the policy. */
export type EventName = keyof Events & string;

/** A store of the policy that only the device has. */
export type LocalName = keyof LocalStores & string;

/** What may be left out may also be `undefined`. */
type Given<P> = P extends unknown ? { [K in keyof P]: {} extends Pick<P, K> ? P[K] | undefined : P[K] } : never;

/** The parameters of a class, by their names in the policy. `userId` is filled in. */
export type Params<C extends ClassName> = Given<Classes[C]>;

/** The parameters of an event, by their names in the policy. `userId` is filled in. */
export type EventParams<E extends EventName> = Given<Events[E]>;

/**
 * What the bodies of the classes are, for the app to say; a class that is not in it is `unknown`.
 * ```ts
 * declare module "@tiercel/sdk" {
 *   interface Data { "user-files": { files: File[] } }
 * }
 * ```
 */
export interface Data {}

/** What the local stores hold, for the app to say as it does {@link Data}; a store that is not in it holds `unknown`. */
export interface LocalData {}

/** The body of a class, as {@link Data} says. */
export type DataOf<C extends ClassName> = C extends keyof Data ? Data[C] : unknown;

/** The values of a local store, as {@link LocalData} says. */
export type LocalDataOf<S extends LocalName> = S extends keyof LocalData ? LocalData[S] : unknown;

/** `params`, which may be left out where none is required, and what follows them. */
export type WithParams<P, Rest extends unknown[]> = {} extends P ? [params?: P, ...rest: Rest] : [params: P, ...rest: Rest];

/** Data, and how it came. */
export interface Result<T> {
  /** The JSON body as the origin sent it. Readers may share it: do not change it. */
  data: T;
  status: Status;
  /** Seconds since the origin made it. */
  age: number;
  source: Source;
  /** Why, as a stable token: `fresh`, `miss`, `revalidated`, `stale-while-revalidate`, `offline`, … */
  reason: string;
  /** The `Cache-Status` of every cache on the way (RFC 9211), the one nearest the origin first. */
  cacheStatus: string | null;
  /** What the user should know, such as that an account must be connected again. */
  warning?: string;
  /** Of what `onUpdate` hears: why the refresh failed, if it did. `data` is then what was to be replaced. */
  error?: TiercelError;
  /** `data` has changes that the server has not confirmed yet. */
  optimistic?: true;
}

export interface GetOptions<T> {
  /** Stops waiting. A request that others share, or that fills the store, goes on. */
  signal?: AbortSignal;
  /** Hears what the refresh behind a stale answer found, once, and that it failed as well; nothing once the cache has ended. */
  onUpdate?: (result: Result<T>) => void;
  /** Ask the network, whatever is stored. */
  reload?: boolean;
}

/**
 * A change that is shown before the origin has confirmed it. `update` makes the new data of a copy of the old; it may be
 * called again, on newer data: what is there already must not come twice. It is not called for a class that the SDK does not
 * store, or one of scope `user` while nobody is signed in.
 */
export type OptimisticChange = {
  [C in ClassName]: { class: C; update: (data: DataOf<C>) => DataOf<C> } & ({} extends Params<C> ? { params?: Params<C> } : { params: Params<C> });
}[ClassName];

/** What a mutation sends, beside the event's parameters. */
export interface MutateRequest {
  /** Goes as JSON; strings, `Blob`, `FormData`, `URLSearchParams`, buffers and streams go as they are. */
  body?: unknown;
  headers?: HeadersInit;
  /** Ends the request; nobody then knows whether the origin has done it. */
  signal?: AbortSignal;
  /** Shown at once to readers and subscribers of this cache, and taken back when the mutation fails. Never stored. */
  optimistic?: OptimisticChange[];
}

/** What a mutation sends. */
export type MutateOptions<E extends EventName> = MutateRequest & ({} extends EventParams<E> ? { params?: EventParams<E> } : { params: EventParams<E> });

/** `options`, which may be left out where the event requires no parameter. */
export type MutateArgs<E extends EventName> = {} extends EventParams<E> ? [options?: MutateOptions<E>] : [options: MutateOptions<E>];

/** What came of a mutation. */
export interface MutateResult {
  /** The JSON body, a `text/plain` one as a string, `null` where there is none. */
  data: unknown;
  /** The HTTP status. */
  status: number;
  /** There is no network: the Service Worker sends it later. */
  queued: boolean;
}

/** A store of the policy's `local`, of this user on this device. In memory where IndexedDB is missing, full or broken. */
export interface LocalStore<T> {
  /** `undefined` where there is none, or its `ttl` is over. */
  get(key: string): Promise<T | undefined>;
  /** The same for many keys, in their order: one transaction. */
  getMany(keys: Iterable<string>): Promise<(T | undefined)[]>;
  /**
   * Stores a copy. The oldest entries beyond `max-entries` go.
   * @throws {TiercelError} `bad-value` for what cannot be copied (`structuredClone`)
   */
  set(key: string, value: T): Promise<void>;
  /**
   * The same for many, the last being the newest: one transaction, all of them or none. Do not change the values before
   * they are stored.
   * @throws {TiercelError} `bad-value`, and `bad-params` for what is no `[key, value]`
   */
  setMany(entries: Iterable<readonly [key: string, value: T]>): Promise<void>;
  delete(key: string): Promise<void>;
  /**
   * The newest first, at most `limit`; `after` is the last key of the page before.
   * @throws {TiercelError} `unknown-key` where there is nothing under `after` any more: begin anew
   */
  entries(options?: { limit?: number | undefined; after?: string | undefined }): Promise<[key: string, value: T][]>;
  clear(): Promise<void>;
  /**
   * Hears the key of every change, in any tab; `null` when many changed at once, or the store was cleared.
   * @returns a function that ends the subscription
   */
  subscribe(listener: (key: string | null) => void): () => void;
}

/** A read or a mutation that came to an end. */
export interface Decision {
  /** When, in epoch milliseconds. */
  at: number;
  /** What was read. */
  class?: ClassName;
  /** What was changed. */
  event?: EventName;
  /** But for `userId`. */
  params: Record<string, number | string | undefined>;
  /** It was the refresh behind a stale answer. */
  behind?: true;
  status: Status | "done" | "queued" | "failed";
  /** Who answered; `null` where nobody did. */
  source: Source | null;
  /** Why, as a stable token; of a failure the error's `code`. */
  reason: string;
  /** Seconds since the origin made what was read. */
  age: number | null;
  /** How long it took, in milliseconds. */
  ms: number;
}

/** What is stored under one key. */
export interface Stored {
  key: string;
  class: ClassName;
  /** Seconds since the origin made it. */
  age: number;
  fresh: boolean;
  /** When it is dropped, in epoch milliseconds. */
  expires: number;
  /** The length of its JSON, in characters. */
  bytes: number;
}

/** What `{policy}:cache-invalidate` says, on `window`. */
export interface Invalidation {
  event?: EventName | null;
  /** What was dropped: the SDK says it. */
  names?: string[];
  /** The event's parameters: an app says them, and the SDK then drops what the policy says. */
  params?: Record<string, string | undefined>;
}

/** What became of the reads of one class since `open`, in this page. */
export interface Counters {
  /** Answered by the device, fresh. */
  hits: number;
  /** Answered by the network. */
  misses: number;
  /** Answered by the device, old, with a refresh behind it. */
  stale: number;
  /** Answered by the device because the network was away, at once or in the refresh behind a stale answer. */
  offline: number;
  /** What the device had was confirmed by a 304. */
  revalidated: number;
  /** Not answered, or not in the refresh behind a stale answer. */
  errors: number;
}

/** One user's cache. */
export interface Tiercel {
  readonly user: string | null;

  /**
   * The stored answer at once, when there is one that the policy allows; else the network's. Behind a stale answer
   * one refresh runs, which `onUpdate` and subscribers hear of.
   * @throws {TiercelError} when no tier has an answer
   */
  get<C extends ClassName>(cls: C, ...rest: WithParams<Params<C>, [options?: GetOptions<DataOf<C>>]>): Promise<Result<DataOf<C>>>;

  /**
   * Hears of every new answer to a read, from any tab; `null` says that it was invalidated: read again.
   * @returns a function that ends the subscription
   * @throws {TiercelError} when the policy has no such class or a parameter is missing
   */
  subscribe<C extends ClassName>(cls: C, params: Params<C>, listener: (result: Result<DataOf<C>> | null) => void): () => void;

  /**
   * Sends what triggers an event: method and path come from the policy and `params`. What the answer makes untrue is
   * dropped as by {@link Tiercel.invalidate}. It is sent once: no failure makes it go again.
   * @throws {TiercelError} when the origin refuses it or cannot be reached; what was shown of it is taken back
   */
  mutate<E extends EventName>(event: E, ...options: MutateArgs<E>): Promise<MutateResult>;

  /**
   * An event of the policy happened: what it makes untrue is dropped here, in other tabs and in the Service Worker.
   * An app may also dispatch `CustomEvent("{policy}:cache-invalidate", { detail: { event, params } })`; the SDK
   * dispatches the same with `detail: { event, names }` when something was dropped.
   *
   * A parameter that is left out widens what is dropped.
   * @throws {TiercelError} when the policy has no such event
   */
  invalidate<E extends EventName>(event: E, params?: Partial<EventParams<E>>): Promise<void>;

  /** A local store of the policy. Its methods reject with `unknown-store` where there is none of that name. */
  local<S extends LocalName>(store: S): LocalStore<LocalDataOf<S>>;

  /** What became of the reads of each class. */
  counters(): Promise<Record<string, Counters>>;

  /**
   * Hears of every read and mutation, and of the refreshes behind stale answers.
   * @returns a function that ends it
   */
  onDecision(listener: (decision: Decision) => void): () => void;

  /** What is stored, for people who look: it reads everything. */
  stored(): Promise<Stored[]>;

  /** Drops what is stored under `key`, in every tab; subscribers hear `null`. */
  remove(key: string): Promise<void>;

  /** Deletes this user's database and caches and ends this cache, here and in other tabs; subscribers hear `null`. Works offline. */
  logout(): Promise<void>;

  /** Closes; what was stored stays. */
  close(): void;
}

/** Why a call failed. */
export class TiercelError extends Error {
  readonly name: "TiercelError";
  /**
   * Stable: `network-failure`, `timeout`, `http-error`, `not-json`, `not-the-owner`, `no-credential`, `closed`,
   * `logged-out`, `bad-user`, `bad-params`, `bad-value`, `unknown-class`, `unknown-event`, `unknown-store`,
   * `unknown-key`, `missing-parameter`, `not-a-mutation`, `load-failed`, `register-failed`, …
   */
  readonly code: string;
  /** The HTTP status, where there is one. */
  readonly status: number | null;
  /** The JSON body of an error response, where there is one. */
  readonly body: unknown;
}

export interface OpenOptions {
  /** The signed-in user's id, `null` for nobody: user-scoped classes then go to the network, uncached. */
  user: string | null;
  /** Where the API is; default: the page's origin. */
  baseUrl?: string;
  /**
   * For an app whose requests carry `Authorization`: its value now, for reads and mutations. It is asked for before each is
   * sent, and before a repeat, and never stored. An empty text is none, and so is a failure: as without a network, nothing is
   * sent. Fields of {@link MutateRequest} go before it.
   */
  credential?: (user: string) => string | Promise<string>;
  /**
   * How often a read is repeated after a broken connection or a 429, 502, 503 or 504; default 2, 0 is never. The pauses
   * double from 0.3 s or are what `Retry-After` says; together they last no longer than the class's `timeout`.
   */
  retry?: number;
  /** Ask for what is subscribed to and stale when the user comes back to the page; default true. */
  refetchOnFocus?: boolean;
  /** Ask for what is subscribed to and stale when the connection is back; default true. */
  refetchOnReconnect?: boolean;
}

/**
 * Opens the cache of a user. Another user's, open in this page, ends; so does one in another tab, whose cookies are now this
 * user's, unless either has a `credential`. Opening `null` ends none in other tabs.
 * @throws {TiercelError} `bad-user`, or `load-failed` when the wasm cannot be loaded
 */
export function open(options: OpenOptions): Promise<Tiercel>;

declare global {
  interface WindowEventMap extends Record<`${typeof policy}:cache-invalidate`, CustomEvent<Invalidation>> {}
}
