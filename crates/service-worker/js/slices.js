// Bodies in slices: the verbs for a stream that is written as its reader reads, and for what several requests want.

import { forget, headOf, open } from "./effects.js";

/** What is being fetched, by cache and URL: who fetches it, a promise of its landing, and what fulfils that. */
const flights = new Map();

/** Who waits for `task` can go on: all of them, or those that wait for `key`. */
export function land(task, key) {
  for (const [known, flight] of flights) {
    if (flight.task === task && known === (key ?? known)) {
      flights.delete(known);
      flight.land();
    }
  }
}

/** Whatever a task leaves behind that has ended, in whichever way: a stream that it did not close breaks off. */
export function left(task) {
  land(task);
  task.sink?.abort(new TypeError("The rest of the body is not to be had.")).catch(() => {});
}

export const slices = {
  /** Nobody is waited for for ever. */
  lead(task, cache, url, millis) {
    const flight = flights.get(cache + url);
    if (flight) return Promise.race([flight.landing, new Promise((resolve) => setTimeout(resolve, +millis))]).then(() => "");
    let land;
    flights.set(cache + url, { task, landing: new Promise((resolve) => { land = resolve; }), land });
    return "";
  },
  land(task) {
    land(task);
    return "";
  },
  async slices(task, cache, ...urls) {
    try {
      const readable = await open(cache);
      task.slices = [];
      const found = urls.map(async (url, at) => {
        const stored = await readable.match(url);
        if (!stored) return "";
        task.slices[at] = await stored.blob();
        return `${task.slices[at].size}\n${headOf(stored)}`;
      });
      return (await Promise.all(found)).join("\0");
    } catch {
      forget(cache);
      return "";
    }
  },
  async have(task, millis, cache, url) {
    const look = () => slices.slices(task, cache, url);
    const found = await look();
    if (found) return found;
    await slices.lead(task, cache, url, millis);
    // Whoever was first may have stored it.
    const again = await look();
    if (again) land(task);
    return again;
  },
  drop(task) {
    task.fetched.body?.cancel().catch(() => {});
    land(task);
    return "";
  },
  write({ sink }, text) {
    const writer = sink.getWriter();
    writer.write(new TextEncoder().encode(text)).catch(() => {});
    writer.releaseLock();
    return "";
  },
  async ready(task) {
    land(task);
    const writer = task.sink.getWriter();
    try {
      await writer.ready;
      return "";
    } catch {
      return "gone";
    } finally {
      writer.releaseLock();
    }
  },
  pass: ({ slices: [slice], sink }, from, to) =>
    slice.slice(+from, +to).stream().pipeTo(sink, { preventClose: true }).then(() => "", () => "gone"),
  async take(task, length, millis, from, to) {
    const { fetched, sink } = task;
    if (!fetched.body) return "broken";
    const reader = fetched.body.getReader();
    const writer = +to ? sink.getWriter() : null;
    const chunks = [];
    let [at, timer] = [0, 0];
    const stop = () => void reader.cancel().catch(() => {});
    try {
      while (at <= length) {
        timer = setTimeout(stop, +millis);
        const { value, done } = await reader.read();
        clearTimeout(timer);
        if (done) break;
        chunks.push(value);
        const wanted = value.subarray(Math.max(from - at, 0), Math.max(to - at, 0));
        // Not waited for: others wait for this slice, and its reader may take its time. It piles up to a slice at most.
        if (wanted.length) writer?.write(wanted).catch(() => {});
        at += value.length;
      }
    } catch {
      at = -1;
    } finally {
      clearTimeout(timer);
      writer?.releaseLock();
    }
    if (at > length) stop();
    if (at !== +length) return "broken";
    task.slices = [new Blob(chunks)];
    return "";
  },
  close(task) {
    land(task);
    return task.sink.close().then(() => "", () => "");
  },
  again: (task) => task.anew().then(() => ""),
};
