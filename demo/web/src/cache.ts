/**
 * Everything this page knows about `@tiercel/sdk`.
 *
 * Reads go to {@link UserCache}, which answers from the device, the Service Worker, the edge or the origin and says
 * which; each answer is written to the activity log.
 */

import { follow } from "./release";
import {
  open, register, TiercelError, type ClassName, type DataOf, type EventName, type EventParams, type GetOptions, type MutateArgs, type MutateRequest, type Params, type Result, type Tiercel,
  type WithParams,
} from "@tiercel/sdk";
import { record } from "./activity";
import { ApiError } from "./api";
import { parseCacheStatus } from "./cache-status";
import { online } from "./network";
import { answerOf, verdict, type Answer, type Outcome } from "./tiers";
import type { Envelope } from "./types";

/** What the envelope of a class holds. */
export type Body<C extends ClassName> = DataOf<C> extends Envelope<infer T> ? T : never;

/** Data, and how it came. */
export interface Reading<T> {
  readonly data: T;
  readonly answer: Answer;
  readonly warning: string | null;
}

const RESOURCE_NAMES: Readonly<Record<string, string>> = {
  "user-files": "File list",
  "user-stats": "Statistics",
  "file-info": "Details",
  ratings: "Rating",
  "watch-progress": "Progress",
  artists: "Artists",
  thumbnail: "Thumbnail",
  media: "Media",
};

/** A class of the policy, as people say it. */
export function resourceName(cls: string): string {
  return RESOURCE_NAMES[cls] ?? cls;
}

function outcomeOf(result: Result<unknown>): Outcome {
  if (result.status === "offline") return "offline";
  if (result.status !== "fresh") return "stale";
  if (result.source === "origin") return "miss";
  // The SDK's status is about its own copy; an edge may have answered a miss with a stale one of its own.
  return verdict(parseCacheStatus(result.cacheStatus)).outcome === "stale" ? "stale" : "hit";
}

function reading<C extends ClassName>(result: Result<DataOf<C>>, startedAt: number): Reading<Body<C>> {
  return {
    data: (result.data as Envelope<Body<C>>).data,
    warning: result.warning ?? null,
    answer: {
      tier: result.source,
      outcome: outcomeOf(result),
      reason: result.reason,
      age: result.age,
      at: Date.now(),
      ms: performance.now() - startedAt,
      chain: parseCacheStatus(result.cacheStatus),
    },
  };
}

function log(cls: string, subject: string, answer: Answer): void {
  record({ kind: "read", resource: resourceName(cls), subject, answer });
}

const subjectOf = ({ userId: _, ...params }: Record<string, number | string | undefined>): string => Object.values(params).filter(Boolean).join(" / ");

/** The stores of one signed-in user. */
export class UserCache {
  /** The inspector looks into `tiercel`. */
  private constructor(readonly tiercel: Tiercel) {}

  static async open(user: string): Promise<UserCache> {
    return new UserCache(await open({ user }));
  }

  /**
   * The stored answer at once; `onUpdate` hears of the refresh that a stale one starts.
   * `label` names the subject in the log. Rejects when no tier has an answer.
   */
  async read<C extends ClassName>(
    cls: C,
    params: Params<C>,
    { label, signal, onUpdate }: { label?: string; signal: AbortSignal; onUpdate: (reading: Reading<Body<C>>) => void },
  ): Promise<Reading<Body<C>>> {
    const subject = label ?? subjectOf(params);
    let startedAt = performance.now();
    const take = (result: Result<DataOf<C>>): Reading<Body<C>> => {
      const got = reading<C>(result, startedAt);
      log(cls, subject, got.answer);
      if (result.status === "offline") online.set(false);
      else if (result.source === "origin" || result.source === "edge") online.set(true);
      return got;
    };
    const options: GetOptions<DataOf<C>> = { signal, onUpdate: (result) => onUpdate(take(result)) };
    // Which parameters may be left out, TypeScript knows of each class but not of all.
    const first = take(await this.tiercel.get(cls, ...([params, options] as WithParams<Params<C>, [GetOptions<DataOf<C>>]>)));
    // What the refresh takes counts from here: nobody waits for it.
    startedAt = performance.now();
    return first;
  }

  /** Calls `onChange` with newer data that came by another way, or with null when the data must be read again. */
  watch<C extends ClassName>(cls: C, params: Params<C>, onChange: (reading: Reading<Body<C>> | null) => void): () => void {
    return this.tiercel.subscribe(cls, params, (result) => onChange(result === null ? null : reading<C>(result, performance.now())));
  }

  /** A domain event happened: the policy knows what it makes invalid, here and in other tabs. */
  happened<E extends EventName>(event: E, params: Partial<EventParams<E>> = {}): Promise<void> {
    return this.tiercel.invalidate(event, params);
  }

