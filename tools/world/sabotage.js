// Faults that a test asks for, inside workerd. Evaluated before the bundle, so that it sees its wasm instance being made.
//
//   store   what `caches.default` does wrong: a key of `STORE`
//   epochs  what the Durable Objects behind the binding EPOCHS do wrong: a key of `EPOCHS`
//   statistics   what the Durable Object behind STATS does wrong: a key of `STATISTICS`
//   analytics    what stands in for a dataset of Analytics Engine (Miniflare's keeps no points): a key of `ANALYTICS`
//   wasm    {"trap": n}, {"throw": n}   at the nth call, from now on, that the wasm makes to JavaScript
//           "out-of-memory"             nothing is left to allocate in this instance
//           "no-instance"               no instance can be made

const faults = { store: false, epochs: false, statistics: false, analytics: false, wasm: false };
/** How often a fault came to pass. */
let struck = 0;
/** How many wasm instances there have been. */
let instances = 0;
/** How often the object of statistics was told something, and confirmed it. */
let told = 0;

/** Sets faults, or ends them with `false`, and says what came of them so far. */
export function sabotage(wanted) {
  watchStore();
  for (const [part, fault] of Object.entries(wanted)) {
    const known = { store: STORE, epochs: EPOCHS, statistics: STATISTICS, analytics: ANALYTICS, wasm: WASM }[part];
    const [name, after] = typeof fault === "object" ? Object.entries(fault)[0] : [fault, 0];
    if (!known || (name !== false && !(name in known))) return { error: `no such fault: ${part} ${name}` };
    faults[part] = name;
    if (part === "wasm") left = after;
    if (name === "out-of-memory") takeAllMemory();
  }
  return { struck, instances, calls, told, points };
}

// The wasm.

const WASM = {
  /** More bytes than there are addresses. It ends as a panic does, in `unreachable`. */
  trap: () => instance.exports.__wbindgen_malloc(0xffff_ffff, 1),
  throw() {
    throw new TypeError("said the test");
  },
  "out-of-memory": null,
  "no-instance": null,
};

const RealInstance = WebAssembly.Instance;
let instance;
/** Calls until the fault strikes; 0 when it has, or there is none. */
let left = 0;
/** How often the wasm has called JavaScript: what does not enter it calls nothing. */
let calls = 0;

WebAssembly.Instance = function (module, imports) {
  if (faults.wasm === "no-instance") throw new RangeError("no memory for an instance, said the test");
  instance = new RealInstance(module, mapped(imports, (functions) => mapped(functions, fallible)));
  instances++;
  return instance;
};

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

function fallible(imported) {
  if (typeof imported !== "function") return imported;
  return (...given) => {
    calls++;
    if (left > 0 && --left === 0) {
      struck++;
      WASM[faults.wasm]();
    }
    return imported(...given);
  };
}

function takeAllMemory() {
  const { memory } = instance.exports;
  for (let pages = 1 << 15; pages > 0; pages >>= 1) {
    try {
      for (;;) memory.grow(pages);
    } catch {
      // So many are not left.
    }
  }
}

// What is asked for from the outside.

function throwing() {
  struck++;
  throw new Error("broken, said the test");
}

async function rejecting() {
  throwing();
}

/** Something stays under way, or the runtime would see that the request waits for nothing. */
function hanging() {
  struck++;
  return scheduler.wait(3_600_000);
}

const META = "x-tiercel-meta";

const STORE = {
  throw: { match: rejecting, put: rejecting, delete: rejecting },
  "throw-at-once": { match: throwing, put: throwing, delete: throwing },
  "throw-on-match": { match: rejecting },
  "throw-on-put": { put: rejecting, delete: rejecting },
  hang: { match: hanging, put: hanging, delete: hanging },
  "hang-on-match": { match: hanging },
  "hang-on-put": { put: hanging, delete: hanging },
  "no-response": { match: finding(() => ({ status: 200 })) },
  "no-meta": { match: finding((found) => altered(found, (fields) => fields.delete(META))) },
  "garbled-meta": { match: finding((found) => altered(found, (fields) => fields.set(META, "t1;key=\u00ff;req=x;tags=%zz"))) },
  "cut-meta": { match: finding((found) => altered(found, (fields) => fields.set(META, fields.get(META).slice(0, -9)))) },
  "another-release": {
    match: finding((found) => altered(found, (fields) => fields.set(META, fields.get(META).replace(/^t\d+/, "t0")))),
  },
  "another-key": { match: finding((_, url) => another(url)) },
  "short-body": { match: finding(async (found) => new Response(await beginning(found), found)) },
  "long-body": { match: finding(async (found) => new Response(`${await found.text()} and more`, found)) },
  "broken-body": { match: finding(async (found) => new Response(breakingOff(await beginning(found)), found)) },
};

