// The wasm: starts it, has its tasks go on, and saves the requests under way when it crashes.

import { bytes } from "tiercel:wasm";
import { effects } from "./effects.js";
import { left } from "./slices.js";

/** The exports of the wasm. Started by the first request or message that needs it. */
let core;
let booting;
/** It has crashed: everything goes to the network until the next start. */
let broke = false;
/** What saves the requests under way when the wasm crashes. */
export const rescues = new Set();
let tasks = 0;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const isBroken = () => broke;
export const isStarted = () => !!booting;

function broken(error) {
  broke = true;
  console.error("Tiercel Service Worker: passing everything to the network.", error);
  for (const rescue of rescues) rescue();
  rescues.clear();
}

const instance = async () => new WebAssembly.Instance(new WebAssembly.Module(await bytes())).exports;

async function boot() {
  try {
    core = await instance();
  } catch (error) {
    broken(error);
  }
}

/** Has a task of one instance go on with a text; returns the words of what it wants, or null when it has ended. */
function step(own, task, text) {
  if (broke && own === core) return null;
  try {
    // A UTF-16 unit takes three bytes at most.
    const room = own.room(text.length * 3);
    const { written } = encoder.encodeInto(text, new Uint8Array(own.memory.buffer, room, text.length * 3));
    const length = own.step(task, written, Date.now());
    return length ? decoder.decode(new Uint8Array(own.memory.buffer, own.wanted(), length)).split("\0") : null;
  } catch (error) {
    broken(error);
    return null;
  }
}

/**
 * Begins a task for an event, `after` so many milliseconds, and does what it wants until it has ended; resolves with the
 * task. The verbs find in it what they need.
 */
export async function run(text, means) {
  const anew = () => run(`again${text.slice(text.indexOf("\0"))}`, means);
  const task = { ...means, number: (tasks += 1), ends: [], anew };
  try {
    if (task.after) await new Promise((resolve) => setTimeout(resolve, task.after));
    if (!core) await (booting ??= boot());
    // What a user leaves behind does not wait for the next start: a logout has an instance of its own after a crash, also
    // where that came in between.
    const isLogout = text.startsWith("logout\0");
    const own = broke && isLogout ? await instance() : core;
    for (let words = step(own, task.number, text); words; ) {
      const [verb, ...rest] = words;
      const came = effects[verb](task, ...rest);
      words = step(own, task.number, came instanceof Promise ? await came : came);
    }
    if (broke && isLogout && own === core) await run(text, means);
  } finally {
    left(task);
    for (const end of task.ends) end();
  }
  return task;
}
