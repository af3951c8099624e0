//! What was counted, for operators: over windows of time, as rates, and what follows from them.
//!
//! The tier's object adds up what the isolates tell and gives sums, a line for each; here they are read and written down.
//! A rate is of the requests that a stored answer could have been for: neither what was passed on nor what was refused.

mod advice;
mod prometheus;

use crate::policy::Policy;
use crate::tally::{COUNTERS, Counter, HOW_MANY};
use crate::text;

/// The windows: the span of the counts that one is the sum of, in milliseconds, and its name. Zero is all time.
const WINDOWS: [(&str, &str); 3] = [("60000", "hour"), ("3600000", "day"), ("0", "all")];
/// The place of the day among them, and of all time.
const DAY: usize = 1;
const ALL: usize = 2;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// When counting began, and when this was read, in milliseconds since the Unix epoch.
    since: u64,
    now: u64,
    /// For each of [`WINDOWS`], the classes in order of their names.
    windows: [Vec<(String, Counts)>; 3],
}

/// How often each of [`COUNTERS`] was counted, and with how many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts([(u64, u64); HOW_MANY]);

/// Some of [`COUNTERS`], a bit each.
type Set = u32;

const HITS: Set = of(&[Counter::MemoryHit, Counter::StoreHit]);
const STALE: Set = of(&[Counter::MemoryStale, Counter::StoreStale, Counter::OriginStale]);
const FALLBACK: Set = of(&[Counter::MemoryFallback, Counter::StoreFallback, Counter::OriginFallback]);
const MISSES: Set = of(&[Counter::Miss, Counter::Expired, Counter::Validated, Counter::Purged]);
const ERRORS: Set = of(&[Counter::Error]);
const BYPASS: Set = of(&[Counter::Bypass]);
const REFUSED: Set = of(&[Counter::Refused]);
const REFRESHES: Set = of(&[Counter::Refreshed, Counter::RefreshValidated, Counter::RefreshFailed]);
/// Those that a stored answer could have been for.
const ANSWERABLE: Set = HITS | STALE | FALLBACK | MISSES | ERRORS;
const REQUESTS: Set = ANSWERABLE | BYPASS | REFUSED;

const NUMBERS: [(&str, Set); 9] = [
    ("requests", REQUESTS),
    ("hits", HITS),
    ("misses", MISSES),
    ("stale", STALE),
    ("fallback", FALLBACK),
    ("errors", ERRORS),
    ("bypass", BYPASS),
    ("refused", REFUSED),
    ("refreshes", REFRESHES),
];
const RATES: [(&str, Set); 5] =
    [("hit", HITS), ("miss", MISSES), ("stale", STALE), ("fallback", FALLBACK), ("error", ERRORS)];

const fn of(counters: &[Counter]) -> Set {
    let (mut set, mut at) = (0, 0);
    while at < counters.len() {
        set |= 1 << counters[at] as u32;
        at += 1;
    }
    set
}

impl Stats {
    /// Reads what the object says: a line with the two moments, and a line of tabs for each sum: span, class, tier, outcome,
    /// count and bytes. `None` when it is not that. What another release counted otherwise is left out.
    #[must_use]
    pub fn read(said: &str) -> Option<Self> {
        let mut lines = said.split('\n');
        let (since, now) = text::split_once(lines.next()?, " ")?;
        let mut stats = Self { since: since.parse().ok()?, now: now.parse().ok()?, ..Self::default() };
        for line in lines.filter(|line| !line.is_empty()) {
            let mut cells = line.split('\t');
            let mut cell = || cells.next();
            let (span, class, tier, outcome, count, bytes) = (cell()?, cell()?, cell()?, cell()?, cell()?, cell()?);
            let window = WINDOWS.iter().position(|(known, _)| *known == span)?;
            let is_it = |known: &str| text::split_once(known, "\t") == Some((tier, outcome));
            let sum = (count.parse().ok()?, bytes.parse().ok()?);
            if let Some(counter) = COUNTERS.split('\n').position(is_it) {
                stats.windows[window].of(class).0[counter] = sum;
            }
        }
        Some(stats)
    }

    /// As JSON (docs/stats.md), with what follows from it under this policy.
    #[must_use]
    pub fn json(&self, policy: &Policy) -> String {
        let mut out = text!["{\"since\": ", self.since / 1000, ", \"now\": ", self.now / 1000, ", \"windows\": {"];
        let mut comma = "";
        for (classes, (_, name)) in self.windows.iter().zip(WINDOWS) {
            let mut total = Counts::default();
            let mut of_classes = String::new();
            for (class, counts) in classes {
                total.add(counts);
                push(&mut of_classes, &[",\n    \"", class, "\": "]);
                counts.write(&mut of_classes);
            }
            push(&mut out, &[comma, "\n  \"", name, "\": {\"total\": "]);
            total.write(&mut out);
            push(&mut out, &[", \"classes\": {", text::from(&of_classes, 1), "}}"]);
            comma = ",";
        }
        out.push_str("\n}, \"recommendations\": [");
        advice::write(&mut out, &self.windows[DAY], policy);
        out.push_str("]}\n");
        out
    }

