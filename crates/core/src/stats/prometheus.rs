//! The text format of Prometheus (version 0.0.4).

use super::{Counts, push};
use crate::tally::{COUNTERS, Counter};
use crate::text;

/// The metrics: name, kind, and what is said of it.
const METRICS: [[&str; 3]; 5] = [
    ["requests_total", "counter", "Requests answered."],
    ["refreshes_total", "counter", "Questions to the origin behind an answer."],
    ["response_bytes_total", "counter", "Bytes sent, where their number was known."],
    ["kept_entries", "gauge", "Entries stored and not removed: an upper bound."],
    ["kept_bytes", "gauge", "Bytes of these."],
];

/// All that is counted, since the moment `since` (milliseconds since the Unix epoch).
pub(super) fn write(since: u64, classes: &[(String, Counts)]) -> String {
    let mut out = String::new();
    for (at, [name, kind, help]) in METRICS.into_iter().enumerate() {
        push(&mut out, &["# HELP tiercel_", name, " ", help, "\n# TYPE tiercel_", name, " ", kind, "\n"]);
        for (class, counts) in classes {
            if at > 2 {
                let (entries, bytes) = counts.kept();
                line(&mut out, name, class, None, if at == 3 { entries } else { bytes });
                continue;
            }
            for (place, (counter, (count, bytes))) in COUNTERS.split('\n').zip(counts.0).enumerate() {
                let is_behind = place >= Counter::Refreshed as usize;
                if is_behind == (at == 1) && place < Counter::Put as usize {
                    line(&mut out, name, class, Some(counter), if at == 2 { bytes } else { count });
                }
            }
        }
    }
    let since = text![since / 1000, "\n"];
    let what = "counting_since_seconds";
    push(
        &mut out,
        &["# HELP tiercel_", what, " Unix time.\n# TYPE tiercel_", what, " gauge\ntiercel_", what, " ", &since],
    );
    out
}

fn line(out: &mut String, name: &str, class: &str, counter: Option<&str>, value: u64) {
    push(out, &["tiercel_", name, "{class=\""]);
    for letter in class.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\\' | '"' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    if let Some((tier, outcome)) = counter.and_then(|counter| text::split_once(counter, "\t")) {
        push(out, &["\",tier=\"", tier, "\",outcome=\"", outcome]);
    }
    push(out, &["\"} ", &text![value], "\n"]);
}
