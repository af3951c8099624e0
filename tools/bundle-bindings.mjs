// Makes what wasm-bindgen wrote for a browser small: short names between the module and its JavaScript, none of the functions
// that wasm-opt has found nobody to call, one minified file.
//
//   node bundle-bindings.mjs BOUND_DIR NAME
//
// wasm-bindgen names each import after what it does, with a hash: a tenth of the JavaScript, and none of it compresses.

import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";
import { rewrite, sections } from "./wasm-sections.mjs";

process.on("uncaughtException", (error) => {
  // esbuild has printed its own errors, each with its place.
  if (!error.errors) console.error(error.message);
  process.exit(1);
});

const [dir, name] = process.argv.slice(2);
const file = (suffix) => path.join(dir, name + suffix);
const bindings = `./${name}_bg.js`;

const wasm = await readFile(file("_bg.wasm"));
const module = new WebAssembly.Module(wasm);
const imported = new Set(WebAssembly.Module.imports(module).map((it) => it.name));
const short = new Map([...imported, ...WebAssembly.Module.exports(module).map((it) => it.name)].map((long, at) => [long, `$${at.toString(36)}`]));

const IMPORT = 2;
const EXPORT = 7;
await writeFile(
  file("_bg.wasm"),
  rewrite(sections(wasm), {
    [IMPORT]: (entry) => ({ ...entry, module: entry.module === bindings ? "$" : entry.module, name: short.get(entry.name) }),
    [EXPORT]: (entry) => ({ ...entry, name: short.get(entry.name) }),
  }),
);

const script = await readFile(file(".js"), "utf8");
const begin = script.indexOf("    const import0 = {\n");
const end = script.indexOf("\n    };\n", begin);
const members = begin < 0 || end < 0 ? [] : script.slice(begin, end).split(/\n(?= {8}\w+: )/);
const head = members.shift();
const kept = members.filter((member) => imported.has(/\w+/.exec(member)[0]));
const lost = imported.size - kept.length - (head?.includes("__proto__") ? 0 : 1);
if (!head || lost > 0) throw new Error(`${file(".js")} does not look like what wasm-bindgen wrote before: ${lost} of ${imported.size} imports are missing`);

const glue = [script.slice(0, begin), head, "\n", kept.join("\n"), script.slice(end)]
  .join("")
  .replace(JSON.stringify(bindings), '"$"')
  // Nobody here has the module at hand before.
  .replace("export { initSync, ", "export { ")
  .replace(/(?<=^ {8}|\bwasm\.)\w+/gm, (long) => short.get(long) ?? long);

await build({
  stdin: { contents: glue, resolveDir: dir, sourcefile: `${name}.js` },
  outfile: file(".js"),
  allowOverwrite: true,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
});
// They are in the one file by now.
await rm(path.join(dir, "snippets"), { recursive: true, force: true });
