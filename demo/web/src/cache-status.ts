/**
 * Reading `Cache-Status` (RFC 9211), a structured-field List (RFC 9651 §4.2.1): one member per cache,
 * the one nearest the origin first.
 */

/** What one cache says about the answer. */
export interface CacheStatus {
  /** The cache's name, for example `tiercel-edge`. */
  readonly cache: string;
  /** It answered from its store, without going forward (RFC 9211 §2.1). */
  readonly hit: boolean;
  /** Why it went forward (§2.2): `uri-miss`, `vary-miss`, `stale`, `request`, `method`, `bypass`, … */
  readonly fwd: string | null;
  /** Status code of the answer to the forwarded request (§2.3). */
  readonly fwdStatus: number | null;
  /** Seconds of freshness left; negative when stale (§2.4). */
  readonly ttl: number | null;
  /** It stored the answer (§2.5). */
  readonly stored: boolean;
  /** It shared another request's answer (§2.6). */
  readonly collapsed: boolean;
  /** Free detail (§2.8); Tiercel puts its stable reason here. */
  readonly detail: string | null;
}

/** A value of a parameter. Byte sequences and dates stay in their written form. */
export type BareItem = string | number | boolean;

/** A member of a List, with its parameters. */
export interface Member {
  readonly value: string;
  readonly params: ReadonlyMap<string, BareItem>;
}

const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~:/0-9A-Za-z]*/y;
const STRING = /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y;
const NUMBER = /-?\d{1,15}(?:\.\d{1,3})?/y;
const BOOLEAN = /\?[01]/y;
const OPAQUE = /:[A-Za-z0-9+/=]*:|@-?\d{1,15}/y;
const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const SPACE = /[ \t]*/y;
const SEMICOLON = /[ \t]*;[ \t]*/y;
const EQUALS = /=/y;
const COMMA = /[ \t]*,[ \t]*/y;

/**
 * Splits a List of tokens or strings with parameters. `Server-Timing` has the same shape and is read with it too.
 *
 * A field that does not parse counts as absent (RFC 9651 §4.2): half a truth about a cache is worse than none.
 */
export function parseList(field: string | null | undefined): Member[] {
  if (!field) return [];
  let at = 0;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(field);
    if (found === null) return null;
    at = pattern.lastIndex;
    return found[0];
  };
  const text = (): string | null => {
    const quoted = take(STRING);
    return quoted === null ? take(TOKEN) : quoted.slice(1, -1).replace(/\\(["\\])/g, "$1");
  };
  const bareItem = (): BareItem | null => {
    const number = take(NUMBER);
    if (number !== null) return Number(number);
    const boolean = take(BOOLEAN);
    if (boolean !== null) return boolean === "?1";
    return text() ?? take(OPAQUE);
  };

  const members: Member[] = [];
  take(SPACE);
  while (at < field.length) {
    const value = text();
    if (value === null) return [];
    const params = new Map<string, BareItem>();
    while (take(SEMICOLON) !== null) {
      const key = take(KEY);
      if (key === null) return [];
      // A parameter without a value is true (RFC 9651 §4.2.3.2).
      const item = take(EQUALS) === null ? true : bareItem();
      if (item === null) return [];
      params.set(key, item);
    }
    members.push({ value, params });
    if (take(COMMA) === null) {
      take(SPACE);
      return at === field.length ? members : [];
    }
    // A comma must be followed by a member (RFC 9651 §4.2.1, step 2.7).
    if (at === field.length) return [];
  }
  return members;
}

/** The caches an answer went through, the one nearest the origin first; empty when the field is absent or broken. */
export function parseCacheStatus(field: string | null | undefined): CacheStatus[] {
  return parseList(field).map(({ value, params }) => {
    const word = (key: string): string | null => {
      const item = params.get(key);
      return typeof item === "string" ? item : null;
    };
    const number = (key: string): number | null => {
      const item = params.get(key);
      return typeof item === "number" ? item : null;
    };
    return {
      cache: value,
      hit: params.get("hit") === true,
      fwd: word("fwd"),
      fwdStatus: number("fwd-status"),
      ttl: number("ttl"),
      stored: params.get("stored") === true,
      collapsed: params.get("collapsed") === true,
      detail: word("detail"),
    };
  });
}
