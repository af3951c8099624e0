// Ready answers: what was answered from memory, for the next requests with the same question to get without entering the
// wasm. Which answers, to which questions and until when is the core's (crates/core/src/exchange/ready.rs); the crate puts
// them here and has them forgotten (crates/edge-worker/src/ready.rs). Here is only compared and repeated.

import { count } from "./edge-tally.js";

/** Most answers. All of them are looked at when something is forgotten. */
const MOST = 500;
/** What an answer takes beside its body and its question, in bytes. */
const OVERHEAD = 2_048;

/** What the core says of questions; `undefined` as long as there is nothing in memory. */
let rules;
/** Question → answer, the oldest first. */
const answers = new Map();
/** What they take. */
let taken = 0;

/** From now on there is something in memory. A question is made of the request fields called `names`, and no request asks
 *  one that has `seenField`, or `seenCookie` in a cookie. All answers take at most so many bytes. */
export function begin(names, seenField, seenCookie, bytes) {
  rules = { names, seenField, seenCookie, bytes };
}

/** What a request asks: method, URL, and the fields that decide, a line each. `undefined`: it must be read whole. */
export function questionOf({ method, url, headers }) {
  if (!rules) return undefined;
  if (headers.has(rules.seenField) || headers.get("cookie")?.includes(rules.seenCookie)) return undefined;
  let question = `${method}\n${url}\n`;
  for (const name of rules.names) {
    const value = headers.get(name);
    if (value !== null) question += `${name}\n${value}\n`;
  }
  return question;
}

/** The answer to a question, where one is ready. */
export function answerTo(question) {
  const answer = answers.get(question);
  if (!answer) return undefined;
  const now = Date.now();
  // A clock that was set back makes it wrong, too.
  if (answer.since <= now && now < answer.until) {
    count(answer.counter, answer.body.byteLength);
    return new Response(answer.body, answer.init);
  }
  drop(question);
  return undefined;
}

/** Keeps an answer, that of the entry `key`, from `since` until `until` (Unix milliseconds). Each time it is given it counts at
 *  the place `counter`. */
export function keep(question, key, status, headers, body, since, until, counter) {
  drop(question);
  const bytes = body.byteLength + 2 * question.length + OVERHEAD;
  if (bytes > rules.bytes) return;
  for (const [oldest, answer] of answers) {
    const isOver = answer.until <= since;
    if (!isOver && answers.size < MOST && taken + bytes <= rules.bytes) break;
    drop(oldest);
  }
  answers.set(question, { key, init: { status, headers }, body, since, until, counter, bytes });
  taken += bytes;
}

/** Forgets the answers of the entry `key`. */
export function forget(key) {
  for (const [question, answer] of answers) {
    if (answer.key === key) drop(question);
  }
}

/** Forgets every answer. */
export function forgetAll() {
  answers.clear();
  taken = 0;
}

function drop(question) {
  const answer = answers.get(question);
  if (!answer) return;
  answers.delete(question);
  taken -= answer.bytes;
}
