//! The built edge of policies/http.json in workerd: a plain RFC 9111 cache in front of a real HTTP origin.

use tiercel_e2e::live::{Got, World, http_edge};
use tiercel_e2e::origin::{Origin, Reply};

fn world(fields: &'static [&'static str], body: &'static str) -> World {
    World::start(&http_edge(), 1, Origin::start(move |_| Reply::new(200, fields, body)))
}

/// What `Cache-Status` says beside the lifetime. Where the second changes between the origin's `Date` and the receipt,
/// the answer has aged by one (RFC 9111 §4.2.3).
fn told(got: &Got, lifetime: u64) -> &str {
    let (told, ttl) = got.cache().split_once("; ttl=").unwrap_or((got.cache(), "none"));
    assert!([lifetime, lifetime - 1].iter().any(|left| left.to_string() == ttl), "{got:?}");
    told
}

/// HTTP-1 (RFC 9111 §4.2, §4.3): the origin's own lifetimes, and validation.
#[test]
fn the_origin_decides() {
    let mut world = world(&["Cache-Control: max-age=60, stale-if-error=600", "ETag: \"a\""], "one");
    let miss = world.send("GET", "/page?x=1", &["Cookie: a=1"]);
    assert_eq!((miss.status, told(&miss, 60)), (200, "fwd=uri-miss; stored"), "{miss:?}");
    let hit = world.warm("/page?x=1", &[]);
    assert_eq!(hit.body, "one");
    assert_eq!(hit.fields.get("cache-control"), Some("max-age=60, stale-if-error=600"));
    let other = world.send("GET", "/page?x=2", &[]);
    assert!(!other.is_hit(), "{other:?}");
    world.origin.take_log();

    let forced = world.send("GET", "/page?x=1", &["Cache-Control: no-cache"]);
    assert!(forced.cache().starts_with("fwd=request"), "{forced:?}");
    assert_eq!(world.origin.take_log()[0].fields.get("if-none-match"), Some("\"a\""));
    let _ = world.warm("/page?x=1", &[]);
    world.advance(61);
    world.origin.answer(Reply::new(304, &["ETag: \"a\"", "Cache-Control: max-age=30, stale-if-error=600"], ""));
    let fresh = world.send("GET", "/page?x=1", &[]);
    assert_eq!((fresh.status, fresh.body.as_str()), (200, "one"), "{fresh:?}");
    assert_eq!(told(&fresh, 30), "fwd=stale; fwd-status=304; stored", "{fresh:?}");
    let hit = world.warm("/page?x=1", &[]);
    assert_eq!(hit.body, "one", "{hit:?}");
    world.advance(31);
    world.origin.answer(Reply::Reset);
    let stale = world.send("GET", "/page?x=1", &[]);
    assert_eq!((stale.status, stale.body.as_str()), (200, "one"), "{stale:?}");
    let cached = world.send("GET", "/never", &["Cache-Control: only-if-cached"]);
    assert_eq!(cached.status, 504, "{cached:?}");
}

/// HTTP-2 (RFC 9111 §3, §3.5): what must not be kept by a shared cache.
#[test]
fn what_is_private_passes() {
    let world = world(&[], "");
    for (fields, with, reason) in [
        (&["Cache-Control: private, max-age=60"][..], &[][..], "response-private"),
        (&["Cache-Control: no-store"], &[], "response-no-store"),
        (&["Cache-Control: max-age=60"], &["Authorization: Bearer x"], "request-authorization"),
        (&["Cache-Control: max-age=60", "Vary: *"], &[], "vary-star"),
        (&["Cache-Control: max-age=60", "Set-Cookie: a=1"], &[], "set-cookie"),
        (&["Cache-Control: max-age=60"], &["Cache-Control: no-store"], "request-no-store"),
        (&[], &[], "no-freshness"),
    ] {
        world.origin.answer(Reply::new(200, fields, "x"));
        let path = format!("/{reason}");
        for _ in 0..2 {
            let got = world.send("GET", &path, with);
            assert_eq!(got.cache(), format!("fwd=uri-miss; detail=\"{reason}\""), "{got:?}");
        }
        let asked = world.origin.take_log();
        // When a later answer is in the store, so would be the one before.
        world.origin.answer(Reply::new(200, &["Cache-Control: max-age=60"], "y"));
        let _ = world.warm(&format!("/after/{reason}"), &[]);
        world.origin.answer(Reply::new(200, fields, "x"));
        let third = world.send("GET", &path, with);
        assert_eq!(third.cache(), format!("fwd=uri-miss; detail=\"{reason}\""), "{third:?}");
        for asked in asked.into_iter().chain(world.origin.take_log()) {
            for line in with {
                let (name, value) = line.split_once(": ").expect("a field line");
                assert_eq!(asked.fields.get(&name.to_ascii_lowercase()), Some(value), "the request goes on as it is");
            }
        }
    }
}

