// Runs a Rust test binary for wasm32-wasip1, as cargo's runner: node run-wasi.mjs BINARY.wasm [ARGS…]
//
// A failed assertion aborts the whole binary there, since wasm has no unwinding: the last line names the test. Property
// tests keep their regressions next to the sources; the directory is given to them for reading and writing.

import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [binary, ...args] = process.argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  args: [binary, ...args],
  env: { RUST_BACKTRACE: "0", RUST_TEST_THREADS: "1", ...process.env },
  preopens: { "/": "/", ".": process.cwd() },
  returnOnExit: true,
});
const module = await WebAssembly.compile(await readFile(binary));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
