// What the wasm can ask of the browser: a function for each verb of src/effect.rs. Nothing is decided here.

import { stored } from "./lifecycle.js";
import { run } from "./core.js";
import { land, slices } from "./slices.js";

export const fieldsOf = (headers) => {
  let text = "";
  headers.forEach((value, name) => { text += `${name}\n${value}\n`; });
  return text;
};

export const headOf = ({ status, headers }) => `${status}\n${fieldsOf(headers)}`;

/** Pairs, of which the browser makes headers once: an object of them would be copied. */
export function headersFrom(text) {
  const lines = text.split("\n");
  const pairs = [];
  for (let at = 0; at + 1 < lines.length; at += 2) pairs.push([lines[at], lines[at + 1]]);
  return pairs;
}

/** Caches that are open, to be read: opening one takes as long as reading from it. */
const opened = new Map();
/** Milliseconds after which it is looked whether an open cache is still there. */
const LOOK_AFTER = 1000;

/** Who has logged out, with what the names of that user's caches begin with: what is still under way would make them anew. */
export const leavers = new Map();

export function open(name) {
  for (const prefix of leavers.values()) {
    if (name.startsWith(prefix)) return Promise.reject(new Error("The user has logged out."));
  }
  let known = opened.get(name);
  if (!known) opened.set(name, (known = { cache: caches.open(name), looked: Date.now() }));
  if (Date.now() - known.looked > LOOK_AFTER) {
    // Behind the answer: whoever deletes a cache elsewhere tells nobody, and what is open could be read for ever.
    known.looked = Date.now();
    caches.has(name).then((is) => is || opened.delete(name), () => opened.delete(name));
  }
  return known.cache;
}

/** One that could not be read. */
export const forget = (name) => opened.delete(name);

/** What the wasm will read first of all, read while it starts: the words, and a promise of what comes of them. */
let ahead = [];

export function readAhead(...words) {
  ahead = [words.join(), effects.read(0, ...words)];
}

/** Caches may be deleted and made anew: what is read next is opened anew. */
export const forgetOpened = () => opened.clear();

/** A cache to be written to, opened anew: whoever has deleted one (a logout does) still reads what is open. */
export function reopen(name) {
  ahead = [];
  opened.delete(name);
  return open(name);
}

function bodyOf(task, body) {
  if (body === "-") return null;
  if (body === "slice") return task.slices[0];
  return body[0] === "=" ? body.slice(1) : task[body].body;
}

/** A body that fails when it is longer than so many bytes. */
const within = (most, body) => body.pipeThrough(new TransformStream({
  transform(chunk, controller) {
    if ((most -= chunk.length) < 0) throw new RangeError("The body is longer than its class allows.");
    controller.enqueue(chunk);
  },
}));

/** What went wrong with writing, as a text; the page never hears of it. */
export const tried = (promise) => promise.then((said) => said ?? "", (error) => {
  if (error.name === "QuotaExceededError") return "quota";
  console.warn("Tiercel: the store could not be written.", error);
  return "failed";
});

/** Asks the network, unless the browser has done so and that will do. */
async function ask(task, method, url, millis, cache, redirect, ahead, fields) {
  const abort = new AbortController();
  const timer = millis && setTimeout(() => abort.abort(), Math.min(millis, 0x7fffffff));
  const { signal } = abort;
  try {
    const asked = ahead && (await Promise.race([task.event.preloadResponse, new Promise((_, late) => (signal.onabort = late))]));
    const init = { method, headers: headersFrom(fields), credentials: "same-origin", cache, redirect, signal };
    task.fetched = asked || (await fetch(url, init).catch((error) => {
      // A picture may come from where no script may read it, by a redirect: the page would have got it.
      if (task.event.request?.mode !== "no-cors" || signal.aborted) throw error;
      return fetch(url, { ...init, mode: "no-cors" });
    }));
    return headOf(task.fetched);
  } catch {
    return signal.aborted ? "timeout" : "network";
  } finally {
    clearTimeout(timer);
  }
}

/** The fields that we gave what is stored. Those of an opaque response nobody may read or write: ours stand with its request. */
const ours = async (cache, url, { status, headers }) =>
  status ? headers : (await (await open(cache)).keys(url))[0]?.headers ?? new Headers();

/** What the page calls the numbers of `counted`. */
const COUNTED = ["hits", "misses", "stale", "bytesServed", "evictions", "entries", "bytes"];

