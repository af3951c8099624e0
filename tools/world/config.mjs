// What a world is made of.

import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";

/** Every setting, with what it is when left out. */
const defaults = {
  /** Where the first edge listens; 0 takes a free port. */
  port: 0,
  host: "127.0.0.1",
  /** The directory that keeps caches, D1, R2 and Durable Objects between runs; null keeps them in memory. */
  persist: null,
  /** The edge Worker: its bundle, its vars and secrets, where misses go (unless there is a demo origin) and whether by a
   *  service binding, and how many isolates of it run in each data centre. */
  edge: { dir: "dist/edge", vars: {}, originUrl: null, bound: false, isolates: 1 },
  /** The demo's origin, or null: { dir, assetsDir, vars, migrationsDir, seed }. */
  origin: null,
  /** A stand-in for Spotify, for the demo's origin: { port }, 0 or one that is taken for a free port; or null. */
  spotify: null,
  /** Whether the Workers' clock can be set through the control server; "requests": each request of an edge says when it comes,
   *  in the field `Tiercel-Moment`, and the clock goes there once nothing goes on behind earlier answers. */
  clock: false,
  /** How many data centres, each with its own cache. */
  colos: 1,
  /** Workers beside the edge, to compare it with: a list of { name, file, vars }. */
  peers: [],
};

/** Reads, completes and checks a configuration. */
export async function configure(argument) {
  if (!argument) throw new Error("usage: node world.mjs CONFIG (a file with JSON, or the JSON itself)");
  const text = argument.trimStart().startsWith("{") ? argument : await readFile(argument, "utf8");
  const given = JSON.parse(text);
  for (const key of Object.keys(given)) {
    if (!(key in defaults)) throw new Error(`unknown setting \`${key}\`; there are ${Object.keys(defaults).join(", ")}`);
  }
  const config = { ...defaults, ...given, edge: { ...defaults.edge, ...given.edge } };
  if (config.origin) {
    const { dir } = config.origin;
    if (!dir) throw new Error("`origin.dir` is missing");
    config.origin = { vars: {}, assetsDir: null, migrationsDir: path.join(dir, "migrations"), seed: false, ...config.origin };
  }
  if (config.spotify) {
    if (!config.origin) throw new Error("`spotify` is for the demo's `origin`, and there is none");
    config.spotify = { port: 0, ...config.spotify };
  }
  for (const dir of [config.edge.dir, config.origin?.dir].filter(Boolean)) {
    if (!existsSync(path.join(dir, "index.js"))) throw new Error(`${dir} holds no bundle; run \`cargo xtask build\``);
  }
  config.persist &&= path.resolve(config.persist);
  /** Only the control server may talk to the harness inside the Workers. */
  config.token = randomUUID();
  config.edges = [];
  for (let colo = 0; colo < config.colos; colo++) {
    for (let isolate = 0; isolate < config.edge.isolates; isolate++) config.edges.push({ colo, isolate });
  }
  if (config.port !== 0) await ensureFree(config.host, config.port);
  return config;
}

/** workerd's own message for a port that is taken names no port. */
function ensureFree(host, port) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error) => reject(new Error(`port ${port} on ${host} cannot be used (${error.code})`)));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}
