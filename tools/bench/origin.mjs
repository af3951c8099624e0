// The origin of the benchmarks: small bodies, files of any size with ranges, and a count of what it gave.
//
//   node origin.mjs LENGTH        how long a small body is, in bytes
//
//   /api/files/:category/:id-:bytes   a file of so many bytes (RFC 9110 §14: single ranges), with a strong ETag
//   /images/slow.webp                 LENGTH bytes, after 300 ms
//   anything else                     LENGTH bytes
//
// Prints one line of JSON when it listens: {"url", "controlUrl"}. The control server answers
//   GET  /given               {"requests", "bytes"}: what the origin gave, bodies only, in bytes
//   POST /given               the same, and begins to count again
//   POST /down, POST /up      whether it listens at all
// Ends when stdin closes.

import { createServer } from "node:http";
import { Readable } from "node:stream";

const HOST = "127.0.0.1";
/** The pattern of a file repeats itself after this many bytes: a prime, so that no slice is like another. */
const PERIOD = 1_048_573;
const FILE = /^\/api\/files\/[^/]+\/[^/]*-(\d+)$/;

const small = Buffer.alloc(Number(process.argv[2] ?? 2048), "x");
const pattern = Buffer.alloc(PERIOD, Uint8Array.from({ length: 251 }, (_, i) => i));
let requests = 0;
let bytes = 0;

/** The bytes from `first` to `last` of a file. */
function* content(first, last) {
  for (let at = first; at <= last; ) {
    const from = at % PERIOD;
    const part = pattern.subarray(from, Math.min(PERIOD, from + last - at + 1));
    yield part;
    at += part.length;
  }
}

function serveFile(request, response, size) {
  const fields = { "Content-Type": "video/mp4", "Accept-Ranges": "bytes", ETag: `"size-${size}"` };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (range && Number(range[1]) >= size) {
    response.writeHead(416, { ...fields, "Content-Range": `bytes */${size}` }).end();
    return;
  }
  const first = range ? Number(range[1]) : 0;
  const last = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
  if (range) fields["Content-Range"] = `bytes ${first}-${last}/${size}`;
  response.writeHead(range ? 206 : 200, { ...fields, "Content-Length": last - first + 1 });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  const body = Readable.from(content(first, last), { objectMode: false });
  body.on("data", (chunk) => (bytes += chunk.length));
  body.pipe(response);
  response.on("close", () => body.destroy());
}

const origin = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  requests++;
  const file = FILE.exec(request.url);
  if (file) return serveFile(request, response, Number(file[1]));
  bytes += small.length;
  const fields = { "Content-Type": "image/webp", "Content-Length": small.length, ETag: '"small"' };
  const answer = () => response.writeHead(200, fields).end(small);
  if (request.url === "/images/slow.webp") setTimeout(answer, 300);
  else answer();
});

const listen = (server, port) => new Promise((resolve) => server.listen(port, HOST, resolve));
const url = (server) => `http://${HOST}:${server.address().port}`;

await listen(origin, 0);
const { port } = origin.address();

const routes = {
  "GET /given": () => {},
  "POST /given": () => ((requests = 0), (bytes = 0)),
  "POST /down": () => {
    origin.closeAllConnections();
    return new Promise((resolve) => origin.close(resolve));
  },
  "POST /up": () => listen(origin, port),
};
const control = createServer(async (request, response) => {
  const given = { requests, bytes };
  await routes[`${request.method} ${request.url}`]?.();
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(given));
});
await listen(control, 0);
console.log(JSON.stringify({ url: url(origin), controlUrl: url(control) }));
process.stdin.on("end", () => process.exit(0)).resume();
