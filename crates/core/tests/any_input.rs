//! Whatever comes in, from the client, the origin or the store: no panic, and nothing is stored or handed out
//! that must not be.

#![cfg(feature = "document")]

mod support;

use std::sync::LazyLock;

use proptest::prelude::*;
use support::{Cache, HTTP, VIDEOMI, cases, engine, user};
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{Body, Delivery, FetchFailure, Found, Outcome, Received, Resolved, StoreAction};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::{Epoch, Facts, Purge, TagEpochs};
use tiercel_core::meta::{EntryMeta, Listed, META};
use tiercel_core::policy::Policy;
use tiercel_core::principal::Credential;
use tiercel_core::slice::Slicing;
use tiercel_core::time::Timestamp;

const CASES: u32 = 10_000;

static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let videomi = [Tier::Edge, Tier::ServiceWorker, Tier::Sdk].map(|tier| engine(VIDEOMI, tier));
    videomi.into_iter().chain([engine(HTTP, Tier::Edge)]).collect()
});

fn words(words: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn method() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => words(&["GET"]),
        3 => words(&["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE", "get"]),
        1 => text(),
    ]
}

fn url() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => words(&["/api", "/stats", "/files", "/videos", "/f1", "/info", "/thumbnail", "/upload", "/user", "/abc123", "/ratings", "/assets", "/"]),
        2 => words(&["?category=videos", "?", "&category=", "&", "=", "#", "+"]),
        2 => words(&["%2F", "%2e%2e", "..", ".", "//", "\\", "%5c", "%", "%zz", "%00", "%C3", "%C3%A9", ":", "*", "@", "é", "://"]),
        1 => text(),
    ];
    let whole = words(&[
        "/api/stats",
        "/api/upload/user/abc123?category=videos",
        "/api/files/videos/f1",
        "/api/files/videos/f1/info",
        "/api/files/videos/f1/thumbnail",
        "/api/user/artists",
        "/assets/app.js?v=1",
        "/api/ratings/f1",
        "/api/upload",
        "/api/auth/logout",
        "/",
        "/api/watch-progress/f1",
    ]);
    let path = prop_oneof![3 => whole, 2 => prop::collection::vec(pieces, 0..8).prop_map(|p| p.concat())];
    (words(&["https://videomi.example", "https://videomi.example", "", "x", "://"]), path).prop_map(|(a, b)| a + &b)
}

fn fields() -> impl Strategy<Value = Fields> {
    let name = prop_oneof![
        6 => words(&[
            "cache-control", "cdn-cache-control", "age", "date", "expires", "vary", "etag", "last-modified", "set-cookie",
            "content-length", "content-range", "content-type", "cache-groups", "cache-group-invalidation", "cache-status",
            "cache-tag", "pragma", "range", "if-range", "if-none-match", "if-modified-since", "authorization", "cookie",
            "x-tiercel-meta", "x-tiercel-user", "x-tiercel-aside-cache-control", "upgrade", "transfer-encoding",
        ]),
        1 => text(),
    ];
    let value = prop_oneof![
        4 => words(&[
            "", "max-age=60", "public, s-maxage=10, stale-while-revalidate=5", "no-store", "private=\"x\"", "no-cache",
            "must-revalidate, max-age=0", "max-age=99999999999999999999", "stale-if-error=60, max-age=1", "only-if-cached",
            "max-stale", "min-fresh=5", "*", "accept, cookie", "\"a\"", "W/\"a\"", "a", "bytes=0-", "bytes=5-9", "bytes=-5",
            "bytes=9-5", "0", "1000", "-1", "18446744073709551615", "Sun, 06 Nov 1994 08:49:37 GMT", "never", "\"user:a\", \"b\"",
        ]),
        2 => text(),
    ];
    prop::collection::vec((name, value), 0..7).prop_map(Fields::from_iter)
}

