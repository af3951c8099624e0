//! Cases that failed when they were written. They stay: what was wrong once can be wrong again.

#![cfg(feature = "document")]

mod support;

use support::{Cache, HTTP, VIDEOMI, engine, fields, get, user};
use tiercel_core::engine::Tier;
use tiercel_core::exchange::{Body, Delivery, Found, Outcome, Received, Resolved, SliceFailure, StoreAction};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead, Target};
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::principal::Credential;
use tiercel_core::time::{DeltaSeconds, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SITE: &str = "https://videomi.example";

fn head(status: u16, lines: &[&str]) -> ResponseHead {
    ResponseHead { status, fields: fields(lines) }
}

/// What a delivery says to caches: `Cache-Control`, and what is for CDNs alone (RFC 9213).
fn lifetimes(delivery: &Delivery) -> Vec<(&str, &str)> {
    let mut lines: Vec<_> = delivery.head.fields.iter().filter(|(name, _)| name.ends_with("cache-control")).collect();
    lines.sort_unstable();
    lines
}

/// FOUND-1 (product.md: "never stored: any response to a request whose credential could not be verified", any with
/// `Set-Cookie`). The edge marks such answers `no-store`. A device that is signed in, while its session has expired
/// at the edge, gets the anonymous answer and must not keep it as the user's; and a Service Worker cannot see
/// `Set-Cookie` at all. Only where the class itself says `no-store` to browsers does the device keep it.
#[test]
fn a_device_keeps_nothing_that_the_edge_called_no_store() {
    for (tier, url, cache_control, kept) in [
        (Tier::Sdk, "/api/stats", "no-store", false),
        (Tier::Sdk, "/api/upload/user/abc123", "no-store", false),
        (Tier::ServiceWorker, "/api/files/videos/f1/thumbnail", "no-store", false),
        (Tier::ServiceWorker, "/api/files/videos/f1", "no-store", false),
        (Tier::Sdk, "/api/stats", "public, max-age=60", true),
        (Tier::Sdk, "/api/user/artists", "private, no-cache", true),
        (Tier::Sdk, "/api/watch-progress/f1", "no-store, no-cache, must-revalidate", true),
    ] {
        let mut cache = Cache::new(engine(VIDEOMI, tier));
        let head = ResponseHead { status: 200, fields: fields(&[format!("Cache-Control: {cache_control}")]) };
        let request = get(&format!("https://videomi.example{url}"));
        let answer = cache.send(request, user("abc123"), NOW, &mut |_| Outcome::Response(head.clone()));
        let stored = answer.conclusion.map(|c| matches!(c.store, StoreAction::Put(_)));
        assert_eq!(stored, Some(kept), "{tier:?} {url} with {cache_control}");
    }
}

/// FOUND-2 (product.md, "isolation"): another tab has signed in as bob7, and the cookie went with it. What comes for him
/// is neither stored nor shown as abc123's, nor does it confirm what is stored of hers.
#[test]
fn a_device_takes_no_answer_that_is_for_another_user() {
    let mut cache = Cache::new(engine(VIDEOMI, Tier::Sdk));
    let stale = NOW + DeltaSeconds::new(7 * 3_600);
    for (at, status, whose, delivered, stored) in [
        (NOW, 200, "bob7", 403, false),
        (NOW, 200, "abc123", 200, true),
        (stale, 304, "bob7", 403, false),
        (stale, 304, "abc123", 200, true),
    ] {
        let head = ResponseHead {
            status,
            fields: fields(&["ETag: \"1\"".to_owned(), format!("Cache-Groups: \"user:{whose}\"")]),
        };
        let request = get("https://videomi.example/api/user/artists");
        let answer = cache.send(request, user("abc123"), at, &mut |_| Outcome::Response(head.clone()));
        let conclusion = answer.conclusion.expect("nothing fresh is stored");
        assert_eq!(conclusion.delivery.head.status, delivered, "{status} for {whose}");
        assert_eq!(matches!(conclusion.store, StoreAction::Put(_) | StoreAction::Freshen(_)), stored);
    }
}

/// FOUND-5 (RFC 9111 §4.4): what is stored of the target URI is invalidated where it is a user's, too, and nobody else's is.
/// So the edge must ask who changes it, though no event does.
#[test]
fn what_a_user_changes_is_asked_for_anew() {
    let text = r#"{ "name": "notes", "version": 1, "identity": { "cookie": "session", "algorithm": "HS256" }, "classes": {
        "note": { "match": "GET /notes/:id", "scope": "user", "authority": "origin", "query": "all",
            "key": "user:{userId}:notes:{id}:{query}", "edge": { "keep": "1h" }, "device": "never" },
        "page": { "match": "GET /pages/*", "scope": "public", "authority": "origin", "query": "all",
            "key": "page:{path}:{query}", "edge": { "keep": "1h" }, "device": "never" },
        "draft": { "match": "GET /drafts/:id", "scope": "user", "key": "user:{userId}:drafts:{id}",
            "browser": "private, no-cache", "edge": { "ttl": "1h" }, "device": "never" } } }"#;
    let mut cache = Cache::new(engine(text, Tier::Edge));
    for (method, path, asks) in [
        ("PUT", "/notes/7", true),
        ("DELETE", "/notes/7", true),
        ("GET", "/notes/7", true),
        ("PUT", "/pages/7", false),
        // Only events say what these make untrue.
        ("PUT", "/drafts/7", false),
        ("PUT", "/elsewhere", false),
    ] {
        assert_eq!(cache.engine.asks_who(method, &Target::parse(path)), asks, "{method} {path}");
    }

    let good = ResponseHead { status: 200, fields: fields(&["Cache-Control: max-age=600"]) };
    let done = ResponseHead { status: 204, fields: fields(&["Content-Location: /notes/8"]) };
    for (after, method, id, who, asked, purged) in [
        (0, "GET", "7", "alice", true, &[][..]),
        (0, "GET", "8", "alice", true, &[]),
        (0, "GET", "7", "bob", true, &[]),
        (1, "GET", "7", "alice", false, &[]),
        (2, "PUT", "7", "alice", true, &["user:alice:notes:7:*", "user:alice:notes:8:*"]),
        (3, "GET", "7", "alice", true, &[]),
        (3, "GET", "8", "alice", true, &[]),
        (3, "GET", "7", "bob", false, &[]),
        (4, "PUT", "7", "", true, &[]),
        (5, "GET", "7", "alice", false, &[]),
    ] {
        let request = RequestHead::new(method, &format!("https://notes.example/notes/{id}"), Fields::new());
        // As the edge does.
        let is_asked = cache.engine.asks_who(method, &request.target);
        let credential = if is_asked { user(who) } else { Credential::None };
        let answer = if method == "GET" { &good } else { &done };
        let at = NOW + DeltaSeconds::new(after);
        let answer = cache.send(request, credential, at, &mut |_| Outcome::Response(answer.clone()));
        let case = format!("{method} {id} by {who:?} after {after} s");
        assert_eq!(answer.asked.is_some(), asked, "{case}");
        let invalidation = answer.conclusion.and_then(|conclusion| conclusion.invalidation);
        assert_eq!(invalidation.map(|found| found.names).unwrap_or_default(), purged, "{case}");
    }
}

