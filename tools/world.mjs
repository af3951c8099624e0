// A small Cloudflare on this machine: the edge Worker in workerd, and, where asked, the demo's origin with D1, R2 and
// static files. Tests and `cargo xtask dev` run it.
//
//   node world.mjs CONFIG        a file with JSON, or the JSON itself; see `defaults` in world/config.mjs
//
// Prints one line of JSON on stdout when everything answers:
//   {"ready":true, "url":…, "edges":[{"colo":0,"isolate":0,"url":…}], "controlUrl":…, "originUrl":…,
//    "spotifyUrl":…, "peers":{name: url}}
// Says everything else on stderr. Ends, and ends workerd, when stdin closes or on SIGTERM and SIGINT.

import { configure } from "./world/config.mjs";
import { openControl } from "./world/control.mjs";
import { edgeName, edgeWorkers } from "./world/edge.mjs";
import { migrate, ORIGIN, originWorker, seed } from "./world/origin.mjs";
import { openSpotify, originVars } from "../demo/spotify/server.mjs";
import { quietly } from "./world/log.mjs";
import { peerName, peerWorkers } from "./world/peers.mjs";

const closers = [];
let ending;
function end(code) {
  ending ??= (async () => {
    for (const close of closers.reverse()) await close();
    process.exit(code);
  })();
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(0));
process.stdin.on("end", () => end(0)).on("error", () => end(0)).resume();

try {
  await start(await configure(process.argv[2]));
} catch (error) {
  // A mistake in the configuration or the seed needs no stack; a bug does.
  console.error(`world: ${error.constructor === Error ? error.message : error.stack}`);
  end(1);
}

async function start(config) {
  const { Miniflare } = await import("miniflare");
  const spotify = config.spotify && (await openSpotify({ host: config.host, port: config.spotify.port }));
  if (spotify) {
    closers.push(spotify.close);
    config.origin.vars = { ...originVars(spotify.url), ...config.origin.vars };
  }
  const workers = [...(await edgeWorkers(config)), ...(await peerWorkers(config))];
  if (config.origin) workers.push(await originWorker(config));
  const miniflare = new Miniflare({
    host: config.host,
    port: 0,
    defaultPersistRoot: config.persist ?? undefined,
    cf: false,
    handleRuntimeStdio: quietly,
    workers,
  });
  closers.push(() => miniflare.dispose());
  await miniflare.ready;
  if (config.origin) {
    await migrate(miniflare, config.origin);
    if (config.origin.seed) await seed(miniflare, config.origin);
  }
  const edges = [];
  for (const { colo, isolate } of config.edges) {
    const url = await miniflare.unsafeGetDirectURL(edgeName(colo, isolate));
    edges.push({ colo, isolate, url: url.origin });
  }
  const peers = {};
  for (const { name } of config.peers) peers[name] = (await miniflare.unsafeGetDirectURL(peerName(name))).origin;
  const control = await openControl(config, miniflare, spotify);
  closers.push(control.close);
  const ready = { ready: true, url: edges[0].url, edges, controlUrl: control.url, peers };
  if (config.origin) ready.originUrl = (await miniflare.unsafeGetDirectURL(ORIGIN)).origin;
  else if (config.edge.originUrl) ready.originUrl = config.edge.originUrl;
  if (spotify) ready.spotifyUrl = spotify.url;
  console.log(JSON.stringify(ready));
}
