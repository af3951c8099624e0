//! What an answer counts as. A tier counts, which is one addition; what is counted is decided here.
//!
//! Every answered request counts once, for its class, by where its answer came from and how good it was. What goes on behind
//! an answer counts for itself.

use crate::exchange::{Body, Conclusion, Delivery, Served};
use crate::field::cache_status::{CacheStatus, Forward};
use crate::field::server_timing::{Phase, ServerTiming};
use crate::time::DeltaSeconds;

/// How long an isolate counts before it tells, in seconds. So much is lost with it at most.
pub const INTERVAL: DeltaSeconds = DeltaSeconds::new(10);
/// The name of what no class covers. No class can have it.
pub const NO_CLASS: &str = "*";

/// What is counted: tier and outcome, a line each, with a tab between. Those of one tier stand together.
pub const COUNTERS: &str = "memory\thit\nmemory\tstale\nmemory\tfallback\nstore\thit\nstore\tstale\nstore\tfallback\n\
    origin\tstale\norigin\tfallback\norigin\tmiss\norigin\texpired\norigin\tvalidated\norigin\tpurged\norigin\terror\n\
    origin\tbypass\norigin\trefused\nbehind\trefreshed\nbehind\tvalidated\nbehind\tfailed\nstored\tput\nstored\tremoved";
/// How many these are.
pub const HOW_MANY: usize = Counter::Removed as usize + 1;

/// One of [`COUNTERS`], by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Fresh, from memory.
    MemoryHit,
    /// Stale, from memory.
    MemoryStale,
    /// From memory, because the origin may not answer for this user any more.
    MemoryFallback,
    /// Fresh, from the store.
    StoreHit,
    /// Stale, from the store.
    StoreStale,
    /// From the store, because the origin may not answer for this user any more.
    StoreFallback,
    /// Stored and stale, because the origin failed when it was asked.
    OriginStale,
    /// Stored, because the origin said when it was asked that it may not answer for this user any more.
    OriginFallback,
    /// Nothing was stored, or nothing that can be trusted.
    Miss,
    /// What was stored was stale, and has changed.
    Expired,
    /// What was stored was stale, and is still good (304).
    Validated,
    /// What was stored had been purged.
    Purged,
    /// The origin failed, and nothing stored could stand in.
    Error,
    /// Passed on, not looked up.
    Bypass,
    /// Refused, or answered by the cache itself, without asking.
    Refused,
    /// What was refreshed behind a stale answer had changed.
    Refreshed,
    /// It had not (304).
    RefreshValidated,
    /// The origin failed.
    RefreshFailed,
    /// An entry was stored under a key that had none.
    Put,
    /// An entry was removed.
    Removed,
}

impl Counter {
    /// What an answer counts as, with the phases that it took.
    #[must_use]
    pub fn of(delivery: &Delivery, timing: &ServerTiming) -> Self {
        let Delivery { head, status, served, .. } = delivery;
        let CacheStatus { hit, fwd, fwd_status, collapsed, detail, .. } = status;
        let is_error = head.status >= 500;
        match (served, fwd) {
            // Where nothing went forward, the word is the cache's own.
            (Served::Failed, Some(_)) if is_error => Self::Error,
            (Served::Failed, _) => Self::Refused,
            // Who waited for another request has asked nobody.
            _ if *hit || *collapsed => Self::found(*served, timing.has(Phase::Store)),
            (Served::Stale | Served::Offline, _) => Self::OriginStale,
            (Served::Fallback(_), _) => Self::OriginFallback,
            _ if is_error => Self::Error,
            // A user's entry that cannot be trusted was looked for all the same.
            (_, Some(Forward::Bypass | Forward::Method)) if *detail != Some("epochs-unreadable") => Self::Bypass,
            _ if matches!(detail, Some("purged" | "soft-purged" | "written-since")) => Self::Purged,
            _ if *fwd_status == Some(304) => Self::Validated,
            (_, Some(Forward::Stale)) => Self::Expired,
            _ => Self::Miss,
        }
    }

    /// What a refresh behind an answer counts as.
    #[must_use]
    pub fn behind(conclusion: &Conclusion) -> Self {
        let Delivery { head, status, served, .. } = &conclusion.delivery;
        match status.fwd_status {
            _ if *served != Served::Fresh || head.status >= 500 => Self::RefreshFailed,
            Some(304) => Self::RefreshValidated,
            _ => Self::Refreshed,
        }
    }

    /// Its place among all that is counted, of which those of the class at `class` follow one another. `None` is what no
    /// class covers, behind the last of `classes`.
    #[must_use]
    pub fn index(self, class: Option<u16>, classes: usize) -> u32 {
        let class = class.map_or(classes, usize::from);
        (class * HOW_MANY + self as usize) as u32
    }

    /// From memory or the store.
    const fn found(served: Served, is_stored: bool) -> Self {
        match (served, is_stored) {
            (Served::Fresh | Served::Failed, false) => Self::MemoryHit,
            (Served::Fresh | Served::Failed, true) => Self::StoreHit,
            (Served::Stale | Served::Offline, false) => Self::MemoryStale,
            (Served::Stale | Served::Offline, true) => Self::StoreStale,
            (Served::Fallback(_), false) => Self::MemoryFallback,
            (Served::Fallback(_), true) => Self::StoreFallback,
        }
    }
}

