//! Laws of ready answers: what is repeated is what would have been said.

#![cfg(feature = "document")]

mod support;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use support::{HTTP, VIDEOMI, cases, engine, fields, user};
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{DECIDING, Delivery, Found, Outcome, Received, Resolved, StoreAction};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::principal::Credential;
use tiercel_core::time::Timestamp;

const CASES: u32 = 2_000;
/// 2027-01-15 08:00:00.
const START: u64 = 1_800_000_000_000;
/// When the response had come, after that.
const RECEIVED: u64 = 150;
const LENGTH: u64 = 100;
const FOREVER: Timestamp = Timestamp::from_millis(u64::MAX);
/// A class of each kind: the origin's word, the policy's, and a user's.
const CLASSES: [(&str, &str); 3] = [
    (HTTP, "https://shop.example/a"),
    (VIDEOMI, "https://videomi.example/api/ratings/f1"),
    (VIDEOMI, "https://videomi.example/api/stats"),
];
const OF_THE_RESPONSE: [&str; 9] = [
    "Cache-Control: max-age=20, stale-while-revalidate=20",
    "Cache-Control: max-age=5, must-revalidate",
    "ETag: \"a\"",
    "Last-Modified: Thu, 14 Jan 2027 08:00:00 GMT",
    "Date: Fri, 15 Jan 2027 07:59:58 GMT",
    "Expires: Fri, 15 Jan 2027 08:00:20 GMT",
    "Age: 3",
    "Vary: X-A",
    "Content-Encoding: gzip",
];
/// What decides …
const OF_THE_QUESTION: [&str; 18] = [
    "Cache-Control: no-cache",
    "Cache-Control: max-age=10",
    "Cache-Control: min-fresh=7",
    "Cache-Control: max-stale=9",
    "Cache-Control: only-if-cached",
    "Connection: Range, X-A",
    "If-Match: \"a\"",
    "If-Modified-Since: Fri, 15 Jan 2027 07:00:00 GMT",
    "If-Modified-Since: Wed, 13 Jan 2027 07:00:00 GMT",
    "If-None-Match: \"a\"",
    "If-None-Match: \"b\"",
    "If-Range: \"a\"",
    "If-Range: \"b\"",
    "If-Unmodified-Since: Fri, 15 Jan 2027 07:00:00 GMT",
    "Pragma: no-cache",
    "Range: bytes=0-9",
    "Range: bytes=200-",
    "Upgrade: websocket",
];
/// … and what else a request may have.
const BESIDE_IT: [&str; 17] = [
    "Accept: image/webp",
    "Accept-Encoding: gzip",
    "Accept-Language: fr",
    "Age: 7",
    "Authorization: Bearer x",
    "Cache-Status: other; hit",
    "CDN-Cache-Control: no-store",
    "Content-Length: 7",
    "Cookie: session=x",
    "Date: Fri, 15 Jan 2027 08:00:20 GMT",
    "Expires: 0",
    "Origin: https://else.example",
    "TE: trailers",
    "Transfer-Encoding: chunked",
    "Vary: *",
    "X-A: 1",
    "X-Tiercel-User: bob",
];

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// What is stored under `url` of a response with these lines, if anything is.
fn stored(engine: &Engine, url: &str, credential: &Credential, lines: &[&str]) -> Option<Found> {
    let request = RequestHead::new("GET", url, Fields::new());
    let Received::Lookup(lookup) = engine.receive(request, credential.clone(), at(0)) else { return None };
    let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &TagEpochs::new(), at(0)) else { return None };
    let head = ResponseHead { status: 200, fields: fields(&owned(lines)) };
    let conclusion = fetch.conclude(Outcome::Response(head), &Facts::default(), &TagEpochs::new(), at(RECEIVED));
    let StoreAction::Put(plan) = conclusion.store else { return None };
    // What stands under the plain key: a marker where there are variants.
    Some(Found::read(plan.marker.map_or(plan.head, |(_, marker)| marker), Some(LENGTH)))
}

fn delivered(
    engine: &Engine,
    request: RequestHead,
    credential: &Credential,
    found: &Found,
    now: Timestamp,
) -> Option<Delivery> {
    let Received::Lookup(lookup) = engine.receive(request, credential.clone(), now) else { return None };
    match lookup.resolve(found, &TagEpochs::new(), now) {
        Resolved::Deliver(delivery) => Some(delivery),
        Resolved::DeliverStale(..) | Resolved::Variant(_) | Resolved::Fetch(_) => None,
    }
}

