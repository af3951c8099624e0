// The typed facade over the wasm in pkg/. What is cached, and for how long, is decided there.

import load, { Client } from "./pkg/tiercel_sdk.js";
import { TiercelError, typed } from "./error.js";

export { TiercelError };
export { register } from "./register.js";

let loading;

/** Loads the wasm, once. After a failure the next call tries again. */
function loaded() {
  // Bundlers find the file by this very expression.
  loading ??= load({ module_or_path: new URL("./pkg/tiercel_sdk_bg.wasm", import.meta.url) }).catch((cause) => {
    loading = undefined;
    const message = `The SDK's wasm cannot be loaded (${cause?.message ?? cause}); is pkg/tiercel_sdk_bg.wasm deployed, and does the CSP allow 'wasm-unsafe-eval'?`;
    throw new TiercelError({ code: "load-failed", message }, { cause });
  });
  return loading;
}

export async function open({ user, baseUrl = globalThis.location.origin }) {
  await loaded();
  return new Cache(user, attempt(() => Client.open(user, new URL(baseUrl, globalThis.location?.href).href)));
}

class Cache {
  #client;

  constructor(user, client) {
    this.user = user;
    this.#client = client;
    Object.freeze(this);
  }

  async get(cls, params, { signal, onUpdate, reload = false } = {}) {
    signal?.throwIfAborted();
    const update = onUpdate && ((result) => signal?.aborted || onUpdate(result));
    return unlessAborted(settled(this.#client.get(cls, params, reload, update)), signal);
  }

  subscribe(cls, params, listener) {
    const id = attempt(() => this.#client.subscribe(cls, params, listener));
    return () => this.#client.unsubscribe(id);
  }

  async invalidate(event, params) {
    await settled(this.#client.invalidate(event, params));
  }

  async logout() {
    await settled(this.#client.logout());
  }

  close() {
    this.#client.close();
  }
}

function attempt(call) {
  try {
    return call();
  } catch (error) {
    throw typed(error);
  }
}

async function settled(promise) {
  try {
    return await promise;
  } catch (error) {
    throw typed(error);
  }
}

function unlessAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