/// How long the body of an answer is, in bytes, where its head says so.
#[must_use]
pub fn bytes(delivery: &Delivery) -> u64 {
    match &delivery.body {
        Body::Empty => 0,
        Body::Text(text) => text.len() as u64,
        _ => delivery.head.fields.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Fields;
    use crate::head::ResponseHead;
    use crate::time::Timestamp;

    fn delivery(code: u16, status: CacheStatus, served: Served) -> Delivery {
        let head = ResponseHead { status: code, fields: Fields::new() };
        Delivery { head, body: Body::Empty, status, served, class: None, is_repeatable: false, same_until: None }
    }

    fn timing(phases: &[Phase]) -> ServerTiming {
        let mut timing = ServerTiming::default();
        phases.iter().for_each(|phase| timing.ended(*phase, Timestamp::default(), Timestamp::default()));
        timing
    }

    #[test]
    fn every_counter_has_its_line() {
        let lines: Vec<&str> = COUNTERS.split('\n').collect();
        assert_eq!(lines.len(), HOW_MANY);
        for (counter, line) in [
            (Counter::MemoryHit, "memory\thit"),
            (Counter::StoreFallback, "store\tfallback"),
            (Counter::OriginStale, "origin\tstale"),
            (Counter::Error, "origin\terror"),
            (Counter::Refreshed, "behind\trefreshed"),
            (Counter::RefreshFailed, "behind\tfailed"),
            (Counter::Removed, "stored\tremoved"),
        ] {
            assert_eq!(lines[counter as usize], line, "{counter:?}");
        }
        assert_eq!(Counter::MemoryHit.index(Some(0), 3), 0);
        assert_eq!(Counter::Miss.index(Some(2), 3), 2 * HOW_MANY as u32 + Counter::Miss as u32);
        assert_eq!(Counter::Bypass.index(None, 3), 3 * HOW_MANY as u32 + Counter::Bypass as u32);
    }

    #[test]
    fn an_answer_counts_once() {
        let (memory, store) = (timing(&[Phase::Memory]), timing(&[Phase::Store, Phase::Epochs]));
        let asked = timing(&[Phase::Store, Phase::Origin]);
        let forward = CacheStatus::forward;
        let collapsed = CacheStatus { collapsed: true, ..forward(Forward::UriMiss) };
        let validated = CacheStatus { fwd_status: Some(304), ..forward(Forward::Stale) };
        let stale = CacheStatus::hit(-1).because("stale-while-revalidate");
        let cases = [
            (200, CacheStatus::hit(9), Served::Fresh, &memory, Counter::MemoryHit),
            (304, CacheStatus::hit(9), Served::Fresh, &memory, Counter::MemoryHit),
            (200, CacheStatus::hit(9), Served::Fresh, &store, Counter::StoreHit),
            (200, stale.clone(), Served::Stale, &memory, Counter::MemoryStale),
            (200, stale, Served::Stale, &store, Counter::StoreStale),
            (200, CacheStatus::hit(-9), Served::Fallback(0), &memory, Counter::MemoryFallback),
            (200, CacheStatus::hit(-9), Served::Fallback(0), &store, Counter::StoreFallback),
            (200, forward(Forward::Stale), Served::Fallback(1), &asked, Counter::OriginFallback),
            // A stored error is stored.
            (500, CacheStatus::hit(9), Served::Fresh, &store, Counter::StoreHit),
            (200, collapsed, Served::Fresh, &store, Counter::StoreHit),
            (200, forward(Forward::Stale).because("stale-if-error"), Served::Stale, &asked, Counter::OriginStale),
            (200, forward(Forward::UriMiss), Served::Fresh, &asked, Counter::Miss),
            (200, forward(Forward::VaryMiss), Served::Fresh, &asked, Counter::Miss),
            (206, forward(Forward::Partial), Served::Fresh, &asked, Counter::Miss),
            (404, forward(Forward::UriMiss), Served::Fresh, &asked, Counter::Miss),
            (200, forward(Forward::Stale), Served::Fresh, &asked, Counter::Expired),
            (200, validated.clone(), Served::Fresh, &asked, Counter::Validated),
            (200, forward(Forward::UriMiss).because("purged"), Served::Fresh, &asked, Counter::Purged),
            (200, validated.because("soft-purged"), Served::Fresh, &asked, Counter::Purged),
            (503, forward(Forward::UriMiss), Served::Fresh, &asked, Counter::Error),
            (502, forward(Forward::Stale).because("network-failure"), Served::Failed, &asked, Counter::Error),
            (504, forward(Forward::UriMiss).because("timeout"), Served::Failed, &asked, Counter::Error),
            // The cache's own word: nobody was asked.
            (504, CacheStatus::default().because("only-if-cached"), Served::Failed, &store, Counter::Refused),
            (401, CacheStatus::default().because("no-credential"), Served::Failed, &memory, Counter::Refused),
            (200, forward(Forward::Bypass), Served::Fresh, &asked, Counter::Bypass),
            (200, forward(Forward::Bypass).because("never-stored"), Served::Fresh, &asked, Counter::Bypass),
            // It was looked up, and is stored; it cannot be trusted while the purges are unreadable.
            (200, forward(Forward::Bypass).because("epochs-unreadable"), Served::Fresh, &asked, Counter::Miss),
            (503, forward(Forward::Bypass).because("epochs-unreadable"), Served::Fresh, &asked, Counter::Error),
            (201, forward(Forward::Method), Served::Fresh, &asked, Counter::Bypass),
            (500, forward(Forward::Method), Served::Fresh, &asked, Counter::Error),
        ];
        for (code, status, served, timing, expected) in cases {
            let said = status.member("x");
            assert_eq!(Counter::of(&delivery(code, status, served), timing), expected, "{code} {said} {served:?}");
        }
    }
}
