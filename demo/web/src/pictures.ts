/**
 * Pictures as blob URLs, fetched rather than put into `<img src>`, so that the page can read which tier answered.
 * Components share one fetch per path; a picture nobody shows is let go after a while.
 */

import { useEffect, useState } from "react";
import { fetchLogged } from "./cache";
import { reconnections } from "./network";
import { useStore } from "./store";
import type { Answer } from "./tiers";

export interface Picture {
  readonly url: string;
  readonly answer: Answer;
}

interface Held {
  readonly picture: Promise<Picture>;
  users: number;
}

const LINGER_MS = 5000;
const held = new Map<string, Held>();

async function load(cls: string, label: string, path: string): Promise<Picture> {
  const { response, answer } = await fetchLogged(cls, label, path);
  return { url: URL.createObjectURL(await response.blob()), answer };
}

function release(path: string, entry: Held): void {
  if (held.get(path) === entry) held.delete(path);
  entry.picture.then(({ url }) => URL.revokeObjectURL(url)).catch(() => {});
}

function acquire(cls: string, label: string, path: string): { picture: Promise<Picture>; done: () => void } {
  let entry = held.get(path);
  if (entry === undefined) {
    const fresh: Held = { picture: load(cls, label, path), users: 0 };
    // A failure is not kept: the next one to ask tries again.
    fresh.picture.catch(() => release(path, fresh));
    held.set(path, fresh);
    entry = fresh;
  }
  const mine = entry;
  mine.users += 1;
  return {
    picture: mine.picture,
    done() {
      mine.users -= 1;
      setTimeout(() => mine.users === 0 && release(path, mine), LINGER_MS);
    },
  };
}

/** Forgets every picture; the next user must not find any. */
export function forgetPictures(): void {
  for (const [path, entry] of held) release(path, entry);
}

export type PictureState = { readonly picture: Picture | null; readonly failed: boolean };

const NOTHING: PictureState = { picture: null, failed: false };

/** The picture at a path; `path` is null while it is not wanted yet. */
export function usePicture(cls: string, label: string, path: string | null): PictureState {
  const [state, setState] = useState<PictureState & { path: string | null }>({ ...NOTHING, path: null });
  const epoch = useStore(reconnections);
  // Once shown, a picture need not be asked for again because the network came back.
  const retry = state.failed ? epoch : 0;
  useEffect(() => {
    if (path === null) return;
    let live = true;
    const { picture, done } = acquire(cls, label, path);
    picture.then(
      (picture) => live && setState({ path, picture, failed: false }),
      () => live && setState({ path, picture: null, failed: true }),
    );
    return () => {
      live = false;
      done();
    };
    // The label only names it in the log.
  }, [cls, path, retry]);
  return state.path === path ? state : NOTHING;
}
