//! An origin that misbehaves on purpose, behind the edge of policies/http.json in workerd. A client gets the origin's
//! answer, or what is stored within its window, or an honest error; a part never passes for the whole.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tiercel_e2e::broken::{self, Broken, Worth};
use tiercel_e2e::live::{Got, World, http_edge};
use tiercel_e2e::origin::{Origin, Reply};

const FIELDS: [&str; 2] = ["Cache-Control: max-age=60, stale-if-error=600", "ETag: \"e\""];

fn good(body: &str) -> Reply {
    Reply::new(200, &FIELDS, body)
}

fn world() -> World {
    World::start(&http_edge(), 1, Origin::start(|_| good("old")))
}

/// Whether the client can tell that it has no answer, or not all of one.
fn is_honest(got: &Got) -> bool {
    got.status == 502 || !got.whole
}

/// BROKEN-FRESH (RFC 9112 §8, RFC 9111 §3.3): nothing is stored. What is odd but clear goes through, what is cut off is
/// seen to be so and never stored, what is no answer is a 502.
#[test]
fn with_nothing_stored() {
    let world = world();
    for (at, Broken { name, rfc, bytes, worth }) in broken::answers().into_iter().enumerate() {
        let path = format!("/{at}");
        world.origin.answer(Reply::Raw(bytes));
        let got = world.send("GET", &path, &[]);
        let is_right = match worth {
            Worth::Whole(body) | Worth::Once(body) => (got.status, got.body.as_str(), got.whole) == (200, body, true),
            Worth::Part => is_honest(&got),
            Worth::Nothing => got.status == 502 && got.whole && got.cache().contains("fwd="),
        };
        assert!(is_right, "{name} (RFC {rfc}): {got:?}");
        assert!(!got.fields.iter().any(|(name, _)| name.starts_with("x-tiercel-")), "{name}: {got:?}");
        world.origin.answer(good("good"));
        let then = world.warm(&path, &[]);
        let is_right = then.body == "good" || matches!(worth, Worth::Whole(body) if then.body == body);
        assert!(is_right && then.whole, "{name} (RFC {rfc}), and then: {then:?}");
        assert!(!then.fields.has("set-cookie"), "{name}: {then:?}");
    }
}

/// BROKEN-STALE (RFC 5861 §4, RFC 9111 §4.2.4): what is stored stands in for what is no answer, and no part replaces it.
#[test]
fn with_something_stale() {
    let mut world = world();
    let answers = broken::answers();
    for at in 0..answers.len() {
        let _ = world.warm(&format!("/{at}"), &[]);
    }
    world.advance(61);
    for (at, Broken { name, rfc, bytes, worth }) in answers.into_iter().enumerate() {
        let path = format!("/{at}");
        world.origin.answer(Reply::Raw(bytes));
        let got = world.send("GET", &path, &[]);
        let is_right = match worth {
            Worth::Whole(body) | Worth::Once(body) => (got.status, got.body.as_str(), got.whole) == (200, body, true),
            Worth::Part => is_honest(&got),
            Worth::Nothing => {
                (got.status, got.body.as_str()) == (200, "old") && got.cache().contains("network-failure")
            }
        };
        assert!(is_right, "{name} (RFC {rfc}): {got:?}");
        if matches!(worth, Worth::Whole(_)) {
            let _ = world.warm(&path, &[]);
        }
        world.origin.answer(Reply::Reset);
        let then = world.send("GET", &path, &[]);
        let is_right = match worth {
            Worth::Whole(body) => (then.status, then.body.as_str()) == (200, body),
            Worth::Nothing => (then.status, then.body.as_str()) == (200, "old"),
            Worth::Once(_) | Worth::Part => (then.status, then.body.as_str()) == (200, "old") || then.status == 502,
        };
        assert!(is_right && then.whole, "{name} (RFC {rfc}), and then nothing: {then:?}");
    }
}

/// STORM-STALE (RFC 5861 §4): however the origin fails, everybody is answered within the window.
#[test]
fn a_storm_within_the_window() {
    let mut world = world();
    let paths: Vec<String> = (0..8).map(|at| format!("/storm/{at}")).collect();
    for path in &paths {
        let _ = world.warm(path, &[]);
    }
    world.advance(61);
    storm(&world);
    for minutes in [0, 4, 4] {
        world.advance(minutes * 60);
        thread::scope(|scope| {
            for path in &paths {
                scope.spawn(|| {
                    for turn in 0..20 {
                        let got = world.send("GET", path, &[]);
                        assert_eq!((got.status, got.body.as_str(), got.whole), (200, "old", true), "{turn}: {got:?}");
                        assert!(got.cache().starts_with("fwd=stale; "), "{got:?}");
                    }
                });
            }
        });
    }
    world.origin.answer(good("new"));
    for path in &paths {
        let got = world.send("GET", path, &[]);
        assert_eq!(got.body, "new", "the storm is over: {got:?}");
        assert_eq!(world.warm(path, &[]).body, "new");
    }
}

/// STORM-THROUGH (RFC 9111 §4.2.4): with nothing stored, or past the window, the origin's own failures go through, and none
/// of them is remembered.
#[test]
fn a_storm_outside_the_window() {
    let mut world = world();
    let _ = world.warm("/was/stored", &[]);
    world.advance(700);
    storm(&world);
    for path in ["/was/stored", "/never/seen"] {
        let mut seen = Vec::new();
        for _ in 0..FAILURES.len() * 2 {
            let got = world.send("GET", path, &[]);
            assert!(matches!(got.status, 500 | 502 | 503 | 504) && !got.is_hit(), "{got:?}");
            assert!(got.status == 502 || got.body == format!("storm {}", got.status), "{got:?}");
            seen.push(got.status);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [500, 502, 503, 504], "{path}: the origin's own status");
        world.origin.answer(good("new"));
        let got = world.send("GET", path, &[]);
        assert_eq!((got.status, got.body.as_str()), (200, "new"), "{path}: at once: {got:?}");
        storm(&world);
    }
}

/// How an origin fails in a storm: by a status, or by no answer.
const FAILURES: [Option<u16>; 6] = [Some(500), Some(502), None, Some(503), Some(504), None];

fn storm(world: &World) {
    let turn = AtomicUsize::new(0);
    world.origin.answer_by(move |_| match FAILURES[turn.fetch_add(1, Ordering::SeqCst) % FAILURES.len()] {
        Some(status) => Reply::new(status, &["Retry-After: 1"], &format!("storm {status}")),
        None => Reply::Reset,
    });
}

/// SLOW-BODY (RFC 9111 §3.3): a body that comes byte by byte holds nobody up but those who read it, and is stored when it
/// has come to its end.
#[test]
fn a_body_that_drips() {
    let world = world();
    let drip = Reply::Drip(Duration::from_millis(40), Box::new(good("a body in forty pieces, one at a time...")));
    world.origin.answer_by(move |request| if request.target == "/drip" { drip.clone() } else { good("quick") });
    thread::scope(|scope| {
        let dripping = scope.spawn(|| world.send("GET", "/drip", &[]));
        let _ = world.origin.wait_for(1);
        let started = Instant::now();
        let other = world.send("GET", "/quick", &[]);
        assert_eq!(other.body, "quick");
        assert!(!dripping.is_finished() && started.elapsed() < Duration::from_millis(1_200), "it waited for the other");
        let got = dripping.join().expect("an answer");
        assert_eq!((got.body.as_str(), got.whole), ("a body in forty pieces, one at a time...", true), "{got:?}");
    });
    let hit = world.warm("/drip", &[]);
    assert_eq!(hit.body, "a body in forty pieces, one at a time...");
}
