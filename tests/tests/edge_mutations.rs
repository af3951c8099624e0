//! Mutations on their way through the edge, in workerd: what they make untrue is known before their answer, whatever
//! becomes of their client, of their answer or of the objects that record it.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tiercel_e2e::jwt::bearer;
use tiercel_e2e::live::{World, answer, videomi_edge};
use tiercel_e2e::origin::{Origin, Reply};

const RATINGS: &str = "/api/ratings/f1";

/// An origin whose state is a number that every mutation raises, so many milliseconds before it answers.
fn counting(takes: u64) -> Origin {
    let state = Arc::new(AtomicUsize::new(1));
    Origin::start(move |request| {
        if request.method == "GET" {
            return Reply::new(200, &["Content-Type: text/plain"], &state.load(Ordering::SeqCst).to_string());
        }
        state.fetch_add(1, Ordering::SeqCst);
        Reply::Slow(Duration::from_millis(takes), Box::new(Reply::new(200, &[], "")))
    })
}

/// MUT-1 (product.md, "Events"): the client goes while the origin works. The mutation counts all the same.
#[test]
fn it_outlives_its_client() {
    let world = World::start(&videomi_edge(), 1, counting(1_000));
    assert_eq!(world.warm(RATINGS, &[]).body, "1");
    let mut stream = TcpStream::connect(world.address(0)).expect("the edge listens");
    let lines = format!("{RATINGS} HTTP/1.1\r\nHost: {}\r\nContent-Length", world.address(0));
    stream.write_all(format!("GET {lines}: 0\r\n\r\n").as_bytes()).expect("it reads");
    // An answer that has come and is not read makes closing a reset, which the runtime takes for a client that has gone.
    assert_eq!(stream.peek(&mut [0]).expect("it answers"), 1);
    stream.write_all(format!("POST {lines}: 2\r\n\r\n{{}}").as_bytes()).expect("it reads");
    let _ = world.origin.wait_for(1);
    drop(stream);
    let _ = world.until(RATINGS, &[], |got| got.body == "2");
}

/// MUT-2 (product.md, "Events"): the answer waits until everybody can learn of it; who is told nothing has the bound.
#[test]
fn it_waits_until_it_is_recorded() {
    let mut world = World::start(&videomi_edge(), 2, counting(0));
    assert_eq!(world.warm(RATINGS, &[]).body, "1");
    assert_eq!(world.send_to(1, "GET", RATINGS, &[]).body, "1");
    world.sabotage(&json!({ "epochs": "throw" }));
    let waiting = world.send_off("POST", RATINGS, &[]);
    let _ = world.origin.wait_for(1);
    // It has tried, failed, and goes on trying.
    while world.sabotage(&json!({ "epochs": "throw" })).struck < 4 {
        thread::sleep(Duration::from_millis(20));
    }
    let _ = world.mend();
    let told = answer(waiting);
    assert!(told.starts_with("HTTP/1.1 200") && !told.contains("purge-pending"), "{told}");
    world.advance(6);
    assert_eq!(world.send_to(1, "GET", RATINGS, &[]).body, "2", "the other isolate, past the bound");
}

/// MUT-3 (policy `record-timeout`): it does not wait for ever, says so, and is told behind the answer.
#[test]
fn it_waits_for_so_long() {
    let mut world = World::start(&videomi_edge(), 2, counting(0));
    assert_eq!(world.warm(RATINGS, &[]).body, "1");
    assert_eq!(world.send_to(1, "GET", RATINGS, &[]).body, "1");
    world.sabotage(&json!({ "epochs": "throw" }));
    let waiting = world.send_off("POST", RATINGS, &[]);
    let _ = world.origin.wait_for(1);
    world.advance(16);
    let told = answer(waiting);
    assert!(told.starts_with("HTTP/1.1 200") && told.contains("purge-pending"), "{told}");
    assert_eq!(world.send("GET", RATINGS, &[]).body, "2", "the isolate itself knows");
    let _ = world.mend();
    let mut seen = String::new();
    for _ in 0..200 {
        // Each time as old as the bound allows.
        world.advance(6);
        seen = world.send_to(1, "GET", RATINGS, &[]).body;
        if seen == "2" {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(seen, "2", "told behind the answer");
}

/// MUT-4: no answer came, so nobody knows whether it was done. What it would make untrue is asked for anew, and served
/// where the origin still fails (RFC 5861 §4).
#[test]
fn it_may_have_been_done() {
    let world = World::videomi();
    let (list, ada) = ("/api/upload/user/abc123?category=videos", bearer("abc123"));
    let _ = world.warm(list, &[&ada]);
    world.origin.answer(Reply::Reset);
    assert_eq!(world.send("POST", "/api/upload", &[&ada]).status, 502);
    let stale = world.send("GET", list, &[&ada]);
    assert_eq!(stale.status, 200, "{stale:?}");
    assert!(stale.cache().contains("fwd=stale") && stale.cache().contains("network-failure"), "{stale:?}");
    world.origin.answer(Reply::new(200, &[], "new"));
    assert_eq!(world.send("GET", list, &[&ada]).body, "new");
}

/// MUT-5: mutations that purge the same names at the same time do not wait for one another.
#[test]
fn it_waits_for_no_other() {
    let world = World::start(&videomi_edge(), 1, counting(0));
    let at_once: Vec<_> = (0..20).map(|_| world.send_off("POST", RATINGS, &[])).collect();
    let took = |stream| {
        let answer = answer(stream).to_ascii_lowercase();
        let (_, after) = answer.split_once("epochs;dur=").expect("it says how long that took");
        after
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|millis| millis.parse::<u64>().ok())
            .expect("a number")
    };
    let mut took: Vec<u64> = at_once.into_iter().map(took).collect();
    took.sort_unstable();
    // Who is not told at once asks again after 250 ms.
    assert!(took[10] < 250, "{took:?}");
}