/** The store itself, the URLs of what was put there, and of those what nobody has been told of. */
let real;
const stored = new Set();
const untold = new Set();

/** What was put into the store since the last call and is still there: `[{url, body}]`. */
export async function kept() {
  watchStore();
  const urls = [...untold];
  untold.clear();
  const found = await Promise.all(urls.map(async (url) => ({ url, response: await real.match(url) })));
  const there = found.filter(({ response }) => response);
  return Promise.all(there.map(async ({ url, response }) => ({ url, body: await response.text() })));
}

function watchStore() {
  if (real) return;
  real = caches.default;
  const call = (name) => (request, ...given) => {
    if (name === "put") {
      stored.add(urlOf(request));
      untold.add(urlOf(request));
    }
    const fault = STORE[faults.store]?.[name];
    return fault ? fault(request) : real[name](request, ...given);
  };
  const watched = mapped({ match: "match", put: "put", delete: "delete" }, call);
  Object.defineProperty(caches, "default", { get: () => watched, configurable: true });
}

function urlOf(request) {
  return typeof request === "string" ? request : request.url;
}

/** A `match` that finds something else than is stored, where an entry is. */
function finding(change) {
  return async (request) => {
    const found = await real.match(request);
    if (!found?.headers.has(META)) return found;
    struck++;
    return change(found, urlOf(request));
  };
}

/** Another entry that was put here. */
async function another(url) {
  for (const other of stored) {
    const found = other === url ? undefined : await real.match(other);
    if (found?.headers.has(META)) return found;
  }
  throw new Error("there is no other entry; the test must make one after its first word to the harness");
}

function altered(found, change) {
  const headers = new Headers(found.headers);
  change(headers);
  return new Response(found.body, { status: found.status, headers });
}

/** The first half of a body. */
async function beginning(response) {
  const whole = await response.arrayBuffer();
  return whole.slice(0, whole.byteLength / 2);
}

function breakingOff(bytes) {
  let isBegun = false;
  return new ReadableStream({
    pull(controller) {
      if (isBegun) controller.error(new Error("broken off, said the test"));
      else controller.enqueue(new Uint8Array(bytes));
      isBegun = true;
    },
  });
}

const EPOCHS = {
  throw: rejecting,
  "throw-at-once": throwing,
  hang: hanging,
  500: answering(500, "no"),
  garbage: answering(200, "\u0000\tuser\n\t\t\tNaN\thard\n\ufffd"),
};

function answering(status, text) {
  return async () => {
    struck++;
    return new Response(text, { status });
  };
}

const STATISTICS = {
  throw: rejecting,
  500: answering(500, "no"),
  /** It hears, and nobody hears its answer. */
  async unheard(call) {
    await call();
    throwing();
  },
};

/** The points that were written. */
const points = [];
const ANALYTICS = { record: (point) => points.push(point), throw: throwing };

/** The bindings, with what is wrong with them at the moment of a call: what breaks or is mended meanwhile counts for those
 *  under way. */
export function sabotaged(env) {
  if (!env.EPOCHS) return env;
  const objects = (namespace, part, known) => {
    const getByName = (object) => {
      const real = namespace.getByName(object);
      const call = (given) => async () => {
        const answer = await real.fetch(...given);
        if (part === "statistics" && given[1].body) told++;
        return answer;
      };
      return { fetch: (...given) => (faults[part] ? known[faults[part]](call(given)) : call(given)()) };
    };
    return new Proxy(namespace, { get: (of, name) => (name === "getByName" ? getByName : Reflect.get(of, name)) });
  };
  return {
    ...env,
    EPOCHS: objects(env.EPOCHS, "epochs", EPOCHS),
    STATS: objects(env.STATS, "statistics", STATISTICS),
    ...(faults.analytics && { TIERCEL_ANALYTICS: { writeDataPoint: ANALYTICS[faults.analytics] } }),
  };
}
