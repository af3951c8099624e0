// What the browser tests share: headless browsers and a small web site, on free ports, gone when the test ends.

import { createServer } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** A file of the build. */
export function built(...parts) {
  return path.join(process.env.TIERCEL_DIST ?? path.join(ROOT, "dist"), ...parts);
}

const launching = {
  chromium: {
    executablePath: process.env.CHROME ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  },
  firefox: { browser: "firefox", executablePath: process.env.FIREFOX },
};

async function launched(name) {
  const profile = await mkdtemp(path.join(tmpdir(), `tiercel-${name}-`));
  const launch = () => puppeteer.launch({ headless: true, userDataDir: profile, ...launching[name] });
  return {
    name,
    browser: await launch(),
    /** Ends the browser and starts it again with the same profile, as a user does. */
    async restart() {
      await this.browser.close();
      this.browser = await launch();
    },
    async close() {
      await this.browser.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Chromium with an empty profile. `close()` ends it and removes the profile. */
export const chromium = () => launched("chromium");

/** Both browsers: what they are called, how to start them, and why that one is skipped, if it is. */
export const browsers = [
  { name: "Chromium", start: chromium, skip: false },
  { name: "Firefox", start: () => launched("firefox"), skip: process.env.FIREFOX ? false : "FIREFOX names no browser" },
];

/**
 * A web site: `/sw.js` of the build, an empty page at `/`, and whatever `answer(request, response)` answers first.
 * It counts what reaches it, can be taken down and comes back on the same port.
 */
export async function site(answer = () => false) {
  const requests = [];
  const sw = await readFile(built("sw.js"), "utf8");
  const handle = async (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (await answer(request, response)) return;
    if (request.url === "/sw.js") {
      response.writeHead(200, { "content-type": "text/javascript", "content-security-policy": "script-src 'self' 'wasm-unsafe-eval'" });
      return response.end(isFirefox(request.headers["user-agent"]) ? `${CLOCK}\n${sw}` : sw);
    }
    if (request.url === "/" || request.url.startsWith("/?")) {
      response.writeHead(200, { "content-type": "text/html", "cache-control": "no-cache" });
      return response.end("<!doctype html><title>site</title><link rel=icon href=data:,>");
    }
    response.writeHead(404, { "content-type": "text/plain" });
    response.end("not found");
  };
  let server;
  const listen = (port) =>
    new Promise((resolve, reject) => {
      // A connection that the server closes just when it is used again is tried anew, and counted twice: none is closed for being idle.
      server = createServer({ maxHeaderSize: 1 << 20, keepAliveTimeout: 600_000 }, (request, response) => void handle(request, response));
      // A test that fails before it can take the site down must not keep the process, and with it the whole run, alive.
      server.unref();
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve(server.address().port));
    });
  const port = await listen(0);
  /** Nothing to do when it is down already. */
  const down = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    /** How many requests for `path` arrived. */
    count: (wanted) => requests.filter((line) => line.split(" ")[1] === wanted).length,
    down,
    up: () => listen(port),
    close: down,
  };
}

/** A page whose requests go through the site's Service Worker. */
export async function controlledPage(browser, url) {
  const page = await browser.newPage();
  await page.goto(url);
  await page.evaluate(async () => {
    await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) {
      await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    }
  });
  return page;
}

/** Sends the worker a message and waits until it has done what it asks for. */
export function tell(page, message) {
  return page.evaluate(
    (message) =>
      new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => resolve(data);
        navigator.serviceWorker.controller.postMessage(message, [port2]);
      }),
    message,
  );
}

/** Fetches in the page: status, header fields and body. */
export function get(page, url, headers = {}) {
  return page.evaluate(
    async (url, headers) => {
      const response = await fetch(url, { headers });
      return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
    },
    url,
    headers,
  );
}

/** Stops every Service Worker of the browser; the next event starts it anew. */
export async function stopWorkers(page) {
  const session = await page.createCDPSession();
  await session.send("ServiceWorker.enable");
  await session.send("ServiceWorker.stopAllWorkers");
  await session.detach();
}

/** A profile of its own, and a page there whose requests go through the site's Service Worker as `user`'s. */
export async function signedIn(browser, url, user = "ada") {
  const context = await browser.createBrowserContext();
  const page = await controlledPage(context, url);
  await tell(page, { type: "tiercel:identify", user });
  return { context, page };
}

/** Moves the clock of the running worker that `page` has. A restart sets it right again. */
export async function moveWorkerClock(page, seconds) {
  const browser = page.browser();
  if (isFirefox(await browser.version())) {
    // No protocol reaches into a worker there: the site has sent it a clock of its own.
    await tell(page, { type: "test:clock", ahead: seconds * 1000 });
    return;
  }
  const target = await browser.waitForTarget((target) => target.type() === "service_worker");
  const worker = await target.worker();
  await worker.evaluate((ms) => {
    const real = Date.now.bind(Date);
    Date.now = () => real() + ms;
  }, seconds * 1000);
}

/** The worker of `page` in Chromium, running, as puppeteer has it. One that was stopped is started, its wasm is not. */
export async function workerOf(page) {
  const { origin } = new URL(page.url());
  await page.evaluate(() => navigator.serviceWorker.controller.postMessage({ type: "wake up" }));
  const isIts = (target) => target.type() === "service_worker" && target.url().startsWith(origin);
  return (await page.browserContext().waitForTarget(isIts)).worker();
}

const isFirefox = (text) => /firefox/i.test(text ?? "");

/** What stands before the worker's script in Firefox, and where one is to be stopped whose clock was moved: DevTools hold on to it. */
export const CLOCK = `(() => {
  const real = Date.now.bind(Date);
  let ahead = 0;
  Date.now = () => real() + ahead;
  addEventListener("message", ({ data, ports }) => {
    if (data?.type !== "test:clock") return;
    ({ ahead } = data);
    ports[0].postMessage({});
  });
})();`;

/** How long a busy machine may take for anything, in milliseconds. */
const PATIENCE = 30_000;

/** Waits until `check` gives something true; it is asked again whenever the event loop is free. */
export async function until(check, what) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const result = await check();
    if (result) return result;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE / 1000} s in vain until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
