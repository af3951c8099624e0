//! How what is stored may answer a request: the client's directives (RFC 9111 §5.2.1, RFC 5861 §4) on top of the
//! entry's own windows. Where the policy rules, the client has none: [`CacheControl::default`].

use super::freshness::Freshness;
use crate::field::cache_control::CacheControl;
use crate::field::cache_status::Forward;

/// How what is stored may answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it is.
    Fresh,
    /// Stale, at once, and one refresh runs behind it (RFC 5861 §3).
    StaleWhileRevalidate,
    /// Stale, as the client allows (`max-stale`).
    MaxStale,
    /// Not before the origin was asked, and why.
    Forward(Forward),
}

/// Judges an entry for a request with these directives.
#[must_use]
pub fn verdict(asked: &CacheControl, freshness: &Freshness) -> Verdict {
    let (age, ttl) = (freshness.age, freshness.lifetimes.ttl);
    let too_old = asked.max_age.is_some_and(|most| age > most);
    let too_short = asked.min_fresh.is_some_and(|least| age.plus(least) > ttl);
    if asked.no_cache || too_old || too_short {
        return Verdict::Forward(Forward::Request);
    }
    if freshness.is_fresh() {
        return Verdict::Fresh;
    }
    let allowed = !freshness.revalidate
        && match asked.max_stale {
            Some(most) => !freshness.strict && age.minus(ttl) <= most,
            // §5.2.1.1: who says how old, and not how stale, wants nothing stale.
            None => asked.max_age.or(asked.min_fresh).is_none(),
        };
    if allowed && freshness.serves_while_revalidating() {
        Verdict::StaleWhileRevalidate
    } else if allowed && asked.max_stale.is_some() {
        Verdict::MaxStale
    } else {
        Verdict::Forward(Forward::Stale)
    }
}

/// Widens the window for failures of the origin by what the client allows (RFC 5861 §4), where the origin does not
/// forbid it (RFC 9111 §4.2.4).
pub fn allow_on_error(asked: &CacheControl, freshness: &mut Freshness) {
    if let Some(window) = asked.stale_if_error.filter(|_| !freshness.strict) {
        freshness.lifetimes.stale_if_error = freshness.lifetimes.stale_if_error.max(window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Lifetimes;
    use crate::time::DeltaSeconds;

    fn freshness(age: u64) -> Freshness {
        let lifetimes = Lifetimes {
            ttl: DeltaSeconds::new(60),
            stale_while_revalidate: DeltaSeconds::new(30),
            stale_if_error: DeltaSeconds::ZERO,
            keep: DeltaSeconds::ZERO,
        };
        Freshness { age: DeltaSeconds::new(age), lifetimes, revalidate: false, strict: false, usable_on_error: false }
    }

    #[test]
    fn what_a_client_asks() {
        let (request, stale) = (Verdict::Forward(Forward::Request), Verdict::Forward(Forward::Stale));
        for (asked, age, expected) in [
            ("", 59, Verdict::Fresh),
            ("", 60, Verdict::StaleWhileRevalidate),
            ("", 89, Verdict::StaleWhileRevalidate),
            ("", 90, stale),
            ("no-cache", 0, request),
            ("max-age=10", 10, Verdict::Fresh),
            ("max-age=10", 11, request),
            ("max-age=70", 65, stale),
            ("max-age=70, max-stale", 65, Verdict::StaleWhileRevalidate),
            ("max-age=70, max-stale", 71, request),
            ("min-fresh=50", 10, Verdict::Fresh),
            ("min-fresh=50", 11, request),
            ("min-fresh=0", 60, stale),
            ("min-fresh=0", 61, request),
            ("max-stale=5", 65, Verdict::StaleWhileRevalidate),
            ("max-stale=5", 66, stale),
            ("max-stale=40", 100, Verdict::MaxStale),
            ("max-stale=40", 101, stale),
            ("max-stale", 9999, Verdict::MaxStale),
        ] {
            assert_eq!(verdict(&CacheControl::parse(asked), &freshness(age)), expected, "{asked:?} at {age}");
        }
    }

    #[test]
    fn what_the_origin_forbids_no_client_allows() {
        let leave = CacheControl::parse("max-stale, stale-if-error=600");
        for (revalidate, strict) in [(true, false), (false, true), (true, true)] {
            let mut freshness = Freshness { revalidate, strict, ..freshness(100) };
            allow_on_error(&leave, &mut freshness);
            assert_eq!(verdict(&leave, &freshness), Verdict::Forward(Forward::Stale));
            assert!(!freshness.serves_on_error());
        }
        let mut freshness = freshness(100);
        allow_on_error(&leave, &mut freshness);
        assert!(freshness.serves_on_error());
    }
}
