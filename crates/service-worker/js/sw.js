// Registers the listeners while the script is first evaluated, as Service Workers must, and hands over to the wasm.
// Nothing is decided here.

import { identity } from "tiercel:app";
import routes, { ahead } from "tiercel:routes";
import { isBroken, isStarted, rescues, run } from "./core.js";
import { fieldsOf, forgetOpened, leavers, readAhead } from "./effects.js";
import { file, isFile, lifecycleMessages, mend } from "./lifecycle.js";
import { isPage, page } from "./navigation.js";
import { change, failed, replay } from "./writes.js";

/** Whether a class covers a GET: the first route that fits tells. The table is generated from the policy. */
const covers = (url) =>
  url.origin === location.origin && routes.find(([pattern]) => pattern.test(url.pathname))?.[1] === 1;

/**
 * How long an event waits for a stream, in milliseconds. Browsers end a worker whose event takes too long (Chromium after
 * five minutes), and a film takes longer; the stream itself keeps the worker from being idle.
 */
const LONGEST = 240_000;

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.method !== "GET") return change(event);
  if (isFile(url) && !request.headers.has("range")) return event.respondWith(file(event, url.pathname));
  if (!covers(url)) {
    if (isPage(request, url)) event.respondWith(page(event));
    return;
  }
  if (isBroken()) return;
  const [clients, last] = ahead;
  if (!isStarted()) readAhead(identity, clients + event.clientId, last);
  event.respondWith(
    new Promise((resolve, reject) => {
      const rescue = () => fetch(request).then(resolve, reject);
      rescues.add(rescue);
      let free;
      const freed = new Promise((resolve) => { free = resolve; });
      const respond = (response, isStream) => {
        rescues.delete(rescue);
        resolve(response);
        if (isStream) setTimeout(free, LONGEST);
      };
      const head = `${request.url}\n${fieldsOf(request.headers)}`;
      const task = run(`request\0${event.clientId}\0${request.destination}\0${request.mode}\0${head}`, { event, respond });
      // Where something fails before it has an answer, the network has one.
      const ended = task.catch(failed).finally(() => rescues.delete(rescue) && rescue());
      event.waitUntil(Promise.race([ended, freed]));
    }),
  );
});

// Background Sync, where there is one.
self.addEventListener("sync", (event) => event.tag === "tiercel:replay" && event.waitUntil(replay(event)));

/** What the page's SDK says, as a task. */
const messages = {
  ...lifecycleMessages,
  "tiercel:identify"({ user }, client, to) {
    forgetOpened();
    leavers.delete(user);
    return Promise.all([run(`identify\0${client}\0${typeof user === "string" ? user : ""}`, to), mend()]);
  },
  "tiercel:purge": ({ names }, _, to) => run(`purge\0${names.join("\n")}`, to),
  "tiercel:counters": (_, client, to) => run(`counters\0${client}`, to),
  "tiercel:logout": ({ user }, client, to) => run(`logout\0${client}\0${typeof user === "string" ? user : ""}`, to),
  "tiercel:replay": (_, client, { event, done }) => run(`replay\0${client}\0`, { event }).then(() => done()),
  "tiercel:opened": ({ scope }, client, { event }) => run(`opened\0${client}\0${scope}`, { event }),
  async "tiercel:warm"({ urls }, client, { event, done }) {
    for (const url of urls) {
      // One that fails is one that is not there.
      if (covers(new URL(url))) await run(`request\0${client}\0\0\0${url}\n`, { event }).catch(failed);
    }
    done();
  },
};

self.addEventListener("message", (event) => {
  const { data, source, ports } = event;
  const done = (more) => ports[0]?.postMessage({ ok: true, ...more });
  const task = messages[data?.type]?.(data, source?.id ?? "", { event, done });
  if (task) event.waitUntil(task);
});