/// FOUND-2 of a body in slices: head and slice are the other user's, and what of a body comes later.
#[test]
fn a_device_takes_no_slice_that_is_for_another_user() {
    const POLICY: &str = r#"{
        "name": "shop", "version": 1, "identity": { "bearer": true, "algorithm": "HS256", "issuer": "shop" },
        "classes": { "film": {
            "match": "GET /film", "scope": "user", "key": "user:{userId}:film", "tags": ["all:films", "user:{userId}"],
            "browser": "private, no-cache", "edge": "never", "slice": "64KiB",
            "device": { "store": "cache-storage", "ttl": "1h" }
        } }
    }"#;
    let slice = |index: u64, groups: &str| {
        let (first, last) = (index << 16, (index << 16) + 0xffff);
        let range = format!("Content-Range: bytes {first}-{last}/200000");
        head(206, &["ETag: \"1\"", &range, groups])
    };
    for (groups, is_hers) in [
        ("Cache-Groups: \"all:films\", \"user:bob7\"", false),
        ("Cache-Groups: \"all:films\", \"user:abc123\"", true),
        // From past the edge.
        ("X-A: 1", true),
    ] {
        let mut cache = Cache::new(engine(POLICY, Tier::ServiceWorker));
        let came = slice(0, groups);
        let request = get(&format!("{SITE}/film"));
        let answer = cache.send(request, user("abc123"), NOW, &mut |_| Outcome::Response(came.clone()));
        let conclusion = answer.conclusion.expect("nothing is stored");
        assert_eq!(conclusion.delivery.head.status == 403, !is_hers, "{groups}");
        assert_eq!(matches!(conclusion.store, StoreAction::Put(_)), is_hers, "{groups}");
        assert_eq!(cache.store.is_empty(), !is_hers, "{groups}");

        // She has the first slice, and the next one is asked for.
        let came = slice(0, "Cache-Groups: \"all:films\", \"user:abc123\"");
        let request = get(&format!("{SITE}/film"));
        let hers = cache.send(request, user("abc123"), NOW, &mut |_| Outcome::Response(came.clone()));
        let Body::Sliced(sliced) = hers.delivery.body else { panic!("not in slices: {:?}", hers.delivery) };
        let next = sliced.conclude(1, &slice(1, groups), &TagEpochs::new(), NOW, NOW);
        match is_hers {
            true => assert!(matches!(next, Ok(Some(_))), "{groups}: {next:?}"),
            false => assert_eq!(next, Err(SliceFailure::Failed), "{groups}"),
        }
    }
}

