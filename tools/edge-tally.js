// Counting, and telling what was counted. What an answer counts as is the core's (crates/core/src/tally.rs); the crate says so
// (crates/edge-worker/src/tally.rs). Here is added, and told: the counts outlive a crash of the wasm.
//
// What was counted is told in batches, each with a number. One that was not confirmed is told again as it was, under the same
// number, and whoever adds them up takes a number once.

/** How long the object may take to add a batch, in milliseconds. */
const PATIENCE_MS = 5_000;
/** Most points that one call may write to Analytics Engine. */
const MOST_POINTS = 250;

/** What the core counts; `undefined` before its first word. */
let layout;
/** By place: how often, and how many bytes. */
let counts = [];
let bytes = [];
let isNew = false;
/** Who tells. */
let isolate;
let number = 0;
/** What is being told, and not confirmed. */
let batch;
/** When that was last begun. */
let begun = 0;

/** From now on it is counted: the `counters` of each class, a line each, in the order of the classes. It is told to the object
 *  of this name, at most once in so many milliseconds. */
export function begin(classes, counters, object, interval) {
  if (layout) return;
  layout = { classes: classes.split("\n"), counters: counters.split("\n"), object, interval };
  counts = new Array(layout.classes.length * layout.counters.length).fill(0);
  bytes = [...counts];
  begun = Date.now();
}

/** One more at this place, of so many bytes. */
export function count(place, length) {
  counts[place]++;
  bytes[place] += length;
  isNew = true;
}

/** One that was answered past the core: an error of what no class covers. */
export function countPast() {
  if (layout) count((layout.classes.length - 1) * layout.counters.length + layout.counters.indexOf("origin\terror"), 0);
}

/** Tells what was counted behind the answer, if it is time. */
export function tellLater(env, ctx) {
  const now = Date.now();
  // A clock that was set back must not silence it.
  if (!(isNew || batch) || (begun <= now && now < begun + layout.interval)) return;
  begun = now;
  ctx.waitUntil(new Promise((resolve) => setTimeout(resolve)).then(() => tell(env)));
}

/** Tells everything that was counted so far: what is being told already, and the rest. */
export async function tellAll(env) {
  if (batch) await tell(env);
  if (!batch) await tell(env);
}

async function tell(env) {
  batch ??= take(env);
  if (!batch) return;
  const told = batch;
  try {
    if (env.STATS) await inTime(send(env.STATS, told.text));
    // A call that was given up may have come to its end later, and another one has begun since.
    if (batch === told) batch = undefined;
  } catch (error) {
    console.error("tiercel: what was counted was not told, and will be told again:", error);
  }
}

async function send(namespace, text) {
  const answer = await namespace.getByName(layout.object).fetch("https://statistics/", { method: "POST", body: text });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`the object answered ${answer.status}`);
}

function inTime(work) {
  let late;
  const timer = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error("no answer in time")), PATIENCE_MS);
  });
  return Promise.race([work, timer]).finally(() => clearTimeout(late));
}

/** What was counted since the last batch, which begins anew: who tells, the number, and a JSON array of rows. */
function take(env) {
  if (!isNew) return undefined;
  const rows = [];
  counts.forEach((count, place) => {
    if (count === 0) return;
    const name = layout.classes[Math.floor(place / layout.counters.length)];
    rows.push([name, ...layout.counters[place % layout.counters.length].split("\t"), count, bytes[place]]);
  });
  counts.fill(0);
  bytes.fill(0);
  isNew = false;
  // Not before there is a request: the runtime has no random numbers then.
  isolate ??= crypto.randomUUID();
  number++;
  analyse(env.TIERCEL_ANALYTICS, rows);
  return { text: `${isolate} ${number}\n${JSON.stringify(rows)}` };
}

/** The same for Analytics Engine, where it is bound. What it does not take is lost to it alone. */
function analyse(dataset, rows) {
  try {
    for (const [name, tier, outcome, count, length] of rows.slice(0, dataset ? MOST_POINTS : 0)) {
      dataset.writeDataPoint({ indexes: [name], blobs: [name, tier, outcome], doubles: [count, length] });
    }
  } catch (error) {
    console.error("tiercel: Analytics Engine took no points:", error);
  }
}
