// Speaks to the origin under test: one for each test file, since Node runs each in a process of its own.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import { CLIENT, openSpotify, originVars } from "../../spotify/server.mjs";
import { start } from "./origin.mjs";

/** The origin under test, once `before` has run. */
export let origin;
/** The stand-in for Spotify that it uses, where it was asked for. */
export let spotify;
const cookies = {};

/** Starts the origin before the tests of a file, with Ada and Bob signed in, and stops it after them. */
export function useOrigin() {
  before(() => begin({}));
  after(() => origin?.stop());
}

/** The same with the stand-in for Spotify, which is as at its start before each test. */
export function useOriginWithSpotify(vars = {}) {
  before(async () => {
    spotify = await openSpotify();
    await begin({ ...originVars(spotify.url), ...vars });
  });
  beforeEach(() => control("reset"));
  after(async () => {
    await origin?.stop();
    await spotify?.close();
  });
}

async function begin(vars) {
  origin = await start(vars);
  cookies.ada = await signIn("abc123");
  cookies.bob = await signIn("bob7");
}

/** Turns one of the stand-in's switches. */
export async function control(name, given = {}) {
  const response = await fetch(`${spotify.url}/control/${name}`, { method: "POST", body: JSON.stringify(given) });
  assert.equal(response.status, 200, await response.text());
}

/** How often each of the stand-in's resources was asked for since this was last forgotten: `{"POST /api/token": 1}`. */
export async function callsOfSpotify({ forget = true } = {}) {
  const { calls } = await (await fetch(`${spotify.url}/control/calls`)).json();
  if (forget) await control("forget");
  return calls;
}

/** Connects a user to an account of the stand-in, as a browser does. */
export async function connect(as, account) {
  const { platforms } = await data(await get("/api/user/platforms", { as }));
  const redirect_uri = `${origin.url}`;
  const url = `${platforms[0].authorize_url}&state=s&account=${account}&redirect_uri=${encodeURIComponent(redirect_uri)}`;
  const granted = await fetch(url, { redirect: "manual" });
  const code = new URL(granted.headers.get("Location")).searchParams.get("code");
  return call("POST", "/api/user/platforms/connect", { as, body: { platform_slug: "spotify", code, redirect_uri } });
}

/** No token of Spotify's, and no secret of ours there. */
export const SECRET = new RegExp(`(access|refresh)-[a-z0-9]+-\\d|${CLIENT.secret}`);

/** The `Cookie` header of a signed-in user: `ada` or `bob`. */
export const cookieOf = (name) => cookies[name];

/** One request; `as` names whose session it carries, and a plain object as body is sent as JSON. */
export async function call(method, path, { as, headers = {}, body, signal } = {}) {
  const json = body && Object.getPrototypeOf(body) === Object.prototype;
  const response = await fetch(new URL(path, origin.url), {
    method,
    redirect: "manual",
    signal,
    headers: { ...(as && { Cookie: cookies[as] }), ...(json && { "Content-Type": "application/json" }), ...headers },
    body: json ? JSON.stringify(body) : body,
  });
  if (spotify) assert.doesNotMatch(await response.clone().text(), SECRET);
  return response;
}

export const get = (path, options) => call("GET", path, options);

/** The data of a request that must succeed. */
export async function data(response, status = 200) {
  const body = await response.json();
  assert.equal(response.status, status, JSON.stringify(body));
  assert.equal(body.success, true);
  return body.data;
}

/** The error of a request that must fail so. */
export async function refused(response, status, message = /./, code = /^[a-z0-9_]+$/) {
  const body = await response.json();
  assert.equal(response.status, status, JSON.stringify(body));
  assert.equal(body.success, false);
  assert.match(body.error.code, code);
  assert.match(body.error.message, message);
  assert.equal(response.headers.get("Cache-Control"), "no-store");
  return response;
}

async function signIn(user, password = "demo") {
  const response = await call("POST", "/api/auth/login", { body: { user, password } });
  await data(response);
  return response.headers.get("Set-Cookie").split(";")[0];
}
