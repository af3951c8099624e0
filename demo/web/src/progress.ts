/** Where the user stopped in a recording, kept by the origin and by this device. */

import { useEffect, useRef, type RefObject } from "react";
import { call, paths } from "./api";
import { useResource } from "./hooks";
import { useSignedIn } from "./session";

const SAVE_EVERY_S = 10;
/** Nearer to an end than this, there is nothing to resume. */
const MARGIN_S = 3;

/** Saves the place while it moves, on pause and on leave. Returns the stored place in seconds; null until it is known. */
export function useProgress(id: string, name: string, media: RefObject<HTMLMediaElement | null>): number | null {
  const { cache } = useSignedIn();
  const { reading, error } = useResource("watch-progress", { fileId: id }, name);
  const saved = useRef<number | null>(null);

  useEffect(() => {
    const element = media.current;
    if (element === null) return;
    const save = (keepalive: boolean): void => {
      const seconds = element.ended ? 0 : Math.floor(element.currentTime);
      if (seconds === (saved.current ?? 0)) return;
      saved.current = seconds;
      call("PUT", paths.progress(id), { seconds }, { keepalive }).then(
        // Null is what waits for a network: until it has been sent, what the device knows is the best there is.
        async (stored) => {
          if (stored !== null) await cache.happened("watch-progress", { fileId: id });
        },
        // Not worth a message: the next save, or the next visit, makes it good.
        () => (saved.current = null),
      );
    };
    const stop = new AbortController();
    const { signal } = stop;
    element.addEventListener("seeked", () => element.paused && save(false), { signal });
    element.addEventListener("pause", () => save(false), { signal });
    element.addEventListener("timeupdate", () => Math.abs(element.currentTime - (saved.current ?? 0)) >= SAVE_EVERY_S && save(false), { signal });
    window.addEventListener("pagehide", () => save(true), { signal });
    return () => {
      stop.abort();
      save(true);
    };
  }, [cache, id, media]);

  if (reading === null) return error === null ? null : 0;
  return reading.data?.seconds ?? 0;
}

/** Whether a place is worth resuming from. */
export function worthResuming(seconds: number, duration: number): boolean {
  return seconds > MARGIN_S && seconds < duration - MARGIN_S;
}
