// The Durable Object that adds up what all isolates have counted. It is told by edge-tally.js, in batches that have a number, of
// which each is added once; what it says is read by crates/core/src/stats.rs. There is nothing to decide here, and so no wasm.

import { DurableObject } from "cloudflare:workers";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
/** An isolate that has told nothing for so long is none any more, in milliseconds. */
const GONE = 7 * DAY;

/** Counts by the span that they are of, in milliseconds, and its beginning: every minute of an hour, every hour of a day, and
 *  all time (zero). `told` is the last batch of each isolate. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS counts (span INTEGER, at INTEGER, class TEXT, tier TEXT, outcome TEXT, count INTEGER,
    bytes INTEGER, PRIMARY KEY (span, at, class, tier, outcome)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS told (isolate TEXT PRIMARY KEY, number INTEGER, at INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS begun (at INTEGER);
  INSERT INTO begun SELECT ? WHERE NOT EXISTS (SELECT 1 FROM begun)`;
/** Of the rows of a batch, each is added to its minute, its hour and to all time. */
const ADD = `
  INSERT INTO counts
  SELECT column1, column2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
  FROM json_each(?), (VALUES (${MINUTE}, ?), (${HOUR}, ?), (0, 0)) WHERE true
  ON CONFLICT DO UPDATE SET count = count + excluded.count, bytes = bytes + excluded.bytes`;
const SUMS = `
  SELECT span, class, tier, outcome, sum(count), sum(bytes) FROM counts
  WHERE span = 0 OR (span = ${MINUTE} AND at > ?) OR (span = ${HOUR} AND at > ?)
  GROUP BY span, class, tier, outcome`;

export class Statistics extends DurableObject {
  #sql;

  constructor(state, env) {
    super(state, env);
    this.#sql = state.storage.sql;
    this.#sql.exec(TABLES, Date.now());
  }

  /** Adds the batch in the body, if there is one, and says the sums: the moments of the beginning and of now, and a line of
   *  tabs for each. */
  async fetch(request) {
    const [batch, rows] = (await request.text()).split("\n");
    const now = Date.now();
    // Nothing is waited for from here on, so that all of it happens or nothing.
    if (batch) this.#add(...batch.split(" "), rows, now);
    const sums = [...this.#sql.exec(SUMS, now - HOUR, now - DAY).raw()].map((sum) => `${sum.join("\t")}\n`);
    const { at } = this.#sql.exec("SELECT at FROM begun").one();
    return new Response(`${at} ${now}\n${sums.join("")}`);
  }

  #add(isolate, number, rows, now) {
    const [told] = this.#sql.exec("SELECT number FROM told WHERE isolate = ?", isolate);
    if (told && told.number >= Number(number)) return;
    this.#sql.exec(ADD, rows, now - (now % MINUTE), now - (now % HOUR));
    this.#sql.exec("INSERT OR REPLACE INTO told VALUES (?, ?, ?)", isolate, Number(number), now);
    // What no window holds any more.
    this.#sql.exec(`DELETE FROM counts WHERE span = ${MINUTE} AND at <= ?`, now - HOUR);
    this.#sql.exec(`DELETE FROM counts WHERE span = ${HOUR} AND at <= ?`, now - DAY);
    this.#sql.exec("DELETE FROM told WHERE at < ?", now - GONE);
  }
}