  /**
   * Sends what triggers an event, a POST to `path`, and drops what it makes invalid; `optimistic` is shown meanwhile.
   * Throws {@link ApiError}.
   */
  async change<E extends EventName>(event: E, path: string, request: MutateRequest): Promise<void> {
    const startedAt = performance.now();
    const log = (status: number | null, queued = false): void =>
      record({ kind: "write", method: "POST", path, status, queued, ms: performance.now() - startedAt });
    try {
      // That no parameter of the event is required, TypeScript knows of each event but not of all.
      const { status, queued } = await this.tiercel.mutate(event, ...([request] as unknown as MutateArgs<E>));
      log(status, queued);
    } catch (error) {
      if (!(error instanceof TiercelError)) throw error;
      log(error.status);
      if (error.code === "network-failure") online.set(false);
      const { code = error.code, message = error.message } = (error.body as { error?: { code?: string; message?: string } } | null)?.error ?? {};
      throw new ApiError(code, error.status, message);
    }
  }

  /** Deletes everything of this user from the device. */
  forget(): Promise<void> {
    return this.tiercel.logout();
  }

  close(): void {
    this.tiercel.close();
  }
}

/** Fetches a file whose answer the Service Worker or the network gives; logs it, and rejects when the status is no success. */
export async function fetchLogged(cls: string, label: string, path: string, init: RequestInit = {}): Promise<{ response: Response; answer: Answer }> {
  const startedAt = performance.now();
  const response = await fetch(path, init);
  let answer = answerOf(response, startedAt);
  if (cameFromHttpCache(path, startedAt)) {
    // The header was stored with the response and tells how it came the first time; this time nobody was asked.
    answer = { ...answer, tier: "device", outcome: "hit", reason: "http-cache", chain: [] };
  }
  log(cls, label, answer);
  if (!response.ok) throw new Error(`${resourceName(cls)}: the server answered ${response.status}.`);
  return { response, answer };
}

// The browser keeps 250 entries and then no new ones; only the newest matter here.
performance.addEventListener("resourcetimingbufferfull", () => performance.clearResourceTimings());

function cameFromHttpCache(path: string, startedAt: number): boolean {
  // `deliveryType` is Chromium's; elsewhere the header's word has to do.
  const entries = performance.getEntriesByName(new URL(path, location.href).href, "resource") as (PerformanceResourceTiming & {
    deliveryType?: string;
  })[];
  const last = entries.at(-1);
  return last !== undefined && last.startTime >= startedAt - 1 && last.workerStart === 0 && last.deliveryType === "cache";
}

/** The page's Service Worker. Without one (old browser, private window) the page works, only slower. */
export class Worker {
  private constructor(private readonly registration: Awaited<ReturnType<typeof register>>) {}

  static async start(): Promise<Worker> {
    try {
      const registration = await register({ url: "/sw.js", onLifecycle: (event) => follow(event, () => registration) });
      registration?.onMessage(noteMessage);
      if (registration !== null) await controlled();
      return new Worker(registration);
    } catch (error) {
      console.warn("No Service Worker: thumbnails and media come from the network.", error);
      return new Worker(null);
    }
  }

  /** Whose files the worker may keep; null for nobody's. */
  async identify(user: string | null): Promise<void> {
    await this.registration?.identify(user);
  }
}

/** Resolves when a worker controls this page, or after a while without one: pictures should not wait longer. */
function controlled(): Promise<void> {
  const { serviceWorker } = navigator;
  if (serviceWorker.controller !== null) return Promise.resolve();
  return new Promise((resolve) => {
    serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
    setTimeout(resolve, 1500);
  });
}

/** The worker may report answers that the page cannot see itself, such as the ranges a `<video>` asks for. */
function noteMessage(message: unknown): void {
  if (typeof message !== "object" || message === null) return;
  const { url, cacheStatus, age, ms, range } = message as Record<string, unknown>;
  if (typeof url !== "string" || typeof cacheStatus !== "string") return;
  const chain = parseCacheStatus(cacheStatus);
  const name = decodeURIComponent(new URL(url, location.href).pathname.split("/").at(-1) ?? "");
  log("media", typeof range === "string" ? `${name} ${range}` : name, {
    ...verdict(chain),
    chain,
    age: typeof age === "number" ? age : 0,
    at: Date.now(),
    ms: typeof ms === "number" ? ms : 0,
  });
}

/** The SDK tells the page what an event removed; the log shows it. */
window.addEventListener("videomi:cache-invalidate", (event) => {
  const detail: unknown = (event as CustomEvent).detail;
  if (typeof detail !== "object" || detail === null) return;
  const { event: name, names } = detail as { event?: unknown; names?: unknown };
  record({
    kind: "event",
    event: typeof name === "string" ? name : "invalidation",
    names: Array.isArray(names) ? names.filter((n): n is string => typeof n === "string") : [],
  });
});
