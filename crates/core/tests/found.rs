//! Cases that failed when they were written. They stay: what was wrong once can be wrong again.

#![cfg(feature = "document")]

mod support;

use support::{Cache, VIDEOMI, engine, fields, get, user};
use tiercel_core::engine::Tier;
use tiercel_core::exchange::{Outcome, StoreAction};
use tiercel_core::head::ResponseHead;
use tiercel_core::time::Timestamp;

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
    let stale = NOW + tiercel_core::time::DeltaSeconds::new(7 * 3_600);
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
