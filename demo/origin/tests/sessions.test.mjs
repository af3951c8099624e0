// Signing in and out, and which tokens count.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { call, cookieOf, data, get, refused, useOrigin } from "./client.mjs";
import { JWT_SECRET } from "./origin.mjs";

useOrigin();

function token(claims, { secret = JWT_SECRET, alg = "HS256" } = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg, typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

const now = () => Math.floor(Date.now() / 1000);
const claims = (more) => ({ sub: "abc123", name: "Ada", iat: now(), exp: now() + 60, iss: "videomi", ...more });
const bearer = (value) => ({ headers: { Authorization: `Bearer ${value}` } });

describe("sessions", () => {
  test("a login sets a cookie that later calls are known by", async () => {
    const response = await call("POST", "/api/auth/login", { body: { user: "abc123", password: "demo" } });
    assert.deepEqual(await data(response), { user: { id: "abc123", name: "Ada" } });
    const cookie = response.headers.get("Set-Cookie");
    assert.match(cookie, /^videomi_session=[\w-]+\.[\w-]+\.[\w-]+; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/);
    const payload = JSON.parse(Buffer.from(cookie.split(".")[1], "base64url"));
    assert.equal(payload.exp - payload.iat, 604800);
    assert.deepEqual([payload.sub, payload.name, payload.iss], ["abc123", "Ada", "videomi"]);

    const session = await get("/api/auth/session", { headers: { Cookie: `theme=dark; ${cookie.split(";")[0]}` } });
    assert.deepEqual(await data(session), { user: { id: "abc123", name: "Ada" } });
    assert.equal(session.headers.get("Cache-Control"), "no-store");
  });

  test("a wrong password and an unknown user get the same answer", async () => {
    const wrong = await call("POST", "/api/auth/login", { body: { user: "abc123", password: "Demo" } });
    const unknown = await call("POST", "/api/auth/login", { body: { user: "nobody", password: "demo" } });
    await refused(wrong.clone(), 401);
    assert.deepEqual(await unknown.json(), await wrong.json());
    assert.equal(unknown.status, 401);
    assert.equal(wrong.headers.get("Set-Cookie"), null);
  });

  test("a logout clears the cookie, signed in or not", async () => {
    for (const as of ["ada", undefined]) {
      const response = await call("POST", "/api/auth/logout", { as });
      await data(response);
      assert.match(response.headers.get("Set-Cookie"), /^videomi_session=; Path=\/; Max-Age=0; HttpOnly/);
    }
  });

  test("a bearer token does as well as the cookie, and wins over it", async () => {
    assert.equal((await data(await get("/api/auth/session", bearer(token(claims()))))).user.id, "abc123");
    const both = { headers: { Cookie: cookieOf("bob"), Authorization: `bearer ${token(claims())}` } };
    assert.equal((await data(await get("/api/auth/session", both))).user.id, "abc123");
    const broken = { headers: { Cookie: cookieOf("bob"), Authorization: "Bearer nonsense" } };
    await refused(await get("/api/auth/session", broken), 401);
  });

  test("only our own, unexpired HS256 tokens count", async () => {
    const bad = {
      "no session": {},
      "an empty cookie": { headers: { Cookie: "videomi_session=" } },
      "another secret": bearer(token(claims(), { secret: "guessed" })),
      "an expired token": bearer(token(claims({ exp: now() - 1 }))),
      "another issuer": bearer(token(claims({ iss: "elsewhere" }))),
      "no expiry": bearer(token(claims({ exp: undefined }))),
      "another algorithm": bearer(token(claims(), { alg: "none" })),
      "no signature": bearer(token(claims()).replace(/[^.]+$/, "")),
      "a changed payload": bearer(token(claims()).replace(/\.[^.]+\./, `.${Buffer.from("{}").toString("base64url")}.`)),
      "not a token": bearer("a.b.c"),
      "another scheme": { headers: { Authorization: "Basic YTpi" } },
      "a user who is gone": bearer(token(claims({ sub: "ghost" }))),
    };
    for (const [name, options] of Object.entries(bad)) {
      const response = await refused(await get("/api/auth/session", options), 401);
      assert.match(response.headers.get("WWW-Authenticate"), /^Bearer/, name);
    }
  });
});
