//! What was asked for as one user is not another's, who is signed in on the device by the time that it is at hand. What is
//! everybody's is.

#![cfg(feature = "document")]

mod support;

use support::{VIDEOMI, engine, get, user};
use tiercel_core::engine::Tier;
use tiercel_core::exchange::{Found, Received, Resolved};
use tiercel_core::invalidation::TagEpochs;
use tiercel_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

#[test]
fn only_what_is_everybodys_goes_to_whoever_is_there_by_now() {
    for (tier, url, refused) in [
        (Tier::Sdk, "/api/stats", true),
        (Tier::Sdk, "/api/upload/user/ada", true),
        (Tier::Sdk, "/api/ratings/f1", false),
        (Tier::ServiceWorker, "/api/files/videos/f1/thumbnail", false),
        (Tier::ServiceWorker, "/", false),
    ] {
        let engine = engine(VIDEOMI, tier);
        let Received::Lookup(lookup) = engine.receive(get(url), user("ada"), NOW) else { panic!("{url}") };
        let expected = refused.then_some((403, Some("another-user")));
        let told = |delivery: Option<tiercel_core::exchange::Delivery>| {
            delivery.map(|delivery| (delivery.head.status, delivery.status.detail))
        };
        assert_eq!(told(lookup.for_another_user()), expected, "{url}");
        let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &TagEpochs::new(), NOW) else { panic!("{url}") };
        assert_eq!(told(fetch.for_another_user()), expected, "{url}");
    }
}
