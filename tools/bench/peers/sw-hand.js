// The peer of the Service Worker's benchmark: cache first, written by hand, with what one would not leave out.

const CACHE = "hand-v1";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function slice(request, stored) {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range")) ?? [];
  if (first === undefined) return stored;
  const blob = await stored.blob();
  const end = last ? Math.min(+last, blob.size - 1) : blob.size - 1;
  const headers = new Headers(stored.headers);
  headers.set("content-range", `bytes ${first}-${end}/${blob.size}`);
  headers.set("content-length", end - first + 1);
  return new Response(blob.slice(+first, end + 1), { status: 206, headers });
}

async function answer(event) {
  const { request } = event;
  const cache = await caches.open(CACHE);
  const stored = await cache.match(request);
  if (stored) return request.headers.has("range") ? slice(request, stored) : stored;
  const fetched = await fetch(request);
  if (fetched.status === 200) event.waitUntil(cache.put(request, fetched.clone()));
  return fetched;
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "GET" && url.origin === location.origin && url.pathname.startsWith("/api/files/")) {
    event.respondWith(answer(event));
  }
});
