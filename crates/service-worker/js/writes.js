// Requests that change something: to the network as they are, and what comes of them to the wasm. Nothing is decided here.

import { triggers } from "tiercel:routes";
import { effects, fieldsOf, forgetOpened, headersFrom, leavers, reopen, tried } from "./effects.js";
import { rescues, run } from "./core.js";

/** What a trigger does, as the policy's table says it. */
const QUEUED = 1;
const WIPES = 2;
/** Longest wait for what an answer makes untrue to be removed: a store that hangs must not keep the answer. Milliseconds. */
const PURGE_LIMIT = 2000;
/** Longest wait for the answer to what is sent again, and for a page's credential. Milliseconds. */
const ANSWER_LIMIT = 30_000;
const CREDENTIAL_LIMIT = 3000;

/** What the event does that a request causes; nothing where it causes none. */
function caused({ method, url }) {
  const { origin, pathname } = new URL(url);
  if (origin !== location.origin || ["GET", "HEAD", "OPTIONS", "TRACE"].includes(method)) return undefined;
  return triggers.find(([of, pattern]) => (!of || of === method) && pattern.test(pathname))?.[2];
}

/** An answer's head. What another origin says (after a redirect) tells nothing of this one. */
const headOf = ({ type, status, headers }) => `${status}\n${type === "basic" ? fieldsOf(headers) : ""}`;

export const failed = (error) => console.error("Tiercel:", error);

/** Passes a mutation on, whatever becomes of the wasm; what it made untrue is removed before the page has the answer. */
export function change(event) {
  const does = caused(event.request);
  if (does === undefined) return;
  if (does & QUEUED) return write(event);
  const { request, clientId } = event;
  const sent = fetch(request);
  const heard = sent.then(
    (response) => run(`answered\0${clientId}\0${request.method}\0${headOf(response)}`, { event }),
    () => {},
  );
  // Whoever logs out has left, whatever the network says of it.
  const left = does & WIPES ? run(`logout\0${clientId}\0`, { event }) : undefined;
  const done = Promise.all([heard, left]).catch(failed);
  const late = sent.then(() => new Promise((resolve) => setTimeout(resolve, PURGE_LIMIT)), () => done);
  event.waitUntil(done);
  event.respondWith(Promise.race([done, late]).then(() => sent));
}

/** A mutation that may wait for a network. */
function write(event) {
  const { request, clientId } = event;
  const copy = request.clone();
  let sent;
  const send = () => (sent ??= fetch(request));
  event.respondWith(
    new Promise((resolve, reject) => {
      const rescue = () => send().then(resolve, reject);
      rescues.add(rescue);
      const respond = (response) => {
        rescues.delete(rescue);
        resolve(response);
      };
      const head = `${request.method}\0${request.mode}\0${request.credentials}\0${request.url}\n${fieldsOf(request.headers)}`;
      const task = run(`write\0${clientId}\0${head}`, { event, respond, send, copy });
      // A task that ends without an answer leaves the page the network's.
      event.waitUntil(task.catch(failed).finally(() => rescues.delete(rescue) && rescue()));
    }),
  );
}

/** Sends what waits. Fails where something waits on, so that the browser comes again. */
export async function replay(event) {
  if ((await run("replay\0\0", { event })).remains) throw new Error("Tiercel: there is still something to be sent.");
}

function say(name, message) {
  const channel = new BroadcastChannel(name);
  channel.postMessage(message);
  channel.close();
}

const remember = (cache, place, text) => tried(reopen(cache).then((kept) => kept.put(place, new Response(text))));

Object.assign(effects, {
  async wipe(_, prefix, user) {
    // First: what is opened from here on would outlast it.
    leavers.set(user, prefix);
    const names = await caches.keys().catch(() => []);
    await Promise.allSettled(names.filter((name) => name.startsWith(prefix)).map((name) => caches.delete(name)));
    forgetOpened();
    return "";
  },
  async broadcast(_, name, type, scope, names, method, url, cache, place) {
    const message = { type, scope };
    if (type === "purge") Object.assign(message, { event: null, names: names ? names.split("\n") : [] });
    if (url) Object.assign(message, { method, url });
    // Kept first: an SDK that begins to listen in between asks for it.
    const kept = cache ? await remember(cache, place, JSON.stringify(message)) : "";
    say(name, message);
    return kept;
  },
  async pages() {
    const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
    return pages.map(({ id }) => id).join("\n");
  },
  async report(_, cache, place, type, method, url, status, ...ids) {
    const message = { type, url, method, status: +status };
    for (const id of ids) (await clients.get(id))?.postMessage(message);
    return ids.length ? "" : remember(cache, place, JSON.stringify(message));
  },
  deliver: (_, cache, prefix, channel, id) =>
    tried((async () => {
      const kept = (await caches.has(cache)) && (await reopen(cache));
      for (const request of kept ? await kept.keys() : []) {
        if (!request.url.startsWith(prefix)) continue;
        const message = await (await kept.match(request)).json();
        if (channel) say(channel, message);
        else (await clients.get(id))?.postMessage(message);
        await kept.delete(request);
      }
    })()),
  replace: (_, cache, before, after) =>
    tried((async () => {
      const open = await reopen(cache);
      for (const request of await open.keys()) {
        if ((await (await open.match(request)).text()) === before) await open.put(request, new Response(after));
      }
    })()),
  hold(task, name) {
    if (!navigator.locks) return "";
    return new Promise((held, lost) => {
      const end = new Promise((release) => task.ends.push(release));
      navigator.locks.request(name, () => (held(""), end)).catch(lost);
    });
  },
  async send(task) {
    try {
      return headOf(await task.send());
    } catch (error) {
      return error.name === "AbortError" ? "aborted" : "network";
    }
  },
  async keep(task, bytes) {
    try {
      const body = await task.copy.blob();
      task.kept = { body };
      return body.size > bytes ? "" : crypto.randomUUID();
    } catch {
      return "";
    }
  },
  async values(_, cache, field) {
    try {
      if (!(await caches.has(cache))) return "";
      const entries = await (await reopen(cache)).matchAll();
      return entries.map(({ headers }) => headers.get(field)).filter(Boolean).join("\n");
    } catch {
      return "";
    }
  },
  async repeat(task, cache, url, method, target, fields, credential) {
    try {
      const body = await (await (await reopen(cache)).match(url)).blob();
      task.kept = { body };
      const headers = headersFrom(fields);
      if (credential) headers.push(["authorization", task.credential]);
      const signal = AbortSignal.timeout(ANSWER_LIMIT);
      return headOf(await fetch(target, { method, headers, body: body.size ? body : null, credentials: "same-origin", signal }));
    } catch {
      return "network";
    }
  },
  async credential(task, user, ...ids) {
    task.credential = "";
    for (const id of ids) {
      const { port1, port2 } = new MessageChannel();
      const answer = new Promise((resolve) => {
        port1.onmessage = ({ data }) => resolve(data);
        setTimeout(resolve, CREDENTIAL_LIMIT);
      });
      (await clients.get(id))?.postMessage({ type: "tiercel:credential", user }, [port2]);
      const value = await answer;
      port1.close();
      if (typeof value === "string" && value) {
        task.credential = value;
        return "yes";
      }
    }
    return "";
  },
  async sync() {
    // Where there is no Background Sync, or the user forbids it, the worker looks when it is next needed.
    await self.registration.sync?.register("tiercel:replay").catch(() => {});
    return "";
  },
  async replay({ event }, client) {
    await run(`replay\0${client}\0`, { event });
    return "";
  },
  remains(task) {
    task.remains = true;
    return "";
  },
});
