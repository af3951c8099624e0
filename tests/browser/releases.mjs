// A web site that is released twice: the files and the Service Worker of `tests/browser/app/1` and `app/2`.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { built, site, until } from "./harness.mjs";

const APP = path.join(path.dirname(fileURLToPath(import.meta.url)), "app");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".txt": "text/plain", ".svg": "image/svg+xml" };
const CSP = "script-src 'self' 'wasm-unsafe-eval'";
/** A picture of 30 × 20. */
const PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><rect width="30" height="20" fill="red"/></svg>';
const EXTRAS = { "/offline.svg": PICTURE, "/offline.html": "<!doctype html><title>offline</title><p>No news." };

/**
 * The site in its first release; `web.release = 2` is the second. `web.answers[path](request, response)` answers in the place
 * of a file; `web.heads` are the fields of all requests, by path.
 */
export async function releases() {
  const state = { release: 1, answers: {}, heads: [] };
  const web = await site(async (request, response) => {
    const { pathname } = new URL(request.url, "http://site.invalid");
    state.heads.push([pathname, request.headers]);
    if (state.answers[pathname]) {
      await state.answers[pathname](request, response);
      return true;
    }
    const send = (body, type) => {
      // `Vary` as servers send it that compress: what is stored must not depend on it.
      const fields = { "content-type": TYPES[type], "content-security-policy": CSP, "cache-control": "no-cache", vary: "Accept" };
      response.writeHead(200, fields).end(body);
      return true;
    };
    if (pathname === "/sw.js") return send(await readFile(built("lifecycle", `${state.release}`, "sw.js")), ".js");
    if (EXTRAS[pathname]) return send(EXTRAS[pathname], path.extname(pathname));
    const name = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    const body = await readFile(path.join(APP, `${state.release}`, name)).catch(() => null);
    return body !== null && send(body, path.extname(name));
  });
  return Object.assign(state, web);
}

/** Looks for a new release, and waits until its worker has come as far as `state`: `installed`, `redundant`, … */
export const update = (page, state) =>
  page.evaluate(async (state) => {
    const registration = await navigator.serviceWorker.getRegistration();
    const found = new Promise((resolve) => registration.addEventListener("updatefound", () => resolve(registration.installing), { once: true }));
    await registration.update().catch(() => {});
    const worker = await found;
    while (worker.state !== state) await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
  }, state);

/** The names of the caches. */
export const caches = (page) => page.evaluate(() => caches.keys());

/** What DevTools say of the site's workers that are not gone: `activated running`, … */
export async function workers(page, url) {
  const session = await page.createCDPSession();
  const known = new Map();
  session.on("ServiceWorker.workerVersionUpdated", ({ versions }) => {
    for (const version of versions) known.set(version.versionId, version);
  });
  await session.send("ServiceWorker.enable");
  await until(() => known.size > 0, "the workers are known");
  await session.detach();
  const ours = [...known.values()].filter(({ scriptURL, status }) => scriptURL.startsWith(url) && status !== "redundant");
  return ours.map(({ status, runningStatus }) => `${status} ${runningStatus}`);
}

/** A page whose requests pass the worker of the first release. */
export async function visit(browser, url) {
  const page = await browser.newPage();
  await page.goto(url);
  await page.evaluate(async () => {
    const controlled = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    await navigator.serviceWorker.register("/sw.js");
    await controlled;
  });
  return page;
}
