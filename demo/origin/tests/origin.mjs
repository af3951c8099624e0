// Starts the built origin in workerd with a fresh D1 and R2, seeded as the demo is.
//
// The bundle is that of `cargo xtask build --only origin`; TIERCEL_DIST names another `dist` than the repository's.

import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Miniflare, Response } from "miniflare";

const demo = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const media = path.join(demo, "media");
const dist = path.resolve(process.env.TIERCEL_DIST ?? path.join(demo, "../dist"), "demo/origin");

export const JWT_SECRET = "a secret of this test run";

/** The seeded objects: `[{key, file, contentType}]`. */
export const manifest = JSON.parse(await readFile(path.join(media, "manifest.json"), "utf8"));

/** The bytes of a seeded object. */
export async function seeded(key) {
  return readFile(path.join(media, manifest.find((object) => object.key === key).file));
}

/** A running origin, with more settings where wanted: its `url`, its `db` and `bucket`, the lines of its `log`, and `stop()`. */
export async function start(vars = {}) {
  if (!existsSync(path.join(dist, "index.js"))) {
    throw new Error(`no origin in ${dist}: run \`cargo xtask build --only origin\` first`);
  }
  const log = [];
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    modules: [
      { type: "ESModule", path: path.join(dist, "index.js") },
      { type: "CompiledWasm", path: path.join(dist, "index_bg.wasm") },
    ],
    modulesRoot: dist,
    compatibilityDate: "2026-04-01",
    bindings: { JWT_SECRET, ...vars },
    handleRuntimeStdio: (...streams) => {
      for (const input of streams) createInterface({ input }).on("line", (line) => log.push(line));
    },
    d1Databases: ["DB"],
    r2Buckets: ["MEDIA"],
    serviceBindings: { ASSETS: staticFiles },
  });
  try {
    const url = await miniflare.ready;
    const [db, bucket] = await Promise.all([miniflare.getD1Database("DB"), miniflare.getR2Bucket("MEDIA")]);
    const migrations = (await readdir(path.join(demo, "origin/migrations"))).sort();
    for (const name of migrations) await run(db, path.join(demo, "origin/migrations", name));
    await run(db, path.join(demo, "origin/seed.sql"));
    for (const { key, file, contentType } of manifest) {
      // Miniflare's proxy takes an ArrayBuffer, but not Node's Buffer.
      const bytes = new Uint8Array(await readFile(path.join(media, file))).buffer;
      await bucket.put(key, bytes, { httpMetadata: { contentType } });
    }
    return { url, db, bucket, log, stop: () => miniflare.dispose() };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

/** Stands in for the platform's asset server, which knows two files and redirects as that does. */
function staticFiles(request) {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/":
      return new Response("<!doctype html><title>Videomi</title>", { headers: { "Content-Type": "text/html" } });
    case "/index.html":
      return new Response(null, { status: 307, headers: { Location: "/" } });
    case "/app.js":
      return new Response("export {}", { headers: { "Content-Type": "text/javascript" } });
    default:
      return new Response("Not Found", { status: 404 });
  }
}

async function run(db, file) {
  const sql = (await readFile(file, "utf8")).replace(/--.*$/gm, "");
  const statements = sql.split(/;\s*$/m).map((statement) => statement.trim());
  await db.batch(statements.filter(Boolean).map((statement) => db.prepare(statement)));
}