fn credential() -> impl Strategy<Value = Credential> {
    prop_oneof![
        Just(Credential::None),
        Just(Credential::Rejected("credential-signature")),
        words(&["abc123", "é:*", ".."]).prop_map(|id| user(&id)),
    ]
}

fn head() -> impl Strategy<Value = ResponseHead> {
    let status = prop_oneof![4 => Just(200u16), 1 => Just(304), 1 => Just(206), 1 => Just(0), 4 => 100u16..600];
    (status, fields()).prop_map(|(status, fields)| ResponseHead { status, fields })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => head().prop_map(Outcome::Response),
        1 => Just(Outcome::Failed(FetchFailure::Network)),
        1 => Just(Outcome::Failed(FetchFailure::Timeout)),
    ]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(0u64), Just(u64::MAX), any::<u64>(), 1_800_000_000_000u64..1_800_000_100_000]
        .prop_map(Timestamp::from_millis)
}

fn epochs() -> impl Strategy<Value = TagEpochs> {
    let purge = (words(&["user:abc123", "file:f1", "ratings:f1", "http", ""]), moment(), any::<bool>());
    (prop::collection::vec(purge, 0..3), prop::bool::weighted(0.1)).prop_map(|(purges, unreadable)| {
        if unreadable {
            return TagEpochs::unreadable();
        }
        let mut epochs = TagEpochs::new();
        for (name, at, hard) in purges {
            epochs.record(&name, Epoch { at, purge: if hard { Purge::Hard } else { Purge::Soft } });
        }
        epochs
    })
}

/// Something in the store under the right name: an entry that reads well, one with another head, or rubbish.
fn found() -> impl Strategy<Value = Option<(ResponseHead, Option<u64>, bool, Timestamp)>> {
    prop::option::of((head(), prop::option::of(any::<u64>()), any::<bool>(), moment()))
}

