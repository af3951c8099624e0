// Builds the demo page with Vite, against the SDK that was just built.
//
//   node build-web.mjs PAGE_DIR SDK_DIR OUT_DIR

import path from "node:path";
import { build } from "vite";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});

const [page, sdk, out] = process.argv.slice(2);
await build({
  root: page,
  logLevel: "warn",
  resolve: {
    alias: [{ find: /^@tiercel\/sdk(?=\/|$)/, replacement: path.resolve(sdk) }],
    // The SDK lies outside the page; its hooks must use the page's React, not a second one.
    dedupe: ["react", "react-dom"],
  },
  build: { outDir: path.resolve(out), emptyOutDir: true },
});