export const effects = {
  ...slices,
  async match(task, cache, url) {
    try {
      // The first time in one step; what follows finds it open.
      const isOpen = opened.has(cache);
      task.stored = await (isOpen ? (await open(cache)).match(url) : caches.match(url, { cacheName: cache }));
      if (!isOpen) open(cache).catch(() => opened.delete(cache));
      return task.stored ? headOf({ status: task.stored.status, headers: await ours(cache, url, task.stored) }) : "";
    } catch {
      opened.delete(cache);
      return "";
    }
  },
  read(_, cache, ...urls) {
    if (ahead[0] === [cache, ...urls].join()) return ahead[1];
    // None of them is read often enough for its cache to be kept open.
    const text = async (url) => (await caches.match(url, { cacheName: cache }))?.text() ?? "";
    return Promise.all(urls.map(text)).then((texts) => texts.join("\n"), () => "");
  },
  put(task, cache, url, body, status, fields, most) {
    const headers = headersFrom(fields);
    const content = +status ? bodyOf(task, body) : null;
    const isStream = content instanceof ReadableStream;
    const [request, response] = +status
      ? [url, new Response(most && isStream ? within(+most, content) : content, { status, headers })]
      : [new Request(url, { headers }), task[body]];
    // Where the quota is exceeded, that is known when the body has been read.
    task.again = isStream || !+status ? response.clone() : { body: content };
    return tried(reopen(cache).then((writable) => writable.put(request, response))).finally(() => land(task, cache + url));
  },
  delete: (_, cache, ...urls) =>
    tried(reopen(cache).then((writable) => Promise.all(urls.map((url) => writable.delete(url)))).then(() => "")),
  caches: () => caches.keys().then((names) => names.join("\n")).catch(() => ""),
  async list(_, cache, url) {
    try {
      if (!(await caches.has(cache))) return "\0";
      const listed = await reopen(cache);
      const text = listed.match(url).then((response) => response?.text());
      return `${(await listed.keys()).map((request) => request.url).join("\n")}\0${(await text) ?? ""}`;
    } catch {
      return "";
    }
  },
  async weigh(_, cache, field, ...urls) {
    try {
      const weighed = await reopen(cache);
      const line = async (url) => {
        const response = await weighed.match(url);
        if (!response) return "\n";
        const size = response.status ? (await response.blob()).size : response.type;
        return `${size}\n${(await ours(cache, url, response)).get(field) ?? ""}`;
      };
      return (await Promise.all(urls.map(line))).join("\n");
    } catch {
      return "";
    }
  },
  note: (_, cache, url, text, witness) =>
    tried((async () => {
      // Opening a cache would make one that has just been deleted.
      if (!(await caches.match(witness, { cacheName: cache }))) return (await caches.has(cache)) ? "changed" : "gone";
      const opened = await reopen(cache);
      // One that is deleted while it is open takes along what is put into it.
      if (await opened.match(witness)) return opened.put(url, new Response(text));
      // It was deleted in between, and this may be what made it anew.
      if ((await opened.keys())[0]) return "changed";
      forget(cache);
      await caches.delete(cache);
      return "gone";
    })()),
  later({ event }, millis) {
    try {
      event.waitUntil(run("save", { event, after: millis }));
      return "";
    } catch {
      return "over";
    }
  },
  fetch(task, method, url, millis, cache, redirect, ahead, patience, fields) {
    task.asking = ask(task, method, url, millis, cache, redirect, ahead, fields);
    if (!patience) return task.asking;
    return Promise.race([task.asking, new Promise((resolve) => setTimeout(resolve, patience, "late"))]);
  },
  wait: (task) => task.asking,
  async fallback(task, path) {
    task.stored = await stored(path);
    return task.stored ? headOf(task.stored) : "";
  },
  async respond(task, body, copy, status, fields, ...parts) {
    if (copy) task.copy = task[copy].clone();
    // What passes as it comes may take longer than anyone should wait for it.
    if (body === "fetched") land(task);
    if (!task.respond) {
      // Nobody reads it: what has been fetched of a stream is stored, and no more is.
      if (body === "stream") (task.sink = new WritableStream()).abort();
      return "";
    }
    if (!+status) {
      task.respond(task[body]);
      return "";
    }
    let content;
    if (body === "parts" || body === "slices") {
      // A slice of a blob is read alone, however large the whole is.
      const whole = body === "parts" && (await task.stored.blob());
      let at = 0;
      const cut = (part) => (whole || task.slices[at++]).slice(...part.split("-"));
      content = new Blob(parts.map((part) => (part[0] === "=" ? part.slice(1) : cut(part))));
    } else if (body === "stream") {
      const { readable, writable } = new TransformStream();
      task.sink = writable;
      content = readable;
    } else {
      // A blob goes out without a step through this script for each piece, as a stream of it would not.
      content = body === "stored" ? await task.stored.blob() : bodyOf(task, body);
    }
    task.respond(new Response(content, { status, headers: headersFrom(fields) }), body === "stream");
    return `${content?.size ?? ""}`;
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
  counted(task, text) {
    const classes = text.trimEnd().split("\n").map((line) => line.split(" "));
    const numbers = (values) => COUNTED.map((name, at) => [name, +values[at]]);
    const counters = classes.map(([name, ...values]) => [name, Object.fromEntries(numbers(values))]);
    task.done?.({ counters: Object.fromEntries(counters) });
    return "";
  },
};
