//! Who decides on a fresh hit: the core, and beside it the crate `http-cache-semantics`. Both get a request and a stored
//! response, parsed, and are asked: may it answer the request at this moment, and with which fields?
//!
//! The core is asked for more: which class is it, whose data, under which key? The crate knows nothing of that, so the
//! core is measured twice: with it, as a tier needs it, and without, which is the same question for both.

use std::time::{Duration, SystemTime};

use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{Delivery, Found, Lookup, Outcome, Received, Resolved, StoreAction};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::principal::Credential;
use tiercel_core::time::Timestamp;
use tiercel_e2e::{HTTP, START, VIDEOMI, engine, fields};

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

/// What is done to each contestant. `prepare` makes what one decision takes; that is not the decision's own work.
pub(crate) trait Judge {
    /// `place` says whether the stored head was read before, `in_memory`, or has to be read, `from_store`; `looked_up`
    /// is `in_memory` with class and key known.
    fn judge<I: 'static, O: 'static>(
        &mut self,
        who: &'static str,
        place: &'static str,
        prepare: impl Fn() -> I + 'static,
        decide: impl Fn(I) -> O + 'static,
    );
}

/// Brings every contestant before `judge`.
pub(crate) fn each(judge: &mut impl Judge) {
    tiercel("videomi", VIDEOMI, judge);
    tiercel("http", HTTP, judge);
    http_cache_semantics(judge);
}

fn tiercel(who: &'static str, policy: &str, judge: &mut impl Judge) {
    // As in the edge, it lives as long as the process.
    let engine: &'static Engine = Box::leak(Box::new(engine(policy, Tier::Edge)));
    let request = RequestHead::new("GET", URL, fields(&REQUEST));
    let head = stored(engine, request.clone());
    let found = Found::read(head.clone(), None);
    let now = Timestamp::from_millis(START.as_millis() + AGE.as_millis() as u64);
    let asked = request.clone();
    let none = TagEpochs::new();
    judge.judge(who, "in_memory", move || asked.clone(), {
        let (found, none) = (found.clone(), none.clone());
        move |asked| resolve(receive(engine, asked, now), &found, &none, now)
    });
    let asked = request.clone();
    judge.judge(who, "looked_up", move || receive(engine, asked.clone(), now), {
        let none = none.clone();
        move |lookup| resolve(lookup, &found, &none, now)
    });
    judge.judge(
        who,
        "from_store",
        move || (request.clone(), head.clone()),
        move |(asked, head)| resolve(receive(engine, asked, now), &Found::read(head, None), &none, now),
    );
}

/// Class, whose data, key.
fn receive(engine: &Engine, request: RequestHead, now: Timestamp) -> Lookup<'_> {
    let Received::Lookup(lookup) = engine.receive(request, Credential::None, now) else { panic!("not looked up") };
    lookup
}

/// Whether what was found may be served, and with which fields.
fn resolve(lookup: Lookup<'_>, found: &Found, purges: &TagEpochs, now: Timestamp) -> Delivery {
    let Resolved::Deliver(delivery) = lookup.resolve(found, purges, now) else { panic!("not fresh") };
    delivery
}

/// The head of the origin's answer as the store gives it back.
fn stored(engine: &Engine, request: RequestHead) -> ResponseHead {
    let none = TagEpochs::new();
    let lookup = receive(engine, request, START);
    let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &none, START) else { panic!("something is stored") };
    let answer = Outcome::Response(ResponseHead { status: 200, fields: fields(&RESPONSE) });
    let conclusion = fetch.conclude(answer, &Facts::default(), &none, START);
    let StoreAction::Put(plan) = conclusion.store else { panic!("not stored") };
    plan.head
}

fn http_cache_semantics(judge: &mut impl Judge) {
    let mut request = http::Request::get(URL).body(()).expect("a request");
    *request.headers_mut() = header_map(&fields(&REQUEST));
    let mut response = http::Response::builder().status(200).body(()).expect("a response");
    *response.headers_mut() = header_map(&fields(&RESPONSE));
    let received = SystemTime::UNIX_EPOCH + Duration::from_millis(START.as_millis());
    let read = move |request: &http::Request<()>| {
        CachePolicy::new_options(request, &response, received, CacheOptions::default())
    };
    let ask =
        move |policy: &CachePolicy, request: &http::Request<()>| match policy.before_request(request, received + AGE) {
            BeforeRequest::Fresh(parts) => parts,
            BeforeRequest::Stale { .. } => panic!("not fresh"),
        };
    let (policy, asked) = (read(&request), request.clone());
    judge.judge("http_cache_semantics", "in_memory", || (), move |()| ask(&policy, &asked));
    judge.judge("http_cache_semantics", "from_store", || (), move |()| ask(&read(&request), &request));
}

fn header_map(fields: &Fields) -> http::HeaderMap {
    let line = |(name, value): (&str, &str)| {
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        (name, http::HeaderValue::from_str(value).expect("a value"))
    };
    fields.iter().map(line).collect()
}
