//! What operators ask of the edge, and the hygiene that follows a purge, in workerd.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_e2e::jwt::{SECRET, bearer};
use tiercel_e2e::live::{Got, World, echo, videomi_edge};
use tiercel_e2e::origin::{Origin, Reply};

const RATINGS: &str = "/api/ratings/f1";
const PURGE: &str = "/api/cache/purge";
const TOKEN: &str = "an operator's own token";

fn world(vars: &[(&str, &str)]) -> World {
    let mut all = json!({ "JWT_SECRET": SECRET, "TIERCEL_OPERATOR_TOKEN": TOKEN });
    for (name, value) in vars {
        all[*name] = json!(value);
    }
    World::with(&json!({ "dir": videomi_edge(), "isolates": 2, "vars": all }), Origin::start(echo))
}

fn purge(world: &World, order: &str) -> Got {
    world.send_body(0, "POST", PURGE, &[&format!("Authorization: Bearer {TOKEN}")], order)
}

/// OP-1 (issue "invalidation"): a purge that did not come through a mutation, here at once and elsewhere within the bound.
#[test]
fn a_purge() {
    let mut world = world(&[]);
    let _ = world.warm(RATINGS, &[]);
    let _ = world.send_to(1, "GET", RATINGS, &[]);
    let done = purge(&world, r#"{"tags": ["ratings:f1", "file:f9"]}"#);
    assert_eq!(done.status, 200, "{done:?}");
    let said: Value = serde_json::from_str(&done.body).expect("JSON");
    let expected = json!({ "success": true, "purged": ["file:f9", "ratings:f1"], "mode": "hard", "recorded": true });
    assert_eq!(said, expected);
    assert_eq!(done.fields.get("cache-group-invalidation"), Some(r#""file:f9", "ratings:f1""#));
    assert_eq!(done.fields.get("cache-control"), Some("no-store"));
    assert!(world.origin.take_log().is_empty(), "the origin has no part in it");
    assert!(world.send("GET", RATINGS, &[]).cache().contains("purged"), "gone at once");
    world.advance(6);
    let other = world.send_to(1, "GET", RATINGS, &[]);
    assert_eq!(other.body, "GET /api/ratings/f1 for nobody", "{other:?}");

    // Softly: stale, and served while the origin fails.
    let _ = world.warm(RATINGS, &[]);
    assert_eq!(purge(&world, r#"{"tags": ["ratings:f1"], "mode": "soft"}"#).status, 200);
    world.origin.answer(Reply::Reset);
    let stale = world.send("GET", RATINGS, &[]);
    assert_eq!((stale.status, stale.body.as_str()), (200, "GET /api/ratings/f1 for nobody"), "{stale:?}");
}

/// OP-2: nobody else purges anything, and what is no order is explained.
#[test]
fn who_is_no_operator() {
    let world = world(&[]);
    let _ = world.warm(RATINGS, &[]);
    let order = r#"{"tags": ["ratings:f1"]}"#;
    let ada = bearer("abc123");
    let operator = format!("Authorization: Bearer {TOKEN}");
    let cases: &[(&str, &[&str], &str, u16)] = &[
        ("POST", &[], order, 401),
        ("POST", &[&ada], order, 401),
        ("POST", &["Authorization: Bearer an operator's own toke"], order, 401),
        ("POST", &["Authorization: Bearer x", &operator], order, 401),
        ("GET", &[&operator], "", 405),
        ("DELETE", &[&operator], "", 405),
        ("POST", &[&operator], "", 400),
        ("POST", &[&operator], "{", 400),
        ("POST", &[&operator], "[]", 400),
        ("POST", &[&operator], "null", 400),
        ("POST", &[&operator], r#"{"tags": "ratings:f1"} and more"#, 400),
        ("POST", &[&operator], r#"{"tags": []}"#, 400),
        ("POST", &[&operator], r#"{"tags": [1]}"#, 400),
        ("POST", &[&operator], r#"{"tags": ["a b"]}"#, 400),
        ("POST", &[&operator], r#"{"tags": ["ratings:f1"], "mode": "gentle"}"#, 400),
    ];
    for (method, fields, body, status) in cases {
        let got = world.send_body(0, method, PURGE, fields, body);
        assert_eq!(got.status, *status, "{method} {fields:?} {body}: {got:?}");
        assert!(got.body.len() > 10 && got.fields.has("cache-status"), "{got:?}");
    }
    assert!(world.origin.take_log().is_empty(), "none of it reached the origin");
    assert!(world.send("GET", RATINGS, &[]).is_hit(), "and nothing was purged");
    let elsewhere = world.send("GET", "/api/cache/other", &[]);
    assert_eq!(elsewhere.body, "GET /api/cache/other for nobody", "other paths are the origin's");
}

/// OP-3: without a token at the edge there are no operators.
#[test]
fn no_token_no_operator() {
    let world = World::videomi();
    let got = world.send_body(0, "POST", PURGE, &["Authorization: Bearer "], r#"{"tags": ["ratings:f1"]}"#);
    assert_eq!(got.status, 403, "{got:?}");
}

/// OP-4 (issue "invalidation"): Cloudflare is told behind everything, of hard purges, with patience.
#[test]
fn hygiene() {
    let cloudflare = Origin::start(|_| Reply::new(429, &["Retry-After: 0"], "slowly"));
    let world = world(&[
        ("CLOUDFLARE_API_URL", &cloudflare.url()),
        ("CLOUDFLARE_ZONE_ID", "zone1"),
        ("CLOUDFLARE_PURGE_TOKEN", "secret"),
        // Each of the sixteen objects may call every second.
        ("CLOUDFLARE_PURGES_A_MINUTE", "960"),
    ]);
    assert_eq!(purge(&world, r#"{"tags": ["ratings:f1"]}"#).status, 200);
    assert_eq!(purge(&world, r#"{"tags": ["ratings:f2"], "mode": "soft"}"#).status, 200);
    let refused = cloudflare.wait_for(1);
    assert_eq!(refused[0].line(), "POST /zones/zone1/purge_cache");
    assert_eq!(refused[0].fields.get("authorization"), Some("Bearer secret"));
    assert_eq!(refused[0].body, r#"{"tags":["ratings:f1"]}"#, "soft purges keep their entries");
    cloudflare.answer(Reply::new(200, &["Content-Type: application/json"], r#"{"success":true}"#));
    let again = cloudflare.wait_for(1);
    assert_eq!(again[0].body, r#"{"tags":["ratings:f1"]}"#, "what was refused for the moment comes again");
    // Told once; and the next purge brings only what is new.
    for tag in ["ratings:f1", "ratings:f1", "ratings:f1"] {
        assert_eq!(purge(&world, &json!({ "tags": [tag] }).to_string()).status, 200);
    }
    let began = Instant::now();
    let told = cloudflare.wait_for(1);
    assert_eq!(told[0].body, r#"{"tags":["ratings:f1"]}"#);
    assert!(began.elapsed() < Duration::from_secs(10) && told.len() == 1, "{told:?}");
}

/// OP-5 (issue "invalidation"): purges that come while Cloudflare is being called do not hurry the next call.
#[test]
fn hygiene_keeps_its_rate() {
    let taken = Reply::new(200, &["Content-Type: application/json"], r#"{"success":true}"#);
    let cloudflare = Origin::start(move |_| Reply::Slow(Duration::from_secs(2), Box::new(taken.clone())));
    let world = world(&[
        ("CLOUDFLARE_API_URL", &cloudflare.url()),
        ("CLOUDFLARE_ZONE_ID", "zone1"),
        ("CLOUDFLARE_PURGE_TOKEN", "secret"),
        // Each of the sixteen objects may call every three seconds.
        ("CLOUDFLARE_PURGES_A_MINUTE", "320"),
    ]);
    assert_eq!(purge(&world, r#"{"tags": ["ratings:f1"]}"#).status, 200);
    let _ = cloudflare.wait_for(1);
    let began = Instant::now();
    assert_eq!(purge(&world, r#"{"tags": ["ratings:f1"]}"#).status, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "it does not wait for the call either");
    assert_eq!(cloudflare.wait_for(1)[0].body, r#"{"tags":["ratings:f1"]}"#);
    assert!(began.elapsed() > Duration::from_secs(4), "after {:?}", began.elapsed());
}
