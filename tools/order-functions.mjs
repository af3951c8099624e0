// Puts functions that resemble each other side by side: what compresses a module looks back 32 KB (RFC 1951 §2), and modules are
// longer. Nothing else changes.
//
//   node order-functions.mjs FILE

import { readFile, writeFile } from "node:fs/promises";
import binaryen from "binaryen";
import { Reader, sections } from "./wasm-sections.mjs";

const CODE = 10;
/** How far back it looks, in bytes of code. */
const WINDOW = 30_000;
/** What resemblance is counted in: so many bytes in a row. */
const RUN = 5;
/** Runs that more functions have tell nothing of any two. */
const COMMON = 150;

const [file] = process.argv.slice(2);
const bytes = await readFile(file);
const wasm = binaryen.readBinary(bytes);
const functions = Array.from({ length: wasm.getNumFunctions() }, (_, at) => binaryen.getFunctionInfo(wasm.getFunctionByIndex(at)));
const own = functions.filter(({ module }) => module === "");
const ordered = inOrder(bodiesOf(bytes)).map((at) => own[at]);
for (const { name } of own) wasm.removeFunction(name);
for (const { name, params, results, vars, body } of ordered) wasm.addFunction(name, params, results, vars, body);
await writeFile(file, wasm.emitBinary());

/** The code of each function. */
function bodiesOf(bytes) {
  const reader = new Reader(sections(bytes).find(([id]) => id === CODE)[1]);
  return Array.from({ length: reader.number() }, () => reader.take(reader.number()));
}

/** Their places: each is followed by the one that shares most with those just before it. */
function inOrder(bodies) {
  const runs = bodies.map(runsOf);
  const owners = new Map();
  for (const [at, all] of runs.entries()) {
    for (const run of all) owners.get(run)?.push(at) ?? owners.set(run, [at]);
  }
  const telling = runs.map((all) => [...all].filter((run) => owners.get(run).length > 1 && owners.get(run).length < COMMON));
  const shared = bodies.map(() => 0);
  const near = new Map();
  const count = (at, change) => {
    for (const run of telling[at]) {
      const before = near.get(run) ?? 0;
      near.set(run, before + change);
      // It has come near, or is near no longer.
      if (before === 0 || before + change === 0) for (const owner of owners.get(run)) shared[owner] += change;
    }
  };
  const left = new Set(bodies.keys());
  const order = [];
  let [length, first, next] = [0, 0, 0];
  while (left.size > 0) {
    left.delete(next);
    order.push(next);
    count(next, 1);
    for (length += bodies[next].length; length > WINDOW; first++) {
      length -= bodies[order[first]].length;
      count(order[first], -1);
    }
    let most = -1;
    for (const at of left) {
      const part = shared[at] / Math.max(telling[at].length, 20);
      if (part > most) [most, next] = [part, at];
    }
  }
  return order;
}

function runsOf(body) {
  const runs = new Set();
  for (let at = 0; at + RUN <= body.length; at++) runs.add(body.readUIntBE(at, RUN));
  return runs;
}
