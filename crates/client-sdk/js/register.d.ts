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

/** What this origin takes of the device. */
export interface StorageUse {
  /** Bytes that are taken, about. */
  usage: number;
  /** Bytes that may be taken, about. */
  quota: number;
  /** Whether the browser keeps them when the device gets full. */
  persisted: boolean;
}

/**
 * Asks the browser not to clear this origin's storage when the device gets full. Some ask the user, others go by how the app
 * is used, and then say yes later, when it is asked again. Whether it will.
 */
export function persist(): Promise<boolean>;

/** What is stored of this origin, by SDK, Service Worker and app; `null` where the browser does not say. */
export function estimate(): Promise<StorageUse | null>;