/// All that a client sees, and what is counted.
fn seen(delivery: &Delivery) -> impl PartialEq + std::fmt::Debug + use<> {
    let Delivery { head, body, status, served, .. } = delivery.clone();
    (head, body, status, served)
}

proptest! {
    #![proptest_config(cases(CASES))]

    /// READY-LAW: until it is over, a ready answer is what the core would say to a request with the same question,
    /// whatever else that has. Nothing of a user is ever ready, and no part.
    #[test]
    fn what_is_repeated_would_have_been_said(
        class in 0..CLASSES.len(),
        method in select(vec!["GET", "GET", "GET", "HEAD"]),
        response in subsequence(OF_THE_RESPONSE.to_vec(), 0..=5),
        question in subsequence(OF_THE_QUESTION.to_vec(), 0..=2),
        beside in subsequence(BESIDE_IT.to_vec(), 0..=BESIDE_IT.len()),
        asked in 0u64..30_000,
        part in 0u64..1_000,
    ) {
        let (policy, url) = CLASSES[class];
        let engine = engine(policy, Tier::Edge);
        let is_for_all = !url.ends_with("stats");
        let credential = if is_for_all { Credential::None } else { user("abc123") };
        let Some(found) = stored(&engine, url, &credential, &response) else { return Ok(()) };
        let (whole, alone) = ([&question[..], &beside[..]].concat(), fields(&owned(&question)));
        let now = at(asked);
        let request = RequestHead::new(method, url, alone);
        let Some(first) = delivered(&engine, request, &credential, &found, now) else { return Ok(()) };
        let Some(until) = first.good_until(FOREVER, FOREVER, now) else {
            let is_plain = question.is_empty() && method == "GET" && is_for_all;
            prop_assert!(!is_plain || first.head.status != 200, "what is asked most is not ready");
            return Ok(());
        };
        prop_assert!(is_for_all && method == "GET" && first.head.status == 200, "{first:?}");
        // Another machine's clock may be behind the moment at which it was received.
        let begins = now.max(at(RECEIVED));
        prop_assert!(begins < until && until.as_millis() - begins.as_millis() <= 1_000, "{now:?} {until:?}");
        let later = now.as_millis() + part * (until.as_millis() - now.as_millis()) / 1_000;
        for moment in [later, until.as_millis() - 1] {
            let request = RequestHead::new(method, url, fields(&owned(&whole)));
            let then = delivered(&engine, request, &credential, &found, Timestamp::from_millis(moment));
            prop_assert_eq!(then.as_ref().map(seen), Some(seen(&first)), "at {}", moment);
        }
        let over = delivered(&engine, RequestHead::new(method, url, fields(&owned(&question))), &credential, &found, until);
        prop_assert_ne!(over.as_ref().map(seen), Some(seen(&first)), "it could have been ready for longer");
    }
}

/// What is said to a question is over with the first of three: its second, what is known of purges, memory's time.
#[test]
fn the_first_end_counts() {
    let engine = engine(VIDEOMI, Tier::Edge);
    let (_, url) = CLASSES[1];
    let found = stored(&engine, url, &Credential::None, &[]).expect("this class is stored");
    let request = RequestHead::new("GET", url, Fields::new());
    let (now, second) = (at(400), at(RECEIVED + 1_000));
    let delivery = delivered(&engine, request, &Credential::None, &found, now).expect("it is fresh");
    for (known, kept, expected) in [
        (FOREVER, FOREVER, Some(second)),
        (at(900), FOREVER, Some(at(900))),
        (FOREVER, at(800), Some(at(800))),
        (at(700), at(800), Some(at(700))),
        (at(401), FOREVER, Some(at(401))),
        (at(400), FOREVER, None),
        (FOREVER, at(400), None),
        (Timestamp::default(), FOREVER, None),
    ] {
        assert_eq!(delivery.good_until(known, kept, now), expected, "{known:?} {kept:?}");
    }
}

/// The fields of a question are those above.
#[test]
fn every_field_of_a_question_is_tried() {
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    for field in DECIDING {
        assert!(OF_THE_QUESTION.iter().any(|line| name(line) == field), "{field}");
    }
    for line in OF_THE_QUESTION {
        assert!(DECIDING.contains(&name(line).as_str()), "{line}");
    }
}
