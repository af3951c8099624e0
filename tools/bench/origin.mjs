// The origin of the benchmarks: small bodies, files of any size with ranges, and a count of what it gave.
//
//   node origin.mjs LENGTH        how long a small body is, in bytes
//
//   /api/files/:category/:id-:bytes   a file of so many bytes (RFC 9110 §14: single ranges), with a strong ETag
//   /images/slow.webp                 LENGTH bytes, after 300 ms
//   POST /api/upload                  what the demo's origin says of a new file, of one category after the other
//   POST /api/ratings/:id             what it says of a rating
//   /api/user/artists                 10,000 artists, as the demo's origin gives them; 20 for the user `user1`
//   /api/upload/user/:id              JSON like a page of 20 of them
//   anything else                     LENGTH bytes
//
// Prints one line of JSON when it listens: {"url", "controlUrl"}. The control server answers
//   GET  /given               {"requests", "bytes"}: what the origin gave, bodies only, in bytes
//   POST /given               the same, and begins to count again
//   POST /down, POST /up      whether it listens at all
//   GET  /sessions/:n         {"secret", "tokens"}: n users' tokens (RFC 7519, HS256), good until the year 2100
// Ends when stdin closes.

import { createHmac, randomUUID } from "node:crypto";
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

const CATEGORIES = ["videos", "images", "music"];
let changes = 0;

function changed(request, response) {
  const number = ++changes;
  const category = CATEGORIES[number % CATEGORIES.length];
  const file = { id: `f${number}`, name: "a file", category, contentType: "video/mp4", size: 2048, createdAt: Date.now() };
  const [status, data] = request.url === "/api/upload" ? [201, { file }] : [200, { average: 4.2, count: number }];
  const text = JSON.stringify({ success: true, data });
  const fields = { "Content-Type": "application/json", "Cache-Control": "no-store", "Content-Length": text.length };
  bytes += text.length;
  request.on("end", () => response.writeHead(status, fields).end(text)).resume();
}

/** So many artists, in no order, all about equally long. */
function artists(count) {
  const artist = (_, n) => {
    const number = String(n).padStart(5, "0");
    const rank = 1 + (n % 50);
    return {
      id: `4tZwfgrHOc3mvqYlE${number}`,
      name: `The Artist with the Number ${number}`,
      score: ((n * 7_919) % 1_000) / 10,
      image: `https://i.scdn.co/image/ab6761610000e5eb${number.padStart(24, "c0ffee")}`,
      genres: ["chamber pop", "art rock"],
      ranks: { short_term: rank, medium_term: rank, long_term: rank },
      followed: n % 2 === 0,
    };
  };
  return Array.from({ length: count }, artist);
}

const json = (data) => Buffer.from(JSON.stringify({ success: true, data }));
const long = json({ artists: artists(10_000), connected: true });
const short = json({ artists: artists(20), connected: true });
const pagination = { total: 10_000, page: 250, limit: 20, has_more: true };
const page = json({ artists: artists(20), connected: true, pagination, cached: true, cache_status: "fresh" });

/** Whose token it is. It was verified, or does not matter. */
function userOf({ headers }) {
  const payload = /^Bearer [^.]+\.([^.]+)\./.exec(headers.authorization ?? "")?.[1];
  return payload && JSON.parse(Buffer.from(payload, "base64url")).sub;
}

function serveJson(response, body) {
  bytes += body.length;
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length, ETag: '"json"' }).end(body);
}

const secret = randomUUID();
const base64url = (value) => Buffer.from(value).toString("base64url");

/** A session as the demo's origin gives it. */
function token(sub) {
  const parts = [{ alg: "HS256", typ: "JWT" }, { sub, iss: "videomi", exp: 4_102_444_800 }];
  const signed = parts.map((part) => base64url(JSON.stringify(part))).join(".");
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

const origin = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  requests++;
  if (request.method === "POST") return changed(request, response);
  const file = FILE.exec(request.url);
  if (file) return serveFile(request, response, Number(file[1]));
  if (request.url === "/api/user/artists") return serveJson(response, userOf(request) === "user1" ? short : long);
  if (request.url.startsWith("/api/upload/user/")) return serveJson(response, page);
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
  let told = { requests, bytes };
  const users = /^\/sessions\/(\d+)$/.exec(request.url);
  if (users) told = { secret, tokens: Array.from({ length: Number(users[1]) }, (_, user) => token(`user${user}`)) };
  await routes[`${request.method} ${request.url}`]?.();
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(told));
});
await listen(control, 0);
console.log(JSON.stringify({ url: url(origin), controlUrl: url(control) }));
process.stdin.on("end", () => process.exit(0)).resume();
