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

async function boot() {
  try {
    core = new WebAssembly.Instance(new WebAssembly.Module(await bytes())).exports;
  } catch (error) {
    broken(error);
  }
}

/** Has a task go on with a text; returns the words of what it wants, or null when it has ended. */
function step(task, text) {
  if (broke) return null;
  try {
    // A UTF-16 unit takes three bytes at most.
    const room = core.room(text.length * 3);
    const { written } = encoder.encodeInto(text, new Uint8Array(core.memory.buffer, room, text.length * 3));
    const length = core.step(task, written, Date.now());
    return length ? decoder.decode(new Uint8Array(core.memory.buffer, core.wanted(), length)).split("\0") : null;
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
    for (let words = step(task.number, text); words; ) {
      const [verb, ...rest] = words;
      const came = effects[verb](task, ...rest);
      words = step(task.number, came instanceof Promise ? await came : came);
    }
  } finally {
    left(task);
    for (const end of task.ends) end();
  }
  return task;
}