    /// As Prometheus reads it: what was counted since the beginning.
    #[must_use]
    pub fn prometheus(&self) -> String {
        prometheus::write(self.since, &self.windows[ALL])
    }
}

/// The counts of classes, in order of their names.
trait Classes {
    /// Those of a class, which begin with nothing.
    fn of(&mut self, class: &str) -> &mut Counts;
}

impl Classes for Vec<(String, Counts)> {
    fn of(&mut self, class: &str) -> &mut Counts {
        let at = self.iter().position(|(known, _)| known.as_str() >= class).unwrap_or(self.len());
        if self.get(at).is_none_or(|(known, _)| known != class) {
            self.insert(at, (class.to_owned(), Counts::default()));
        }
        &mut self[at].1
    }
}

impl Counts {
    /// The sum of some of them.
    fn sum(&self, set: Set) -> u64 {
        let counted = |(at, (count, _)): (usize, &(u64, u64))| if set >> at & 1 == 1 { *count } else { 0 };
        self.0.iter().enumerate().map(counted).sum()
    }

    /// Entries and bytes: what was stored and not removed.
    const fn kept(&self) -> (u64, u64) {
        let (put, removed) = (self.0[Counter::Put as usize], self.0[Counter::Removed as usize]);
        (put.0.saturating_sub(removed.0), put.1.saturating_sub(removed.1))
    }

    fn add(&mut self, other: &Self) {
        for ((count, bytes), (more, more_bytes)) in self.0.iter_mut().zip(other.0) {
            *count += more;
            *bytes += more_bytes;
        }
    }

    fn write(&self, out: &mut String) {
        let mut between = "{\"";
        for (name, set) in NUMBERS {
            push(out, &[between, name, "\": ", &text![self.sum(set)]]);
            between = ", \"";
        }
        let bytes: u64 = self.0.iter().take(Counter::Refreshed as usize).map(|(_, bytes)| bytes).sum();
        push(out, &[", \"bytes\": ", &text![bytes]]);
        between = ", \"rates\": {\"";
        for (name, set) in RATES {
            push(out, &[between, name, "\": ", &rate(self.sum(set), self.sum(ANSWERABLE))]);
            between = ", \"";
        }
        let mut last = "";
        between = "}, \"tiers\": {\"";
        for (counter, (count, _)) in COUNTERS.split('\n').zip(self.0) {
            let (tier, outcome) = text::split_once(counter, "\t").unwrap_or_default();
            if tier != last {
                push(out, &[between, tier, "\": {"]);
                (last, between) = (tier, "}, \"");
            } else {
                out.push_str(", ");
            }
            push(out, &["\"", outcome, "\": ", &text![count]]);
        }
        let (entries, bytes) = self.kept();
        let kept = text!["}}, \"kept\": {\"entries\": ", entries, ", \"bytes\": ", bytes, ", \"estimate\": true}}"];
        out.push_str(&kept);
    }
}

/// `part` of `all` with four digits, such as `0.9050`; of nothing, `null`.
fn rate(part: u64, all: u64) -> String {
    let Some(share) = (part * 10_000 + all / 2).checked_div(all) else { return "null".to_owned() };
    let digits = text![10_000 + share % 10_000];
    text![share / 10_000, ".", text::from(&digits, 1)]
}

