// The same with Workbox, as its documentation puts it together.

import { CacheableResponsePlugin } from "workbox-cacheable-response";
import { ExpirationPlugin } from "workbox-expiration";
import { RangeRequestsPlugin } from "workbox-range-requests";
import { registerRoute } from "workbox-routing";
import { CacheFirst } from "workbox-strategies";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const DAY = 86_400;

registerRoute(
  ({ url }) => url.origin === location.origin && /^\/api\/files\/[^/]+\/[^/]+\/thumbnail$/.test(url.pathname),
  new CacheFirst({
    cacheName: "thumbnails",
    plugins: [
      new CacheableResponsePlugin({ statuses: [200] }),
      new ExpirationPlugin({ maxEntries: 2_000, maxAgeSeconds: 7 * DAY }),
    ],
  }),
);
registerRoute(
  ({ url }) => url.origin === location.origin && /^\/api\/files\/[^/]+\/[^/]+$/.test(url.pathname),
  new CacheFirst({
    cacheName: "media",
    plugins: [
      new CacheableResponsePlugin({ statuses: [200] }),
      new RangeRequestsPlugin(),
      new ExpirationPlugin({ maxEntries: 100, maxAgeSeconds: 30 * DAY }),
    ],
  }),
);
