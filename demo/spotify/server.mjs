// A local stand-in for Spotify: the part of its HTTP interface that Videomi's origin uses, with accounts that listen to artists
// who do not exist, and switches to make it fail (control.mjs). `cargo xtask dev` and the tests start it.

import { createServer } from "node:http";
import { Accounts } from "./accounts.mjs";
import { Refusal, routes } from "./api.mjs";
import { Control } from "./control.mjs";
import { controlPage } from "./page.mjs";

/** Whom it gives tokens to. */
export const CLIENT = { id: "videomi-demo", secret: "videomi-demo-secret" };

/** The settings of an origin that is to use the stand-in at `url`. */
export function originVars(url) {
  return {
    SPOTIFY_API_URL: url,
    SPOTIFY_ACCOUNTS_URL: url,
    SPOTIFY_CLIENT_ID: CLIENT.id,
    SPOTIFY_CLIENT_SECRET: CLIENT.secret,
  };
}

/** Starts it; where `port` is taken, on a free one. Its `url`, its `control`, and `close()`. */
export async function openSpotify({ host = "127.0.0.1", port = 0 } = {}) {
  const control = new Control((now) => new Accounts(now));
  const spotify = routes(control.accounts, CLIENT);
  let base;

  async function answer(request, response) {
    const url = new URL(request.url, base);
    const { form, json } = await read(request);
    if (request.method === "GET" && url.pathname === "/") return send(response, { headers: HTML, body: controlPage() });
    const switched = control.routes[`${request.method} ${url.pathname}`];
    if (switched) return settle(response, switched(json), form);

    const isPicture = url.pathname.startsWith("/image/");
    const fault = isPicture ? null : control.called(request.method, url.pathname);
    if (control.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, control.latencyMs).unref());
    if (fault) return strike(response, fault);
    const route = spotify[isPicture ? "GET /image" : `${request.method} ${url.pathname}`];
    if (!route) throw new Refusal(404, { error: { status: 404, message: "Service not found" } });
    send(response, route({ url, form, headers: request.headers, base }));
  }

  // A connection that the server closes just when it is used again is tried anew, and counted twice: none is closed for being idle.
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    answer(request, response).catch((error) => {
      if (!(error instanceof Refusal)) console.error(`spotify: ${error.stack}`);
      const { status = 500, body = { error: "the stand-in has a bug; its log says which" }, headers } = error;
      send(response, { status, headers, body });
    });
  });
  await listen(server, host, port);
  base = `http://${host}:${server.address().port}`;
  return {
    url: base,
    control,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const HTML = { "Content-Type": "text/html; charset=utf-8" };

function listen(server, host, port) {
  return new Promise((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", (error) => {
      if (port === 0 || error.code !== "EADDRINUSE") return reject(error);
      server.removeListener("listening", resolve);
      listen(server, host, 0).then(resolve, reject);
    });
    server.listen(port, host);
  });
}

/** The body as a form and as an object, whichever it was sent as. */
async function read(request) {
  const text = Buffer.concat(await request.toArray()).toString();
  if (request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) {
    const form = new URLSearchParams(text);
    return { form, json: Object.fromEntries(form) };
  }
  try {
    return { form: new URLSearchParams(), json: text ? JSON.parse(text) : {} };
  } catch {
    throw new Refusal(400, { error: "the body is neither a form nor JSON" });
  }
}

/** A switch was turned: whoever used a form is sent back to where they were, on this machine. */
function settle(response, said, form) {
  const back = form.get("return");
  if (back === null) return send(response, { body: said });
  const isHere = URL.canParse(back) && ["127.0.0.1", "localhost"].includes(new URL(back).hostname);
  send(response, { status: 303, headers: { Location: isHere ? back : "/" }, body: "" });
}

function strike(response, { how, status, retryAfter }) {
  switch (how) {
    case "hang":
      return;
    case "stall":
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" }).write('{"access_token":');
      return;
    case "reset":
      response.destroy();
      return;
    case "garbage":
      return send(response, { headers: HTML, body: "<!doctype html><title>Not what you expected</title>" });
  }
  const headers = retryAfter === undefined ? {} : { "Retry-After": String(retryAfter) };
  send(response, { status, headers, body: { error: { status, message: "the stand-in was told to fail" } } });
}

function send(response, { status = 200, headers = {}, body }) {
  if (response.headersSent || response.destroyed) return;
  if (typeof body === "string") return response.writeHead(status, headers).end(body);
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}