/// HTTP-3 (RFC 9111 §4.1): variants, in a store that knows no `Vary`.
#[test]
fn variants() {
    let world = World::start(
        &http_edge(),
        1,
        Origin::start(|request| {
            let language = request.fields.get("accept-language").unwrap_or("none").to_owned();
            Reply::new(200, &["Cache-Control: max-age=60", "Vary: Accept-Language"], &language)
        }),
    );
    const LANGUAGES: [&str; 3] = ["fr", "en", "fr, en;q=0.5"];
    for language in LANGUAGES {
        let first = world.send("GET", "/page", &[&format!("Accept-Language: {language}")]);
        assert_eq!((first.body.as_str(), first.is_hit()), (language, false), "another variant is no answer: {first:?}");
        let _ = world.warm("/page", &[&format!("Accept-Language: {language}")]);
    }
    for language in LANGUAGES {
        let got = world.send("GET", "/page", &[&format!("Accept-Language: {language}")]);
        assert_eq!((got.body.as_str(), got.is_hit()), (language, true), "{got:?}");
        assert_eq!(got.fields.get("vary"), Some("Accept-Language"));
    }
    assert!(world.origin.take_log().is_empty(), "each variant is in the store");
    let part = world.send("GET", "/page", &["Accept-Language: fr, en;q=0.5", "Range: bytes=0-1"]);
    assert_eq!((part.status, part.body.as_str(), part.is_hit()), (206, "fr", true), "{part:?}");
}

/// HTTP-4 (RFC 9111 §4.4): a mutation invalidates what its URL names.
#[test]
fn mutations() {
    let mut world = world(&["Cache-Control: max-age=600"], "one");
    let _ = world.warm("/thing", &[]);
    // A purge counts against what was asked for in the same millisecond.
    world.advance(1);
    let changed = world.send("POST", "/thing", &["Content-Type: application/json"]);
    assert_eq!((changed.status, changed.cache()), (200, "fwd=method"), "{changed:?}");
    world.origin.answer(Reply::new(200, &["Cache-Control: max-age=600"], "two"));
    world.advance(1);
    let got = world.send("GET", "/thing", &[]);
    assert_eq!((got.body.as_str(), got.is_hit()), ("two", false), "{got:?}");
}

/// HTTP-5 (RFC 9110 §15.3.5, §15.4): statuses without a body, redirects and errors come through as they are.
#[test]
fn every_status_passes() {
    let world = world(&[], "");
    for status in [
        200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 410, 418, 429,
        451, 500, 501, 502, 503, 504, 599,
    ] {
        let mut fields = vec!["Location: /x", "Cache-Control: max-age=60"];
        if status == 206 {
            fields.push("Content-Range: bytes 0-0/1");
        }
        let body = if matches!(status, 204 | 205 | 304) { "" } else { "x" };
        world.origin.answer(Reply::new(status, &fields, body));
        let path = format!("/status/{status}");
        for round in 0..3 {
            let got = world.send("GET", &path, &[]);
            assert_eq!((got.status, got.body.as_str()), (status, body), "round {round}: {got:?}");
            assert_eq!(got.fields.get("location"), Some("/x"), "{status}");
        }
    }
}
