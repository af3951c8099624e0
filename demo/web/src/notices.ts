/** Short messages at the foot of the page. */

import { createStore } from "./store";

export interface Notice {
  readonly id: number;
  readonly kind: "done" | "problem";
  readonly text: string;
}

export const notices = createStore<readonly Notice[]>([]);

const SHOWN_MS = 5000;
let lastId = 0;

function show(kind: Notice["kind"], text: string): void {
  lastId += 1;
  const id = lastId;
  notices.set((before) => [...before.slice(-2), { id, kind, text }]);
  setTimeout(() => notices.set((before) => before.filter((notice) => notice.id !== id)), SHOWN_MS);
}

export function say(text: string): void {
  show("done", text);
}

/** Tells of a failure in the words of the error. */
export function complain(error: unknown): void {
  show("problem", error instanceof Error ? error.message : String(error));
}
