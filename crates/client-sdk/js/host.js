// The way to the network for the wasm: what the browser does with a request, and when it is tried again.

/** The pause before the first repeat, in milliseconds; it doubles with each. */
const FIRST_PAUSE = 300;
/** The longest pause of our own, in milliseconds. */
const LONGEST_PAUSE = 5_000;
/** Statuses that pass (RFC 9110 §15, RFC 6585 §4). */
const PASSING = [429, 502, 503, 504];

/**
 * Sends requests; `retry` is how often a read is repeated. `seen` keeps the consistency tokens, `isOpen` says whether
 * the session is, `credential` gives what stands in `Authorization`, where there is one.
 */
export function sender({ retry, seen, isOpen, credential }) {
  return async ({ method, url, fields, body, limit, revalidate }, readers, signal) => {
    const end = Date.now() + limit;
    const init = { method, body, signal, credentials: "same-origin", cache: revalidate ? "no-cache" : "default" };
    for (let attempt = 0; ; attempt++) {
      const headers = headersOf(fields);
      const sent = seen.send(headers);
      const asking = signed(headers, credential).then(() => fetch(url, { ...init, headers }));
      const [response, failure] = await asking.then((response) => [response], (error) => [null, error]);
      if (response && isOpen()) seen.heard(response.headers, sent);
      const pause = readers && attempt < retry && pauseAfter(response, attempt);
      // A pause that outlasts the limit would only turn an answer into a failure.
      if (!pause || Date.now() + pause >= end || !(await waited(pause, readers, signal))) {
        if (failure) throw failure;
        return headOf(response, readers === undefined);
      }
      response?.body?.cancel().catch(() => {});
    }
  };
}

/** Puts the user's credential into `headers`, unless the page did. Without one nothing is sent: whose answer would that be? */
async function signed(headers, credential) {
  if (!credential || headers.has("authorization")) return;
  const value = await credential();
  if (!value) throw new Error("`credential` gave nothing.");
  headers.set("authorization", value);
}

/** Milliseconds until the next attempt; `undefined` where there is to be none. */
function pauseAfter(response, attempt) {
  if (response && !PASSING.includes(response.status)) return undefined;
  // The browser says when it is connected again; see wake.js.
  if (!response && globalThis.navigator?.onLine === false) return undefined;
  const asked = response?.headers.get("retry-after");
  const ownPause = Math.min(FIRST_PAUSE * 2 ** attempt, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
  if (!asked) return ownPause;
  // RFC 9110 §10.2.3: seconds, or a date.
  const wished = /^\d+$/.test(asked) ? asked * 1000 : Date.parse(asked) - Date.now();
  return wished > ownPause ? wished : ownPause;
}

/** Whether anybody still wants the answer after `pause`. */
function waited(pause, readers, signal) {
  const isWanted = () => !signal.aborted && !readers.every((reader) => reader?.aborted);
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve(isWanted());
    };
    const timer = setTimeout(done, pause);
    signal.addEventListener("abort", done);
    if (!isWanted()) done();
  });
}

function headOf(response, isMutation) {
  return {
    status: response.status,
    fields: textOf(response.headers),
    body: async () => contentOf(await response.text(), response, isMutation),
  };
}

function contentOf(text, { ok, headers }, isMutation) {
  const { length } = text;
  if (length === 0) return { data: null, length, notJson: false };
  try {
    return { data: JSON.parse(text), length, notJson: false };
  } catch {
    // An API may answer a mutation in words; a page is no API's answer.
    if (isMutation && /^text\/plain\b/i.test(headers.get("content-type"))) return { data: text, length, notJson: false };
    return { data: undefined, length, notJson: ok };
  }
}

/** Fields as the wasm writes them: a line for each name and each value. */
export function textOf(headers) {
  let text = "";
  headers.forEach((value, name) => (text += `${name}\n${value}\n`));
  return text;
}

function headersOf(text) {
  const headers = new Headers();
  const parts = text.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.append(parts[at], parts[at + 1]);
  return headers;
}