/// Why it is not stored, what is asked (with fields), what comes (with fields), and whether that gets the policy's word
/// where it raises no doubt.
type Way<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], u16, &'a [&'a str], bool);

/// FOUND-3 (docs/headers.md, "`no-store` … on what may be meant for one client"): the policy's word to browsers went out on
/// such an answer where it was not stored for another reason, or was never judged because it was passed on.
#[test]
fn what_may_be_for_one_client_is_kept_by_nobody() {
    let long = format!("/assets/a?{}", "x".repeat(9_000));
    let wide = format!("X-A: {}", "x".repeat(70_000));
    let ways: [Way<'_>; 21] = [
        ("ambiguous-path", "GET", "/assets/..%2fapi%2fprofile%2fme", &[], 200, &[], false),
        ("ambiguous-path", "GET", "/assets/a/../../api/profile/me", &[], 200, &[], false),
        ("ambiguous-path", "GET", "/assets//a", &[], 203, &[], false),
        ("ambiguous-path", "GET", "/api/ratings/%zz", &[], 200, &[], false),
        ("ambiguous-path", "HEAD", "/api/files/videos/a%5cb", &[], 200, &[], false),
        ("ambiguous-path", "GET", "/api/files/videos/..%2f..%2fme/info", &[], 200, &[], false),
        ("ambiguous-query", "GET", "/api/upload/user/abc123?category=a&category=b", &[], 200, &[], false),
        ("too-long", "GET", &long, &[], 200, &[], false),
        ("too-long", "GET", "/assets/a", &[&wide], 204, &[], false),
        ("upgrade", "GET", "/assets/a", &["Upgrade: h2c", "Connection: upgrade"], 200, &[], false),
        ("upgrade", "GET", "/api/stats", &["Upgrade: h2c", "Connection: upgrade"], 200, &[], false),
        ("too-large", "GET", "/assets/a", &[], 200, &["Content-Length: 30000000"], true),
        ("method-not-stored", "HEAD", "/assets/a", &[], 200, &[], true),
        ("method-not-stored", "HEAD", "/api/stats", &[], 200, &[], true),
        ("partial-not-stored", "GET", "/assets/a", &["Range: bytes=2-5"], 206, &["Content-Range: bytes 2-5/9"], true),
        ("partial-not-stored", "GET", "/assets/a", &[], 206, &["Content-Range: bytes 2-5/9"], true),
        ("status-not-stored", "GET", "/assets/a", &[], 203, &[], true),
        ("status-not-stored", "GET", "/api/ratings/f1", &[], 204, &[], true),
        ("status-not-stored", "GET", "/api/stats", &[], 203, &[], true),
        ("-", "GET", "/assets/a", &[], 200, &[], true),
        ("-", "GET", "/api/files/videos/f1", &[], 206, &["ETag: \"1\"", "Content-Range: bytes 0-8/9"], true),
    ];
    let says: [(&[&str], bool); 9] = [
        (&["Cache-Control: private, no-store"], true),
        (&["Cache-Control: max-age=60", "Cache-Control: No-Store"], true),
        (&["Set-Cookie: a=1", "Cache-Control: public, max-age=60"], true),
        (&["Vary: *"], true),
        (&["Cache-Control: max-age=60", "CDN-Cache-Control: no-store"], true),
        (
            &["Cache-Control: max-age=60", "Cloudflare-CDN-Cache-Control: no-store", "CDN-Cache-Control: max-age=60"],
            true,
        ),
        (&["Set-Cookie: a=1", "CDN-Cache-Control: max-age=60", "Cloudflare-CDN-Cache-Control: max-age=60"], true),
        (&["Cache-Control: max-age=60", "Expires: Wed, 01 Jan 2031 00:00:00 GMT"], false),
        (&[], false),
    ];
    for (way, method, url, with, status, more, has_word) in ways {
        for (says, is_doubt) in says {
            let mut cache = Cache::new(engine(VIDEOMI, Tier::Edge));
            let with = [&["Cookie: videomi_session=x"], with].concat();
            let request = RequestHead::new(method, &format!("{SITE}{url}"), fields(&with));
            let came = head(status, &[more, says].concat());
            let answer = cache.send(request, user("abc123"), NOW, &mut |_| Outcome::Response(came.clone()));
            let (delivery, url) = (&answer.delivery, &url[..url.len().min(60)]);
            let got = lifetimes(delivery);
            let is_users = ["/api/stats", "/info", "/api/upload"].iter().any(|part| url.contains(part));
            if way != "-" && !is_doubt {
                assert_eq!(delivery.status.detail, Some(way), "{method} {url}");
            }
            let for_cdns = is_users.then_some(("cdn-cache-control", "no-store"));
            if is_doubt || !has_word {
                let expected: Vec<_> = [("cache-control", "no-store")].into_iter().chain(for_cdns).collect();
                assert_eq!(got, expected, "{way}: {method} {url} and {says:?}");
                assert!(cache.store.is_empty(), "{way}: {method} {url} and {says:?}");
            } else {
                assert_eq!(got.len(), 1 + for_cdns.iter().count(), "{way}: {method} {url} and {says:?}");
                assert!(got[0].0 == "cache-control" && got[0].1.starts_with("public, max-age="), "{way}: {got:?}");
            }
        }
        // What a user's own class allows, a public one does not.
        let mut cache = Cache::new(engine(VIDEOMI, Tier::Edge));
        let request = RequestHead::new(method, &format!("{SITE}{url}"), fields(with));
        let came = head(status, &[more, &["Cache-Control: private, max-age=60"]].concat());
        let answer = cache.send(request, user("abc123"), NOW, &mut |_| Outcome::Response(came.clone()));
        let is_kept = has_word && url == "/api/stats";
        assert_eq!(lifetimes(&answer.delivery)[0].1 == "no-store", !is_kept, "{way}: {method} {url} and private");
    }
}

