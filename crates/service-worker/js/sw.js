// Registers the listeners while the script is first evaluated, as Service Workers must, and does what the wasm wants of
// the browser: see src/effect.rs for the verbs. Nothing is decided here.

import { bytes } from "tiercel:wasm";
import routes from "tiercel:routes";

/** The exports of the wasm. Started by the first request or message that needs it. */
let core;
let booting;
/** It has crashed: everything goes to the network until the next start. */
let isBroken = false;
/** What saves the requests under way when the wasm crashes. */
const rescues = new Set();
let tasks = 0;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function broken(error) {
  isBroken = true;
  console.error("Tiercel Service Worker: passing everything to the network.", error);
  for (const rescue of rescues) rescue();
  rescues.clear();
}

async function boot() {
  try {
    core = new WebAssembly.Instance(new WebAssembly.Module(await bytes())).exports;
  } catch (error) {
    broken(error);
  }
}

/** Has a task go on with a text; returns the words of what it wants, or null when it has ended. */
function step(task, text) {
  if (isBroken) return null;
  try {
    // A UTF-16 unit takes three bytes at most.
    const room = core.room(text.length * 3);
    const { written } = encoder.encodeInto(text, new Uint8Array(core.memory.buffer, room, text.length * 3));
    const length = core.step(task, written, Date.now());
    return length ? decoder.decode(new Uint8Array(core.memory.buffer, core.wanted(), length)).split("\0") : null;
  } catch (error) {
    broken(error);
    return null;
  }
}

/** Begins a task and does what it wants until it has ended. `respond` and `done` are told what concerns them. */
async function run(text, { respond, done } = {}) {
  const task = { number: (tasks += 1), respond, done };
  if (!core) await (booting ??= boot());
  for (let words = step(task.number, text); words; ) {
    const [verb, ...rest] = words;
    const came = effects[verb](task, ...rest);
    words = step(task.number, came instanceof Promise ? await came : came);
  }
}

const fieldsOf = (headers) => {
  let text = "";
  headers.forEach((value, name) => { text += `${name}\n${value}\n`; });
  return text;
};

const headOf = ({ status, headers }) => `${status}\n${fieldsOf(headers)}`;

/** Pairs, of which the browser makes headers once: an object of them would be copied. */
function headersFrom(text) {
  const lines = text.split("\n");
  const pairs = [];
  for (let at = 0; at + 1 < lines.length; at += 2) pairs.push([lines[at], lines[at + 1]]);
  return pairs;
}

/** Caches that are open, to be read: opening one takes as long as reading from it. */
const opened = new Map();

function open(name) {
  if (!opened.has(name)) opened.set(name, caches.open(name));
  return opened.get(name);
}

/** A cache to be written to, opened anew: whoever has deleted one (a logout does) still reads what is open. */
function reopen(name) {
  opened.delete(name);
  return open(name);
}

function bodyOf(task, body) {
  if (body === "-") return null;
  return body[0] === "=" ? body.slice(1) : task[body].body;
}

/** What went wrong with writing, as a text; the page never hears of it. */
const tried = (promise) => promise.then(() => "", (error) => {
  console.warn("Tiercel: the store could not be written.", error);
  return "failed";
});

