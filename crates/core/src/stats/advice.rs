//! What a day's counts say of a policy: few findings, each with the figures it rests on and the field of the class to look at.
//! What each kind means, and what to do, is in docs/stats.md.

use super::{ANSWERABLE, Counts, ERRORS, FALLBACK, HITS, REFRESHES, STALE, of, push, rate};
use crate::policy::{Policy, ResourceClass};
use crate::tally::Counter;
use crate::text;
use crate::time::DeltaSeconds;

/// Requests for a class, in a day, below which nothing is said of it.
const ENOUGH: u64 = 100;

const PURGED: u32 = of(&[Counter::Purged]);
const UNCHANGED: u32 = of(&[Counter::Validated, Counter::RefreshValidated]);
const ASKED: u32 = UNCHANGED | of(&[Counter::Expired, Counter::Refreshed]);

/// A finding: its kind, the field, and two figures with their names, of which the first is a part of the second or stands
/// against it.
type Advice = (&'static str, &'static str, [(&'static str, u32); 2]);

/// Writes the findings as objects of JSON. Of a class of which there is too little, that is the finding.
pub(super) fn write(out: &mut String, classes: &[(String, Counts)], policy: &Policy) {
    let mut comma = "\n  {\"class\": \"";
    for (name, counts) in classes {
        let Some(class) = policy.class(name).filter(|class| class.edge.is_some()) else { continue };
        for (kind, field, figures) in of_class(class, counts).into_iter().flatten() {
            let [(part, first), (whole, second)] = figures;
            let (first, second) = (counts.sum(first), counts.sum(second));
            push(out, &[comma, name, "\", \"kind\": \"", kind, "\", \"field\": \"classes.", name, field, "\", \""]);
            push(out, &[part, "\": ", &text![first], ", \"", whole, "\": ", &text![second]]);
            push(out, &[", \"ratio\": ", &rate(first, second), "}"]);
            comma = ",\n  {\"class\": \"";
        }
    }
}

/// What is found of a class.
fn of_class(class: &ResourceClass, counts: &Counts) -> [Option<Advice>; 3] {
    let requests = ("requests", ANSWERABLE);
    let (all, hits) = (counts.sum(ANSWERABLE), counts.sum(HITS));
    let is_fallback = counts.sum(FALLBACK) > 0;
    let fallback: Option<Advice> = is_fallback.then_some(("fallback-in-use", "", [("fallback", FALLBACK), requests]));
    if all < ENOUGH {
        return [fallback, Some(("too-little-data", "", [requests, requests])), None];
    }
    let is_failing = counts.sum(ERRORS) * 20 >= all;
    let failing = is_failing.then_some(("many-errors", ".edge.stale-if-error", [("errors", ERRORS), requests]));
    // Where the origin rules, it sets the ttl.
    let has_ttl = class.edge.is_some_and(|lifetimes| lifetimes.ttl > DeltaSeconds::ZERO);
    let (purged, asked) = (counts.sum(PURGED), counts.sum(ASKED));
    let stored: Option<Advice> = if purged > hits + counts.sum(STALE) {
        Some(("purged-more-than-read", ".tags", [("purged", PURGED), ("hits", HITS)]))
    } else if has_ttl && asked * 5 >= all && counts.sum(UNCHANGED) * 2 >= asked {
        Some(("ttl-too-short", ".edge.ttl", [("unchanged", UNCHANGED), ("asked", ASKED)]))
    } else if (has_ttl || class.authority.is_origin()) && (hits + counts.sum(STALE | FALLBACK | REFRESHES)) * 100 < all
    {
        Some(("nobody-hits", ".key", [("hits", HITS), requests]))
    } else {
        None
    };
    [fallback, failing, stored]
}
