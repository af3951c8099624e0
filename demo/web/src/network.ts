/** Whether the server can be reached: what the browser believes, corrected by what requests find. */

import { createStore, useStore } from "./store";

export const online = createStore(navigator.onLine);

/** A counter that grows each time the network comes back; readers depend on it to read again. */
export const reconnections = createStore(0);

online.subscribe(() => {
  if (online.get()) reconnections.set((n) => n + 1);
});

window.addEventListener("online", () => void check());
window.addEventListener("offline", () => online.set(false));

/** Asks the server itself: a laptop on a network without internet still says "online". */
export async function check(): Promise<boolean> {
  try {
    await fetch("/api/auth/session", { cache: "no-store" });
    online.set(true);
  } catch {
    online.set(false);
  }
  return online.get();
}

export function useOnline(): boolean {
  return useStore(online);
}
