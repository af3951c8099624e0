//! The built edge of policies/videomi.json in workerd, in front of a real HTTP origin. `cargo xtask test edge` builds
//! it first. With `TIERCEL_TEST_LOG=1` the edge's own log is shown.

use std::time::Duration;

use serde_json::json;
use tiercel_e2e::jwt::{SECRET, bearer, cookie, sign, token};
use tiercel_e2e::live::{Got, World, echo, videomi_edge};
use tiercel_e2e::origin::{Origin, Reply, lines};

const LIST: &str = "/api/upload/user/abc123?category=videos";
const STATS: &str = "/api/stats";
const MEDIA: &str = "/api/files/videos/f1";

#[track_caller]
fn expect(got: &Got, status: u16, cache: &str) {
    assert_eq!((got.status, got.cache()), (status, cache), "{got:?}");
}

/// LIVE-1 (product.md, "Freshness and failure"): miss, hit, stale with one refresh, revalidation, stale on error.
#[test]
fn the_windows() {
    let mut world = World::videomi();
    let ada = cookie("abc123");
    let miss = world.send("GET", STATS, &[&ada]);
    expect(&miss, 200, "fwd=uri-miss; stored; ttl=60");
    assert_eq!(miss.fields.get("cache-control"), Some("public, max-age=60, s-maxage=300, stale-while-revalidate=600"));
    assert_eq!(miss.fields.get("vary"), Some("Authorization, Cookie"));
    assert_eq!(miss.fields.get("cdn-cache-control"), Some("no-store"));
    assert_eq!(miss.fields.get("cache-tags"), Some("user:abc123"));
    let hit = world.warm(STATS, &[&ada]);
    assert_eq!(hit.body, "GET /api/stats for abc123");
    assert!(hit.fields.get("age").is_some_and(|age| age.parse::<u64>().is_ok()), "{hit:?}");

    // Stale: at once, with one refresh however many ask.
    world.advance(70);
    world.origin.answer(Reply::Slow(Duration::from_millis(300), Box::new(Reply::new(304, &["ETag: \"e1\""], ""))));
    for _ in 0..5 {
        let stale = world.send("GET", STATS, &[&ada]);
        assert!(stale.is_hit() && stale.cache().contains("stale-while-revalidate"), "{stale:?}");
        assert_eq!(stale.body, "GET /api/stats for abc123");
    }
    let freshened = world.until(STATS, &[&ada], |got| !got.cache().contains("stale"));
    let asked = world.origin.take_log();
    assert_eq!(lines(&asked), ["GET /api/stats"], "five stale answers and more, one refresh");
    assert_eq!(asked[0].fields.get("if-none-match"), Some("\"e1\""));
    assert_eq!((freshened.is_hit(), freshened.body.as_str()), (true, "GET /api/stats for abc123"), "{freshened:?}");
    assert!(!freshened.cache().contains("stale"), "{freshened:?}");

    // Past stale-while-revalidate: revalidated before the answer.
    world.advance(700);
    world.origin.answer(Reply::new(304, &["ETag: \"e1\""], ""));
    let revalidated = world.send("GET", STATS, &[&ada]);
    expect(&revalidated, 200, "fwd=stale; fwd-status=304; stored; ttl=60");
    assert_eq!(revalidated.body, "GET /api/stats for abc123");
    world.origin.take_log();

    // Within stale-if-error.
    world.advance(700);
    world.origin.answer(Reply::new(503, &[], "overloaded"));
    let stale = world.send("GET", STATS, &[&ada]);
    assert_eq!((stale.status, stale.body.as_str()), (200, "GET /api/stats for abc123"));
    assert!(stale.cache().contains("fwd-status=503") && stale.cache().contains("stale-if-error"), "{stale:?}");
    world.origin.answer(Reply::Reset);
    let stale = world.send("GET", STATS, &[&ada]);
    assert_eq!((stale.status, stale.body.as_str()), (200, "GET /api/stats for abc123"), "{stale:?}");
    assert!(stale.cache().contains("network-failure"), "{stale:?}");

    // Past it: the failure goes through, the origin's own or ours.
    world.advance(90_000);
    let failed = world.send("GET", STATS, &[&ada]);
    assert_eq!(failed.status, 502, "{failed:?}");
    assert_eq!(failed.fields.get("cache-control"), Some("no-store"));
    world.origin.answer(Reply::new(503, &["Retry-After: 5"], "overloaded"));
    let failed = world.send("GET", STATS, &[&ada]);
    assert_eq!((failed.status, failed.body.as_str(), failed.fields.get("retry-after")), (503, "overloaded", Some("5")));
}

