/** New releases of the page: what the Service Worker has ready, until the visitor wants it. */

import type { LifecycleEvent, Registration } from "@tiercel/sdk";
import { createStore, useStore } from "./store";

type Ready = (() => void) | null;

/** Brings the new release; `null` while there is none. */
const ready = createStore<Ready>(null);

/** Follows what becomes of the worker. */
export function follow({ type, isUpdate }: LifecycleEvent, registration: () => Registration | null): void {
  if (!isUpdate) return;
  if (type === "waiting") ready.set(() => () => void registration()?.activate());
  // Asked for here or in another tab: this page is of the old release.
  if (type === "controlling") location.reload();
}

export const useRelease = (): Ready => useStore(ready);
