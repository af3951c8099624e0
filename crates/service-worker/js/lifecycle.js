// Installs and activates: fetches the app's files, tidies up, and tells the browser what it may do by itself. What all of it
// goes by is generated from the policy and the build.

import { cache, current, files, ours, preload, rules, status } from "tiercel:app";

/** The first installation: no page has a worker that it would be taken from. */
let isFirst = false;

const sha256 = async (response) =>
  btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()))));

/** Sees to it that one content is in the cache, under all its paths: a copy of what is `stored`, else the network's. */
async function keep([hash, paths], app, stored) {
  let answer;
  for (const other of hash ? stored : []) {
    const found = await other.match(paths[0]);
    if (found && (await sha256(found.clone())) === hash) {
      answer = found;
      break;
    }
  }
  if (!answer) {
    const integrity = hash && `sha256-${hash}`;
    answer = await fetch(paths[0], { cache: "no-cache", redirect: "error", integrity }).catch((error) => {
      throw new Error(`Tiercel: ${paths[0]} cannot be fetched, or is another than the build had.`, { cause: error });
    });
    if (answer.status !== 200) throw new Error(`Tiercel: the answer for ${paths[0]} is ${answer.status}.`);
  }
  const headers = new Headers(answer.headers);
  // It is decoded, and the build had one variant.
  for (const name of ["content-encoding", "content-length", "vary"]) headers.delete(name);
  headers.set("cache-status", status);
  const body = await answer.blob();
  await Promise.all(paths.map((path) => app.put(path, new Response(body, { headers }))));
}

/** Whatever is missing makes the installation fail, and the old worker goes on; the next attempt finds what is here. */
async function install() {
  if (!files.length) return;
  const builds = cache.replace(/[^_]*$/, "");
  const names = (await caches.keys()).filter((name) => name.startsWith(builds));
  const stored = await Promise.all(names.map((name) => caches.open(name)));
  const app = await caches.open(cache);
  // Each to its end: what has come need not come again.
  const kept = await Promise.allSettled(files.map((file) => keep(file, app, stored)));
  for (const { reason } of kept) if (reason) throw reason;
}

async function back() {
  if (files.length && (await (await caches.open(cache)).keys()).length < app.size) await install();
}

let mending;

/**
 * Puts back what somebody has deleted, also where that has failed before; for all who find it gone at once. What the router
 * answers starts no worker that could see it.
 */
export const mend = () => (mending ??= back().finally(() => { mending = undefined; }));

/** A browser without a router, or with another one, asks the worker. */
async function route(event) {
  const at = (pathname, more) => ({ urlPattern: { pathname, baseURL: location.origin, ...more } });
  const anywhere = { urlPattern: { protocol: "*" } };
  const sources = ["network", "fetch-event", { cacheName: cache }];
  const made = rules.map(([source, pathname, more]) => ({
    condition: { ...(pathname ? at(pathname, source === 2 && { search: "" }) : !more && anywhere), ...more },
    source: sources[source],
  }));
  try {
    await event.addRoutes(made);
  } catch (error) {
    if (event.addRoutes) console.warn("Tiercel: no static routes.", error);
  }
}

self.addEventListener("install", (event) => {
  isFirst = !self.registration.active;
  if (isFirst) self.skipWaiting();
  event.waitUntil(Promise.all([route(event), install()]));
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    const old = (await caches.keys()).filter((name) => ours.test(name) && !current.test(name));
    await Promise.all(old.map((name) => caches.delete(name)));
  };
  // Only where there is a router: what it answers is not asked for ahead in vain. And in Firefox, which has none, a navigation
  // fails with what was asked for ahead, whatever the worker answers.
  const asks = preload && self.InstallEvent?.prototype.addRoutes;
  const ahead = self.registration.navigationPreload;
  event.waitUntil(Promise.allSettled([tidy(), asks ? ahead?.enable() : ahead?.disable(), isFirst && self.clients.claim()]));
});

/** What a page asks for. */
export const lifecycleMessages = {
  async "tiercel:activate"(_, __, { done }) {
    await self.skipWaiting();
    done();
  },
  async "tiercel:claim"(_, __, { done }) {
    await self.clients.claim();
    done();
  },
};

/** The files of the app, by their paths. */
const app = new Map(files.flatMap((file) => file[1].map((path) => [path, file])));

/** Whether the app has this file; what a class shows when all else fails is none of it. */
export const isFile = (url) => !url.search && !!app.get(url.pathname)?.[0];

/** What is stored of the app, or nothing. */
export const stored = (path) => caches.match(path, { cacheName: cache }).catch(() => undefined);

/** The file, which someone may have deleted: then it is fetched, and put back behind the answer, with all others where all are gone. */
export async function file(event, path) {
  const found = await stored(path);
  if (found) return found;
  const put = async () => ((await caches.has(cache)) ? keep(app.get(path), await caches.open(cache), []) : mend());
  event.waitUntil(put().catch(() => {}));
  return fetch(event.request);
}
