// The control server: how a test looks into the world and turns its screws. Listens on a port of its own, so that no
// path of the product is taken.
//
//   GET  /origin-requests                      {"requests": [{"method", "url"}]} that reached the demo's origin
//   POST /reset                                forgets them
//   POST /clock     {"advance_seconds": n}     or {"set_ms": n}, or {"stop": true}: it moves only when told; answers {"now_ms"}
//   POST /origin    {"down": "error" | "503" | false}
//   GET  /memory                               {"wasm_bytes": [n]}, one for each isolate of the edge
//   POST /sabotage  {"edge": 0, "faults": {"store": …, "epochs": …, "wasm": …}}   faults of one edge, by its place in the
//                   list; see sabotage.js; false for none
//   POST /kept                                 {"kept": [{"url", "body"}]} of what the first edge has put into its store since
//                                              the last call; the first call begins to watch
//   POST /scheduled {"cron": "0 * * * *"}      runs the edge's scheduled handler; answers {"outcome"}

import { createServer } from "node:http";
import { edgeName } from "./edge.mjs";
import { ORIGIN } from "./origin.mjs";

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function openControl(config, miniflare, spotify) {
  const edges = config.edges.map(({ colo, isolate }) => edgeName(colo, isolate));
  let offsetMs = 0;
  let stoppedAt = null;

  async function tell(name, message) {
    const worker = await miniflare.getWorker(name);
    const response = await worker.fetch("http://harness/", {
      method: "POST",
      headers: { "tiercel-harness": config.token },
      body: JSON.stringify(message),
    });
    return response.json();
  }

  function tellOrigin(message) {
    if (!config.origin) throw new Refusal(404, "this world has no demo origin; its origin belongs to the test");
    return tell(ORIGIN, message);
  }

  const routes = {
    "GET /origin-requests": async () => ({ requests: (await tellOrigin({})).requests }),
    "POST /reset": () => tellOrigin({ reset: true }),
    "POST /clock": async ({ advance_seconds, set_ms, stop }) => {
      if (!config.clock) throw new Refusal(404, "this world was started without `clock`");
      if (Number.isFinite(set_ms)) offsetMs = set_ms - (stoppedAt ?? Date.now());
      else if (Number.isFinite(advance_seconds)) offsetMs += advance_seconds * 1000;
      else if (typeof stop === "boolean") stoppedAt = stop ? Date.now() : null;
      else throw new Refusal(400, "say advance_seconds, set_ms or stop");
      const clocks = config.origin ? [...edges, ORIGIN] : edges;
      const [first] = await Promise.all(clocks.map((name) => tell(name, { offset_ms: offsetMs, stopped_at: stoppedAt })));
      if (spotify) spotify.control.offsetMs = first.now_ms - Date.now();
      return { now_ms: first.now_ms };
    },
    "POST /origin": ({ down }) => {
      if (![false, "error", "503"].includes(down)) throw new Refusal(400, 'down is false, "error" or "503"');
      return tellOrigin({ down });
    },
    "GET /memory": async () => {
      if (!config.clock) throw new Refusal(404, "this world was started without `clock`");
      const told = await Promise.all(edges.map((name) => tell(name, {})));
      return { wasm_bytes: told.map(({ wasm_bytes }) => wasm_bytes) };
    },
    "POST /sabotage": async ({ edge, faults }) => {
      if (!(edge in edges)) throw new Refusal(400, `there is no edge ${edge}`);
      const said = await tell(edges[edge], { sabotage: faults });
      if (said.error) throw new Refusal(400, said.error);
      return said;
    },
    "POST /kept": () => tell(edges[0], { kept: true }),
    "POST /scheduled": async ({ cron }) => {
      const worker = await miniflare.getWorker(edges[0]);
      return worker.scheduled({ cron });
    },
  };

  const server = createServer(async (request, response) => {
    const reply = (status, body) => {
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    };
    try {
      const route = routes[`${request.method} ${request.url}`];
      if (!route) throw new Refusal(404, `no such route; there are ${Object.keys(routes).join(", ")}`);
      const text = Buffer.concat(await request.toArray()).toString();
      reply(200, await route(text ? JSON.parse(text) : {}));
    } catch (error) {
      reply(error.status ?? 500, { error: error.message });
    }
  });
  await new Promise((resolve) => server.listen(0, config.host, resolve));
  return {
    url: `http://${config.host}:${server.address().port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