fn push(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

// Snapshots need files, which wasm has not.
#[cfg(all(test, feature = "document", not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::policy::document::read;

    /// What the object says: for each window the same sums, and moments.
    fn said(sums: &[(&str, &str, u64, u64)]) -> String {
        let mut said = "1790000000123 1790000600000\n".to_owned();
        for (span, _) in WINDOWS {
            for (class, counter, count, bytes) in sums {
                said.push_str(&format!("{span}\t{class}\t{counter}\t{count}\t{bytes}\n"));
            }
        }
        said
    }

    fn stats(sums: &[(&str, &str, u64, u64)]) -> Stats {
        Stats::read(&said(sums)).expect("sums")
    }

    fn policy() -> Policy {
        read(include_str!("../../../policies/videomi.json")).policy.expect("a policy")
    }

    /// A class after the other, and what was counted of each.
    const SUMS: [(&str, &str, u64, u64); 13] = [
        ("*", "origin\tbypass", 4, 40),
        ("*", "origin\terror", 1, 0),
        ("thumbnail", "memory\thit", 70, 7_000),
        ("thumbnail", "store\thit", 20, 2_000),
        ("thumbnail", "store\tstale", 3, 300),
        ("thumbnail", "origin\tmiss", 6, 600),
        ("thumbnail", "origin\trefused", 2, 20),
        ("thumbnail", "origin\terror", 1, 10),
        ("thumbnail", "behind\trefreshed", 2, 0),
        ("thumbnail", "behind\tvalidated", 1, 0),
        ("thumbnail", "stored\tput", 6, 600),
        ("thumbnail", "stored\tremoved", 2, 200),
        ("thumbnail", "of another\trelease", 99, 99),
    ];

    #[test]
    fn as_json() {
        let json = stats(&SUMS).json(&policy());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        let window = &value["windows"]["day"];
        assert_eq!(window["total"]["requests"], 107);
        assert_eq!(window["classes"]["thumbnail"]["rates"]["hit"], 0.9);
        assert_eq!(window["classes"]["*"]["rates"]["error"], 1.0);
        insta::assert_snapshot!(json);
    }

    #[test]
    fn nothing_is_json_too() {
        let json = stats(&[]).json(&policy());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert!(value["windows"]["all"]["total"]["rates"]["hit"].is_null(), "{json}");
    }

    #[test]
    fn as_prometheus() {
        insta::assert_snapshot!(stats(&SUMS).prometheus());
    }

    #[test]
    fn labels_are_escaped() {
        let text = stats(&[("a\"b\\c", "memory\thit", 1, 0)]).prometheus();
        assert!(text.contains(r#"tiercel_requests_total{class="a\"b\\c",tier="memory",outcome="hit"} 1"#), "{text}");
    }

    #[test]
    fn what_is_no_sum_is_nothing() {
        for said in ["", "1", "1 x\n", "1 2\n60000\ta\tmemory\thit\t1", "1 2\n7\ta\tmemory\thit\t1\t1\n", "1 2\n<html>"]
        {
            assert_eq!(Stats::read(said), None, "{said:?}");
        }
    }

    #[test]
    fn rates_have_four_digits() {
        for (part, all, expected) in [
            (0, 7, "0.0000"),
            (7, 7, "1.0000"),
            (1, 3, "0.3333"),
            (2, 3, "0.6667"),
            (1, 20_000, "0.0001"),
            (3, 2, "1.5000"),
            (0, 0, "null"),
        ] {
            assert_eq!(rate(part, all), expected, "{part} of {all}");
        }
    }

    /// What is counted of a class in a day, and what follows from it.
    #[test]
    fn recommendations() {
        type Case<'a> = (&'a str, &'a [(&'a str, u64)], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            ("thumbnail", &[("memory\thit", 900), ("origin\tmiss", 100)], &[]),
            ("thumbnail", &[("memory\thit", 90), ("origin\tmiss", 9)], &["too-little-data"]),
            ("thumbnail", &[("origin\tmiss", 100)], &["nobody-hits"]),
            ("thumbnail", &[("origin\tmiss", 99), ("memory\thit", 1)], &[]),
            ("thumbnail", &[("memory\thit", 95), ("origin\terror", 5)], &["many-errors"]),
            ("thumbnail", &[("memory\thit", 96), ("origin\terror", 4)], &[]),
            ("thumbnail", &[("memory\thit", 40), ("origin\tpurged", 60)], &["purged-more-than-read"]),
            ("thumbnail", &[("memory\thit", 60), ("origin\tpurged", 40)], &[]),
            ("thumbnail", &[("memory\thit", 80), ("origin\tvalidated", 20)], &["ttl-too-short"]),
            ("thumbnail", &[("memory\thit", 81), ("origin\tvalidated", 19)], &[]),
            ("thumbnail", &[("memory\thit", 80), ("origin\tvalidated", 9), ("origin\texpired", 11)], &[]),
            (
                "thumbnail",
                &[("store\tstale", 100), ("behind\tvalidated", 90), ("behind\trefreshed", 10)],
                &["ttl-too-short"],
            ),
            ("artists", &[("store\tfallback", 1)], &["fallback-in-use", "too-little-data"]),
            ("artists", &[("store\tfallback", 10), ("store\thit", 90)], &["fallback-in-use"]),
            // Its ttl is zero on purpose.
            ("page", &[("origin\tvalidated", 500)], &[]),
            // Not stored at the edge, or in no policy any more.
            ("sensitive", &[("origin\tmiss", 500)], &[]),
            ("of-yesterday", &[("origin\tmiss", 500)], &[]),
            ("*", &[("origin\tbypass", 500)], &[]),
        ];
        for (class, counts, expected) in cases {
            let sums: Vec<_> = counts.iter().map(|(counter, count)| (*class, *counter, *count, 0)).collect();
            let json = stats(&sums).json(&policy());
            let value: serde_json::Value =
                serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
            let found = value["recommendations"].as_array().expect("a list");
            let kinds: Vec<&str> = found.iter().filter_map(|it| it["kind"].as_str()).collect();
            assert_eq!(kinds, *expected, "{class} {counts:?}: {json}");
            assert!(found.iter().all(|it| it["class"] == **class), "{json}");
        }
    }
}
