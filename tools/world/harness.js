// Runs inside workerd, around a bundle: a clock that tests set, a cache per data centre, a record of requests, outages,
// a look at the wasm's memory, and faults of the tier itself. The product's code holds none of this.

// First, since they look at how the bundle makes its wasm instance.
import { wasmMemory } from "./memory.js";
import { kept, sabotage, sabotaged } from "./sabotage.js";
import inner from "./index.js";
export * from "./index.js";

const HARNESS = "TIERCEL_HARNESS";
/** The field in which a request says when it comes, in milliseconds since the Unix epoch. */
const MOMENT = "tiercel-moment";
/** Enough for any test, and no leak in a long `dev`. */
const MOST_RECORDS = 10_000;

const RealDate = Date;
let offsetMs = 0;
/** What the machine's clock said when this one was stopped; null while it goes. */
let stoppedAt = null;
globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [Date.now()] : given));
  }
  static now() {
    return (stoppedAt ?? RealDate.now()) + offsetMs;
  }
};

/** How much goes on behind answers, where requests set the clock. */
let behind = 0;

/** Sets the clock to the moment that a request names, once nothing goes on behind earlier answers, and gives the request without
 *  it. */
async function cameAt(request) {
  const headers = new Headers(request.headers);
  const moment = Number(headers.get(MOMENT));
  headers.delete(MOMENT);
  if (moment > Date.now() || stoppedAt === null) {
    while (behind > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    [stoppedAt, offsetMs] = [moment, 0];
  }
  return new Request(request, { headers });
}

/** The same context, with what is to go on behind an answer counted. */
function watched(ctx) {
  const waitUntil = (promise) => {
    behind++;
    ctx.waitUntil(Promise.resolve(promise).finally(() => behind--));
  };
  return { waitUntil, passThroughOnException: () => ctx.passThroughOnException() };
}

let records = [];
/** false, "error" (the connection breaks) or "503". */
let down = false;

async function command(request) {
  const wanted = await request.json();
  if ("offset_ms" in wanted) offsetMs = wanted.offset_ms;
  if ("stopped_at" in wanted) stoppedAt = wanted.stopped_at;
  if ("down" in wanted) down = wanted.down;
  if (wanted.reset) records = [];
  if (wanted.sabotage) return Response.json(sabotage(wanted.sabotage));
  if (wanted.kept) return Response.json({ kept: await kept() });
  return Response.json({ now_ms: Date.now(), requests: records, wasm_bytes: wasmMemory() });
}

/** Settled once this data centre's cache is in its place. */
let ownCache;
async function useOwnCache(name) {
  const own = await caches.open(name);
  Object.defineProperty(caches, "default", { get: () => own, configurable: true });
}

/** The same request, sent to another host. */
function at(host, request) {
  const url = new URL(request.url);
  url.host = host;
  url.port = "";
  return new Request(url, request);
}

async function fetch(request, env, ctx) {
  const { [HARNESS]: harness, ...product } = env;
  if (harness.cache) await (ownCache ??= useOwnCache(harness.cache));
  if (request.headers.get("tiercel-harness") === harness.token) return command(request);
  if (harness.moments) request = await cameAt(request);
  if (harness.records) {
    if (records.length < MOST_RECORDS) records.push({ method: request.method, url: request.url });
    if (down === "error") throw new Error("the origin is down (said the test)");
    if (down === "503") return new Response("down, said the test\n", { status: 503 });
  }
  const context = harness.moments ? watched(ctx) : ctx;
  return inner.fetch(harness.site ? at(harness.site, request) : request, sabotaged(product), context);
}

export default { ...inner, fetch };
