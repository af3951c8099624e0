// The border of the wasm instance: bundle-worker.mjs has wasm-bindgen's code make a `WatchedInstance` where it would make
// a `WebAssembly.Instance`.
//
// With `panic = "abort"`, whatever comes up through wasm frames leaves the instance in an unknown state: locks held,
// futures half polled, the executor's queue stuck. A panic does, a trap (out of memory, stack overflow), and an import
// that throws where the crate expects none. Further up it may reach nobody, since futures are polled from microtasks, or
// pass for the rejection of a promise. So it is noticed here, and nothing goes in any more.

/** Takes the place of the runtime's own in the whole bundle (`inject`): that takes 4 µs, this a twentieth (measured), and
 *  wasm-bindgen calls it for every future that goes on. What comes up through the wasm is noticed below. */
export function queueMicrotask(work) {
  Promise.resolve().then(work).catch(() => {});
}

/** The instance in use. */
let current;
let told = () => {};

/** Whether the instance in use must not be entered again. */
export function hasCrashed() {
  return current.crashed;
}

/** Calls `told` once for each instance that crashes, with what came up. */
export function onCrash(callback) {
  told = callback;
}

export class WatchedInstance {
  exports = {};
  crashed = false;

  constructor(module, imports) {
    const { exports } = new globalThis.WebAssembly.Instance(module, imports);
    for (const [name, it] of Object.entries(exports)) {
      this.exports[name] = typeof it === "function" ? this.#watched(it) : it;
    }
    current = this;
  }

  #watched(enter) {
    return (...given) => {
      if (this.crashed) throw new Error("the wasm instance has crashed");
      try {
        return enter(...given);
      } catch (error) {
        this.#crash(error);
        throw error;
      }
    };
  }

  #crash(error) {
    if (this.crashed) return;
    this.crashed = true;
    told(error);
  }
}