/// LIVE-2 (product.md): an origin that takes too long fails within the class's timeout (10 s).
#[test]
fn the_timeout() {
    let mut world = World::videomi();
    let ada = bearer("abc123");
    let _ = world.warm(STATS, &[&ada]);
    world.advance(2_000);
    world.origin.answer_by(|request| Reply::Slow(Duration::from_secs(14), Box::new(echo(request))));
    let started = std::time::Instant::now();
    let stale = world.send("GET", STATS, &[&ada]);
    assert_eq!((stale.status, stale.body.as_str()), (200, "GET /api/stats for abc123"), "{stale:?}");
    assert!(stale.cache().contains("timeout"), "{stale:?}");
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(9) && took < Duration::from_secs(13), "it took {took:?}");
}

/// LIVE-3 (RFC 9110 §13, §14; RFC 9111 §4.3.2): conditions, HEAD and ranges are answered from the store.
#[test]
fn conditions_and_ranges() {
    let world = World::videomi();
    let body: String = (0..100).map(|i| format!("{i:010}")).collect();
    let whole = body.clone();
    world.origin.answer_by(move |_| Reply::new(200, &["Content-Type: video/mp4", "ETag: \"m\""], &whole));
    // A browser asks for a video with the range that is the whole: fetched as the whole, and stored.
    let first = world.send("GET", MEDIA, &["Range: bytes=0-"]);
    expect(&first, 206, "fwd=uri-miss; stored; ttl=31536000");
    assert_eq!(first.fields.get("content-range"), Some("bytes 0-999/1000"));
    assert_eq!(first.body, body);
    assert_eq!(world.origin.take_log()[0].fields.get("range"), Some("bytes=0-2097151"), "the first slice");
    let hit = world.warm(MEDIA, &[]);
    assert_eq!(hit.body, body);
    assert_eq!(hit.fields.get("accept-ranges"), Some("bytes"));
    assert_eq!(hit.fields.get("cache-control"), Some("public, max-age=31536000, immutable"));
    for (range, status, content_range, part) in [
        ("bytes=10-19", 206, Some("bytes 10-19/1000"), &body[10..20]),
        ("bytes=990-", 206, Some("bytes 990-999/1000"), &body[990..]),
        ("bytes=-5", 206, Some("bytes 995-999/1000"), &body[995..]),
        ("bytes=0-1", 206, Some("bytes 0-1/1000"), &body[..2]),
        ("bytes=900-99999", 206, Some("bytes 900-999/1000"), &body[900..]),
        ("bytes=5000-", 416, Some("bytes */1000"), ""),
        ("bytes=9-1", 200, None, body.as_str()),
        ("bytes=x-y", 200, None, body.as_str()),
        ("bytes", 200, None, body.as_str()),
        // RFC 9110 §15.3.7.2: what nearly touches is one part.
        ("bytes=0-1,5-6", 206, Some("bytes 0-6/1000"), &body[..7]),
        ("pages=1-2", 200, None, body.as_str()),
    ] {
        let got = world.send("GET", MEDIA, &[&format!("Range: {range}")]);
        assert_eq!((got.status, got.fields.get("content-range")), (status, content_range), "{range}: {got:?}");
        assert_eq!(got.body, part, "{range}");
        assert!(got.is_hit(), "{range}: {got:?}");
        let length = part.len().to_string();
        if status == 206 {
            assert_eq!(got.fields.get("content-length"), Some(length.as_str()), "{range}");
        }
    }
    let part = world.send("GET", MEDIA, &["Range: bytes=0-1", "If-Range: \"other\""]);
    assert_eq!((part.status, part.body.len()), (200, 1000));
    let head = world.send("HEAD", MEDIA, &[]);
    assert_eq!((head.status, head.body.as_str(), head.fields.get("content-length")), (200, "", Some("1000")));
    for (condition, status) in [("\"m\"", 304), ("W/\"m\"", 304), ("\"x\", \"m\"", 304), ("*", 304), ("\"x\"", 200)] {
        let got = world.send("GET", MEDIA, &[&format!("If-None-Match: {condition}")]);
        assert_eq!(got.status, status, "{condition}: {got:?}");
        assert_eq!(got.fields.get("etag"), Some("\"m\""));
    }
    assert!(world.origin.take_log().is_empty(), "all of that came from the store");

    // A part of what is not stored goes on to the origin, and is not stored as the whole.
    let fields = &["Content-Range: bytes 2-5/10", "Content-Type: video/mp4"];
    world.origin.answer(Reply::new(206, fields, "2345"));
    let part = world.send("GET", "/api/files/videos/f2", &["Range: bytes=2-5"]);
    expect(&part, 206, "fwd=uri-miss; detail=\"partial-not-stored\"");
    assert_eq!((part.body.as_str(), part.fields.get("content-range")), ("2345", Some("bytes 2-5/10")));
    world.origin.answer(Reply::new(200, &[], "0123456789"));
    let whole = world.send("GET", "/api/files/videos/f2", &[]);
    expect(&whole, 200, "fwd=uri-miss; stored; ttl=31536000");
    assert_eq!(whole.body, "0123456789");
}

