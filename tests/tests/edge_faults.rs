//! What the tier stands on fails, in workerd: its store, its Durable Objects. A request gets the origin's answer all the
//! same, and what failed once does not go on failing. The wasm's own failures are in `edge_crashes.rs`.

use std::time::{Duration, Instant};

use serde_json::json;
use tiercel_e2e::jwt::bearer;
use tiercel_e2e::live::{World, answer, http_edge, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply};

const LIST: &str = "/api/upload/user/abc123?category=videos";
/// Longer than any limit of the policy for what hangs here, and shorter than for ever.
const SOON: Duration = Duration::from_secs(15);

fn says(body: &'static str) -> impl Fn(&Arrived) -> Reply {
    let fields = ["Content-Type: text/plain", "Cache-Control: max-age=600", "ETag: \"e\""];
    move |_| Reply::new(200, &fields, body)
}

/// FAULT-STORE: (what is wrong, the fault, what a request gets that would have been a hit). A store that fails or hangs is
/// a miss, or a write that did not happen; an entry that cannot be right is none (RFC 9111 §3.3).
const STORE: [(&str, &str, &str); 16] = [
    ("every call is rejected", "throw", "new"),
    ("every call throws", "throw-at-once", "new"),
    ("looking fails", "throw-on-match", "new"),
    ("writing fails", "throw-on-put", "old"),
    ("everything takes for ever", "hang", "new"),
    ("looking takes for ever", "hang-on-match", "new"),
    ("writing takes for ever", "hang-on-put", "old"),
    ("what is found is no response", "no-response", "new"),
    ("our field is missing", "no-meta", "new"),
    ("our field is rubbish", "garbled-meta", "new"),
    ("our field is cut short", "cut-meta", "new"),
    ("another release wrote it", "another-release", "new"),
    ("it is the entry of another key", "another-key", "new"),
    ("the body is shorter than its length", "short-body", "new"),
    ("the body is longer than its length", "long-body", "new"),
    ("the body breaks off", "broken-body", "new"),
];

#[test]
fn the_store_fails() {
    for dir in [videomi_edge(), http_edge()] {
        let world = World::start(&dir, 1, Origin::start(says("old")));
        // What is put from here on can be found under another key.
        let mut toll = world.mend();
        let _ = world.warm("/assets/another", &[]);
        for (at, (name, fault, expected)) in STORE.into_iter().enumerate() {
            world.origin.answer_by(says("old"));
            let path = format!("/assets/{at}");
            let unseen = format!("/assets/unseen/{at}");
            let _ = world.warm(&path, &[]);
            world.origin.answer_by(says("new"));
            world.sabotage(&json!({ "store": fault }));
            for (method, path, fields, status, body) in [
                ("GET", &path, &[][..], 200, expected),
                ("HEAD", &path, &[], 200, ""),
                ("GET", &path, &["Range: bytes=1-"], 206, &expected[1..]),
                ("GET", &unseen, &[], 200, "new"),
                ("POST", &path, &[], 200, "new"),
            ] {
                let started = Instant::now();
                let got = world.send(method, path, fields);
                // Of what is fetched anew, the whole answers a range too (RFC 9110 §14.2).
                let fits = (got.status, got.body.as_str()) == (status, body)
                    || (status == 206 && (got.status, got.body.as_str()) == (200, expected));
                assert!(fits && got.whole, "{name}: {method} {path} {fields:?}: {got:?}");
                assert!(started.elapsed() < SOON, "{name}: {method} {path} {fields:?} took {:?}", started.elapsed());
            }
            let then = world.mend();
            assert!(then.struck > toll.struck, "{name}: it never came to pass");
            toll = then;
            let hit = world.warm(&path, &[]);
            assert!(hit.whole && ["old", "new"].contains(&hit.body.as_str()), "{name}, mended: {hit:?}");
        }
    }
}

/// FAULT-MEMORY: what is in memory needs no store.
#[test]
fn what_is_in_memory_needs_no_store() {
    let world = World::start(&videomi_edge(), 1, Origin::start(says("old")));
    for fault in ["throw", "hang", "no-response"] {
        let path = format!("/assets/{fault}");
        for _ in 0..3 {
            let _ = world.warm(&path, &[]);
        }
        world.origin.answer_by(says("new"));
        world.sabotage(&json!({ "store": fault }));
        let got = world.send("GET", &path, &[]);
        assert_eq!((got.is_hit(), got.body.as_str()), (true, "old"), "{fault}: {got:?}");
        world.mend();
        world.origin.answer_by(says("old"));
    }
}

/// FAULT-EPOCHS: where purges cannot be read, what is stored is asked for anew once the bound is over. What is public is
/// still served when the origin fails too.
#[test]
fn the_purges_cannot_be_read() {
    let mut world = World::start(&videomi_edge(), 1, Origin::start(says("old")));
    let ada = bearer("abc123");
    for (at, fault) in ["throw", "throw-at-once", "hang", "500"].into_iter().enumerate() {
        world.origin.answer_by(says("old"));
        let public = format!("/assets/{at}");
        for (path, fields) in [(LIST, [ada.as_str()].as_slice()), (&public, &[])] {
            let _ = world.until(path, fields, |got| got.is_hit() && got.body == "old");
        }
        // Past the time for which purges are remembered.
        world.advance(6);
        world.origin.answer_by(says("new"));
        world.sabotage(&json!({ "epochs": fault }));
        let started = Instant::now();
        let got = world.send("GET", LIST, &[&ada]);
        assert_eq!((got.is_hit(), got.body.as_str()), (false, "new"), "{fault}: {got:?}");
        let got = world.send("GET", &public, &[]);
        let is_in_doubt = got.cache().contains("epochs-unreadable");
        assert_eq!((got.status, got.body.as_str(), is_in_doubt), (200, "new", true), "{fault}: {got:?}");
        world.origin.answer(Reply::Reset);
        let got = world.send("GET", &public, &[]);
        assert_eq!(got.status, 200, "{fault}, and no origin: {got:?}");
        world.origin.answer_by(says("new"));
        assert!(started.elapsed() < SOON, "{fault}: it took {:?}", started.elapsed());
        world.mend();
        let hit = world.warm(LIST, &[&ada]);
        assert_eq!(hit.body, "new", "{fault}, mended: {hit:?}");
        // What follows needs the old answer again.
        world.advance(600);
    }
}

/// FAULT-MUTATION (product.md, "Events"): whoever made a change and was told so does not see the state before it, though
/// the purge could not be recorded.
#[test]
fn a_purge_cannot_be_recorded() {
    let mut world = World::start(&videomi_edge(), 1, Origin::start(says("old")));
    let ada = bearer("abc123");
    for fault in ["throw", "throw-at-once", "500", "hang"] {
        world.origin.answer_by(says("old"));
        let _ = world.until(LIST, &[&ada], |got| got.is_hit() && got.body == "old");
        world.advance(1);
        world.origin.answer_by(says("new"));
        world.sabotage(&json!({ "epochs": fault }));
        world.origin.take_log();
        let waiting = world.send_off("POST", "/api/upload", &[&ada]);
        let _ = world.origin.wait_for(1);
        // Past the policy's `record-timeout`, which is counted by the clock.
        world.advance(16);
        let changed = answer(waiting);
        assert!(changed.starts_with("HTTP/1.1 200") && changed.contains("purge-pending"), "{fault}: {changed}");
        for is_mended in [false, true] {
            let got = world.send("GET", LIST, &[&ada]);
            assert_eq!(got.body, "new", "{fault}, mended: {is_mended}: {got:?}");
            world.mend();
        }
        world.advance(600);
    }
}