const effects = {
  async match(task, cache, url) {
    try {
      task.stored = await (await open(cache)).match(url);
    } catch {
      opened.delete(cache);
    }
    return task.stored ? headOf(task.stored) : "";
  },
  async read(_, cache, ...urls) {
    try {
      const readable = await open(cache);
      const text = async (url) => (await readable.match(url))?.text() ?? "";
      return (await Promise.all(urls.map(text))).join("\n");
    } catch {
      opened.delete(cache);
      return "";
    }
  },
  put: (task, cache, url, body, status, fields) =>
    tried(reopen(cache).then((writable) =>
      writable.put(url, new Response(bodyOf(task, body), { status, headers: headersFrom(fields) })))),
  delete: (_, cache, ...urls) =>
    tried(reopen(cache).then((writable) => Promise.all(urls.map((url) => writable.delete(url))))),
  caches: () => caches.keys().then((names) => names.join("\n")).catch(() => ""),
  async scan(_, cache, field) {
    const scanned = await reopen(cache);
    const lines = [];
    for (const request of await scanned.keys()) {
      const meta = field && (await scanned.match(request))?.headers.get(field);
      lines.push(request.url, meta ?? "");
    }
    return lines.join("\n");
  },
  async fetch(task, method, url, millis, cache, redirect, fields) {
    const abort = new AbortController();
    const timer = millis && setTimeout(() => abort.abort(), Math.min(millis, 0x7fffffff));
    const { signal } = abort;
    try {
      const init = { method, headers: headersFrom(fields), credentials: "same-origin", cache, redirect, signal };
      task.fetched = await fetch(url, init);
      return headOf(task.fetched);
    } catch {
      return signal.aborted ? "timeout" : "network";
    } finally {
      clearTimeout(timer);
    }
  },
  async respond(task, body, copy, status, fields, ...parts) {
    if (copy) task.copy = task[copy].clone();
    if (!task.respond) return "";
    if (!+status) {
      task.respond(task[body]);
      return "";
    }
    let content;
    if (body === "parts") {
      // A slice of a blob is read alone, however large the whole is.
      const blob = await task.stored.blob();
      content = new Blob(parts.map((part) => (part[0] === "=" ? part.slice(1) : blob.slice(...part.split("-")))));
    } else {
      // A blob goes out without a step through this script for each piece, as a stream of it would not.
      content = body === "stored" ? await task.stored.blob() : bodyOf(task, body);
    }
    task.respond(new Response(content, { status, headers: headersFrom(fields) }));
    return "";
  },
  async tell(_, client, url, cacheStatus, range, age) {
    const message = { type: "tiercel:answered", url };
    if (cacheStatus) message.cacheStatus = cacheStatus;
    if (range) message.range = range;
    if (age) message.age = +age;
    // A page that has gone needs no report.
    (await clients.get(client))?.postMessage(message);
    return "";
  },
  async gone(_, ...ids) {
    const open = await Promise.all(ids.map((id) => clients.get(id)));
    return ids.filter((_, at) => !open[at]).join("\n");
  },
  done(task) {
    task.done?.();
    return "";
  },
};

/** Whether a class covers a GET: the first route that fits tells. The table is generated from the policy. */
function covers(text) {
  const url = new URL(text);
  return url.origin === location.origin && routes.find(([pattern]) => pattern.test(url.pathname))?.[1] === 1;
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (isBroken || request.method !== "GET" || !covers(request.url)) return;
  event.respondWith(
    new Promise((resolve, reject) => {
      const rescue = () => fetch(request).then(resolve, reject);
      rescues.add(rescue);
      const respond = (response) => {
        rescues.delete(rescue);
        resolve(response);
      };
      const head = `${request.url}\n${fieldsOf(request.headers)}`;
      const task = run(`request\0${event.clientId}\0${request.destination}\0${head}`, { respond });
      // Where something fails before it has an answer, the network has one.
      event.waitUntil(task.catch((error) => console.error("Tiercel:", error)).finally(() => rescues.delete(rescue) && rescue()));
    }),
  );
});

/** What the page's SDK says, as a task. */
const messages = {
  "tiercel:identify"({ user }, client, done) {
    opened.clear();
    return run(`identify\0${client}\0${typeof user === "string" ? user : ""}`, { done });
  },
  "tiercel:purge": ({ names }, _, done) => run(`purge\0${names.join("\n")}`, { done }),
  async "tiercel:warm"({ urls }, client, done) {
    for (const url of urls) if (covers(url)) await run(`request\0${client}\0\0${url}\n`);
    done();
  },
};

self.addEventListener("message", (event) => {
  const { data, source, ports } = event;
  const done = () => ports[0]?.postMessage({ ok: true });
  const task = messages[data?.type]?.(data, source?.id ?? "", done);
  if (task) event.waitUntil(task);
});
