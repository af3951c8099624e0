// The demo's origin: a Worker with a D1 database, an R2 bucket and the page's files.

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { bundle } from "./worker.mjs";

/** The Worker's name, which is also the edge's binding for it. */
export const ORIGIN = "ORIGIN";

export async function originWorker(config) {
  const { dir, assetsDir, vars } = config.origin;
  const harness = { token: config.token, cache: null, records: true };
  return {
    ...(await bundle(dir, { name: ORIGIN, vars, harness })),
    d1Databases: { DB: "videomi" },
    r2Buckets: { MEDIA: "videomi-media" },
    unsafeDirectSockets: [{ host: config.host, port: 0 }],
    ...(assetsDir && {
      assets: {
        directory: path.resolve(assetsDir),
        binding: "ASSETS",
        workerName: ORIGIN,
        // As `run_worker_first` in its wrangler.jsonc: the Worker hands on what is not its own.
        routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true },
      },
    }),
  };
}

/** Applies the migrations that the database does not have yet, noted as `wrangler d1 migrations` notes them. */
export async function migrate(miniflare, { migrationsDir }) {
  if (!existsSync(migrationsDir)) return;
  const database = await miniflare.getD1Database("DB", ORIGIN);
  await database
    .prepare(
      "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, " +
        "applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    )
    .run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all();
  const applied = new Set(results.map(({ name }) => name));
  const files = (await readdir(migrationsDir)).filter((file) => file.endsWith(".sql")).sort();
  for (const name of files.filter((file) => !applied.has(file))) {
    const sql = await readFile(path.join(migrationsDir, name), "utf8");
    try {
      await database.prepare(sql).run();
      await database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name).run();
    } catch (error) {
      throw new Error(`migration ${name} failed: ${error.message}`);
    }
  }
}

/** Fills an empty library with the demo's users and files: `seed.sql` into D1, `media/` into R2. */
export async function seed(miniflare, { dir }) {
  const database = await miniflare.getD1Database("DB", ORIGIN);
  if (await database.prepare("SELECT 1 FROM users LIMIT 1").first()) return;
  await database.prepare(await readFile(path.join(dir, "seed.sql"), "utf8")).run();
  const bucket = await miniflare.getR2Bucket("MEDIA", ORIGIN);
  const media = path.join(dir, "media");
  for (const { key, file, contentType } of JSON.parse(await readFile(path.join(media, "manifest.json"), "utf8"))) {
    // Miniflare's proxy takes an ArrayBuffer, but not Node's Buffer.
    const bytes = new Uint8Array(await readFile(path.join(media, file))).buffer;
    await bucket.put(key, bytes, { httpMetadata: { contentType } });
  }
}
