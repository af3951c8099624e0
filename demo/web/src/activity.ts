/** The log behind "What just happened". */

import { createStore } from "./store";
import type { Answer, Tier } from "./tiers";

interface Common {
  readonly id: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A resource that came from one of the tiers. */
export interface ReadEntry extends Common {
  readonly kind: "read";
  readonly resource: string;
  readonly subject: string;
  readonly answer: Answer;
}

/** A change the page asked the origin for. */
export interface WriteEntry extends Common {
  readonly kind: "write";
  readonly method: string;
  readonly path: string;
  /** Null when no answer came. */
  readonly status: number | null;
  /** Whether it was the Service Worker that answered, which sends it later. */
  readonly queued: boolean;
  readonly ms: number;
}

/** A domain event, and what it removed from this device. */
export interface EventEntry extends Common {
  readonly kind: "event";
  readonly event: string;
  readonly names: readonly string[];
}

export type Entry = ReadEntry | WriteEntry | EventEntry;

type Draft<T> = T extends Common ? Omit<T, "id" | "at"> : never;

const KEPT = 250;
let lastId = 0;

/** Newest first. */
export const activity = createStore<readonly Entry[]>([]);

export function record(draft: Draft<Entry>): void {
  lastId += 1;
  const entry = { ...draft, id: lastId, at: Date.now() } as Entry;
  activity.set((before) => [entry, ...before].slice(0, KEPT));
}

export function clearActivity(): void {
  activity.set([]);
}

/** How many answers each tier gave. */
export function tally(entries: readonly Entry[]): Record<Tier, number> {
  const counts: Record<Tier, number> = { device: 0, "service-worker": 0, edge: 0, origin: 0 };
  for (const entry of entries) if (entry.kind === "read") counts[entry.answer.tier] += 1;
  return counts;
}
