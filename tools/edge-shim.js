// Between workerd and a workers-rs crate: hands every call on, and keeps a crash from outliving the call that caused it.
//
// Once the wasm instance has crashed (edge-instance.js), every call that is still under way in it fails, and the next call
// gets a fresh instance. Requests that fail are answered by the origin directly (edge-fallback.js). Durable Objects keep
// their JavaScript object (and its storage); only the Rust value inside is built again.

import { DurableObject } from "cloudflare:workers";
import { failed, fromOrigin, isSafe, unanswered, watched } from "./edge-fallback.js";
import { hasCrashed, onCrash } from "./edge-instance.js";
import { answerTo, forgetAll, questionOf } from "./edge-ready.js";
import { countPast, tellLater } from "./edge-tally.js";

/** The crate's functions, and those of wasm-bindgen. */
let bindings;
/** Incremented with every fresh wasm instance. */
let generation = 0;
/** What fails when the instance crashes: the `reject` of every call under way. */
const underWay = new Set();
/** How long a call is kept from being ended as one that hangs, in milliseconds. */
const AWAKE_MS = 30_000;
/** What the last crash was. All that it took along fails with it. */
let lastCrash;

onCrash((error) => {
  lastCrash = error;
  // Nobody hears of purges any more.
  forgetAll();
  // A panic has logged its place.
  console.error(`tiercel: ${error?.message ?? error}; the wasm instance is replaced before the next call`);
  for (const fail of underWay) fail(error);
  underWay.clear();
});

function revive() {
  if (!hasCrashed()) return;
  bindings.__wbg_reset_state();
  generation++;
}

/** Calls into the instance, and settles even when the instance crashes while the call waits. */
function guarded(call) {
  revive();
  const called = call();
  // Not all that crashes throws: a promise that is made on the way takes it for its own rejection.
  if (hasCrashed()) throw lastCrash;
  // What is in memory is answered at once.
  if (!(called instanceof Promise)) return called;
  return new Promise((resolve, reject) => {
    // Who is told of a crash by another request goes on a turn of the event loop later, in its own. The runtime ends what
    // waits for nothing of its own by then.
    const awake = setTimeout(() => {}, AWAKE_MS);
    const end = (settle) => (value) => {
      clearTimeout(awake);
      underWay.delete(reject);
      settle(value);
    };
    underWay.add(reject);
    called.then(end(resolve), end(reject));
  });
}

const EVENTS = ["scheduled", "queue", "email", "tail"];

/** The default export of a Worker: the crate's functions for events. */
export function worker(crate) {
  bindings = crate;
  const handlers = { fetch };
  for (const event of EVENTS) {
    if (event in crate) handlers[event] = (argument, env, ctx) => guarded(() => crate[event](argument, env, ctx));
  }
  return handlers;
}

/** What is in memory is answered at once: not even a promise is made for it. What is ready does not enter the wasm. */
function fetch(request, env, ctx) {
  if (!isSafe(request)) return mutate(request, env, ctx);
  const question = questionOf(request);
  const ready = answerTo(question);
  if (ready) return ready;
  tellLater(env, ctx);
  const instead = (error) => {
    report(error);
    countPast();
    return fromOrigin(request, env);
  };
  try {
    const answer = guarded(() => bindings.fetch(request, env, ctx, question));
    return answer instanceof Promise ? answer.catch(instead) : answer;
  } catch (error) {
    return instead(error);
  }
}

async function mutate(request, env, ctx) {
  tellLater(env, ctx);
  const call = (env) => guarded(() => bindings.fetch(request, env, ctx));
  // A mutation must come through the crate, which tells what it made untrue, and must not be done twice. So it has a
  // second chance in a fresh instance, as long as nothing of it can have been done.
  const way = watched(env);
  try {
    return await call(way.env);
  } catch (error) {
    report(error);
    if (way.isBegun() || request.bodyUsed) return giveUp(request, env, ctx);
  }
  try {
    return await call(way.env);
  } catch (error) {
    report(error);
    return giveUp(request, env, ctx);
  }
}

/** Nobody knows whether the mutation was done. The crate makes known what that would have made untrue: it is given the
 *  same again, before an origin that does not answer. */
async function giveUp(request, env, ctx) {
  const { method, url, headers } = request;
  try {
    const given = new Request(url, { method, headers });
    const answer = await guarded(() => bindings.fetch(given, unanswered(env), ctx));
    await answer.body?.cancel();
  } catch (error) {
    report(error);
    countPast();
  }
  return failed(env);
}

function report(error) {
  if (error !== lastCrash) console.error("tiercel: a request failed in the tier:", error);
}

/** A Durable Object class around the crate's `#[durable_object]` struct. */
export function durableObject(crate, name) {
  const Inner = crate[name];
  class Outer extends DurableObject {
    #inner;
    #generation;

    #current() {
      revive();
      if (this.#generation !== generation) {
        this.#inner = new Inner(this.ctx, this.env);
        this.#generation = generation;
      }
      return this.#inner;
    }

    static {
      for (const method of Object.getOwnPropertyNames(Inner.prototype)) {
        if (method === "constructor" || method === "free" || method.startsWith("__")) continue;
        this.prototype[method] = function (...args) {
          return guarded(() => this.#current()[method](...args));
        };
      }
    }
  }
  Object.defineProperty(Outer, "name", { value: name });
  return Outer;
}
