// Accounts, codes and tokens. A token says in itself whose it is, so that one from before a restart is still good.
//
//   refresh-ACCOUNT-GENERATION-GRANT-SERIAL    GENERATION grows when the account's tokens are revoked, SERIAL when this one
//                                              is replaced
//   access-ACCOUNT-GENERATION-NUMBER-EXPIRES   NUMBER grows with each token; EXPIRES is in milliseconds

import { randomUUID } from "node:crypto";

/** An account that has not been told otherwise. */
const ARTISTS = 137;
/** Seconds that an access token lasts, and whether a refresh replaces the refresh token as well. */
const USUAL = { expiresIn: 3600, rotate: false };
/** How long a code waits to be exchanged, in milliseconds. */
const CODE_LIFETIME = 600_000;
export const SCOPE = "user-top-read user-follow-read";
export const ACCOUNT_NAME = /^[a-z0-9]{1,32}$/;

export class Accounts {
  #now;
  #accounts = new Map();
  #codes = new Map();
  #grants = new Map();
  #issued = Date.now();

  constructor(now) {
    this.#now = now;
    this.reset();
  }

  account(name) {
    if (!this.#accounts.has(name)) this.#accounts.set(name, { name, artists: ARTISTS, generation: 0, expired: 0 });
    return this.#accounts.get(name);
  }

  /** As at the start, but for what was granted and revoked. */
  reset() {
    Object.assign(this, USUAL);
    for (const account of this.#accounts.values()) account.artists = ARTISTS;
  }

  /** No token given so far is good any more. */
  revoke(name) {
    this.account(name).generation += 1;
  }

  /** No access token given so far is good any more; refresh tokens are. */
  expire(name) {
    this.account(name).expired = this.#issued;
  }

  /** A code for whoever asks for `redirectUri`. */
  grant(name, redirectUri) {
    const code = `code-${randomUUID()}`;
    this.#codes.set(code, { name, redirectUri, expires: this.#now() + CODE_LIFETIME });
    return code;
  }

  /** Tokens for a code, once; null where it is not good. */
  exchange(code, redirectUri) {
    const granted = this.#codes.get(code);
    this.#codes.delete(code);
    if (!granted || granted.redirectUri !== redirectUri || granted.expires <= this.#now()) return null;
    const account = this.account(granted.name);
    const grant = randomUUID().slice(0, 8);
    this.#grants.set(grant, 0);
    return { ...this.#access(account), refresh_token: refreshToken(account, grant, 0) };
  }

  /** A new access token; null where the refresh token is not good. */
  refresh(token) {
    const [, name, generation, grant, serial] = /^refresh-([a-z0-9]+)-(\d+)-([a-z0-9]+)-(\d+)$/.exec(token) ?? [];
    if (!name || !this.#isOf(name, generation)) return null;
    if (Number(serial) < (this.#grants.get(grant) ?? 0)) return null;
    const account = this.account(name);
    const next = Number(serial) + (this.rotate ? 1 : 0);
    this.#grants.set(grant, next);
    return { ...this.#access(account), ...(this.rotate && { refresh_token: refreshToken(account, grant, next) }) };
  }

  /** Whose access token it is; null where it is not good. */
  whose(token) {
    const [, name, generation, number, expires] = /^access-([a-z0-9]+)-(\d+)-(\d+)-(\d+)$/.exec(token ?? "") ?? [];
    if (!name || !this.#isOf(name, generation)) return null;
    const account = this.account(name);
    return Number(number) > account.expired && Number(expires) > this.#now() ? account : null;
  }

  #isOf(name, generation) {
    const account = this.account(name);
    // One of a later generation is from before a restart.
    account.generation = Math.max(account.generation, Number(generation));
    return Number(generation) === account.generation;
  }

  #access({ name, generation }) {
    this.#issued += 1;
    const expires = this.#now() + this.expiresIn * 1000;
    return {
      access_token: `access-${name}-${generation}-${this.#issued}-${expires}`,
      token_type: "Bearer",
      scope: SCOPE,
      expires_in: this.expiresIn,
    };
  }
}

function refreshToken({ name, generation }, grant, serial) {
  return `refresh-${name}-${generation}-${grant}-${serial}`;
}
