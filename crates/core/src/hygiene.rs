//! Cloudflare's own purge by tag, as hygiene: what epochs have made untrue need not lie about in the stores of far data
//! centres. Nothing is less true without it. The objects of epochs call it, each for its share of the names, from their
//! alarms, never on a request's path.

use crate::key::SHARDS;
use crate::text;

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

/// What to do after an answer, or none: its status, a blank, and the seconds of its `Retry-After` (RFC 9110 §10.2.3),
/// where it gave any.
#[must_use]
pub fn next(answer: &str, interval: u64) -> Next {
    let (status, retry_after) = text::split_once(answer, " ").unwrap_or((answer, ""));
    match status.parse::<u64>() {
        Ok(200..=299) => Next::Done(interval),
        Err(_) | Ok(408 | 429 | 500..) => {
            Next::Again(interval.max(retry_after.parse::<u64>().unwrap_or(0).saturating_mul(1000)))
        }
        Ok(_) => Next::Never,
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
        for (answer, expected) in [
            ("200", Next::Done(10)),
            ("200 ", Next::Done(10)),
            ("429", Next::Again(10)),
            ("429 7", Next::Again(7_000)),
            ("429 18446744073709551615", Next::Again(u64::MAX)),
            ("429 Fri, 01 Jan 2100 00:00:00 GMT", Next::Again(10)),
            ("503 0", Next::Again(10)),
            ("", Next::Again(10)),
            ("400", Next::Never),
            ("403 5", Next::Never),
        ] {
            assert_eq!(next(answer, 10), expected, "{answer}");
        }
    }
}
