/** From what the caches say to what the page shows: which tier answered, how, and why. */

import { parseCacheStatus, type CacheStatus } from "./cache-status";

export type Tier = "device" | "service-worker" | "edge" | "origin";

/** `miss`: no store had it. `offline`: an old copy, because the network is away. */
export type Outcome = "hit" | "stale" | "offline" | "miss";

/** How one resource came to the page. */
export interface Answer {
  readonly tier: Tier;
  readonly outcome: Outcome;
  /** A stable token, as the tier gave it. */
  readonly reason: string;
  /** Seconds since the origin made it, at the time it came. */
  readonly age: number;
  /** When it came, epoch milliseconds. */
  readonly at: number;
  /** How long the page waited, milliseconds. */
  readonly ms: number;
  /** Every cache on the way, the one nearest the origin first. */
  readonly chain: readonly CacheStatus[];
}

export const TIERS: readonly Tier[] = ["device", "service-worker", "edge", "origin"];

export const TIER_NAMES: Readonly<Record<Tier, { name: string; short: string; place: string }>> = {
  device: { name: "Device", short: "Device", place: "IndexedDB on this device" },
  "service-worker": { name: "Service Worker", short: "SW", place: "Cache Storage on this device" },
  edge: { name: "Edge", short: "Edge", place: "the nearest data centre" },
  origin: { name: "Origin", short: "Origin", place: "the app’s own server" },
};

const TIER_OF_CACHE: Readonly<Record<string, Tier>> = {
  "tiercel-edge": "edge",
  "tiercel-sw": "service-worker",
  "tiercel-device": "device",
  "tiercel-sdk": "device",
};

/** The tier of a cache named in `Cache-Status`; a cache we do not know sits in the network. */
export function tierOf(cache: string): Tier {
  return TIER_OF_CACHE[cache] ?? "edge";
}

/** Who answered, going by `Cache-Status` alone: the hit nearest to the user, else the origin. */
export function verdict(chain: readonly CacheStatus[]): Pick<Answer, "tier" | "outcome" | "reason"> {
  const hit = chain.findLast((status) => status.hit);
  if (hit !== undefined) {
    const stale = hit.ttl !== null && hit.ttl < 0;
    return { tier: tierOf(hit.cache), outcome: stale ? "stale" : "hit", reason: hit.detail ?? (stale ? "stale" : "fresh") };
  }
  const first = chain[0];
  if (first === undefined) return { tier: "origin", outcome: "miss", reason: "no-cache-involved" };
  const reason = first.fwdStatus === 304 ? "revalidated" : (first.detail ?? first.fwd ?? "forwarded");
  return { tier: "origin", outcome: "miss", reason };
}

/** What a response's own headers say about where it comes from. `startedAt` is on the `performance.now()` clock. */
export function answerOf(response: Response, startedAt: number): Answer {
  const chain = parseCacheStatus(response.headers.get("Cache-Status"));
  const age = Number(response.headers.get("Age") ?? 0);
  return {
    ...verdict(chain),
    chain,
    age: Number.isFinite(age) && age > 0 ? age : 0,
    at: Date.now(),
    ms: performance.now() - startedAt,
  };
}

const REASONS: Readonly<Record<string, string>> = {
  fresh: "still fresh by the policy",
  stale: "the stored copy was too old",
  "stale-while-revalidate": "a little old; a refresh runs in the background",
  "stale-if-error": "old, because the server could not answer",
  offline: "the network is away",
  "uri-miss": "not stored yet",
  "vary-miss": "stored for other request headers only",
  miss: "not stored yet",
  request: "the request asked for a new answer",
  method: "only GET is answered from a store",
  bypass: "the policy never stores this",
  revalidated: "the origin confirmed the stored copy",
  "no-cache-involved": "no cache took part",
  "http-cache": "the browser’s own HTTP cache had it",
};

/** A reason in words, where we know it; else the token, readable. */
export function inWords(reason: string): string {
  return REASONS[reason] ?? reason.replace(/[-_]+/g, " ");
}
