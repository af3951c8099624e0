// Bundles the Service Worker into one classic script with its wasm inside.
//
//   node bundle-sw.mjs ENTRY DEFLATED_WASM INPUTS OUT_FILE
//
// INPUTS is a file of JSON, as xtask writes it: `routes`, in the order in which they are tried, each with the source of a
// regular expression and whether the Service Worker answers it; `triggers`, what causes an event, each with a method (empty is
// any), the source of a regular expression and what it does; `ahead`, where the wasm reads first of all: the URL that a client's id
// follows, and another; and `app`, what the Service Worker has to know while it is
// installed and activated. The entry may import
//   tiercel:wasm     `bytes()`: a promise of the wasm
//   tiercel:routes   default: pairs of a regular expression and 1 or 0
//                    `triggers`: triples of a method, a regular expression and a number; `ahead`
//   tiercel:app      `cache`, `identity`, `ours`, `current`, `files`, `shell`, `named`, `preload`, `status`, `shown`, `rules`

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { Script } from "node:vm";
import { build } from "esbuild";

process.on("uncaughtException", (error) => {
  // esbuild has printed its own errors, each with its place.
  if (!error.errors) console.error(error.message);
  process.exit(1);
});

const [entry, wasmFile, inputsFile, out] = process.argv.slice(2);

// Compressed by itself, as base64: what compresses the script on its way finds 8 bits of it in 6, and nothing else. A letter
// of Latin-1 for each byte of the plain wasm would come out a twentieth larger. A plain loop where there is no `fromBase64`,
// since `Uint8Array.from(text, f)` takes five times as long.
const deflated = await readFile(wasmFile);
const embedded = `
  const text = ${JSON.stringify(deflated.toString("base64"))};
  function deflated() {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
    return bytes;
  }
  export function bytes() {
    const { readable, writable } = new DecompressionStream("deflate-raw");
    const writer = writable.getWriter();
    // What goes wrong here goes wrong with the reader too, who tells.
    Promise.all([writer.write(deflated()), writer.close()]).catch(() => {});
    return new Response(readable).arrayBuffer();
  }
`;

const { routes, triggers, ahead, app } = JSON.parse(await readFile(inputsFile, "utf8"));
const expression = (source) => `${new RegExp(source, "s")}`;
const patterns = routes.map(([source, covered]) => `[${expression(source)},${+covered}]`);
const causes = triggers.map(([method, source, does]) => `[${JSON.stringify(method)},${expression(source)},${does}]`);
const { ours, current, named, ...plain } = app;
const constants = [
  ...Object.entries(plain).map(([name, value]) => [name, JSON.stringify(value)]),
  ...Object.entries({ ours, current, named: named ?? "$^" }).map(([name, source]) => [name, expression(source)]),
];
const contents = {
  "tiercel:wasm": embedded,
  "tiercel:routes": `export default [${patterns}]; export const triggers = [${causes}]; export const ahead = ${JSON.stringify(ahead)};`,
  "tiercel:app": constants.map(([name, value]) => `export const ${name} = ${value};`).join("\n"),
};

const inputs = {
  name: "tiercel-inputs",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^tiercel:/ }, ({ path }) => ({ path, namespace: "tiercel" }));
    onLoad({ filter: /.*/, namespace: "tiercel" }, ({ path }) => ({ contents: contents[path], loader: "js" }));
  },
};

async function bundle() {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    plugins: [inputs],
    write: false,
    metafile: true,
    outfile: out,
    logLevel: "warning",
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  if (imports.length > 0) {
    // A Service Worker may not call import(), and a file it fetches is missing after an offline restart.
    throw new Error(`the Service Worker must be one file, but it loads ${imports.map((i) => i.path).join(", ")}`);
  }
  return outputFiles[0].text;
}

const text = await bundle();
// The same sources make the same file.
const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
const script = `/*! Tiercel Service Worker, build ${hash} */\n${text}`;
// Throws where the text is no classic script: an import or export statement, or a top-level await.
new Script(script, { filename: out });
await writeFile(out, script);
