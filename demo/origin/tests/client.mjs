// Speaks to the origin under test: one for each test file, since Node runs each in a process of its own.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { start } from "./origin.mjs";

/** The origin under test, once `before` has run. */
export let origin;
const cookies = {};

/** Starts the origin before the tests of a file, with Ada and Bob signed in, and stops it after them. */
export function useOrigin() {
  before(async () => {
    origin = await start();
    cookies.ada = await signIn("abc123");
    cookies.bob = await signIn("bob7");
  });
  after(() => origin?.stop());
}

/** The `Cookie` header of a signed-in user: `ada` or `bob`. */
export const cookieOf = (name) => cookies[name];

/** One request; `as` names whose session it carries, and a plain object as body is sent as JSON. */
export function call(method, path, { as, headers = {}, body } = {}) {
  const json = body && Object.getPrototypeOf(body) === Object.prototype;
  return fetch(new URL(path, origin.url), {
    method,
    redirect: "manual",
    headers: { ...(as && { Cookie: cookies[as] }), ...(json && { "Content-Type": "application/json" }), ...headers },
    body: json ? JSON.stringify(body) : body,
  });
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
export async function refused(response, status, message = /./) {
  const body = await response.json();
  assert.equal(response.status, status, JSON.stringify(body));
  assert.equal(body.success, false);
  assert.match(body.error.code, /^[a-z0-9_]+$/);
  assert.match(body.error.message, message);
  assert.equal(response.headers.get("Cache-Control"), "no-store");
  return response;
}

async function signIn(user, password = "demo") {
  const response = await call("POST", "/api/auth/login", { body: { user, password } });
  await data(response);
  return response.headers.get("Set-Cookie").split(";")[0];
}