/// LIVE-4 (product.md, "Keys, names and isolation"): a hit never skips the check of who asks.
#[test]
fn who_asks() {
    let world = World::videomi();
    let (ada, bob) = (bearer("abc123"), cookie("bob"));
    let hit = world.warm(LIST, &[&ada]);
    assert_eq!(hit.body, "GET /api/upload/user/abc123?category=videos for abc123");

    let refused = world.send("GET", LIST, &[&bob]);
    expect(&refused, 403, "detail=\"not-the-owner\"");
    assert!(!refused.body.contains("abc123") && !refused.cache().contains("bob"), "{refused:?}");
    assert!(world.origin.take_log().is_empty(), "refused before anything is asked");

    let part = |value: &serde_json::Value| sign(&json!({ "alg": "HS256" }), value, SECRET);
    let good = token("abc123");
    let unsigned = format!("{}.", good.rsplit_once('.').map(|(signed, _)| signed).expect("a token has a signature"));
    let none =
        sign(&json!({ "alg": "none" }), &json!({ "sub": "abc123", "iss": "videomi", "exp": 4_102_444_800u64 }), SECRET);
    for (name, token, reason) in [
        ("rubbish", "bad.bad.bad".to_owned(), "credential-malformed"),
        ("two parts", "a.b".to_owned(), "credential-malformed"),
        ("no signature", unsigned, "credential-signature"),
        (
            "another secret",
            sign(
                &json!({ "alg": "HS256" }),
                &json!({ "sub": "abc123", "iss": "videomi", "exp": 4_102_444_800u64 }),
                "guess",
            ),
            "credential-signature",
        ),
        ("alg none", none, "credential-algorithm"),
        ("expired", part(&json!({ "sub": "abc123", "iss": "videomi", "exp": 1_000_000_000 })), "credential-expired"),
        ("no exp", part(&json!({ "sub": "abc123", "iss": "videomi" })), "credential-expired"),
        (
            "another issuer",
            part(&json!({ "sub": "abc123", "iss": "elsewhere", "exp": 4_102_444_800u64 })),
            "credential-issuer",
        ),
        ("no subject", part(&json!({ "iss": "videomi", "exp": 4_102_444_800u64 })), "credential-no-subject"),
        (
            "an empty subject",
            part(&json!({ "sub": "", "iss": "videomi", "exp": 4_102_444_800u64 })),
            "credential-no-subject",
        ),
        (
            "a subject that is no string",
            part(&json!({ "sub": 7, "iss": "videomi", "exp": 4_102_444_800u64 })),
            "credential-no-subject",
        ),
        (
            "not yet valid",
            part(&json!({ "sub": "abc123", "iss": "videomi", "exp": 4_102_444_800u64, "nbf": 4_102_444_000u64 })),
            "credential-not-yet-valid",
        ),
    ] {
        for how in [format!("Authorization: Bearer {token}"), format!("Cookie: videomi_session={token}")] {
            let got = world.send("GET", LIST, &[&how]);
            expect(&got, 200, &format!("fwd=bypass; detail=\"{reason}\""));
            assert_eq!(
                got.body, "GET /api/upload/user/abc123?category=videos for nobody",
                "{name}: the origin decides"
            );
            assert_eq!(got.fields.get("cache-control"), Some("no-store"), "{name}");
        }
    }
    let anonymous = world.send("GET", LIST, &[]);
    expect(&anonymous, 200, "fwd=bypass; detail=\"no-credential\"");
    // Two session cookies: one of them may have been planted.
    let twice = format!("Cookie: videomi_session={good}; videomi_session={}", token("bob"));
    expect(&world.send("GET", STATS, &[&twice]), 200, "fwd=bypass; detail=\"credential-ambiguous\"");
    let again = world.send("GET", LIST, &[&ada]);
    assert_eq!(again.body, hit.body, "none of that was stored over the good answer");
    world.origin.take_log();

    // A client's X-Tiercel-User is dropped, the verified one arrives, escaped.
    let odd = bearer("é:*/ %");
    let got = world.send("GET", STATS, &[&odd, "X-Tiercel-User: admin", "X-Tiercel-Meta: t1"]);
    assert_eq!(got.status, 200, "{got:?}");
    let asked = world.origin.take_log();
    assert_eq!(asked[0].fields.all("x-tiercel-user").collect::<Vec<_>>(), ["%C3%A9%3A%2A%2F%20%25"]);
    assert!(!asked[0].fields.has("x-tiercel-meta"));
    let _ = world.send("GET", "/nothing/of/ours", &["X-Tiercel-User: admin"]);
    assert!(!world.origin.take_log()[0].fields.has("x-tiercel-user"));

    // What is public is fetched for nobody: credentials, and fields that poison caches, do not reach the origin.
    let poison = ["X-Forwarded-Host: evil.example", "X-Original-URL: /admin", "X-HTTP-Method-Override: DELETE"];
    let got = world.send("GET", "/api/ratings/f9", &[&[ada.as_str(), bob.as_str()], poison.as_slice()].concat());
    expect(&got, 200, "fwd=uri-miss; stored; ttl=600");
    let asked = world.origin.take_log().remove(0);
    for name in
        ["authorization", "cookie", "x-tiercel-user", "x-forwarded-host", "x-original-url", "x-http-method-override"]
    {
        assert!(!asked.fields.has(name), "{name} reached the origin");
    }
    // A credential that does not verify does not matter there.
    let got = world.warm("/api/ratings/f9", &["Authorization: Bearer x"]);
    assert_eq!(got.body, "GET /api/ratings/f9 for nobody");
}

