// Workers beside the edge, in the same workerd, each on a socket of its own: what a benchmark compares the edge with.

import { readFile } from "node:fs/promises";

export function peerName(name) {
  return `peer-${name}`;
}

/** Options for every peer of the world. */
export function peerWorkers({ host, peers }) {
  return Promise.all(
    peers.map(async ({ name, file, vars }) => ({
      name: peerName(name),
      modules: [{ type: "ESModule", path: "index.js", contents: await readFile(file, "utf8") }],
      compatibilityDate: "2026-04-01",
      bindings: vars ?? {},
      unsafeDirectSockets: [{ host, port: 0 }],
    })),
  );
}
