// What the tests of mutations share: a site that records what is changed, and how pages send and listen.

import { readFile } from "node:fs/promises";
import { built, chromium, controlledPage, site, tell, until } from "./harness.mjs";

export const THUMBNAIL = "/api/files/videos/f1/thumbnail";
export const RATING = "/api/ratings/f1";
export const PROGRESS = "/api/watch-progress/f1";

const SW = await readFile(built("sw.js"), "utf8");

export class Writes {
  /** Every mutation that arrived: { method, path, body, headers }. */
  arrived = [];
  /** Path to a function (request, response, body) that answers in the site's place. */
  answers = {};

  static async start() {
    const world = new Writes();
    world.chrome = await chromium();
    return world;
  }

  /** `sync`: with Background Sync, which Chromium fires whenever it likes; without it is as Firefox and Safari are. */
  async fresh({ sync = false } = {}) {
    this.arrived = [];
    this.answers = {};
    const without = 'Object.defineProperty(ServiceWorkerRegistration.prototype, "sync", { value: undefined });';
    const sw = sync ? SW : `${without}\n${SW}`;
    this.web = await site(async (request, response) => {
      if (request.url === "/sw.js") {
        response.writeHead(200, { "content-type": "text/javascript" }).end(sw);
        return true;
      }
      const path = request.url.split("?")[0];
      const safe = request.method === "GET";
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      if (!safe) this.arrived.push({ method: request.method, path: request.url, body, headers: request.headers });
      if (this.answers[path]) {
        await this.answers[path](request, response, body);
        return true;
      }
      if (safe && path.endsWith("/thumbnail")) response.writeHead(200, { "content-type": "text/plain", etag: '"1"' }).end(path);
      else if (path.startsWith("/api/")) response.writeHead(200, { "content-type": "application/json" }).end('{"success":true}');
      else return false;
      return true;
    });
    this.context = await this.chrome.browser.createBrowserContext();
    this.page = await this.open();
  }

  async leave() {
    await this.context.close();
    await this.web.close();
  }

  close() {
    return this.chrome.close();
  }

  /** A page of `user`'s that hears the channel of the SDKs, and the worker. */
  async open(user) {
    const page = await controlledPage(this.context, this.web.url);
    await page.evaluate(() => {
      globalThis.broadcasts = [];
      globalThis.reports = [];
      new BroadcastChannel("tiercel:videomi").onmessage = ({ data }) => broadcasts.push(data);
      navigator.serviceWorker.addEventListener("message", ({ data }) => reports.push(data));
      navigator.serviceWorker.startMessages();
    });
    if (user) await tell(page, { type: "tiercel:identify", user });
    return page;
  }

  /** How often each path was changed, in order. */
  get log() {
    return this.arrived.map(({ method, path, body }) => `${method} ${path} ${body}`.trim());
  }
}

/** Sends a mutation: status, header fields and body, or the name of the error. */
export const send = (page, method, url, body, headers = {}) =>
  page.evaluate(
    async (method, url, body, headers) => {
      try {
        const response = await fetch(url, { method, body, headers });
        return { status: response.status, redirected: response.redirected, headers: Object.fromEntries(response.headers), body: await response.text() };
      } catch (error) {
        return { error: error.name };
      }
    },
    method,
    url,
    body,
    headers,
  );

export const broadcasts = (page) => page.evaluate(() => globalThis.broadcasts);
export const reports = (page) => page.evaluate(() => globalThis.reports);

/** The stored URLs that hold `part`, each with its cache. */
export const stored = (page, part) =>
  page.evaluate(async (part) => {
    const found = [];
    for (const name of await caches.keys()) {
      for (const { url } of await (await caches.open(name)).keys()) if (`${name} ${url}`.includes(part)) found.push(`${name} ${url}`);
    }
    return found;
  }, part);

/** What waits of `user`. */
export const waiting = (page, user) => stored(page, `videomi_${user}_queue https://tiercel.invalid/waiting/`);

export { tell, until };
