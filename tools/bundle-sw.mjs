// Bundles the Service Worker into one classic script with its wasm inside.
//
//   node bundle-sw.mjs ENTRY BOUND_DIR OUT_FILE
//
// The entry may import
//   ./pkg/tiercel_sw.js   the bound module (from BOUND_DIR)
//   tiercel:wasm          default: the module's bytes; `bytes()`: the same, decoded when called
// and may read the constant __TIERCEL_BUILD__, which changes whenever the script does.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { Script } from "node:vm";
import { build } from "esbuild";

process.on("uncaughtException", (error) => {
  // esbuild has printed its own errors, each with its place.
  if (!error.errors) console.error(error.message);
  process.exit(1);
});

const [entry, bound, out] = process.argv.slice(2);
const wasm = await readFile(path.join(bound, "tiercel_sw_bg.wasm"));

// A plain loop: `Uint8Array.from(atob(text), f)` takes five times as long.
const embedded = `
  const text = ${JSON.stringify(wasm.toString("base64"))};
  export function bytes() {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const binary = atob(text);
    const decoded = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) decoded[i] = binary.charCodeAt(i);
    return decoded;
  }
  export default /* @__PURE__ */ bytes();
`;

const inputs = {
  name: "tiercel-inputs",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /(^|\/)pkg\// }, ({ path: wanted }) => ({ path: path.join(bound, path.basename(wanted)) }));
    onResolve({ filter: /^tiercel:wasm$/ }, () => ({ path: "wasm", namespace: "tiercel", sideEffects: false }));
    onLoad({ filter: /.*/, namespace: "tiercel" }, () => ({ contents: embedded, loader: "js" }));
  },
};

async function bundle(id) {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    define: { __TIERCEL_BUILD__: JSON.stringify(id) },
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

// The id is the hash of the script with an empty id, so that the same sources make the same file.
const hash = createHash("sha256").update(await bundle("")).digest("hex").slice(0, 12);
const script = `/*! Tiercel Service Worker, build ${hash} */\n${await bundle(hash)}`;
// Throws where the text is no classic script: an import or export statement, or a top-level await.
new Script(script, { filename: out });
await writeFile(out, script);
