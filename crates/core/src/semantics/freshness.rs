//! Freshness (RFC 9111 §4.2) and the windows after it (RFC 5861).

use crate::field::cache_control::CacheControl;
use crate::field::{Fields, http_date, targeted};
use crate::meta::EntryMeta;
use crate::policy::{Authority, Lifetimes};
use crate::time::{DeltaSeconds, Timestamp};

/// Share of the time since `Last-Modified` that a heuristic allows (RFC 9111 §4.2.2 names 10 %).
const HEURISTIC_DIVISOR: u64 = 10;
/// No guess is trusted for longer than a day.
const HEURISTIC_MAX: DeltaSeconds = DeltaSeconds::new(86_400);

/// How an entry stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Its age by RFC 9111 §4.2.3, in seconds.
    pub age: DeltaSeconds,
    /// Its windows.
    pub lifetimes: Lifetimes,
    /// It must not be served stale without validation (`must-revalidate`, `no-cache`, a soft purge, …).
    pub revalidate: bool,
    /// The client may not loosen this with `max-stale` (`must-revalidate` and its like, RFC 9111 §4.2.4).
    pub strict: bool,
    /// It may still be served when the origin fails, although it must be revalidated (a soft purge).
    pub usable_on_error: bool,
}

impl Freshness {
    /// Whether it can be used as it is.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        !self.revalidate && self.lifetimes.ttl > self.age
    }

    /// Freshness left in seconds, negative when stale.
    #[must_use]
    pub fn ttl(&self) -> i64 {
        self.lifetimes.ttl.get() as i64 - self.age.get() as i64
    }

    /// Whether the stale copy may be served while a refresh runs (RFC 5861 §3).
    #[must_use]
    pub fn serves_while_revalidating(&self) -> bool {
        !self.revalidate && self.staleness() < self.lifetimes.stale_while_revalidate
    }

    /// Whether the stale copy may be served because the origin failed (RFC 5861 §4).
    #[must_use]
    pub fn serves_on_error(&self) -> bool {
        (!self.revalidate || self.usable_on_error) && self.staleness() < self.lifetimes.stale_if_error
    }

    /// Whether it has outlived every use, so that a store that still has it should not.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.age >= self.lifetimes.retention()
    }

    fn staleness(&self) -> DeltaSeconds {
        self.age.minus(self.lifetimes.ttl)
    }
}

/// The age of an entry at `now` (RFC 9111 §4.2.3).
#[must_use]
pub fn current_age(meta: &EntryMeta, now: Timestamp) -> DeltaSeconds {
    meta.initial_age.plus(now.seconds_since(meta.received))
}

/// The corrected age of a response on arrival (RFC 9111 §4.2.3): the larger of what `Age` and `Date` say.
#[must_use]
pub fn initial_age(fields: &Fields, requested: Timestamp, received: Timestamp) -> DeltaSeconds {
    let apparent = date(fields).map_or(DeltaSeconds::ZERO, |date| received.seconds_since(date));
    // RFC 9111 §5.1: of several values the first one counts; what cannot be read is ignored.
    let stated = fields.get("age").and_then(|a| DeltaSeconds::parse(a.split(',').next().unwrap_or("").trim()));
    let stated = stated.map_or(DeltaSeconds::ZERO, |age| age.plus(received.seconds_since(requested)));
    apparent.max(stated)
}

/// The windows of an entry, by the policy or by what the origin said.
#[must_use]
pub fn of_entry(
    meta: &EntryMeta,
    status: u16,
    fields: &Fields,
    authority: Authority,
    by_policy: Lifetimes,
    now: Timestamp,
) -> Freshness {
    match authority.is_origin() {
        false => Freshness {
            // A policy's ttl is how long *we* keep it, whatever age it had before.
            age: now.seconds_since(meta.received),
            lifetimes: by_policy,
            revalidate: false,
            strict: true,
            usable_on_error: false,
        },
        true => {
            let cc = targeted::effective(fields);
            let ttl = lifetime(&cc, status, fields, meta.received).unwrap_or(DeltaSeconds::ZERO);
            let strict = is_strict(&cc);
            let window = |asked: Option<DeltaSeconds>| {
                if strict { DeltaSeconds::ZERO } else { asked.unwrap_or(DeltaSeconds::ZERO) }
            };
            Freshness {
                age: current_age(meta, now),
                lifetimes: Lifetimes {
                    ttl,
                    stale_while_revalidate: window(cc.stale_while_revalidate),
                    stale_if_error: window(cc.stale_if_error),
                    keep: by_policy.keep,
                },
                revalidate: is_validated_always(&cc),
                strict,
                usable_on_error: false,
            }
        }
    }
}

/// Whether a shared cache must not use it stale (RFC 9111 §4.2.4); s-maxage implies proxy-revalidate (§5.2.2.10).
pub(super) const fn is_strict(cc: &CacheControl) -> bool {
    cc.must_revalidate || cc.proxy_revalidate || cc.s_maxage.is_some()
}

/// Whether it must not be used without asking the origin, fresh or not (RFC 9111 §5.2.2.4). Leaving out the fields
/// that `no-cache` names would be allowed as well.
pub(super) const fn is_validated_always(cc: &CacheControl) -> bool {
    cc.no_cache || cc.no_cache_fields
}

/// The freshness lifetime that a shared cache computes (RFC 9111 §4.2.1, §4.2.2); `None` when there is
/// neither an explicit one nor ground for a guess. `received` stands in for a `Date` that is missing or unreadable
/// (RFC 9110 §6.6.1).
#[must_use]
pub fn lifetime(cc: &CacheControl, status: u16, fields: &Fields, received: Timestamp) -> Option<DeltaSeconds> {
    explicit_lifetime(cc, fields, received).or_else(|| heuristic_lifetime(cc, status, fields, received))
}

/// The lifetime that the origin stated.
#[must_use]
pub fn explicit_lifetime(cc: &CacheControl, fields: &Fields, received: Timestamp) -> Option<DeltaSeconds> {
    if let Some(stated) = cc.s_maxage.or(cc.max_age) {
        return Some(stated);
    }
    if cc.targeted {
        return None;
    }
    // RFC 9111 §5.3: an Expires that is no date is in the past; so is one that stands twice (§4.2.1).
    let mut lines = fields.all("expires");
    let expires = http_date::parse(lines.next()?);
    match (expires, lines.next()) {
        (Some(expires), None) => Some(expires.seconds_since(date(fields).unwrap_or(received))),
        _ => Some(DeltaSeconds::ZERO),
    }
}

fn heuristic_lifetime(cc: &CacheControl, status: u16, fields: &Fields, received: Timestamp) -> Option<DeltaSeconds> {
    if !heuristically_cacheable(status) && !cc.public {
        return None;
    }
    // Older than Cache-Control, and of no meaning in a response (RFC 9111 §5.4); but no ground for a guess.
    if fields.has_token("pragma", "no-cache") {
        return None;
    }
    let modified = http_date::parse(fields.get("last-modified")?)?;
    let since = date(fields).unwrap_or(received).seconds_since(modified);
    Some(DeltaSeconds::new(since.get() / HEURISTIC_DIVISOR).min(HEURISTIC_MAX))
}

fn date(fields: &Fields) -> Option<Timestamp> {
    fields.get("date").and_then(http_date::parse)
}

/// Status codes that are heuristically cacheable (RFC 9110 §15.1). 206 is, but only with ranges in the store.
#[must_use]
pub const fn heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}
