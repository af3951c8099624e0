// A web server with a small API whose answers a test decides, and a browser that visits it.

import { createServer } from "node:http";
import { readFile, readdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import puppeteer from "puppeteer-core";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const dist = path.join(process.env.TIERCEL_DIST ?? path.join(root, "dist"), "sdk");

const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const PAGE = `<!doctype html><title>SDK</title><link rel="icon" href="data:,">`;
const CSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-inline'; img-src 'self' data:";
/** Seconds. */
export const HOUR = 3600;
/** A Service Worker that tells its pages what they told it. */
const ECHO = `
  addEventListener("install", () => skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("message", (event) => {
    event.source.postMessage({ echo: event.data });
    event.ports[0]?.postMessage({ ok: true });
  });
`;

export class World {
  /** What the API was asked: { method, path, headers, body }. */
  requests = [];
  /** Path to version; a new version is a new body and a new ETag. */
  versions = new Map();
  /** Path to a function that answers in the API's place. */
  handlers = new Map();
  /** No request is answered. */
  down = false;
  /** The text of /sw.js. */
  worker = ECHO;
  #server;
  #browser;
  #held = new Map();

  static async start() {
    const world = new World();
    // A connection that the server closes just when it is used again is tried anew, and counted twice: none is closed for being idle.
    world.#server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => world.#answer(request, response).catch((error) => response.destroy(error)));
    await new Promise((resolve) => world.#server.listen(0, "127.0.0.1", resolve));
    world.url = `http://localhost:${world.#server.address().port}`;
    const executablePath = process.env.CHROME ?? ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((file) => existsSync(file));
    if (!executablePath) throw new Error("no browser: set CHROME to the path of a Chrome or Chromium");
    world.#browser = await puppeteer.launch({
      executablePath,
      args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    return world;
  }

  /** A clean browser profile and server, for one test. */
  async fresh() {
    await this.leave();
    this.requests.length = 0;
    this.versions.clear();
    this.handlers.clear();
    this.#held.clear();
    this.down = false;
    this.worker = ECHO;
    this.context = await this.#browser.createBrowserContext();
  }

  /** Ends what a test opened. */
  async leave() {
    const { context } = this;
    // First: what could not be closed is not what the next test has.
    this.context = undefined;
    await context?.close();
  }

  /** A page with `sdk`, a clock that `later(seconds)` moves and `freeze()` stops, and `before` run ahead of everything. */
  async page(before) {
    const page = await this.context.newPage();
    page.on("pageerror", (error) => this.errors?.push(String(error)));
    await page.evaluateOnNewDocument(() => {
      let now = Date.now.bind(Date);
      let offset = 0;
      Date.now = () => now() + offset;
      globalThis.later = (seconds) => (offset += seconds * 1000);
      globalThis.freeze = () => {
        const stopped = now();
        now = () => stopped;
      };
      /** The next thing that happens, however long it takes. */
      globalThis.next = (start) => new Promise((resolve) => start(resolve));
    });
    if (before) await page.evaluateOnNewDocument(before);
    await page.goto(this.url);
    await page.evaluate(async () => (globalThis.sdk = await import("/sdk/index.js")));
    return page;
  }

  /** The API's requests for `path`, or for all. */
  asked(wanted) {
    return this.requests.filter(({ path }) => wanted === undefined || path === wanted);
  }

  /** Lets requests for `path` wait. Gives `arrived`, a promise, and `release()`. */
  hold(wanted) {
    let release, arrive;
    const held = { arrived: new Promise((resolve) => (arrive = resolve)), arrive: () => arrive(), open: new Promise((resolve) => (release = resolve)) };
    this.#held.set(wanted, held);
    return { arrived: held.arrived, release: () => (this.#held.delete(wanted), release()) };
  }

  async close() {
    try {
      await this.leave();
    } finally {
      this.#server.closeAllConnections();
      this.#server.close();
      await this.#browser.close();
    }
  }

  async #answer(request, response) {
    const { pathname, search } = new URL(request.url, this.url);
    if (pathname.startsWith("/api/")) return this.#api(request, response, pathname + search);
    if (this.down) return request.socket.destroy();
    if (pathname === "/sw.js") return send(response, 200, { "content-type": TYPES[".js"] }, this.worker);
    if (pathname.startsWith("/sdk/")) {
      const file = path.join(dist, path.normalize(pathname.slice(4)));
      return send(response, 200, { "content-type": TYPES[path.extname(file)] ?? "text/plain" }, await readFile(file));
    }
    send(response, 200, { "content-type": TYPES[".html"], "content-security-policy": CSP }, PAGE);
  }

  async #api(request, response, target) {
    const { method, headers: fields } = request;
    let body = "";
    if (method !== "GET") for await (const chunk of request) body += chunk;
    this.requests.push({ method, path: target, headers: fields, body });
    if (this.down) return request.socket.destroy();
    // What the origin says is decided when the request comes, not when the answer goes.
    const version = this.versions.get(target) ?? 1;
    const held = this.#held.get(target);
    if (held) {
      held.arrive();
      await held.open;
    }
    const handler = this.handlers.get(target);
    if (handler) return handler(request, response);
    const headers = {
      etag: `"v${version}"`,
      "cache-control": "public, max-age=300",
      "cache-status": "tiercel-edge; fwd=uri-miss; stored; ttl=300",
    };
    if (request.headers["if-none-match"] === headers.etag) return send(response, 304, headers);
    send(response, 200, { ...headers, "content-type": "application/json" }, JSON.stringify({ success: true, data: { target, version } }));
  }
}

export function send(response, status, headers, body) {
  response.writeHead(status, headers).end(body);
}

/** Opens the cache of `user` as `cache` in the page. `signed` requests say themselves whose they are: tabs of several users stay open. */
export const open = (page, user, signed = false) =>
  page.evaluate(
    async (user, signed) => void (globalThis.cache = await sdk.open({ user, ...(signed && { credential: (user) => `Bearer ${user}` }) })),
    user,
    signed,
  );

/** Reads; the result, or the members of the error as `error`. */
export const get = (page, cls, params, options) =>
  page.evaluate(
    (cls, params, options) =>
      cache.get(cls, params, options).catch(({ name, code, status, message, body }) => ({ error: { name, code, status, message, body } })),
    cls,
    params,
    options,
  );

/** Reads the list that most tests are about. */
export const videos = (page, options) => get(page, "user-files", { category: "videos" }, options);

/** The names of the databases that the page sees. */
export const databases = (page) => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name).sort());

/** Moves the page's clock on. */
export const later = (page, seconds) => page.evaluate((seconds) => void globalThis.later(seconds), seconds);

/** What an app pays for the SDK, without the hooks and the inspector. */
export async function printSizes() {
  const names = (await readdir(dist, { recursive: true })).filter((name) => /\.(js|wasm)$/.test(name) && !/^(react|inspector)/.test(name));
  let total = 0;
  for (const name of names.sort()) {
    const bytes = await readFile(path.join(dist, name));
    const zipped = gzipSync(bytes, { level: 9 }).length;
    total += zipped;
    console.log(`${name.padEnd(28)} ${(bytes.length / 1024).toFixed(1).padStart(7)} KiB  ${(zipped / 1024).toFixed(1).padStart(6)} KiB gzip`);
  }
  console.log(`${"together".padEnd(28)} ${"".padStart(11)}  ${(total / 1024).toFixed(1).padStart(6)} KiB gzip`);
}
