// A bundle of `cargo xtask build` as options for Miniflare.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));

/** The name of the binding through which the harness is told who it is. The product knows nothing of it. */
const HARNESS = "TIERCEL_HARNESS";

/** Modules and bindings of a bundle. With `harness`, the bundle runs inside `harness.js`. */
export async function bundle(dir, { name, vars, harness }) {
  const read = (file) => readFile(path.join(dir, file));
  const config = (await read("wrangler.jsonc")).toString();
  const date = /^\s*"compatibility_date":\s*"(\d{4}-\d{2}-\d{2})"/m.exec(config)?.[1];
  if (!date) throw new Error(`${dir}/wrangler.jsonc names no compatibility_date`);
  const modules = [
    { type: "ESModule", path: "index.js", contents: (await read("index.js")).toString() },
    { type: "CompiledWasm", path: "index_bg.wasm", contents: await read("index_bg.wasm") },
  ];
  if (harness) {
    for (const file of ["memory.js", "sabotage.js", "harness.js"]) {
      const contents = await readFile(path.join(here, file), "utf8");
      modules.unshift({ type: "ESModule", path: file, contents });
    }
  }
  return {
    name,
    modules,
    compatibilityDate: date,
    bindings: { ...vars, ...(harness && { [HARNESS]: harness }) },
  };
}
