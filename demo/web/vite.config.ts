import { defineConfig } from "vite";

const here = (path: string): string => decodeURIComponent(new URL(path, import.meta.url).pathname);

/** The page is a user of the SDK: it links the built package, never its sources. */
export default defineConfig({
  root: here("."),
  resolve: {
    alias: [{ find: /^@tiercel\/sdk(?=\/|$)/, replacement: here("../../dist/sdk") }],
    dedupe: ["react", "react-dom"],
  },
  esbuild: { jsx: "automatic" },
  build: {
    outDir: here("../../dist/demo/web"),
    emptyOutDir: true,
    target: "es2022",
    // The page's CSP allows no inline script, and every browser that runs this has modulepreload.
    modulePreload: { polyfill: false },
    // Separate files, so that each is a request of its own that the tiers can answer.
    assetsInlineLimit: 0,
  },
});
