import { useEffect, useRef, useState, type RefObject } from "react";
import type { ClassName, Params } from "@tiercel/sdk";
import type { Body, Reading } from "./cache";
import { reconnections } from "./network";
import { useSignedIn } from "./session";
import { createStore, useStore } from "./store";

/** What a component knows of a resource: nothing yet, a reading, or why there is none. */
export interface Resource<T> {
  readonly reading: Reading<T> | null;
  readonly error: Error | null;
  /** Why the last read failed, though there may be an older reading. */
  readonly failure: Error | null;
}

const NOTHING = { reading: null, error: null, failure: null };

/** Follows one resource of the policy; `params` is null while it is not wanted yet. */
export function useResource<C extends ClassName>(cls: C, params: Params<C> | null, label?: string): Resource<Body<C>> {
  const { cache } = useSignedIn();
  const epoch = useStore(reconnections);
  const key = params === null ? null : JSON.stringify([cls, params]);
  const [state, setState] = useState<Resource<Body<C>> & { key: string | null }>({ ...NOTHING, key: null });

  useEffect(() => {
    if (key === null) return;
    const [, wanted] = JSON.parse(key) as [string, Params<C>];
    const stop = new AbortController();
    // Answers may overtake each other; only the youngest question counts.
    let turn = 0;
    const show = (reading: Reading<Body<C>>): void => setState({ key, reading, error: null, failure: null });
    const read = (): void => {
      const mine = ++turn;
      const current = (): boolean => mine === turn && !stop.signal.aborted;
      cache
        .read(cls, wanted, {
          ...(label === undefined ? {} : { label }),
          signal: stop.signal,
          onUpdate: (reading) => current() && show(reading),
        })
        .then(
          (reading) => current() && show(reading),
          (cause: unknown) => {
            if (!current()) return;
            const error = cause instanceof Error ? cause : new Error(String(cause));
            // Old data is better than a message in its place.
            setState((before) =>
              before.key === key && before.reading !== null ? { ...before, failure: error } : { key, reading: null, error, failure: error },
            );
          },
        );
    };
    const unwatch = cache.watch(cls, wanted, (reading) => (reading === null ? read() : show(reading)));
    read();
    return () => {
      stop.abort();
      unwatch();
    };
    // The label only names the resource in the log.
  }, [cache, cls, key, epoch]);

  return state.key === key ? state : NOTHING;
}

/** True once the element has come near the viewport. */
export function useSeen(ref: RefObject<Element | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (ref.current === null) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) return;
        setSeen(true);
        observer.disconnect();
      },
      { rootMargin: "200px" },
    );
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ref]);
  return seen;
}

const now = createStore(Date.now());
setInterval(() => now.set(Date.now()), 5000);

/** The time, a few times a minute: ages on the page grow. */
export function useNow(): number {
  return useStore(now);
}

/** State that this device remembers under a key. */
export function useRemembered(key: string, initial: boolean): [boolean, (value: boolean) => void] {
  const [value, setValue] = useState(() => {
    const stored = localStorage.getItem(key);
    return stored === null ? initial : stored === "1";
  });
  return [
    value,
    (next) => {
      localStorage.setItem(key, next ? "1" : "0");
      setValue(next);
    },
  ];
}

/** Always the newest value, for listeners that are added once. */
export function useLatest<T>(value: T): RefObject<T> {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}
