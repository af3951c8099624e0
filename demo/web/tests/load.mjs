// Node 20 reads no TypeScript: bundle one module with esbuild and import the result.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

/** Imports a TypeScript module of the page, given its path from `demo/web`. */
export async function load(path) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../${path}`, import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "neutral",
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