/// LIVE-5 (product.md, "Events"): after the edge has acknowledged a mutation, its user never sees older data again, by
/// any isolate at once or within the policy's bound (5 s).
#[test]
fn events_across_isolates() {
    let mut world = World::start(&videomi_edge(), 2, Origin::start(echo));
    let (ada, bob) = (bearer("abc123"), bearer("bob"));
    let all = "/api/upload/user/abc123";
    let music = "/api/upload/user/abc123?category=musics";
    for path in [LIST, all, music, STATS] {
        let _ = world.warm(path, &[&ada]);
    }
    let _ = world.warm(STATS, &[&bob]);
    let second = world.send_to(1, "GET", LIST, &[&ada]);
    assert!(second.is_hit(), "two isolates of one data centre share the store: {second:?}");
    world.advance(1);

    let uploaded = r#"{"data":{"file":{"category":"videos"}}}"#;
    world.origin.answer_by(move |request| match request.method.as_str() {
        "POST" => Reply::new(201, &["Content-Type: application/json"], uploaded),
        _ => Reply::new(200, &[], "new"),
    });
    let mutation = world.send("POST", "/api/upload", &[&ada, "Content-Type: text/plain"]);
    expect(&mutation, 201, "fwd=method");
    assert_eq!(mutation.body, uploaded);
    let groups = mutation.fields.get("cache-group-invalidation").unwrap_or("");
    for name in ["\"user:abc123:files:videos\"", "\"user:abc123:files:*\"", "\"user:abc123:stats\""] {
        assert!(groups.contains(name), "{name} in {groups}");
    }
    for path in [LIST, all, STATS] {
        let got = world.send("GET", path, &[&ada]);
        assert_eq!((got.is_hit(), got.body.as_str()), (false, "new"), "{path}: {got:?}");
        assert!(got.cache().contains("purged"), "{path}: {got:?}");
    }
    let kept = world.send("GET", music, &[&ada]);
    assert!(kept.is_hit(), "another category's list stays: {kept:?}");
    let kept = world.send("GET", STATS, &[&bob]);
    assert!(kept.is_hit(), "another user's counts stay: {kept:?}");

    // The other isolate has learnt of no purge yet; after the bound it must have.
    world.advance(6);
    let second = world.send_to(1, "GET", LIST, &[&ada]);
    assert_eq!(second.body, "new", "{second:?}");

    // A refused mutation invalidates nothing.
    let _ = world.warm(LIST, &[&ada]);
    world.origin.answer_by(|request| match request.method.as_str() {
        "POST" => Reply::new(409, &[], "no"),
        _ => Reply::new(200, &[], "newer"),
    });
    let refused = world.send("POST", "/api/upload", &[&ada]);
    assert_eq!((refused.status, refused.fields.get("cache-group-invalidation")), (409, None));
    assert!(world.send("GET", LIST, &[&ada]).is_hit());
}

/// LIVE-6 (product.md): a fetch that began before a mutation and ends after it does not put the old answer back.
#[test]
fn a_fetch_that_spans_a_mutation() {
    let world = World::videomi();
    let ada = bearer("abc123");
    world.origin.answer_by(|request| match request.method.as_str() {
        "GET" => Reply::Slow(Duration::from_millis(800), Box::new(Reply::new(200, &[], "old"))),
        _ => Reply::new(204, &[], ""),
    });
    let old = std::thread::scope(|scope| {
        let reading = scope.spawn(|| world.send("GET", STATS, &[&ada]));
        let _ = world.origin.wait_for(1);
        let deleted = world.send("DELETE", MEDIA, &[&ada]);
        assert_eq!(deleted.status, 204, "{deleted:?}");
        reading.join().expect("the reader ends")
    });
    expect(&old, 200, "fwd=uri-miss; detail=\"purged-meanwhile\"");
    world.origin.answer(Reply::new(200, &[], "new"));
    let got = world.send("GET", STATS, &[&ada]);
    assert_eq!((got.is_hit(), got.body.as_str()), (false, "new"), "{got:?}");
}
