// Between workerd and a workers-rs crate: hands every call on, and keeps a panic from outliving the call that caused it.
//
// A panic in wasm with `panic = "abort"` leaves the instance in an unknown state: locks held, futures half polled, the
// executor's queue stuck. So once a call has crashed, every call that is still under way in that instance fails, and the
// next call gets a fresh instance. Durable Objects keep their JavaScript object (and its storage); only the Rust value
// inside is built again.

import { DurableObject } from "cloudflare:workers";

/** Incremented with every fresh wasm instance. */
let generation = 0;
/** Whether the current instance must not be entered again. */
let crashed = false;
/** What fails when the instance crashes: the `reject` of every call under way. */
const underWay = new Set();

function crash(error) {
  if (crashed) return;
  crashed = true;
  console.error(`tiercel: ${error.message ?? error}; the wasm instance is replaced before the next call`);
  for (const fail of underWay) fail(error);
  underWay.clear();
}

/** Traps (out of memory, stack overflow, `unreachable`) do not pass the panic hook. */
function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError;
}

// Futures are polled from microtasks, where nobody can catch what they throw.
addEventListener("error", (event) => {
  if (isTrap(event.error)) crash(event.error);
});

let watched;
/** The panic hook of workers-rs sets `criticalError` on an object it shares; this makes the setter ours. */
function watchPanics(bindings) {
  const state = bindings.__worker_init_state?.();
  if (!state || state === watched) return;
  watched = state;
  Object.defineProperty(state, "criticalError", {
    get: () => crashed,
    // The hook has logged the message and the stack.
    set: (isCritical) => isCritical && crash(new Error("a panic")),
  });
}

function revive(bindings) {
  if (crashed) {
    bindings.__wbg_reset_state();
    generation++;
    crashed = false;
  }
  watchPanics(bindings);
}

/** Calls into the instance, and settles even when the instance crashes while the call waits. */
function guarded(bindings, call) {
  revive(bindings);
  return new Promise((resolve, reject) => {
    const end = (settle) => (value) => {
      underWay.delete(reject);
      settle(value);
    };
    underWay.add(reject);
    try {
      Promise.resolve(call()).then(end(resolve), end(reject));
    } catch (error) {
      if (isTrap(error)) crash(error);
      end(reject)(error);
    }
  });
}

const EVENTS = ["scheduled", "queue", "email", "tail"];

/** The default export of a Worker: the crate's `#[event(...)]` functions. */
export function worker(bindings) {
  const handlers = {
    async fetch(request, env, ctx) {
      try {
        return await guarded(bindings, () => bindings.fetch(request, env, ctx));
      } catch (error) {
        // A crash is already in the log; anything else is an error that the crate did not turn into a response.
        if (!crashed) console.error("tiercel: unhandled error:", error);
        return new Response("Internal Server Error\n", {
          status: 500,
          headers: { "Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8" },
        });
      }
    },
  };
  for (const event of EVENTS) {
    if (event in bindings) {
      handlers[event] = (argument, env, ctx) => guarded(bindings, () => bindings[event](argument, env, ctx));
    }
  }
  return handlers;
}

/** A Durable Object class around the crate's `#[durable_object]` struct. */
export function durableObject(bindings, name) {
  const Inner = bindings[name];
  class Outer extends DurableObject {
    #inner;
    #generation;

    constructor(state, env) {
      super(state, env);
      this.#current();
    }

    #current() {
      revive(bindings);
      if (this.#generation !== generation) {
        try {
          this.#inner = new Inner(this.ctx, this.env);
        } catch (error) {
          if (isTrap(error)) crash(error);
          throw error;
        }
        this.#generation = generation;
      }
      return this.#inner;
    }

    static {
      for (const method of Object.getOwnPropertyNames(Inner.prototype)) {
        if (method === "constructor" || method === "free" || method.startsWith("__")) continue;
        this.prototype[method] = function (...args) {
          return guarded(bindings, () => this.#current()[method](...args));
        };
      }
    }
  }
  Object.defineProperty(Outer, "name", { value: name });
  return Outer;
}
