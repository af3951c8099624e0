import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { parseCacheStatus, parseList } = await load("src/cache-status.ts");
const { answerOf, verdict } = await load("src/tiers.ts");

const silent = { hit: false, fwd: null, fwdStatus: null, ttl: null, stored: false, collapsed: false, detail: null };

/** Each case: what it stands on, the field as sent, what must be read. */
const FIELDS = [
  ["absent", null, []],
  ["empty", "", []],
  ["RFC 9211 §3, a hit", "ExampleCache; hit; ttl=376", [{ ...silent, cache: "ExampleCache", hit: true, ttl: 376 }]],
  [
    "RFC 9211 §3, a stale entry revalidated",
    "ExampleCache; fwd=stale; fwd-status=304; stored",
    [{ ...silent, cache: "ExampleCache", fwd: "stale", fwdStatus: 304, stored: true }],
  ],
  ["RFC 9211 §3, collapsed", "ExampleCache; fwd=uri-miss; collapsed", [{ ...silent, cache: "ExampleCache", fwd: "uri-miss", collapsed: true }]],
  [
    "two tiers, the edge first",
    'tiercel-edge; hit; ttl=290, tiercel-sw; hit; ttl=6000; detail="fresh"',
    [
      { ...silent, cache: "tiercel-edge", hit: true, ttl: 290 },
      { ...silent, cache: "tiercel-sw", hit: true, ttl: 6000, detail: "fresh" },
    ],
  ],
  ["negative ttl and a detail token", "tiercel-edge; hit; ttl=-30; detail=swr", [{ ...silent, cache: "tiercel-edge", hit: true, ttl: -30, detail: "swr" }]],
  ["a string as name, escapes", '"A \\"cache\\""; detail="back\\\\slash, comma; semicolon"', [
    { ...silent, cache: 'A "cache"', detail: "back\\slash, comma; semicolon" },
  ]],
  ["?0 is false", "a; hit=?0", [{ ...silent, cache: "a" }]],
  ["parameters of no interest are passed over", "a; key=:aGk=:; x-y=1.5; hit", [{ ...silent, cache: "a", hit: true }]],
  ["the last of two equal parameters counts", "a; ttl=1; ttl=2", [{ ...silent, cache: "a", ttl: 2 }]],
  ["a parameter of the wrong type counts as absent", 'a; ttl="soon"; fwd=3', [{ ...silent, cache: "a" }]],
  ["no spaces at all", "a;hit;ttl=1,b;fwd=miss", [{ ...silent, cache: "a", hit: true, ttl: 1 }, { ...silent, cache: "b", fwd: "miss" }]],
  ["a trailing comma breaks the field", "a; hit,", []],
  ["an open string breaks the field", 'a; detail="open', []],
  ["an upper-case key breaks the field", "a; Hit", []],
  ["two names without a comma", "a b", []],
  ["no name", "; hit", []],
  ["binary rubbish", "\u00ff\u0000", []],
];

for (const [name, field, expected] of FIELDS) {
  test(`Cache-Status: ${name}`, () => assert.deepEqual(parseCacheStatus(field), expected));
}

test("Server-Timing has the same shape", () => {
  const [edge, db] = parseList('edge;dur=1.25;desc="from store", db;dur=12');
  assert.equal(edge.value, "edge");
  assert.equal(edge.params.get("dur"), 1.25);
  assert.equal(edge.params.get("desc"), "from store");
  assert.equal(db.params.get("dur"), 12);
});

test("a long hostile field is read in linear time", () => {
  const field = `a; detail="${"\\\\".repeat(50_000)}`;
  const start = performance.now();
  assert.deepEqual(parseCacheStatus(field), []);
  assert.ok(performance.now() - start < 500);
});

const VERDICTS = [
  ["a hit in the worker wins over the edge's", "tiercel-edge; hit; ttl=290, tiercel-sw; hit; ttl=60", ["service-worker", "hit", "fresh"]],
  ["the edge answered the worker's miss", "tiercel-edge; hit; ttl=9, tiercel-sw; fwd=uri-miss; stored", ["edge", "hit", "fresh"]],
  ["old, but answered at once", 'tiercel-edge; hit; ttl=-9; detail="stale-while-revalidate"', ["edge", "stale", "stale-while-revalidate"]],
  ["nobody had it", "tiercel-edge; fwd=uri-miss; stored, tiercel-sw; fwd=uri-miss; stored", ["origin", "miss", "uri-miss"]],
  ["confirmed by the origin", "tiercel-edge; fwd=stale; fwd-status=304", ["origin", "miss", "revalidated"]],
  ["never stored", "tiercel-edge; fwd=bypass", ["origin", "miss", "bypass"]],
  ["someone else's CDN", "ExampleCache; hit", ["edge", "hit", "fresh"]],
  ["nothing said", null, ["origin", "miss", "no-cache-involved"]],
];

for (const [name, field, expected] of VERDICTS) {
  test(`verdict: ${name}`, () => {
    const { tier, outcome, reason } = verdict(parseCacheStatus(field));
    assert.deepEqual([tier, outcome, reason], expected);
  });
}

test("an answer takes its age from Age, and nothing from a broken one", () => {
  const response = (age) => new Response(null, { headers: { Age: age, "Cache-Status": "tiercel-edge; hit" } });
  assert.equal(answerOf(response("42"), 0).age, 42);
  assert.equal(answerOf(response("-1"), 0).age, 0);
  assert.equal(answerOf(response("old"), 0).age, 0);
});
