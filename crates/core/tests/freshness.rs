//! The laws of time: age, the order of the windows, purges, retention.

#![cfg(feature = "document")]

mod support;

use proptest::prelude::*;
use support::{Cache, cases, engine, get, user};
use tiercel_core::engine::Tier;
use tiercel_core::exchange::{FetchFailure, Found, Outcome, Served, StoreAction};
use tiercel_core::field::http_date;
use tiercel_core::head::ResponseHead;
use tiercel_core::invalidation::{Epoch, Purge, TagEpochs};
use tiercel_core::key::Params;
use tiercel_core::meta::EntryMeta;
use tiercel_core::principal::Credential;
use tiercel_core::time::{DeltaSeconds, Timestamp};

const CASES: u32 = 2_000;
const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const URL: &str = "https://shop.example/photos/7";

fn at(seconds: u64) -> Timestamp {
    START + DeltaSeconds::new(seconds)
}

/// A policy with one class, whose windows are these.
fn by_policy(ttl: u64, swr: u64, sie: u64, keep: u64) -> String {
    format!(
        r#"{{ "name": "shop", "version": 1, "classes": {{ "photo": {{
            "match": "GET /photos/:id", "scope": "public", "key": "photo:{{id}}", "tags": ["all:photos"],
            "browser": "public, max-age=60", "device": "never",
            "edge": {{ "ttl": "{ttl}s", "stale-while-revalidate": "{swr}s", "stale-if-error": "{sie}s", "keep": "{keep}s" }}
        }} }} }}"#
    )
}

/// How good what is stored is. The windows follow one another in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    Fresh,
    /// Stale, served at once while one refresh runs.
    Revalidating,
    /// Served because the origin failed.
    OnError,
    Gone,
}

/// How the stored answer to [`URL`] stands at `now`, seen from outside: a request comes, and the origin is down.
fn stands(cache: &mut Cache, now: Timestamp) -> Stands {
    let before = cache.store.clone();
    let mut down = |_: &_| Outcome::Failed(FetchFailure::Network);
    let answer = cache.send(get(URL), Credential::None, now, &mut down);
    cache.store = before;
    match (answer.delivery.served, answer.asked.is_some(), answer.delivery.status.hit) {
        (Served::Fresh, false, true) => Stands::Fresh,
        (Served::Stale, true, true) => Stands::Revalidating,
        (Served::Stale, true, false) => Stands::OnError,
        (Served::Failed, true, false) => Stands::Gone,
        other => panic!("a delivery that is none of the four: {other:?}"),
    }
}

/// A cache that has fetched [`URL`]: the request began at `began` and ended at `ended`.
fn filled(policy: &str, origin: ResponseHead) -> Cache {
    let mut cache = Cache::new(engine(policy, Tier::Edge));
    cache.send(get(URL), Credential::None, START, &mut |_| Outcome::Response(origin.clone()));
    cache
}

fn ok(lines: &[String]) -> ResponseHead {
    ResponseHead { status: 200, fields: support::fields(lines) }
}

/// Spans of every size, their edges weighted.
fn span() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0u64..20, 2 => 0u64..100_000, 1 => Just(0), 1 => (1u64 << 31) - 2..(1u64 << 31) + 2]
}

