// Makes every panic of a Rust module a trap: no message is composed. Nor is anything else formatted, and the places in the
// sources go.
//
//   node trap-panics.mjs FROM TO [TELLER]
//
// With a name, the places stay, and the module's function of that name is first given that of the panic, a `&'static Location`: the
// last parameter of all that panics (RFC 2091, `track_caller`).
//
// The standard library is compiled beforehand, so that the compiler cannot leave this out itself. The module needs its
// names still; what nobody calls any more is for wasm-opt.

import { readFile, writeFile } from "node:fs/promises";
import binaryen from "binaryen";
import { Reader, sections } from "./wasm-sections.mjs";

const [from, to, teller] = process.argv.slice(2);

/** Where panics begin, as the compiler (mangling v0) writes the names: `core::panicking::*`, `…_fail`, `…_failed`. */
const PANICS = /4core9panicking|4core.*_fail(ed)?$|4core4cell.*panic_|5alloc7raw_vec(12handle_error|17capacity_overflow)$|5alloc5alloc18handle_alloc_error$|___rustc17rust_begin_unwind$|_3std9panicking/;
/**
 * Formatting: `core::fmt`, `alloc::fmt`, and what any type says of itself, in both manglings. Panics are all that is to be
 * composed so, but tables of methods name it, so that wasm-opt must keep it.
 */
const FORMATS = /4core3fmt|5alloc3fmt|_3fmt\d+[A-Z]|core\.\.fmt\.\./;
/** A number's digits, which texts are made of, too. */
const DIGITS = /4core3fmt3num.*4_fmt$/;

/** Those whose last parameter is something else. */
const PLACELESS = /nounwind|cannot_unwind|in_cleanup|5alloc7raw_vec|handle_alloc_error|rust_begin_unwind|_3std9panicking/;

const compiled = await readFile(from);
const wasm = binaryen.readBinary(teller ? compiled : withoutPlaces(compiled));
const formats = (name) => FORMATS.test(name) && !DIGITS.test(name);

const calls = callsIn(wasm.emitText());
const composing = calls.filter(([caller, called]) => formats(called) && !formats(caller) && !PANICS.test(caller));
if (composing.length > 0) {
  const list = composing.map(([caller, called]) => `  ${caller} calls ${called}`);
  console.error(["what formats would trap; write it with text! of the core:", ...list].join("\n"));
  process.exit(1);
}
let trapped = 0;
for (let at = 0; at < wasm.getNumFunctions(); at++) {
  const reference = wasm.getFunctionByIndex(at);
  const { name, module, params } = binaryen.getFunctionInfo(reference);
  if (module !== "" || !(PANICS.test(name) || formats(name))) continue;
  const place = binaryen.expandType(params).length - 1;
  const tells = teller && place >= 0 && !formats(name) && !PLACELESS.test(name);
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

/** `[caller, called]` of every direct call in a module's text. */
function callsIn(text) {
  const found = [];
  let caller;
  for (const [, definition, called] of text.matchAll(/^ \(func \$(\S+)|\((?:return_)?call \$([^\s)]+)/gm)) {
    if (definition) caller = definition;
    else found.push([caller, called]);
  }
  return found;
}

/**
 * The module without the places in the sources that panics name: a path, its length, line and column, each of four bytes.
 * Zeros take no room in it, and the paths are those of the machine that built it.
 */
function withoutPlaces(bytes) {
  const DATA = 11;
  const PLACE = 16;
  const memory = segments(new Reader(sections(bytes).find(([id]) => id === DATA)[1]));
  const textAt = (address, length) => {
    const segment = memory.find(({ start, data }) => address >= start && address + length <= start + data.length);
    return segment?.data.subarray(address - segment.start, address - segment.start + length);
  };
  const paths = [];
  for (const { start, data } of memory) {
    for (let at = -start & 3; at + PLACE <= data.length; at += 4) {
      const [address, length, line, column] = [0, 4, 8, 12].map((offset) => data.readUInt32LE(at + offset));
      if (length > 512 || line === 0 || line > 1e5 || column === 0 || column > 1e4) continue;
      const text = textAt(address, length);
      if (!text || !/^[\x20-\x7e]+\.rs\0?$/.test(text)) continue;
      paths.push(text);
      data.fill(0, at, at + PLACE);
    }
  }
  for (const text of paths) text.fill(0);
  return bytes;
}

/** What a module puts into its memory: active segments at constant addresses. */
function segments(reader) {
  return Array.from({ length: reader.number() }, () => {
    const [flags, opcode] = [reader.byte(), reader.byte()];
    const start = reader.number();
    const end = reader.byte();
    if (flags !== 0 || opcode !== 0x41 || end !== 0x0b) throw new Error("a data segment is not as the linker wrote it before");
    return { start, data: reader.take(reader.number()) };
  });
}
