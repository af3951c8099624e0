//! How purges come to be known through the built edge in workerd: in isolates that are new, of entries that are older than
//! what an isolate was told, and when the Durable Objects cannot be reached. `cargo xtask test edge` builds the edge
//! first. The core's part, step by step: core/tests/epochs.rs.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tiercel_core::epochs::MOST_IN_FEED;
use tiercel_core::key::Shard;
use tiercel_e2e::film::{ask, read};
use tiercel_e2e::jwt::bearer;
use tiercel_e2e::live::{Got, World, echo, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply};

const VIDEOS: &str = "/api/upload/user/abc123?category=videos";
const IMAGES: &str = "/api/upload/user/abc123?category=images";
const INFO: &str = "/api/files/videos/f1/info";
const RATINGS: &str = "/api/ratings/f1";
/// The policy's bound and a little more, in seconds.
const PAST_THE_BOUND: u32 = 6;
/// Within it, and long enough that what comes after it is not fetched in the moment of a purge.
const A_MOMENT: u32 = 1;
/// Longer than a mutation's answer waits for its purge to be recorded (policy, `record-timeout`), in seconds.
const PAST_THE_PATIENCE: u32 = 16;
/// Longer than a purge is told again behind an answer.
const PAST_ALL_RETRIES: u32 = 30;
/// As many groups as one field may name (RFC 9875 §2), or nearly so.
const GROUPS: usize = 120;

fn says(body: &'static str) -> impl Fn(&Arrived) -> Reply {
    move |_| Reply::new(200, &["Content-Type: text/plain"], body)
}

/// Two data centres, each with three isolates: 0 to 2, and 3 to 5.
fn two_colos() -> World {
    World::across(&videomi_edge(), 2, 3, Origin::start(says("old")))
}

