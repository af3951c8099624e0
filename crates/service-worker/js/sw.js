// Registers the listeners while the script is first evaluated, as Service Workers must; everything else is Rust.

import { initSync, covers, answer, message } from "./pkg/tiercel_sw.js";
import { bytes } from "tiercel:wasm";

/** "cold": not needed yet; "ready"; "broken": it crashed, and requests go to the network until the next start. */
let state = "cold";
/** What saves the requests under way when the wasm crashes. */
const rescues = new Set();

function boot() {
  if (state === "cold") {
    try {
      initSync({ module: bytes() });
      state = "ready";
    } catch (error) {
      broken(error);
    }
  }
  return state === "ready";
}

function broken(error) {
  state = "broken";
  console.error("Tiercel Service Worker: passing everything to the network.", error);
  for (const rescue of rescues) rescue();
  rescues.clear();
}

// A panic inside a future surfaces here and not at the caller, who would wait for ever.
self.addEventListener("error", ({ error }) => error instanceof WebAssembly.RuntimeError && broken(error));
self.addEventListener("unhandledrejection", ({ reason }) => reason instanceof WebAssembly.RuntimeError && broken(reason));

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (!boot() || !covers(request.method, request.url)) return;
  event.respondWith(
    new Promise((resolve, reject) => {
      const rescue = () => fetch(request).then(resolve, reject);
      rescues.add(rescue);
      const end = (settle) => (value) => {
        rescues.delete(rescue);
        settle(value);
      };
      try {
        answer(event).then(end(resolve), end(rescue));
      } catch (error) {
        broken(error);
      }
    }),
  );
});

self.addEventListener("message", (event) => {
  if (boot()) event.waitUntil(message(event));
});
