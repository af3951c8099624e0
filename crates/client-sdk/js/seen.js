// What all pages must know of one user: the consistency tokens (docs/headers.md), which say what this user's own changes need the
// edge to know, and whether the database can be trusted.

const FIELD = "tiercel-consistency";

/**
 * Keeps tokens until they count no longer: for all tabs, and over a reload, in `localStorage`, one key for each, so that
 * two tabs do not overwrite each other; in memory where there is none.
 */
export function tokensOf(scope) {
  const prefix = `${scope}:seen:`;
  const store = storage();
  const names = () => Array.from({ length: store.length }, (_, at) => store.key(at)).filter((name) => name?.startsWith(prefix));
  return {
    /** Puts every token that counts into `headers`, and gives their names. */
    send(headers) {
      const counting = names().filter((name) => {
        const counts = Number(store.getItem(name)) > Date.now();
        if (!counts) store.removeItem(name);
        return counts;
      });
      if (counting.length > 0) headers.set(FIELD, counting.map((name) => name.slice(prefix.length)).join(", "));
      return counting;
    },
    /** An answer came to a request that sent the tokens called `sent`. */
    heard(headers, sent) {
      const { token, seconds } = /^(?<token>[\w-]+);max-age=(?<seconds>\d+)$/.exec(headers.get(FIELD) ?? "")?.groups ?? {};
      if (!token) return;
      for (const name of sent) store.removeItem(name);
      try {
        store.setItem(prefix + token, Date.now() + seconds * 1000);
      } catch {
        // Full: without a token this user sees the change when the edge has heard of it, as others do.
      }
    },
    forget() {
      for (const name of names()) store.removeItem(name);
    },
  };
}

/**
 * Whether the database called `name` holds what is not true any more: where it could not be purged, the next page must not
 * read it.
 */
export const isDistrusted = (name) => storage().getItem(`${name}:untrue`) !== null;

export function distrust(name, isUntrue) {
  try {
    if (isUntrue) storage().setItem(`${name}:untrue`, "");
    else storage().removeItem(`${name}:untrue`);
  } catch {
    // Full: the lifetimes of what is stored end it.
  }
}

function storage() {
  try {
    return globalThis.localStorage ?? memory;
  } catch {
    return memory;
  }
}

const kept = new Map();

/** As much of `Storage` as is needed. */
const memory = {
  get length() {
    return kept.size;
  },
  key: (at) => [...kept.keys()][at],
  getItem: (name) => kept.get(name) ?? null,
  setItem: (name, value) => kept.set(name, value),
  removeItem: (name) => kept.delete(name),
};
