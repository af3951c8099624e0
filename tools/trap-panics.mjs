// Makes every panic of a Rust module a trap: no message is composed.
//
//   node trap-panics.mjs FROM TO [TELLER]
//
// With a name, the module's function of that name is first given the place of the panic, a `&'static Location`. It is the
// last parameter of all that panics (RFC 2091, `track_caller`).
//
// The standard library is compiled beforehand, so that the compiler cannot leave this out itself. The module needs its
// names still; what nobody calls any more is for wasm-opt.

import { readFile, writeFile } from "node:fs/promises";
import binaryen from "binaryen";

const [from, to, teller] = process.argv.slice(2);

/** Where panics begin, as the compiler (mangling v0) writes the names: `core::panicking::*`, `…_fail`, `…_failed`. */
const PANICS = /4core9panicking|4core.*_fail(ed)?$|4core4cell.*panic_|5alloc7raw_vec(12handle_error|17capacity_overflow)$|5alloc5alloc18handle_alloc_error$|___rustc17rust_begin_unwind$/;

/** Those whose last parameter is something else. */
const PLACELESS = /nounwind|cannot_unwind|in_cleanup|5alloc7raw_vec|handle_alloc_error|rust_begin_unwind/;

const wasm = binaryen.readBinary(await readFile(from));
let trapped = 0;
for (let at = 0; at < wasm.getNumFunctions(); at++) {
  const reference = wasm.getFunctionByIndex(at);
  const { name, module, params } = binaryen.getFunctionInfo(reference);
  if (module !== "" || !PANICS.test(name)) continue;
  const place = binaryen.expandType(params).length - 1;
  const tells = teller && place >= 0 && !PLACELESS.test(name);
  const told = () => wasm.call(teller, [wasm.local.get(place, binaryen.i32)], binaryen.none);
  binaryen.Function(reference).body = tells ? wasm.block(null, [told(), wasm.unreachable()]) : wasm.unreachable();
  trapped += 1;
}
// Fewer means that the compiler names them differently by now.
if (trapped < 3) {
  console.error(`only ${trapped} functions of ${from} are known as panics: has rustc changed its names?`);
  process.exit(1);
}
await writeFile(to, wasm.emitBinary());
