//! Cloudflare's own purge by tag, as hygiene: what epochs have made untrue need not lie about in the stores of far data
//! centres. Nothing is less true without it. The objects of epochs call it, each for its share of the names, from their
//! alarms, never on a request's path.

use crate::key::SHARDS;

/// Most tags in one call: what Cloudflare takes.
pub const MOST_TAGS: usize = 100;
/// Calls a minute that every plan allows. An account has them for all that it does.
pub const USUAL_RATE: u64 = 5;
/// How old a purge may be that is still passed on, in milliseconds: what lies about for longer has mostly gone by itself.
pub const OLDEST: u64 = 3_600_000;

/// What comes after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is done; the next one may follow after so many milliseconds.
    Done(u64),
    /// The same again after so many milliseconds.
    Again(u64),
    /// It would never be taken: the zone or the token is wrong.
    Never,
}

/// How long one object waits from call to call, in milliseconds, where all of them together make `rate` calls a minute.
#[must_use]
pub const fn interval(rate: u64) -> u64 {
    60_000 * SHARDS as u64 / if rate == 0 { USUAL_RATE } else { rate }
}

/// What to do after an answer with `status`, or none; `retry_after` in seconds (RFC 9110 §10.2.3), where it gave one.
#[must_use]
pub fn next(status: Option<u16>, retry_after: Option<u64>, interval: u64) -> Next {
    match status {
        Some(200..=299) => Next::Done(interval),
        None | Some(408 | 429 | 500..) => Next::Again(interval.max(retry_after.unwrap_or(0).saturating_mul(1000))),
        Some(_) => Next::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_objects_together_keep_the_rate() {
        for (rate, expected) in [(5, 192_000), (300, 3_200), (0, 192_000)] {
            assert_eq!(interval(rate), expected, "{rate}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for (status, retry_after, expected) in [
            (Some(200), None, Next::Done(10)),
            (Some(429), None, Next::Again(10)),
            (Some(429), Some(7), Next::Again(7_000)),
            (Some(429), Some(u64::MAX), Next::Again(u64::MAX)),
            (Some(503), Some(0), Next::Again(10)),
            (None, None, Next::Again(10)),
            (Some(400), None, Next::Never),
            (Some(403), Some(5), Next::Never),
        ] {
            assert_eq!(next(status, retry_after, 10), expected, "{status:?}");
        }
    }
}
