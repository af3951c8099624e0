// Bundles a bound workers-rs crate into one ES module Worker beside its wasm file.
//
//   node bundle-worker.mjs BOUND_DIR OUT_DIR
//
// Workers want the default handler and every Durable Object class as named exports of the main module. Their names are
// in the crate, so the entry is written here, from what the wasm module really exports.

import { copyFile, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

process.on("uncaughtException", (error) => {
  // esbuild has printed its own errors, each with its place.
  if (!error.errors) console.error(error.message);
  process.exit(1);
});

const [bound, out] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const shim = path.join(here, "edge-shim.js");

const wasm = new WebAssembly.Module(await readFile(path.join(bound, "index_bg.wasm")));
const wasmExports = new Set(WebAssembly.Module.exports(wasm).map(({ name }) => name));
const script = await readFile(path.join(bound, "index.js"), "utf8");

// `#[durable_object] struct TagEpochs` becomes the class TagEpochs, over the wasm functions tagepochs_new and
// tagepochs_fetch. Every other exported class lacks one of the two.
const classes = [...script.matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
const durableObjects = classes.filter((name) =>
  ["new", "fetch"].every((method) => wasmExports.has(`${name.toLowerCase()}_${method}`)),
);

const entry = [
  `import * as bindings from "./index.js";`,
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
  logLevel: "warning",
});
await copyFile(path.join(bound, "index_bg.wasm"), path.join(out, "index_bg.wasm"));
