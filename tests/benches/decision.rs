//! How long the core takes to decide on a fresh hit: class, key, freshness, every field of the answer. Beside it the
//! crate `http-cache-semantics`, asked the same: is this stored response fresh for this request, and with which fields
//! does it go out? (It knows no classes and no keys.)
//!
//! `cargo xtask bench edge` runs it. It prints JSON, for each contestant `micros` (median), `allocations` and `bytes`,
//! all of one decision. Requests are made before the clock starts, since each contestant has its own kind.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use http_cache_semantics::{BeforeRequest, CachePolicy};
use serde_json::{Value, json};
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{Delivery, Found, Outcome, Received, Resolved, StoreAction};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::principal::Credential;
use tiercel_core::time::Timestamp;
use tiercel_e2e::{HTTP, START, VIDEOMI, engine, fields};

/// Decisions that are timed together.
const BATCH: usize = 500;
/// How old the stored response is.
const AGE: Duration = Duration::from_secs(60);
const URL: &str = "https://videomi.example/images/dawn.webp?w=640";
const REQUEST: [&str; 9] = [
    "Host: videomi.example",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-GB,en;q=0.9",
    "Referer: https://videomi.example/library",
    "Sec-Fetch-Dest: image",
    "Sec-Fetch-Mode: no-cors",
    "Sec-Fetch-Site: same-origin",
];
const RESPONSE: [&str; 6] = [
    "Date: Fri, 15 Jan 2027 08:00:00 GMT",
    "Content-Type: image/webp",
    "Content-Length: 2048",
    "Cache-Control: public, max-age=3600",
    "ETag: \"dawn\"",
    "Last-Modified: Thu, 14 Jan 2027 08:00:00 GMT",
];

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--quick") { 40 } else { 400 };
    let figures = json!({
        "videomi": tiercel(VIDEOMI, rounds, false),
        "videomi_memory": tiercel(VIDEOMI, rounds, true),
        "http": tiercel(HTTP, rounds, false),
        "http_memory": tiercel(HTTP, rounds, true),
        "http_cache_semantics": http_cache_semantics(rounds),
    });
    println!("{figures}");
}

/// With `in_memory` the stored head was read before, as `CachePolicy` is; else reading it is part of the decision.
fn tiercel(policy: &str, rounds: usize, in_memory: bool) -> Value {
    let engine = engine(policy, Tier::Edge);
    let request = RequestHead::new("GET", URL, fields(&REQUEST));
    let stored = stored(&engine, request.clone());
    let found = Found::read(stored.clone(), None);
    let now = Timestamp::from_millis(START.as_millis() + AGE.as_millis() as u64);
    let purges = TagEpochs::new();
    measure(
        rounds,
        || (request.clone(), (!in_memory).then(|| stored.clone())),
        |(request, stored)| match stored {
            None => decide(&engine, request, &found, &purges, now),
            Some(stored) => decide(&engine, request, &Found::read(stored, None), &purges, now),
        },
    )
}

/// What is measured.
fn decide(engine: &Engine, request: RequestHead, found: &Found, purges: &TagEpochs, now: Timestamp) -> Delivery {
    let Received::Lookup(lookup) = engine.receive(request, Credential::None, now) else { panic!("not looked up") };
    let Resolved::Deliver(delivery) = lookup.resolve(found, purges, now) else { panic!("not fresh") };
    delivery
}

/// The head of the origin's answer, as it is stored.
fn stored(engine: &Engine, request: RequestHead) -> ResponseHead {
    let Received::Lookup(lookup) = engine.receive(request, Credential::None, START) else { panic!("not looked up") };
    let resolved = lookup.resolve(&Found::Nothing, &TagEpochs::new(), START);
    let Resolved::Fetch(fetch) = resolved else { panic!("nothing is stored") };
    let answer = Outcome::Response(ResponseHead { status: 200, fields: fields(&RESPONSE) });
    let conclusion = fetch.conclude(answer, &Facts::default(), &TagEpochs::new(), START);
    let StoreAction::Put(plan) = conclusion.store else { panic!("not stored") };
    plan.head
}

fn http_cache_semantics(rounds: usize) -> Value {
    let lines = |fields: &Fields, builder: &mut http::HeaderMap| {
        for (name, value) in fields.iter() {
            let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
            builder.append(name, value.parse().expect("a value"));
        }
    };
    let mut request = http::Request::get(URL).body(()).expect("a request");
    lines(&fields(&REQUEST), request.headers_mut());
    let mut response = http::Response::builder().status(200).body(()).expect("a response");
    lines(&fields(&RESPONSE), response.headers_mut());
    let received = SystemTime::UNIX_EPOCH + Duration::from_millis(START.as_millis());
    let policy = CachePolicy::new_options(&request, &response, received, Default::default());
    let now = received + AGE;
    measure(
        rounds,
        || (),
        |()| match policy.before_request(&request, now) {
            BeforeRequest::Fresh(parts) => parts,
            BeforeRequest::Stale { .. } => panic!("not fresh"),
        },
    )
}

fn measure<I, O>(rounds: usize, prepare: impl Fn() -> I, decide: impl Fn(I) -> O) -> Value {
    let once = prepare();
    let mut decision = None;
    let allocated = allocation_counter::measure(|| decision = Some(decide(once)));
    drop(decision);
    let mut micros: Vec<f64> = (0..rounds)
        .map(|_| {
            let inputs: Vec<I> = (0..BATCH).map(|_| prepare()).collect();
            let started = Instant::now();
            for input in inputs {
                black_box(decide(black_box(input)));
            }
            started.elapsed().as_secs_f64() * 1e6 / BATCH as f64
        })
        .collect();
    micros.sort_unstable_by(f64::total_cmp);
    json!({
        "micros": micros[micros.len() / 2],
        "allocations": allocated.count_total,
        "bytes": allocated.bytes_total,
    })
}
