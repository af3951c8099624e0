// What a request gets when the wasm fails under it: the origin's answer, past the core and past every cache. Where the
// origin is and what it is sent are as in crates/edge-worker/src/origin.rs and crates/core/src/exchange.

/** Our member of Cache-Status (RFC 9211) on what did not come through the core; docs/headers.md. */
const PAST_THE_CORE = 'tiercel-edge; fwd=bypass; detail="tier-failure"';
const BY_ITSELF = 'tiercel-edge; detail="tier-failure"';

/** Whether the request may reach the origin a second time (RFC 9110 §9.2.1). */
export function isSafe(request) {
  const { method } = request;
  return method === "GET" || method === "HEAD" || (method === "OPTIONS" && request.body === null);
}

/** The environment for a mutation, and whether anything of it can have been done: the edge looks for ORIGIN before it
 *  sends. Of a Worker that has no origin nobody knows. */
export function watched(env) {
  let isBegun = !hasOrigin(env);
  const get = () => {
    isBegun = true;
    return env.ORIGIN;
  };
  return { env: Object.create(env, { ORIGIN: { get } }), isBegun: () => isBegun };
}

/** The environment with an origin that does not answer, but for its issuer: whose purge it is must be known. */
export function unanswered(env) {
  const ask = async (wanted, init) => {
    if (wanted instanceof Request) throw new Error("it is not sent again");
    return isBound(env) ? env.ORIGIN.fetch(wanted, init) : fetch(atOrigin(wanted, env), init);
  };
  return Object.create(env, { ORIGIN: { value: { fetch: ask } } });
}

/** The origin's answer to a safe request. Nobody keeps it: whose it is has not been asked. */
export async function fromOrigin(request, env) {
  if (!hasOrigin(env)) return failed(env);
  try {
    return forNobodyToKeep(await ask(request, env));
  } catch (error) {
    console.error("tiercel: the origin cannot be reached:", error);
    return refuse(502, "The origin cannot be reached.", PAST_THE_CORE);
  }
}

function forNobodyToKeep(answer) {
  // A WebSocket: the runtime's own response carries it, and no other can.
  if (answer.webSocket) return answer;
  const fields = without(answer.headers, (name) => isPrivate(name) || name === "cache-tag" || isTargeted(name));
  fields.set("Cache-Control", "no-store");
  fields.append("Cache-Status", PAST_THE_CORE);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers: fields });
}

/** Our own answer, when it is not known whether what was asked has been done. */
export function failed(env) {
  if (!hasOrigin(env)) return refuse(500, "Internal Server Error");
  return refuse(500, "The cache failed; the origin may or may not have received the request.", BY_ITSELF);
}

function hasOrigin(env) {
  return isBound(env) || Boolean(env.ORIGIN_URL);
}

function isBound(env) {
  return typeof env.ORIGIN === "object" && env.ORIGIN !== null;
}

function ask(request, env) {
  const fields = without(request.headers, (name) => isPrivate(name) || name === "host");
  const cookies = (fields.get("cookie") ?? "").split(";").filter((pair) => !pair.trim().startsWith("tiercel-seen-"));
  fields.delete("cookie");
  if (cookies.join("") !== "") fields.set("cookie", cookies.join(";").trim());
  const init = { method: request.method, headers: fields, redirect: "manual" };
  const url = request.url.replace(/#.*/, "").replace(/\?$/, "");
  if (isBound(env)) return env.ORIGIN.fetch(new Request(url, init));
  return fetch(new Request(atOrigin(url, env), init));
}

/** The same path and query at ORIGIN_URL. */
function atOrigin(url, env) {
  return env.ORIGIN_URL.replace(/\/+$/, "") + url.replace(/^[^:]+:\/\/[^/?]*/, "");
}

/** A copy, without what is `unwanted` and what belongs to one connection (RFC 9110 §7.6.1). */
function without(headers, unwanted) {
  const fields = new Headers(headers);
  // A handshake (WebSocket) is all about the connection.
  const ofConnection = headers.has("upgrade") ? [] : (headers.get("connection") ?? "").toLowerCase().split(/[\s,]+/);
  for (const name of headers.keys()) {
    if (unwanted(name) || ofConnection.includes(name)) fields.delete(name);
  }
  return fields;
}

/** Ours, between tier and origin. A client must not set them (`X-Tiercel-User`, which CGI and its heirs also read from
 *  `X_Tiercel_User`), and none goes out. Or between client and tier: crates/core/src/consistency.rs. */
function isPrivate(name) {
  return /^x[-_]tiercel/.test(name) || name === "tiercel-consistency";
}

/** RFC 9213: such a field would overrule Cache-Control in the caches that it is for. */
function isTargeted(name) {
  return name.endsWith("cdn-cache-control");
}

function refuse(status, text, cacheStatus) {
  const headers = new Headers({ "Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8" });
  if (cacheStatus) headers.set("Cache-Status", cacheStatus);
  return new Response(`${text}\n`, { status, headers });
}