/// FOUND-3 where a list is expected, and what came is none.
#[test]
fn what_is_no_list_and_may_be_for_one_client_is_kept_by_nobody() {
    const POLICY: &str = r#"{ "name": "shop", "version": 1, "classes": { "top": {
        "match": "GET /top", "scope": "public", "key": "top", "browser": "public, max-age=60",
        "edge": { "ttl": "1h" }, "device": "never",
        "collection": {
            "items": "/items", "sort": { "by": "/score", "order": "descending", "ties": "/id" },
            "page": { "parameter": "page", "first": 0 }, "limit": { "parameter": "limit", "default": 20, "max": 100 }
        }
    } } }"#;
    for (says, expected) in [
        ("Cache-Control: private", "no-store"),
        ("CDN-Cache-Control: private", "no-store"),
        ("Set-Cookie: a=1", "no-store"),
        ("Cache-Control: max-age=9", "public, max-age=60"),
    ] {
        let engine = engine(POLICY, Tier::Edge);
        let Received::Lookup(lookup) = engine.receive(get(&format!("{SITE}/top")), Credential::None, NOW) else {
            panic!("it is looked up")
        };
        let Resolved::Fetch(mut fetch) = lookup.resolve(&Found::Nothing, &TagEpochs::new(), NOW) else {
            panic!("nothing is there")
        };
        let mut came = head(200, &[says]);
        assert!(fetch.listed(&mut came, Some(b"<html>")).is_none());
        let conclusion = fetch.conclude(Outcome::Response(came), &Facts::default(), &TagEpochs::new(), NOW);
        assert_eq!(conclusion.delivery.status.detail, Some("list-malformed"));
        assert_eq!(lifetimes(&conclusion.delivery), [("cache-control", expected)], "{says}");
    }
}

