// What workerd prints.

import { createInterface } from "node:readline";

/** Passes the Workers' own lines on to stderr, so that stdout carries nothing but results. */
export function quietly(stdout, stderr) {
  for (const stream of [stdout, stderr]) {
    createInterface({ input: stream }).on("line", (line) => process.stderr.write(`${line}\n`));
  }
}
