// How a test or a visitor plays with the stand-in. Every POST takes JSON or a form; a form may say where to `return` to.
//
//   GET  /control/calls                          {"total": n, "calls": {"POST /api/token": n, …}} since the last `forget`
//   POST /control/forget                         counts from nothing
//   POST /control/revoke  {"account"?}           no token given so far is good any more
//   POST /control/expire  {"account"?}           no access token given so far is good any more; refresh tokens are
//   POST /control/account {"account"?, "artists": n}    so many artists, 0 to 10,000; 137 where nothing is said
//   POST /control/tokens  {"expires_in"?: seconds, "rotate"?: bool}   3600, and refresh tokens stay as they are
//   POST /control/latency {"ms": n}              each answer takes so much longer
//   POST /control/fail    {"path"?, "skip"?: n, "times"?: n, …}     the next answers whose path begins so are, after so many
//                         good ones, one of
//                           "status": n          that status, with a body as Spotify's
//                           "retry_after": n     429 with so many seconds in Retry-After
//                           "how": "hang"        nothing at all
//                                  "stall"       a head and half a body
//                                  "reset"       a connection that breaks
//                                  "garbage"     200 with something that is not JSON
//   POST /control/clock   {"offset_ms": n}       what its clock is ahead of the machine's
//   POST /control/reset                          all of it as at the start; tokens stay good
//
// The account is `listener` where none is named.

import { ACCOUNT_NAME } from "./accounts.mjs";
import { Refusal } from "./api.mjs";

const MOST_ARTISTS = 10_000;
const HOWS = ["hang", "stall", "reset", "garbage"];

const mistake = (message) => new Refusal(400, { error: message });

function number(value, name, most) {
  const given = Number(value);
  if (value === "" || !Number.isInteger(given) || given < 0 || given > most) throw mistake(`${name} is a whole number from 0 to ${most}`);
  return given;
}

export class Control {
  #accounts;
  #calls = new Map();
  #faults = [];
  latencyMs = 0;
  offsetMs = 0;

  constructor(makeAccounts) {
    this.#accounts = makeAccounts(() => Date.now() + this.offsetMs);
  }

  get accounts() {
    return this.#accounts;
  }

  /** Counts a call; answers with the fault that is to strike it, or null. */
  called(method, path) {
    const line = `${method} ${path}`;
    this.#calls.set(line, (this.#calls.get(line) ?? 0) + 1);
    const fault = this.#faults.find((fault) => fault.times > 0 && path.startsWith(fault.path));
    if (!fault) return null;
    if (fault.skip > 0) {
      fault.skip -= 1;
      return null;
    }
    fault.times -= 1;
    return fault;
  }

  get routes() {
    const accounts = this.#accounts;
    const named = ({ account = "listener" }) => {
      if (!ACCOUNT_NAME.test(account)) throw mistake("account is one word of a-z and 0-9");
      return account;
    };
    const settled = {};
    return {
      "GET /control/calls": () => {
        const calls = Object.fromEntries(this.#calls);
        return { total: Object.values(calls).reduce((sum, count) => sum + count, 0), calls };
      },
      "POST /control/forget": () => (this.#calls.clear(), settled),
      "POST /control/revoke": (given) => (accounts.revoke(named(given)), settled),
      "POST /control/expire": (given) => (accounts.expire(named(given)), settled),
      "POST /control/account": (given) => {
        accounts.account(named(given)).artists = number(given.artists, "artists", MOST_ARTISTS);
        return settled;
      },
      "POST /control/tokens": ({ expires_in, rotate }) => {
        if (expires_in !== undefined) accounts.expiresIn = number(expires_in, "expires_in", 86_400);
        if (rotate !== undefined) accounts.rotate = rotate === true || rotate === "true";
        return settled;
      },
      "POST /control/latency": ({ ms }) => {
        this.latencyMs = number(ms, "ms", 60_000);
        return settled;
      },
      "POST /control/fail": ({ path = "/", skip = 0, times = 1, status, retry_after, how }) => {
        if ([status, retry_after, how].filter((one) => one !== undefined).length !== 1) throw mistake("say one of status, retry_after and how");
        if (how !== undefined && !HOWS.includes(how)) throw mistake(`how is one of ${HOWS.join(", ")}`);
        this.#faults.push({
          path,
          skip: number(skip, "skip", 1e6),
          times: number(times, "times", 1e6),
          how,
          status: retry_after === undefined ? status && number(status, "status", 599) : 429,
          retryAfter: retry_after,
        });
        return settled;
      },
      "POST /control/clock": ({ offset_ms }) => {
        if (!Number.isFinite(offset_ms)) throw mistake("offset_ms is a number");
        this.offsetMs = offset_ms;
        return settled;
      },
      "POST /control/reset": () => {
        this.#calls.clear();
        this.#faults = [];
        this.latencyMs = 0;
        accounts.reset();
        return settled;
      },
    };
  }
}