proptest! {
    #![proptest_config(cases(CASES))]

    /// FRESH-1 (RFC 5861 §3, §4): fresh for `ttl`, then `stale-while-revalidate`, then `stale-if-error`, both
    /// counted from the end of `ttl`; then gone. Exactly at those moments.
    #[test]
    fn the_windows_of_a_policy(ttl in span(), swr in span(), sie in span(), keep in span(), when in span()) {
        let mut cache = filled(&by_policy(ttl, swr, sie, keep), ok(&[]));
        let max = DeltaSeconds::MAX.get();
        let (ttl, age) = (ttl.min(max), when.min(max));
        let expected = if age < ttl {
            Stands::Fresh
        } else if age - ttl < swr.min(max) {
            Stands::Revalidating
        } else if age - ttl < sie.min(max) {
            Stands::OnError
        } else {
            Stands::Gone
        };
        prop_assert_eq!(stands(&mut cache, at(when)), expected);
    }

    /// FRESH-2 (RFC 9111 §4.2): what is fresh at one moment was fresh at every moment before it, and no window
    /// opens again.
    #[test]
    fn time_only_makes_staler(
        max_age in prop::option::of(span()), swr in prop::option::of(span()), sie in prop::option::of(span()),
        age in prop::option::of(span()), first in span(), later in span(),
    ) {
        let mut lines = vec![format!("Cache-Control: public{}{}{}",
            max_age.map_or(String::new(), |s| format!(", max-age={s}")),
            swr.map_or(String::new(), |s| format!(", stale-while-revalidate={s}")),
            sie.map_or(String::new(), |s| format!(", stale-if-error={s}")),
        ), "ETag: \"a\"".to_owned()];
        lines.extend(age.map(|age| format!("Age: {age}")));
        let mut cache = filled(support::HTTP, ok(&lines));
        let (first, later) = (first.min(later), first.max(later));
        prop_assert!(stands(&mut cache, at(first)) <= stands(&mut cache, at(later)));
    }

    /// FRESH-3 (RFC 9111 §4.2.3): an age is a whole number of seconds, at least the one the answer came with, and
    /// grows by the time that passes, whatever `Date` and `Age` say.
    #[test]
    fn ages_are_never_negative(
        date in prop::option::of((0u64..4_000_000_000).prop_map(|s| http_date::write(Timestamp::from_secs(s)))),
        age in prop::option::of(prop_oneof!["[ -~]{0,12}", span().prop_map(|s| s.to_string())]),
        began in 0u64..100, took in 0u64..100, first in 0u64..1000, step in 0u64..1000,
    ) {
        let mut lines = vec!["Cache-Control: max-age=2147483648, stale-while-revalidate=2147483648".to_owned()];
        lines.extend(date.map(|d| format!("Date: {d}")));
        lines.extend(age.map(|a| format!("Age: {a}")));
        // A clock that jumps back between the request and a later look gives no negative age either.
        let mut cache = filled(support::HTTP, ok(&lines));
        prop_assume!(!cache.store.is_empty());
        let mut read = |now: Timestamp| -> Result<u64, TestCaseError> {
            let answer = cache.send(get(URL), Credential::None, now, &mut |_| Outcome::Failed(FetchFailure::Network));
            let age = answer.delivery.head.fields.get("age").map(str::to_owned);
            age.and_then(|a| a.parse().ok()).ok_or_else(|| TestCaseError::fail("a stored answer has an Age"))
        };
        let behind = Timestamp::from_millis(START.as_millis() - began * 1000 - took);
        let (past, one, two) = (read(behind)?, read(at(first))?, read(at(first + step))?);
        prop_assert!(past <= one);
        prop_assert_eq!(two, (one + step).min(DeltaSeconds::MAX.get()));
        prop_assert!(one >= first);
    }

    /// FRESH-4: the store is told to keep an entry at least as long as any window that may serve it.
    #[test]
    fn retention_covers_every_window(ttl in span(), swr in span(), sie in span(), keep in span(), by_origin: bool) {
        let lines = [format!("Cache-Control: max-age={ttl}, stale-while-revalidate={swr}, stale-if-error={sie}"), "ETag: \"a\"".to_owned()];
        let (policy, origin) = if by_origin { (support::HTTP.to_owned(), ok(&lines)) } else { (by_policy(ttl, swr, sie, keep), ok(&[])) };
        let mut cache = Cache::new(engine(&policy, Tier::Edge));
        let answer = cache.send(get(URL), Credential::None, START, &mut |_| Outcome::Response(origin.clone()));
        let Some(StoreAction::Put(plan)) = answer.conclusion.map(|c| c.store) else {
            return Err(TestCaseError::fail("the answer is stored"));
        };
        let keep = if by_origin { 86_400 } else { keep };
        let longest = ttl.saturating_add(swr.max(sie).max(keep)).min(DeltaSeconds::MAX.get());
        prop_assert!(plan.retention.get() >= longest);
        let told = format!("public, max-age={}", plan.retention);
        prop_assert_eq!(plan.head.fields.get("cache-control"), Some(told.as_str()));
    }

    /// PURGE-1 (product.md, "Events"): a hard purge at or after the moment that the request began hides the entry
    /// for ever; one before it never does. PURGE-2: a soft one leaves it for the case that the origin fails.
    #[test]
    fn purges_compare_with_the_request(
        name in prop::sample::select(vec!["photo:7", "all:photos"]), purge_ms in 0u64..4_000, look in 4u64..60, hard: bool,
    ) {
        // The request begins at +2 s and ends at once.
        let mut cache = Cache::new(engine(&by_policy(60, 0, 60, 0), Tier::Edge));
        cache.send(get(URL), Credential::None, at(2), &mut |_| Outcome::Response(ok(&[])));
        let purged_at = Timestamp::from_millis(START.as_millis() + purge_ms);
        let purge = if hard { Purge::Hard } else { Purge::Soft };
        cache.epochs.record(name, Epoch { at: purged_at, purge });
        let expected = match (purge_ms >= 2_000, hard) {
            (false, _) => Stands::Fresh,
            (true, true) => Stands::Gone,
            (true, false) => Stands::OnError,
        };
        prop_assert_eq!(stands(&mut cache, at(2 + look)), expected);
    }

    /// PURGE-3: of several purges in any order the strongest that applies counts.
    #[test]
    fn the_order_of_purges_does_not_matter(mut purges in prop::collection::vec((0u64..6, any::<bool>()), 0..6)) {
        let record = |purges: &[(u64, bool)]| {
            let mut cache = filled(&by_policy(60, 0, 60, 0), ok(&[]));
            let mut epochs = TagEpochs::new();
            for (seconds, hard) in purges {
                let purge = if *hard { Purge::Hard } else { Purge::Soft };
                let moment = Timestamp::from_millis(START.as_millis() - 3_000 + seconds * 1_000);
                epochs.record("photo:7", Epoch { at: moment, purge });
            }
            cache.epochs = epochs;
            stands(&mut cache, at(10))
        };
        let forwards = record(&purges);
        let hits = |hard: bool| purges.iter().any(|(seconds, h)| *seconds >= 3 && *h == hard);
        let expected = if hits(true) { Stands::Gone } else if hits(false) { Stands::OnError } else { Stands::Fresh };
        prop_assert_eq!(forwards, expected);
        purges.reverse();
        prop_assert_eq!(record(&purges), expected);
    }

    /// PURGE-4 (product.md): a fetch that began before a purge and ends after it does not put the old answer back.
    #[test]
    fn a_fetch_that_spans_a_purge_stores_nothing(began in 0u64..10, purged in 0u64..10, took in 0u64..10, soft: bool) {
        use tiercel_core::exchange::{Received, Resolved};
        let engine = engine(&by_policy(60, 60, 60, 0), Tier::Edge);
        let Received::Lookup(lookup) = engine.receive(get(URL), Credential::None, at(began)) else {
            return Err(TestCaseError::fail("a class covers it"));
        };
        let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &TagEpochs::new(), at(began)) else {
            return Err(TestCaseError::fail("nothing is stored"));
        };
        let mut epochs = TagEpochs::new();
        epochs.record("photo:7", Epoch { at: at(purged), purge: if soft { Purge::Soft } else { Purge::Hard } });
        let conclusion = fetch.conclude(Outcome::Response(ok(&[])), &Default::default(), &epochs, at(began + took));
        let stored = matches!(conclusion.store, StoreAction::Put(_));
        prop_assert_eq!(stored, purged < began);
    }
}

