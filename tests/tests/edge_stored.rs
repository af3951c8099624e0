//! What the built edge keeps, and what it must not. `cargo xtask test edge` builds it first.

use tiercel_e2e::jwt::bearer;
use tiercel_e2e::live::{Got, World};
use tiercel_e2e::origin::Reply;

const LIST: &str = "/api/upload/user/abc123?category=videos";
const STATS: &str = "/api/stats";
const MEDIA: &str = "/api/files/videos/f1";

/// LIVE-7 (product.md: "never stored at the edge"; RFC 9111 §3): what is not whole, not good, or meant for one client.
#[test]
fn what_is_never_stored() {
    let world = World::videomi();
    let ada = bearer("abc123");
    for (name, reply) in [
        ("Set-Cookie", Reply::new(200, &["Set-Cookie: a=1; HttpOnly", "Set-Cookie: b=2"], "x")),
        ("no-store", Reply::new(200, &["Cache-Control: no-store"], "x")),
        ("404", Reply::new(404, &[], "x")),
        ("500", Reply::new(500, &[], "x")),
        ("302", Reply::new(302, &["Location: /elsewhere"], "")),
        ("no answer", Reply::Reset),
    ] {
        world.origin.answer(reply);
        for path in [STATS, "/api/files/videos/f1/thumbnail", "/assets/app.js"] {
            let first = world.send("GET", path, &[&ada]);
            assert!(!first.is_hit(), "{name} {path}: {first:?}");
            if name == "Set-Cookie" {
                assert_eq!(first.fields.all("set-cookie").collect::<Vec<_>>(), ["a=1; HttpOnly", "b=2"], "{path}");
            }
            if name == "302" {
                assert_eq!((first.status, first.fields.get("location")), (302, Some("/elsewhere")));
            }
            // What were stored late would be found by the next answer's turn at the same path.
            let second = world.send("GET", path, &[&ada]);
            assert!(!second.is_hit(), "{name} {path}: {second:?}");
            assert!(world.origin.take_log().len() >= 2, "{name} {path}: both went to the origin");
        }
    }
    // Sessions, profile, progress: never, whatever the origin says.
    world.origin.answer(Reply::new(200, &["Cache-Control: public, max-age=600"], "private"));
    for path in ["/api/auth/session", "/api/profile/me", "/api/billing/invoices", "/api/watch-progress/f1"] {
        for _ in 0..2 {
            let got = world.send("GET", path, &[&ada]);
            assert_eq!((got.status, got.cache()), (200, "fwd=bypass; detail=\"never-stored\""), "{got:?}");
            assert_eq!(got.fields.get("cache-control"), Some("no-store, no-cache, must-revalidate"), "{path}");
            assert_eq!(got.fields.get("pragma"), Some("no-cache"), "{path}");
        }
    }
}

/// LIVE-9: what Tiercel, or the runtime's store, writes on a stored response for itself does not go out.
#[test]
fn nothing_of_the_store_goes_out() {
    let world = World::videomi();
    let ada = bearer("abc123");
    for path in [STATS, LIST, MEDIA, "/assets/app.js"] {
        let hit = world.warm(path, &[&ada]);
        for (name, value) in hit.fields.iter() {
            let private = name.starts_with("x-tiercel") || ["cache-tag", "cf-cache-status"].contains(&name);
            assert!(!private, "{path}: {name}: {value} went out");
        }
    }
}

/// LIVE-8: the whole answer of a broken origin does not come out as a good one that can be kept.
#[test]
fn a_body_that_breaks_off() {
    let world = World::videomi();
    world.origin.answer(Reply::Truncated);
    let raw = world.raw(format!("GET {MEDIA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
    let whole = raw.split("\r\n\r\n").nth(1).is_some_and(|body| body.len() >= 1000);
    assert!(!whole, "ten bytes became a thousand: {raw}");
    world.origin.answer(Reply::new(200, &[], "whole"));
    let got = world.send("GET", MEDIA, &[]);
    assert_eq!((got.is_hit(), got.body.as_str()), (false, "whole"), "{got:?}");
}

/// LIVE-10: what does not say how long it is, is counted while it is stored. It goes out whole in any case.
#[test]
fn a_body_that_turns_out_too_long() {
    let world = World::videomi();
    // What a class stores where the policy does not say, in bytes.
    let most = 25 << 20;
    let answer = |length: usize| {
        let body = [format!("{length:x}\r\n").as_bytes(), &vec![b'a'; length], b"\r\n0\r\n\r\n"].concat();
        world.origin.answer(Reply::Answer { status: 200, fields: vec!["Transfer-Encoding: chunked".into()], body });
    };
    answer(most + 1);
    let long = world.send("GET", "/assets/long.bin", &[]);
    assert_eq!((long.is_hit(), long.whole, long.body.len()), (false, true, most + 1), "{:?}", long.fields);
    answer(most);
    let stored = world.until("/assets/whole.bin", &[], Got::is_hit);
    assert_eq!((stored.whole, stored.body.len()), (true, most), "{:?}", stored.fields);
    // By now it would be stored for a week. (Miniflare's store has a part of it until that is removed.)
    let _ = world.until("/assets/long.bin", &[], |got| !got.is_hit());
}