/// FOUND-4 (RFC 9213 §2.2): what an origin says to CDNs was read where the origin rules, and nowhere else. A doubt is one
/// wherever it is said.
#[test]
fn what_is_said_to_cdns_counts_where_the_policy_rules() {
    for (url, lines, stored) in [
        ("/api/ratings/f1", &["Cache-Control: max-age=60", "CDN-Cache-Control: private"][..], Err("response-private")),
        ("/api/ratings/f1", &["Cache-Control: max-age=60", "CDN-Cache-Control: no-store"], Err("response-no-store")),
        (
            "/api/ratings/f1",
            &["CDN-Cache-Control: max-age=60", "CDN-Cache-Control: private=\"x\""],
            Err("response-private"),
        ),
        ("/api/ratings/f1", &["Cloudflare-CDN-Cache-Control: no-store"], Err("response-no-store")),
        ("/api/ratings/f1", &["CDN-Cache-Control: max-age=60", "Cache-Control: private"], Err("response-private")),
        // No Dictionary; a doubt all the same.
        ("/api/ratings/f1", &["CDN-Cache-Control: Private,,"], Err("response-private")),
        ("/api/ratings/f1", &["CDN-Cache-Control: max-age=60"], Ok(())),
        ("/api/ratings/f1", &["X-Cache-Control: private"], Ok(())),
        ("/api/stats", &["CDN-Cache-Control: private"], Ok(())),
        ("/api/stats", &["CDN-Cache-Control: no-store"], Err("response-no-store")),
    ] {
        let mut cache = Cache::new(engine(VIDEOMI, Tier::Edge));
        let came = head(200, lines);
        let answer =
            cache.send(get(&format!("{SITE}{url}")), user("abc123"), NOW, &mut |_| Outcome::Response(came.clone()));
        let status = answer.delivery.status;
        assert_eq!(if status.stored { Ok(()) } else { Err(status.detail.unwrap_or("-")) }, stored, "{url} {lines:?}");
        assert_eq!(cache.store.len(), usize::from(stored.is_ok()), "{url} {lines:?}");
    }
}

/// FOUND-4: where `no-store` is ours, a word of the origin's to CDNs overruled it (RFC 9213 §2.2).
#[test]
fn no_store_is_overruled_by_no_word_to_cdns() {
    const LINES: [&str; 4] = [
        "Content-Length: 10",
        "Cache-Control: max-age=600",
        "CDN-Cache-Control: max-age=600",
        "Cloudflare-CDN-Cache-Control: max-age=600",
    ];
    const NO_STORE: &[(&str, &str)] = &[("cache-control", "no-store")];
    let past_the_end = ["Range: bytes=20-"];
    for (policy, url) in [(VIDEOMI, "/assets/a"), (VIDEOMI, "/api/files/videos/f1"), (HTTP, "/a")] {
        let mut cache = Cache::new(engine(policy, Tier::Edge));
        let came = head(200, &LINES);
        let whole = get(&format!("{SITE}{url}"));
        let _ = cache.send(whole.clone(), Credential::None, NOW, &mut |_| Outcome::Response(came.clone()));
        let ranged = RequestHead { fields: fields(&past_the_end), ..whole };
        let got = cache.send(ranged, Credential::None, NOW, &mut |_| panic!("{url} is stored")).delivery;
        assert_eq!((got.head.status, &*lifetimes(&got)), (416, NO_STORE), "{url}");
    }
    let browser = "public, max-age=60, s-maxage=300, stale-while-revalidate=600";
    let of_a_user = [("cache-control", browser), ("cdn-cache-control", "no-store")];
    let kept_by_nobody = [("cache-control", "no-store, no-cache, must-revalidate")];
    for (url, status, expected) in [
        ("/assets/a", 404, NO_STORE),
        ("/assets/a", 500, NO_STORE),
        ("/assets/a", 302, NO_STORE),
        ("/api/stats", 200, &of_a_user),
        // The class itself says `no-store` to browsers.
        ("/api/watch-progress/f1", 200, &kept_by_nobody),
        ("/api/watch-progress/f1", 500, &kept_by_nobody),
    ] {
        let mut cache = Cache::new(engine(VIDEOMI, Tier::Edge));
        let came = head(status, &LINES);
        let request = get(&format!("{SITE}{url}"));
        let got = cache.send(request, user("abc123"), NOW, &mut |_| Outcome::Response(came.clone())).delivery;
        assert_eq!(lifetimes(&got), expected, "{url} {status}");
    }
}
