// Drops the exports of classes that a dependency binds and nobody uses, so that wasm-opt can drop what they call.
//
//   node drop-exports.mjs FILE CLASS…

import { readFile, writeFile } from "node:fs/promises";
import binaryen from "binaryen";

const [file, ...classes] = process.argv.slice(2);
const wasm = binaryen.readBinary(await readFile(file));
const names = Array.from({ length: wasm.getNumExports() }, (_, at) => binaryen.getExportInfo(wasm.getExportByIndex(at)).name);
for (const name of classes) {
  const own = names.filter((it) => new RegExp(`^__wbg_(?:[gs]et_)?${name}_`).test(it));
  if (own.length === 0) throw new Error(`${file} exports nothing of ${name}: is it gone from the dependency?`);
  for (const it of own) wasm.removeExport(it);
}
await writeFile(file, wasm.emitBinary());
