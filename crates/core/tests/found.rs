//! Cases that failed when they were written. They stay: what was wrong once can be wrong again.

#![cfg(feature = "document")]

mod support;

use support::{Cache, VIDEOMI, engine, fields, get, user};
use tiercel_core::engine::Tier;
use tiercel_core::exchange::{Outcome, StoreAction};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead, Target};
use tiercel_core::principal::Credential;
use tiercel_core::time::{DeltaSeconds, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

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

/// FOUND-3 (RFC 9111 §4.4): what is stored of the target URI is invalidated where it is a user's, too, and nobody else's is.
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