/// Gets `path` through an isolate until it comes from the store.
fn warm_at(world: &World, isolate: usize, path: &str, fields: &[&str]) -> Got {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let got = world.send_to(isolate, "GET", path, fields);
        if got.is_hit() {
            return got;
        }
        assert!(Instant::now() < deadline, "{path} never comes from the store: {got:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the objects were asked for this answer.
fn has_asked(got: &Got) -> bool {
    got.fields.combined("server-timing").is_some_and(|timing| timing.contains("epochs"))
}

#[track_caller]
fn expect(got: &Got, body: &str, cache: &str) {
    assert!(got.body == body && got.cache().starts_with(cache), "not {body:?} with {cache:?}: {got:?}");
}

/// EPOCHS-1: an object names at most a thousand purges, the newest. What is older than all of them is looked up, once for
/// each entry, both by an isolate that is new and by one that has missed some.
#[test]
fn what_is_older_than_the_feed() {
    let mut world = two_colos();
    let ada = bearer("abc123");
    for path in [VIDEOS, IMAGES, INFO] {
        let _ = warm_at(&world, 0, path, &[&ada]);
    }
    world.advance(A_MOMENT);
    // In the other data centre: of which category it was is not said.
    world.origin.answer_by(says("new"));
    let changed = world.send_to(3, "POST", "/api/upload", &[&ada]);
    expect(&changed, "new", "fwd=method");
    world.advance(A_MOMENT);
    for flood in 0..=MOST_IN_FEED / GROUPS {
        let groups: Vec<String> = (0..GROUPS).map(|at| format!("\"user:abc123:{flood}-{at}\"")).collect();
        let named = format!("Cache-Group-Invalidation: {}", groups.join(", "));
        world.origin.answer(Reply::new(200, &[&named], "flooded"));
        let flooded = world.send_to(3, "POST", "/nothing/of/ours", &[&ada]);
        expect(&flooded, "flooded", "fwd=method");
        assert_eq!(flooded.fields.list("cache-group-invalidation").count(), GROUPS, "{flooded:?}");
    }
    world.origin.answer_by(says("new"));
    world.advance(PAST_THE_BOUND);
    for (isolate, which, purged) in [(1, "new", VIDEOS), (0, "behind", IMAGES)] {
        for (path, body, cache, asks) in [
            (INFO, "old", "hit; ttl=", true),
            (INFO, "old", "hit; ttl=", false),
            // What the object said a moment ago does not go back so far.
            (purged, "new", "fwd=uri-miss; stored; ttl=300; detail=\"purged\"", true),
            (INFO, "old", "hit; ttl=", false),
        ] {
            let got = world.send_to(isolate, "GET", path, &[&ada]);
            expect(&got, body, cache);
            assert_eq!(has_asked(&got), asks, "{which}: {path}: {got:?}");
        }
    }
    // Later purges of what was looked up come by themselves.
    expect(&world.send_to(3, "PATCH", INFO, &[&ada]), "new", "fwd=method");
    world.advance(PAST_THE_BOUND);
    for isolate in [1, 0] {
        let got = world.send_to(isolate, "GET", INFO, &[&ada]);
        assert_eq!(got.body, "new", "isolate {isolate}: {got:?}");
    }
}

/// EPOCHS-2: the first request of an isolate. It knows what others of its data centre knew within the bound, and what the
/// objects say; where neither is to be had it trusts no user's entry, and a public one only when the origin fails.
#[test]
fn a_fresh_isolate() {
    let mut world = two_colos();
    let ada = bearer("abc123");
    for isolate in [0, 3] {
        let _ = warm_at(&world, isolate, VIDEOS, &[&ada]);
        let _ = warm_at(&world, isolate, RATINGS, &[]);
    }
    let broken = json!({ "epochs": "throw" });
    world.sabotage_at(1, &broken);
    for (path, fields) in [(VIDEOS, [ada.as_str()].as_slice()), (RATINGS, &[])] {
        // What the first one learns it leaves for the others, behind its answer.
        let deadline = Instant::now() + Duration::from_secs(20);
        while !world.send_to(1, "GET", path, fields).is_hit() {
            assert!(Instant::now() < deadline, "{path}: nobody told it");
            let _ = world.send_to(0, "GET", path, fields);
            thread::sleep(Duration::from_millis(50));
        }
    }
    world.advance(A_MOMENT);

    world.origin.answer_by(says("new"));
    for path in ["/api/upload", RATINGS] {
        let changed = world.send_to(0, "POST", path, &[&ada]);
        expect(&changed, "new", "fwd=method");
        assert!(!changed.cache().contains("pending"), "{changed:?}");
    }
    world.advance(PAST_THE_BOUND);
    // What was left is too old by now, and nobody can be asked.
    world.sabotage_at(4, &broken);
    let in_doubt = "fwd=bypass; stored; ttl=300; detail=\"epochs-unreadable\"";
    world.origin.answer(Reply::Reset);
    let lost = world.send_to(4, "GET", VIDEOS, &[&ada]);
    assert_eq!(lost.status, 502, "a user's entry is not trusted: {lost:?}");
    expect(&world.send_to(4, "GET", RATINGS, &[]), "old", "fwd=stale");
    world.origin.answer_by(says("new"));
    expect(&world.send_to(4, "GET", VIDEOS, &[&ada]), "new", in_doubt);
    expect(&world.send_to(4, "GET", RATINGS, &[]), "new", "fwd=stale");

    // Those who can ask know it with their first request, in both data centres.
    for isolate in [2, 5] {
        for (path, fields) in [(VIDEOS, [ada.as_str()].as_slice()), (RATINGS, &[])] {
            let got = world.send_to(isolate, "GET", path, fields);
            assert_eq!(got.body, "new", "isolate {isolate}: {path}: {got:?}");
        }
    }
}

/// EPOCHS-3 (docs/headers.md, `purge-pending`): the objects cannot be reached for longer than a purge is told again. It is
/// told with whatever this isolate asks next.
#[test]
fn a_purge_that_was_given_up() {
    let mut world = two_colos();
    let ada = bearer("abc123");
    for path in [VIDEOS, INFO] {
        let _ = warm_at(&world, 0, path, &[&ada]);
        let _ = warm_at(&world, 3, path, &[&ada]);
    }
    world.origin.take_log();
    world.origin.answer_by(says("new"));
    world.sabotage(&json!({ "epochs": "throw" }));
    let changing = ask(&world, 0, "POST", "/api/upload", &[&ada]);
    let _ = world.origin.wait_for(1);
    world.advance(PAST_THE_PATIENCE);
    let changed = read(changing, true);
    assert!(changed.cache().ends_with("detail=\"purge-pending\""), "{changed:?}");
    world.advance(PAST_ALL_RETRIES);
    // It pauses for a second at most, by the machine's clock.
    let (mut struck, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_millis(2_500) {
        let now = world.sabotage(&json!({})).struck;
        if now != struck {
            (struck, since) = (now, Instant::now());
        }
        thread::sleep(Duration::from_millis(50));
    }
    world.mend();
    // Nobody waits for what has just failed: it is asked behind the answer.
    let _ = world.send("GET", INFO, &[&ada]);
    let _ = world.until(INFO, &[&ada], Got::is_hit);
    world.advance(PAST_THE_BOUND);
    let _ = world.send("GET", INFO, &[&ada]);
    world.advance(PAST_THE_BOUND);
    let got = world.send_to(3, "GET", VIDEOS, &[&ada]);
    assert_eq!(got.body, "new", "{got:?}");
}

/// EPOCHS-4: an object that is made after an entry cannot tell whether it was purged: after a minute it counts as purged.
#[test]
fn an_entry_from_before_its_object() {
    let mut world = World::start(&videomi_edge(), 2, Origin::start(echo));
    let shards = ["abc123", "bob"].map(|user| Shard::of(&format!("user:{user}")));
    assert_ne!(shards[0], shards[1], "each has an object of its own");
    // The first isolate cannot make them.
    world.sabotage(&json!({ "epochs": "throw" }));
    for (user, age, is_good) in [("abc123", 50, true), ("bob", 70, false)] {
        let who = bearer(user);
        let path = format!("/api/upload/user/{user}");
        let body = format!("GET {path} for {user}");
        expect(&world.send("GET", &path, &[&who]), &body, "fwd=uri-miss; stored");
        world.advance(age);
        let got = world.send_to(1, "GET", &path, &[&who]);
        expect(&got, &body, if is_good { "hit" } else { "fwd=uri-miss; stored; ttl=300; detail=\"purged\"" });
    }
}
