// Bundles a bound workers-rs crate into one ES module Worker beside its wasm file.
//
//   node bundle-worker.mjs BOUND_DIR OUT_DIR
//
// Workers want the default handler and every Durable Object class as named exports of the main module. Their names are
// in the crate, so the entry is written here, from what the wasm module really exports.

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { rewrite, sections } from "./wasm-sections.mjs";

process.on("uncaughtException", (error) => {
  // esbuild has printed its own errors, each with its place.
  if (!error.errors) console.error(error.message);
  process.exit(1);
});

const [bound, out] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const shim = path.join(here, "edge-shim.js");

const bytes = await readFile(path.join(bound, "index_bg.wasm"));
const wasm = new WebAssembly.Module(bytes);
const wasmExports = new Set(WebAssembly.Module.exports(wasm).map(({ name }) => name));

// wasm-bindgen names each import after what it does, with a hash, and none of that compresses. Here they have short names, and
// those that wasm-opt found nobody to call are left out.
const GLUE = "./index_bg.js";
const IMPORT = 2;
const short = new Map();
for (const { module, name } of WebAssembly.Module.imports(wasm)) {
  if (module === GLUE) short.set(name, `$${short.size.toString(36)}`);
}
const renamed = rewrite(sections(bytes), { [IMPORT]: (it) => (it.module === GLUE ? { ...it, name: short.get(it.name) } : it) });

const written = await readFile(path.join(bound, "index.js"), "utf8");
const begin = written.indexOf("    const import0 = {\n");
const end = written.indexOf("\n    };\n", begin);
const [head, ...members] = begin < 0 || end < 0 ? [] : written.slice(begin, end).split(/\n(?= {8}\w+: )/);
const called = members.filter((member) => short.has(/\w+/.exec(member)[0]));
// The first member is an object's `__proto__`, which is in the head.
if (called.length !== short.size) throw new Error(`wasm-bindgen writes something else by now: of ${short.size} imports ${called.length} were found`);
const kept = called.map((member) => member.replace(/\w+/, (long) => short.get(long)));
const script = [written.slice(0, begin), [head, ...kept].join("\n"), written.slice(end)].join("");

// `#[durable_object] struct TagEpochs` becomes the class TagEpochs, over the wasm functions tagepochs_new and
// tagepochs_fetch. Every other exported class lacks one of the two.
const classes = [...script.matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
const durableObjects = classes.filter((name) =>
  ["new", "fetch"].every((method) => wasmExports.has(`${name.toLowerCase()}_${method}`)),
);

const entry = [
  `import * as bindings from "tiercel-glue";`,
  `import { durableObject, worker } from ${JSON.stringify(shim)};`,
  `export default worker(bindings);`,
  ...durableObjects.map((name) => `export const ${name} = durableObject(bindings, "${name}");`),
  // Who counts has an object that adds up.
  ...(script.includes("tiercel-tally") ? [`export { Statistics } from ${JSON.stringify(path.join(here, "edge-statistics.js"))};`] : []),
].join("\n");

await build({
  stdin: { contents: entry, resolveDir: bound, sourcefile: "worker-entry.js" },
  outfile: path.join(out, "index.js"),
  bundle: true,
  // Every way into the wasm is to be watched, and the way back to be short; see there.
  inject: [path.join(here, "edge-instance.js")],
  define: { "WebAssembly.Instance": "WatchedInstance" },
  // What the shim and a crate share.
  alias: { "tiercel-ready": path.join(here, "edge-ready.js"), "tiercel-tally": path.join(here, "edge-tally.js") },
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "none",
  external: ["./index_bg.wasm", "cloudflare:*"],
  plugins: [
    {
      name: "glue",
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /^tiercel-glue$/ }, () => ({ path: path.join(bound, "index.js"), namespace: "glue" }));
        onLoad({ filter: /.*/, namespace: "glue" }, () => ({ contents: script, resolveDir: bound }));
      },
    },
  ],
  logLevel: "warning",
});
await writeFile(path.join(out, "index_bg.wasm"), renamed);