proptest! {
    #![proptest_config(cases(CASES))]

    #[test]
    fn nothing_that_must_not_be_is_stored(
        which in 0usize..4, method in method(), url in url(), fields in fields(), credential in credential(),
        found in found(), outcome in outcome(), epochs in epochs(), times in (moment(), moment(), moment()),
    ) {
        let engine = &ENGINES[which];
        let rejected = matches!(credential, Credential::Rejected(_));
        let request = RequestHead::new(&method, &url, fields.clone());
        let fetch = match engine.receive(request, credential, times.0) {
            Received::Refuse(delivery) => {
                prop_assert!(matches!(delivery.head.status, 400 | 401 | 403));
                return Ok(());
            }
            Received::Pass(fetch) => fetch,
            Received::Lookup(lookup) => {
                prop_assert!(method == "GET" || method == "HEAD");
                // INPUT-1 (product.md): nothing of a request whose credential could not be verified.
                let scoped = lookup.class().scope == tiercel_core::policy::Scope::User;
                prop_assert!(!(rejected && scoped), "a rejected credential reached the store");
                let stored = found.map(|(mut head, length, ours, received)| {
                    if ours {
                        let meta = EntryMeta {
                            key: lookup.key().as_str().to_owned(), requested: received, received,
                            initial_age: Default::default(), tags: vec!["file:f1".into()], vary: vec![],
                            slices: length.and_then(|complete| Slicing::new(1 << 16, complete)),
                            list: lookup.class().collection.as_ref().and(match length {
                                Some(length) if length % 2 == 0 => Some(Listed::Failing(length as usize % 3, times.2)),
                                _ => Some(Listed::Good),
                            }),
                        };
                        head.fields.set(META, meta.encode());
                    }
                    Found::read(head, length)
                });
                let mut lookup = lookup;
                let mut stored = stored;
                loop {
                    match lookup.resolve(&stored.take().unwrap_or(Found::Nothing), &epochs, times.1) {
                        Resolved::Deliver(_) => return Ok(()),
                        Resolved::DeliverStale(_, fetch) | Resolved::Fetch(fetch) => break fetch,
                        Resolved::Variant(next) => lookup = next,
                    }
                }
            }
        };
        let asked = fetch.request();
        // INPUT-2: what only Tiercel writes never comes from a client.
        let forged = fields.all("x-tiercel-user").any(|told| asked.head.fields.all("x-tiercel-user").any(|sent| sent == told));
        prop_assert!(!forged, "a client's X-Tiercel-User reached the origin");
        let answer = match &outcome { Outcome::Response(head) => Some(head.clone()), Outcome::Failed(_) => None };
        let conclusion = fetch.conclude(outcome, &Facts::default(), &epochs, times.2);
        // INPUT-3: what Tiercel keeps for itself never goes out.
        for (name, _) in conclusion.delivery.head.fields.iter() {
            prop_assert!(!name.starts_with("x-tiercel-") && name != "cache-tag", "{name} went out");
        }
        prop_assert!(conclusion.delivery.head.fields.has("cache-status"));
        if which == 0 && matches!(method.as_str(), "GET" | "HEAD") {
            let said = answer.as_ref().filter(|_| conclusion.delivery.body == Body::Fetched).map(|answer| &answer.fields);
            prop_assert!(is_kept_by_nobody(engine, &conclusion.delivery, said), "INPUT-11: {:?}", conclusion.delivery);
        }
        let (StoreAction::Put(plan) | StoreAction::Freshen(plan)) = &conclusion.store else { return Ok(()) };
        // RFC 9111 §4.3.5: an answer to HEAD may freshen what is stored, and no more.
        prop_assert!(method == "GET" || matches!(conclusion.store, StoreAction::Freshen(_)), "{method} was stored");
        prop_assert!(!plan.head.fields.has("set-cookie"), "INPUT-4: a cookie was stored");
        prop_assert!(!plan.head.fields.has("x-tiercel-user"));
        if let (Some(answer), StoreAction::Put(_)) = (answer, &conclusion.store) {
            prop_assert!(!answer.fields.has("set-cookie"), "INPUT-4: an answer with Set-Cookie was stored");
            prop_assert_ne!(answer.status, 206, "INPUT-5: a part was stored as the whole");
            prop_assert!((200..600).contains(&answer.status), "{} was stored", answer.status);
            prop_assert!(!answer.fields.tokens("vary").iter().any(|v| v == "*"), "INPUT-6: Vary: *");
        }
        let meta = EntryMeta::of(&plan.head.fields);
        prop_assert_eq!(meta.map(|m| m.key), Some(plan.key.as_str().to_owned()), "what is stored reads back");
    }

    /// INPUT-7 (product.md): what was stored for one user is never handed to another, even by a store that
    /// returns the wrong entry.
    #[test]
    fn a_confused_store_leaks_nothing(
        class in words(&["user-files", "user-stats", "file-info", "artists"]), which in 0usize..3,
        a in words(&["a", "a_b", "a:files", "é"]), b in words(&["b", "a", "a_", "e\u{301}"]), fields in fields(),
    ) {
        prop_assume!(a != b);
        let engine = &ENGINES[which];
        let url = |id: &str| {
            let params = [("userId", id), ("category", "videos"), ("fileId", "f1")].into_iter().collect();
            engine.locate(&class, &params).map(|path| format!("https://videomi.example{path}"))
        };
        let (Some(of_a), Some(of_b)) = (url(&a), url(&b)) else { return Ok(()) };
        let mut cache = Cache::new(engine.clone());
        let secret = ResponseHead { status: 200, fields: [("x-secret", a.as_str())].into_iter().collect() };
        let now = Timestamp::from_secs(1_800_000_000);
        cache.send(RequestHead::new("GET", &of_a, Fields::new()), user(&a), now, &mut |_| Outcome::Response(secret.clone()));
        let Received::Lookup(lookup) = engine.receive(RequestHead::new("GET", &of_b, fields), user(&b), now) else {
            return Ok(());
        };
        for head in cache.store.values() {
            let found = Found::read(head.clone(), None);
            match lookup_again(engine, &of_b, &b, now).resolve(&found, &TagEpochs::new(), now) {
                Resolved::Fetch(fetch) => prop_assert!(fetch.key().is_some_and(|key| key == lookup.key())),
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }
    }

    /// INPUT-8: a compiled policy of another release is refused, never misread into a panic.
    #[test]
    fn any_bytes_are_no_policy(mut bytes in prop::collection::vec(any::<u8>(), 0..60), first in 0u8..3) {
        if let Some(form) = bytes.first_mut() {
            *form = first;
        }
        let _ = Policy::decode(&bytes);
    }

    /// INPUT-9: what stands where an entry's meta should be is an entry that reads back, or none.
    #[test]
    fn any_text_is_no_meta(text in text(), cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>()) {
        let meta = EntryMeta {
            key: format!("v1/{text}"), requested: Timestamp::from_secs(1), received: Timestamp::from_secs(2),
            initial_age: Default::default(), tags: vec![text.clone()].into_iter().filter(|t| !t.is_empty()).collect(), vary: vec![], slices: None,
            list: None,
        };
        let encoded = meta.encode();
        prop_assert_eq!(EntryMeta::decode(&encoded), Some(meta));
        let mut damaged = encoded.clone().into_bytes();
        let at = flip.index(damaged.len());
        damaged[at] ^= 1;
        damaged.truncate(cut.index(damaged.len()) + 1);
        let _ = EntryMeta::decode(&String::from_utf8_lossy(&damaged));
        let _ = EntryMeta::decode(&text);
    }

    /// INPUT-10: any text is a policy or a list of findings, each with a place.
    #[test]
    fn any_text_is_read_as_a_policy(text in text(), at in any::<prop::sample::Index>()) {
        let mut broken = HTTP.to_owned();
        let at = at.index(broken.len() + 1);
        if broken.is_char_boundary(at) {
            broken.insert_str(at, &text);
        }
        let reading = tiercel_core::policy::document::read(&broken);
        prop_assert_eq!(reading.policy.is_none(), reading.has_errors());
        prop_assert!(reading.diagnostics.iter().all(|d| d.place.line >= 1 && d.place.column >= 1), "{:?}", reading.diagnostics);
    }
}

/// INPUT-11: what a delivery of the edge's must be that sets a cookie, or is selected by what no key holds; or that the
/// origin `said` no cache may keep. What no class covers, and its like, is the origin's to rule.
fn is_kept_by_nobody(engine: &Engine, delivery: &Delivery, said: Option<&Fields>) -> bool {
    let class = delivery.class.and_then(|at| engine.policy().classes.get(usize::from(at)));
    if class.is_none_or(|class| class.browser.is_none()) {
        return true;
    }
    let fields = &delivery.head.fields;
    let is_for_one = fields.has("set-cookie") || fields.tokens("vary").iter().any(|name| name == "*");
    let is_refused = said.is_some_and(|said| {
        let mut lines = said.iter().filter(|(name, _)| matches!(*name, "cache-control" | "cdn-cache-control"));
        lines.any(|(_, line)| line.contains("no-store"))
    });
    let is_kept = !fields.all("cache-control").any(|line| line.contains("no-store"));
    let is_overruled = fields.iter().any(|(name, line)| name == "cdn-cache-control" && line != "no-store");
    !(is_for_one || is_refused) || !(is_kept || is_overruled)
}

fn lookup_again<'e>(engine: &'e Engine, url: &str, id: &str, now: Timestamp) -> tiercel_core::exchange::Lookup<'e> {
    match engine.receive(RequestHead::new("GET", url, Fields::new()), user(id), now) {
        Received::Lookup(lookup) => lookup,
        other => panic!("the same request was looked up a moment ago: {other:?}"),
    }
}
