/** Short messages at the foot of the page. What was done goes by itself, a problem when somebody has read it. */

import { createStore } from "./store";

export interface Notice {
  readonly id: number;
  readonly kind: "done" | "problem";
  readonly text: string;
}

export const notices = createStore<readonly Notice[]>([]);

/** The open dialogs, the uppermost last: notices are shown in it, since all outside of it is inert and not read out. */
export const dialogs = createStore<readonly string[]>([]);

const SHOWN_MS = 5000;
let lastId = 0;

function show(kind: Notice["kind"], text: string): void {
  lastId += 1;
  const id = lastId;
  notices.set((before) => {
    // The same problem twice is one; of what was done, the last three are enough.
    const others = before.filter((notice) => notice.kind === "done" || notice.text !== text);
    const done = others.filter((notice) => notice.kind === "done").slice(-2);
    return [...others.filter((notice) => notice.kind === "problem" || done.includes(notice)), { id, kind, text }];
  });
  if (kind === "done") setTimeout(() => dismiss(id), SHOWN_MS);
}

export function dismiss(id: number): void {
  notices.set((before) => before.filter((notice) => notice.id !== id));
}

/** Whether nothing was said since. */
export function isNewest({ id }: Notice): boolean {
  return id === lastId;
}

export function say(text: string): void {
  show("done", text);
}

/** Tells of a failure in the words of the error. */
export function complain(error: unknown): void {
  show("problem", error instanceof Error ? error.message : String(error));
}
