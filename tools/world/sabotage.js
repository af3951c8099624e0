// Faults that a test asks for, inside workerd. Loaded before the bundle, so that its wasm instance is made here too.
//
//   store   what `caches.default` does wrong: a key of `STORE`
//   epochs  what the Durable Objects behind the binding EPOCHS do wrong: a key of `EPOCHS`
//   wasm    {"trap": n}, {"panic": n}, {"throw": n}   at the nth call, from now on, that the wasm makes to JavaScript
//           "out-of-memory"                           nothing is left to allocate in this instance
//           "no-instance"                             no instance can be made

const faults = { store: false, epochs: false, wasm: false };

/** Sets faults, `false` for none, and says what came of those of the wasm: how often one struck, how many instances
 *  there have been. */
export function sabotage(wanted) {
  for (const [part, fault] of Object.entries(wanted)) {
    const known = { store: STORE, epochs: EPOCHS, wasm: WASM }[part];
    const name = typeof fault === "object" ? Object.keys(fault)[0] : fault;
    if (!known || (fault !== false && !(name in known))) return { error: `no such fault: ${part} ${name}` };
    if (part === "store") watchStore();
    if (part === "wasm") left = fault[name] ?? 0;
    faults[part] = name;
    if (part === "wasm" && fault) WASM[name].now?.();
  }
  return { struck, instances };
}

// -- The wasm ---------------------------------------------------------------------------------------------------------

const RealInstance = WebAssembly.Instance;
let instance;
let instances = 0;
let struck = 0;
/** Calls of the wasm until the fault strikes; 0 when it has, or there is none. */
let left = 0;

const WASM = {
  trap: { strike: trap },
  // As the panic hook of workers-rs does, and then as the compiler has a panic end.
  panic: {
    strike() {
      globalThis.__worker_init_state.criticalError = true;
      trap();
    },
  },
  throw: {
    strike() {
      throw new TypeError("said the test");
    },
  },
  "out-of-memory": {
    now() {
      for (let pages = 1 << 15; pages > 0; pages >>= 1) {
        while (grow(pages));
      }
    },
  },
  "no-instance": {},
};

/** More bytes than there are addresses: `process::abort` of Rust, which is `unreachable`. */
function trap() {
  instance.exports.__wbindgen_malloc(0xffff_ffff, 1);
}

function grow(pages) {
  try {
    instance.exports.memory.grow(pages);
    return true;
  } catch {
    return false;
  }
}

WebAssembly.Instance = function (module, imports) {
  if (faults.wasm === "no-instance") throw new RangeError("no memory for an instance, said the test");
  instance = new RealInstance(module, watched(imports));
  instances++;
  return instance;
};
WebAssembly.Instance.prototype = RealInstance.prototype;

function watched(imports) {
  const watch = (name, call) => (typeof call !== "function" ? call : (...given) => (strike(), call(...given)));
  const each = (object, change) => Object.fromEntries(Object.entries(object).map(([name, it]) => [name, change(name, it)]));
  return each(imports, (_, module) => each(module, watch));
}

function strike() {
  if (left === 0 || --left > 0) return;
  struck++;
  WASM[faults.wasm].strike();
}

// -- The store --------------------------------------------------------------------------------------------------------

const fail = async () => {
  throw new Error("the store is broken, said the test");
};
const failAtOnce = () => {
  throw new Error("the store is broken, said the test");
};
/** Something is always under way, or the runtime would see that the request waits for nothing. */
const hang = () => scheduler.wait(3_600_000);

const STORE = {
  throw: { match: fail, put: fail, delete: fail },
  "throw-at-once": { match: failAtOnce, put: failAtOnce, delete: failAtOnce },
  "throw-on-match": { match: fail },
  "throw-on-put": { put: fail, delete: fail },
  hang: { match: hang, put: hang, delete: hang },
  "hang-on-match": { match: hang },
  "hang-on-put": { put: hang, delete: hang },
  "no-meta": { match: altered((fields) => fields.delete(META)) },
  "garbled-meta": { match: altered((fields) => fields.set(META, "t1;key=\u00ff;req=x;rec=-1;age=;tags=%zz;vary=")) },
  "another-release": { match: altered((fields) => fields.set(META, fields.get(META).replace(/^t\d+/, "t0"))) },
  "cut-meta": { match: altered((fields) => fields.set(META, fields.get(META).slice(0, -20))) },
  "another-key": { match: (cache, request) => cache.match([...stored].find((url) => url !== request.url)) },
  "no-response": { match: async () => ({ status: 200 }) },
  "short-body": { match: altered(() => {}, beginning) },
  "long-body": { match: altered(() => {}, async (response) => `${await response.text()} and more`) },
  "broken-body": { match: altered(() => {}, breaksOff) },
};
const META = "x-tiercel-meta";

/** The URLs that were stored. */
const stored = new Set();
let isWatched = false;

function watchStore() {
  if (isWatched) return;
  isWatched = true;
  const real = caches.default;
  const method = (name) => (...given) => {
    if (name === "put") stored.add(given[0].url);
    const fault = STORE[faults.store]?.[name];
    return fault ? fault(real, ...given) : real[name](...given);
  };
  const watched = { match: method("match"), put: method("put"), delete: method("delete") };
  Object.defineProperty(caches, "default", { get: () => watched, configurable: true });
}

/** What is stored, with other fields or another body. */
function altered(change, bodyOf = async (response) => response.body) {
  return async (cache, request) => {
    const found = await cache.match(request);
    if (!found) return found;
    const fields = new Headers(found.headers);
    change(fields);
    return new Response(await bodyOf(found), { status: found.status, headers: fields });
  };
}

/** The first half of a body. */
async function beginning(response) {
  const whole = await response.arrayBuffer();
  return whole.slice(0, whole.byteLength / 2);
}

async function breaksOff(response) {
  const begin = new Uint8Array(await beginning(response));
  let isBegun = false;
  return new ReadableStream({
    pull(controller) {
      if (isBegun) controller.error(new Error("the store broke off, said the test"));
      else controller.enqueue(begin);
      isBegun = true;
    },
  });
}

// -- The epochs -------------------------------------------------------------------------------------------------------

const EPOCHS = {
  throw: fail,
  "throw-at-once": failAtOnce,
  hang,
  "500": async () => new Response("no", { status: 500 }),
  garbage: async () => new Response("\u0000\tuser\n\t\t\tNaN\thard\n\ufffd"),
};

/** The bindings, with what is wrong with them. */
export function sabotaged(env) {
  if (!faults.epochs) return env;
  const stub = { fetch: EPOCHS[faults.epochs] };
  const get = (real, name) => (name === "getByName" ? () => stub : Reflect.get(real, name));
  return { ...env, EPOCHS: new Proxy(env.EPOCHS, { get }) };
}
