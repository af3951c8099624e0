// The edge: one Worker per isolate and data centre, all with the same Durable Objects.

import { ORIGIN } from "./origin.mjs";
import { bundle } from "./worker.mjs";

/** Binding → class of the edge's Durable Objects. */
const DURABLE_OBJECTS = { EPOCHS: "TagEpochs", STATS: "Statistics" };

const FIRST = edgeName(0, 0);

export function edgeName(colo, isolate) {
  return `edge-${colo}-${isolate}`;
}

/** Options for every edge Worker of the world. */
export function edgeWorkers(config) {
  return Promise.all(config.edges.map((place) => edgeWorker(config, place)));
}

async function edgeWorker(config, { colo, isolate }) {
  const { dir, vars, originUrl, bound } = config.edge;
  const name = edgeName(colo, isolate);
  const isOneOfMany = config.edges.length > 1;
  const needsHarness = config.clock || isOneOfMany;
  const harness = needsHarness && {
    token: config.token,
    // Miniflare keeps one default cache for all Workers; a data centre has its own.
    cache: config.colos > 1 ? `colo-${colo}` : null,
    moments: config.clock === "requests",
    // Each listens on a port of its own, yet all of them are one site.
    site: isOneOfMany ? "tiercel.test" : null,
  };
  const allVars = { ...vars };
  // The template's ORIGIN_URL is an example; where there is a service binding there must be no URL.
  if (originUrl && !bound) allVars.ORIGIN_URL = originUrl;
  return {
    ...(await bundle(dir, { name, vars: allVars, harness })),
    durableObjects: Object.fromEntries(
      Object.entries(DURABLE_OBJECTS).map(([binding, className]) => [
        binding,
        { className, useSQLite: true, ...(name !== FIRST && { scriptName: FIRST }) },
      ]),
    ),
    serviceBindings: {
      ...(config.origin && { ORIGIN }),
      ...(bound && { [ORIGIN]: { external: { address: new URL(originUrl).host, http: {} } } }),
    },
    unsafeDirectSockets: [{ host: config.host, port: name === FIRST ? config.port : 0 }],
  };
}
