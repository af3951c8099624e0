// What was decided, for counters and for whoever looks.

const COUNTERS = { hits: 0, misses: 0, stale: 0, offline: 0, revalidated: 0, errors: 0 };

export class Decisions {
  #counters = new Map();
  #listeners = new Set();
  /** Answers that were counted: several readers get the same. */
  #counted = new WeakSet();

  /** A read was answered with `result`, or failed with `error`. */
  read(asked, result, error) {
    this.#count(asked.class, error ? "errors" : counterOf(result));
    if (!error) this.#revalidated(asked.class, result);
    this.#tell(asked, result, error);
  }

  /** The refresh behind a stale answer came to `result`, which is the stale one again, with an `error`, where it failed. */
  refreshed(asked, result) {
    const { error } = result;
    if (this.#counted.has(error ?? result)) return;
    if (error) {
      this.#counted.add(error);
      this.#count(asked.class, "errors");
      this.#tell({ ...asked, behind: true }, null, error);
      return;
    }
    this.#revalidated(asked.class, result);
    if (result.status === "offline") this.#count(asked.class, "offline");
    this.#tell({ ...asked, behind: true }, result);
  }

  /** A mutation was answered, or failed with `error`. */
  mutated(asked, answer, error) {
    const status = answer?.queued ? "queued" : "done";
    this.#tell(asked, answer && { status, source: "origin", reason: status, age: 0 }, error);
  }

  counters() {
    return Object.fromEntries([...this.#counters].map(([name, counters]) => [name, { ...counters }]));
  }

  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  clear() {
    this.#listeners.clear();
    this.#counters.clear();
  }

  #revalidated(name, result) {
    if (result.reason === "revalidated" && !this.#counted.has(result)) this.#count(name, "revalidated");
    this.#counted.add(result);
  }

  #count(name, counter) {
    if (!this.#counters.has(name)) this.#counters.set(name, { ...COUNTERS });
    this.#counters.get(name)[counter] += 1;
  }

  #tell({ began, params, ...asked }, result, error) {
    if (this.#listeners.size === 0) return;
    // Whose it is, nobody who looks needs to know.
    const { userId, ...others } = params ?? {};
    const { status = "failed", source = null, reason = error?.code ?? error?.name, age = null } = result ?? {};
    const decision = { at: Date.now(), ...asked, params: others, status, source, reason, age, ms: performance.now() - began };
    for (const listener of [...this.#listeners]) {
      try {
        listener(decision);
      } catch (thrown) {
        globalThis.reportError?.(thrown);
      }
    }
  }
}

function counterOf({ status, source, reason }) {
  if (status !== "fresh") return status === "offline" ? "offline" : "stale";
  return source === "device" && reason !== "revalidated" ? "hits" : "misses";
}
