// Changes that are shown before the origin has confirmed them. They lie over what is stored, in this page's memory, and
// are never part of it: whatever ends the page ends them.

/** The changes of one cache, the oldest first: { keys: Map key → update, done, waits: { method, url } }. */
export class Layers {
  #layers = [];

  get size() {
    return this.#layers.length;
  }

  /** Lays `changes`, each [key, update], over what has these keys. Gives the layer. */
  add(changes) {
    const layer = { keys: new Map(changes), done: undefined, waits: undefined };
    if (layer.keys.size > 0) this.#layers.push(layer);
    return layer;
  }

  /** Takes a layer away: the mutation failed. */
  remove(layer) {
    this.#layers = this.#layers.filter((other) => other !== layer);
  }

  /** The mutation was done at `moment`; what was asked for later has the change. */
  done(layer, moment) {
    layer.done = moment;
  }

  /**
   * The Service Worker keeps the mutation for later. A PUT takes the place of a PUT that waits last for the same URL: the two are
   * one then, and end together.
   */
  waits(layer, method, url) {
    const last = this.#waitFor(url).at(-1)?.waits;
    layer.waits = method === "PUT" && last?.method === "PUT" ? last : { method, url };
  }

  /** The layers of what waits longest for this request. */
  waiting(method, url) {
    const layers = this.#waitFor(url);
    const first = layers.find(({ waits }) => waits.method === method)?.waits;
    return layers.filter(({ waits }) => waits === first);
  }

  #waitFor(url) {
    return this.#layers.filter(({ waits, done }) => waits?.url === url && done === undefined);
  }

  /** `raw` as the page sees it; it stays as it is. */
  over(key, raw) {
    const { requested, ...result } = raw;
    if (key === undefined || this.#layers.length === 0) return result;
    const above = this.#layers.filter((layer) => layer.keys.has(key));
    const applied = above.filter(({ done }) => done === undefined || requested <= done);
    for (const layer of above) {
      // It is in what has come.
      if (!applied.includes(layer)) this.#drop(layer, key);
    }
    if (applied.length === 0) return result;
    const data = applied.reduce((data, layer) => changed(data, layer.keys.get(key)), structuredClone(result.data));
    return { ...result, data, optimistic: true };
  }

  clear() {
    this.#layers = [];
  }

  #drop(layer, key) {
    layer.keys.delete(key);
    if (layer.keys.size === 0) this.remove(layer);
  }
}

function changed(data, update) {
  try {
    return update(data);
  } catch (error) {
    // The page's mistake; what others read must not fail by it.
    globalThis.reportError?.(error);
    return data;
  }
}
