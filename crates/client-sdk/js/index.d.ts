/** How good an answer is. `offline`: an old copy, because the network is away. */
export type Status = "fresh" | "stale" | "offline" | "fallback_revoked";

/** Who answered. `device` is IndexedDB; the others are read from the response's `Cache-Status`. */
export type Source = "device" | "edge" | "origin" | "service-worker";

/** Parameters of a class or an event, by their names in the policy. `userId` is filled in. */
export type Params = Record<string, string | undefined>;

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
}

export interface GetOptions<T> {
  /** Stops waiting. A request that others share, or that fills the store, goes on. */
  signal?: AbortSignal;
  /** Hears what the refresh behind a stale answer found. */
  onUpdate?: (result: Result<T>) => void;
  /** Ask the network, whatever is stored. */
  reload?: boolean;
}

/** One user's cache. */
export interface Tiercel {
  readonly user: string | null;

  /**
   * The stored answer at once, when there is one that the policy allows; else the network's. Behind a stale answer
   * one refresh runs, which `onUpdate` and subscribers hear of.
   * @throws {TiercelError} when no tier has an answer
   */
  get<T>(cls: string, params?: Params, options?: GetOptions<T>): Promise<Result<T>>;

  /**
   * Hears of every new answer to a read, from any tab; `null` says that it was invalidated: read again.
   * @returns a function that ends the subscription
   * @throws {TiercelError} when the policy has no such class or a parameter is missing
   */
  subscribe(cls: string, params: Params, listener: (result: Result<unknown> | null) => void): () => void;

  /**
   * An event of the policy happened: what it makes untrue is dropped here, in other tabs and in the Service Worker.
   * An app may also dispatch `CustomEvent("{policy}:cache-invalidate", { detail: { event, params } })`; the SDK
   * dispatches the same with `detail: { event, names }` when something was dropped.
   * @throws {TiercelError} when the policy has no such event
   */
  invalidate(event: string, params?: Params): Promise<void>;

  /** Deletes this user's database and caches and ends this cache, here and in other tabs. Works offline. */
  logout(): Promise<void>;

  /** Closes; what was stored stays. */
  close(): void;
}

/** Why a call failed. */
export class TiercelError extends Error {
  readonly name: "TiercelError";
  /**
   * Stable: `network-failure`, `timeout`, `http-error`, `not-json`, `not-the-owner`, `no-credential`, `closed`,
   * `logged-out`, `bad-user`, `bad-params`, `unknown-class`, `unknown-event`, `missing-parameter`, `load-failed`,
   * `register-failed`, …
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
}

/**
 * Opens the cache of a user. Another user's, open in this page, ends.
 * @throws {TiercelError} `bad-user`, or `load-failed` when the wasm cannot be loaded
 */
export function open(options: OpenOptions): Promise<Tiercel>;

export interface RegisterOptions {
  /** The worker's script; default `/sw.js`. */
  url?: string;
  /**
   * For an app whose requests carry `Authorization`: its value now, for mutations that waited for a network. It is asked for
   * when they are sent, and never stored. An empty text is none: they wait on.
   */
  credential?: (user: string) => string | Promise<string>;
  /** Hears what becomes of the worker and of its later versions, from the registration on. */
  onLifecycle?: (event: LifecycleEvent) => void;
}

/** What a page hears of mutations that had to wait for a network, by {@link Registration.onMessage}. */
export interface Replayed {
  /** Sent and done; or given up: refused with a 4xx, failed too often, or a week old. */
  type: "tiercel:replayed" | "tiercel:replay-failed";
  url: string;
  method: string;
  /** The status of the last answer; 0 where there was none. */
  status: number;
}

/** What has become of a version of the worker. */
export interface LifecycleEvent {
  /**
   * `installed`: it has all it needs. `waiting`: an older version is still at work; {@link Registration.activate} changes
   * that. `activated`: it is at work. `controlling`: it answers this page from now on; after an update the page may
   * reload to be of the same version. `redundant`: it was replaced, or could not be installed.
   */
  type: "installed" | "waiting" | "activated" | "controlling" | "redundant";
  /** Whether an older version was at work before it. */
  isUpdate: boolean;
}

export interface Registration {
  /** Tells the worker whose page this is; resolves when it knows. */
  identify(user: string | null): Promise<void>;
  /** Hears the worker's messages. Returns a function that ends it. */
  onMessage(listener: (message: unknown) => void): () => void;
  /** Looks for a new version now; browsers do so on navigations. Whether there is one, that is installing or waits. */
  update(): Promise<boolean>;
  /** Has the version that waits go to work, in all tabs. Whether it does; `false` also where none waits. */
  activate(): Promise<boolean>;
  /** Has the worker answer this page too, which was loaded without it (by a forced reload). */
  claim(): Promise<void>;
}

/**
 * Registers the Service Worker and waits until it controls the page. On the first visit it is told what the page has
 * loaded without it, so that the app opens offline from then on. `null` where there are no Service Workers.
 * @throws {TiercelError} `register-failed`
 */
export function register(options?: RegisterOptions): Promise<Registration | null>;
