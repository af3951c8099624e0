// The whole demo for a browser test: edge and origin in workerd, with the demo's library.

import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { built } from "./harness.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** Starts it, with more settings of the world where wanted. */
export async function demoWorld(more = {}) {
  const vars = { JWT_SECRET: "a secret of this test, and of nothing else" };
  const config = {
    ...more,
    edge: { dir: built("edge"), vars, ...more.edge },
    origin: { dir: built("demo/origin"), assetsDir: built("demo/web"), vars, seed: true },
  };
  const child = spawn(process.execPath, ["tools/world.mjs", JSON.stringify(config)], { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const line = await Promise.race([
    new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve)),
    ended.then(() => Promise.reject(new Error("the world ended before it was ready"))),
  ]);
  const { url, edges, controlUrl, spotifyUrl } = JSON.parse(line);
  const control = async (method, what, body) =>
    (await fetch(`${controlUrl}/${what}`, { method, body: body && JSON.stringify(body) })).json();
  return {
    url,
    spotifyUrl,
    /** Every isolate of the edge: { colo, isolate, url }. */
    edges,
    control,
    /** What reached the origin since the last call: `GET /api/stats`. */
    async atOrigin() {
      const { requests } = await control("GET", "origin-requests");
      await control("POST", "reset");
      return requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`);
    },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