/// PURGE-5: while the purges cannot be read, nothing of a user's is served from the store; what is public is when the
/// origin confirms it, or fails. What is known of purges counts all the same.
#[test]
fn unreadable_purges_make_the_origin_decide() {
    let engine = engine(support::VIDEOMI, Tier::Edge);
    for (class, is_public) in [("user-stats", false), ("artists", false), ("ratings", true), ("media", true)] {
        let mut cache = Cache::new(engine.clone());
        let params: Params = [("fileId", "f1"), ("category", "videos")].into_iter().collect();
        let url = format!("https://videomi.example{}", engine.locate(class, &params).expect("a path"));
        let etag = ["ETag: \"e1\"".to_owned()];
        cache.send(get(&url), user("abc123"), START, &mut |_: &_| Outcome::Response(ok(&etag)));
        cache.epochs = TagEpochs::unreadable();

        let down = cache.send(get(&url), user("abc123"), at(1), &mut |_: &_| Outcome::Failed(FetchFailure::Network));
        let served = if is_public { Served::Stale } else { Served::Failed };
        assert_eq!(down.delivery.served, served, "{class}, the origin is down");

        let confirmed = cache.send(get(&url), user("abc123"), at(2), &mut |_: &_| {
            let status = if is_public { 304 } else { 200 };
            Outcome::Response(ResponseHead { status, fields: support::fields(&etag) })
        });
        let asked = confirmed.asked.expect("the origin is asked");
        assert_eq!(asked.head.fields.get("if-none-match"), is_public.then_some("\"e1\""), "{class}");
        assert_eq!(confirmed.delivery.status.detail, Some("epochs-unreadable"), "{class}");
        assert_eq!((confirmed.delivery.head.status, confirmed.delivery.served), (200, Served::Fresh), "{class}");

        let meta = EntryMeta::of(&cache.store.values().next().expect("it is stored").fields).expect("an entry");
        cache.epochs.record(&meta.groups()[0], Epoch { at: at(100), purge: Purge::Hard });
        let purged = cache.send(get(&url), user("abc123"), at(3), &mut |_: &_| Outcome::Failed(FetchFailure::Network));
        assert_eq!(purged.delivery.served, Served::Failed, "{class}, purged");
    }
}
