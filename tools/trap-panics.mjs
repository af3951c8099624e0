// Makes every panic of a Rust module a trap, with nothing before it: no message is composed, since nobody reads it.
//
//   node trap-panics.mjs FROM TO
//
// The standard library is compiled beforehand, so that the compiler cannot leave this out itself. The module needs its
// names still; what nobody calls any more is for wasm-opt.

import { readFile, writeFile } from "node:fs/promises";
import binaryen from "binaryen";

const [from, to] = process.argv.slice(2);

/** Where panics begin, as the compiler (mangling v0) writes the names: `core::panicking::*`, `…_fail`, `…_failed`. */
const PANICS = /4core9panicking|4core.*_fail(ed)?$|4core4cell.*panic_|5alloc7raw_vec(12handle_error|17capacity_overflow)$|5alloc5alloc18handle_alloc_error$|___rustc17rust_begin_unwind$/;

const wasm = binaryen.readBinary(await readFile(from));
let trapped = 0;
for (let at = 0; at < wasm.getNumFunctions(); at++) {
  const reference = wasm.getFunctionByIndex(at);
  const { name, module } = binaryen.getFunctionInfo(reference);
  if (module !== "" || !PANICS.test(name)) continue;
  binaryen.Function(reference).body = wasm.unreachable();
  trapped += 1;
}
// Fewer means that the compiler names them differently by now.
if (trapped < 3) {
  console.error(`only ${trapped} functions of ${from} are known as panics: has rustc changed its names?`);
  process.exit(1);
}
await writeFile(to, wasm.emitBinary());
