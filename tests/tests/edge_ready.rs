//! Ready answers of the built edge in workerd: hits that do not enter the wasm. They are what the core would say, for a
//! second of `Age` at most. `cargo xtask test edge` builds the edge first.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tiercel_core::exchange::DECIDING;
use tiercel_e2e::jwt::{bearer, cookie};
use tiercel_e2e::live::{Got, World, echo, http_edge, videomi_edge};
use tiercel_e2e::origin::{Origin, Reply, lines};

/// A public class of ten minutes.
const RATINGS: &str = "/api/ratings/f1";
/// A user's class of a minute.
const STATS: &str = "/api/stats";
const PATIENCE: Duration = Duration::from_secs(20);

/// Gets `path`, and tells whether that was a ready answer: the wasm had nothing to do with it.
fn get(world: &World, path: &str, fields: &[&str]) -> (Got, bool) {
    let before = world.calls();
    let got = world.send("GET", path, fields);
    (got, world.calls() == before)
}

/// Gets `path` until the answer is a ready one.
#[track_caller]
fn ready(world: &World, path: &str, fields: &[&str]) -> Got {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match get(world, path, fields) {
            (got, true) => return got,
            (got, false) => assert!(Instant::now() < deadline, "{path} {fields:?} never gets ready: {got:?}"),
        }
        // What goes on behind an answer calls the runtime too.
        thread::sleep(Duration::from_millis(20));
    }
}

fn age(got: &Got) -> u64 {
    got.fields.get("age").and_then(|age| age.parse().ok()).unwrap_or_else(|| panic!("no Age: {got:?}"))
}

/// All of an answer that a client sees, but for the origin's `Date`: its clock goes on, and it may have been asked again.
fn seen(got: &Got) -> impl PartialEq + Debug + use<> {
    let fields = got.fields.iter().filter(|(name, _)| *name != "date");
    let mut fields: Vec<_> = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    fields.sort();
    (got.status, fields, got.body.clone(), got.whole)
}

/// READY-1 (RFC 9111 §4.2.3, §5.1): a ready answer is the same as the one before it, its Age goes on every second, and it
/// ends with freshness.
#[test]
fn the_age_goes_on() {
    let mut world = World::videomi();
    world.stop_the_clock();
    let mut last = ready(&world, RATINGS, &[]);
    assert_eq!((last.body.as_str(), age(&last)), ("GET /api/ratings/f1 for nobody", 0), "{last:?}");
    for step in [1, 1, 1, 2, 7, 1, 30, 300, 200, 1] {
        assert_eq!(seen(&ready(&world, RATINGS, &[])), seen(&last), "the clock stands still");
        world.advance(step);
        let (got, is_ready) = get(&world, RATINGS, &[]);
        assert!(!is_ready, "a second is over: {got:?}");
        assert_eq!(age(&got), age(&last) + u64::from(step), "{got:?}");
        let next = ready(&world, RATINGS, &[]);
        let ttl = format!("hit; ttl={}", 600 - age(&next));
        assert_eq!((age(&next), next.cache(), next.body.as_str()), (age(&got), ttl.as_str(), last.body.as_str()));
        last = next;
    }
    world.origin.take_log();
    world.origin.answer(Reply::new(200, &[], "new"));
    world.advance(600 - u32::try_from(age(&last)).expect("it is fresh"));
    let got = world.send("GET", RATINGS, &[]);
    assert!(got.cache().contains("stale-while-revalidate"), "{got:?}");
    let new = world.until(RATINGS, &[], |got| got.body == "new");
    assert!(new.cache().starts_with("hit; ttl=600"), "what is stored later takes its place: {new:?}");
    assert_eq!(lines(&world.origin.take_log()), [format!("GET {RATINGS}")]);
}

/// READY-2 (product.md, "Events"): a purge ends it, here before the mutation is answered, elsewhere within the bound.
#[test]
fn a_purge_ends_it() {
    for isolate in [0, 1] {
        let mut world = World::start(&videomi_edge(), 2, Origin::start(echo));
        world.stop_the_clock();
        let _ = ready(&world, RATINGS, &[]);
        world.advance(1);
        world.origin.answer_by(|request| Reply::new(if request.method == "POST" { 201 } else { 200 }, &[], "new"));
        let _ = ready(&world, RATINGS, &[]);
        let rated = world.send_to(isolate, "POST", RATINGS, &[&bearer("abc123")]);
        assert_eq!(rated.status, 201, "{rated:?}");
        if isolate == 1 {
            // The policy allows five seconds; it asks after half of them, and hears of it a moment later.
            world.advance(3);
            let _ = world.until(RATINGS, &[], |got| got.body == "new");
        }
        for _ in 0..5 {
            let got = world.send("GET", RATINGS, &[]);
            assert_eq!(got.body, "new", "rated through isolate {isolate}: {got:?}");
        }
        world.advance(1);
        assert_eq!(ready(&world, RATINGS, &[]).body, "new");
    }
}

/// Requests that ask something else, and requests that only look as if they did.
fn questions() -> Vec<Vec<String>> {
    let junk = DECIDING.iter().filter(|name| **name != "upgrade").map(|name| vec![format!("{name}: x")]);
    let given = [
        &["Range: bytes=4-15"][..],
        &["Range: bytes=4-15,17-20"],
        &["Range: bytes=999-"],
        &["Range: bytes=4-15", "If-Range: \"e1\""],
        &["Range: bytes=4-15", "If-Range: \"e2\""],
        &["Range: bytes=4-15", "Connection: Range"],
        &["If-None-Match: \"e1\""],
        &["If-None-Match: \"e2\""],
        &["If-None-Match: *"],
        &["If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"],
        &["If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"],
        &["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"],
        &["If-Match: \"e2\""],
        &["Cache-Control: no-cache"],
        &["Cache-Control: max-age=0"],
        &["Cache-Control: no-store"],
        &["Cache-Control: only-if-cached"],
        &["Cache-Control: max-stale=9"],
        &["Pragma: no-cache"],
        &["Authorization: Bearer garbage"],
        &["Cookie: a=b"],
        &["Cookie: tiercel-seen-x=1"],
        &["Cookie: a=b; tiercel-seen=1; c=d"],
        &["Tiercel-Consistency: x"],
        &["Origin: https://else.example"],
        &["Accept: application/json", "Accept-Encoding: br", "Accept-Language: fr"],
        &["X-Tiercel-User: bob", "X-Tiercel-Meta: t2"],
        &["Forwarded: for=192.0.2.1", "X-Forwarded-Proto: http", "Via: 1.1 x"],
        &["Age: 99", "Date: Fri, 01 Jan 2100 00:00:00 GMT", "Expires: 0", "Vary: *"],
        &["Cache-Status: other; hit", "CDN-Cache-Control: no-store", "Surrogate-Control: no-store"],
        &["Content-Type: text/html", "Content-Range: bytes 0-1/9", "ETag: \"e9\"", "Last-Modified: x"],
        &["TE: trailers", "Prefer: return=minimal", "Set-Cookie: a=b"],
    ];
    let given = given.iter().map(|fields| fields.iter().map(|line| (*line).to_owned()).collect());
    let of_users = [vec![bearer("abc123")], vec![cookie("abc123")]];
    given.chain(of_users).chain(junk).collect()
}

/// READY-3: while the plain answer is ready, whoever asks something else gets what the core says of it; and the second who
/// asks that gets the same, ready or not. The answer of the core is that to a question that nobody asked before.
#[test]
fn each_question_has_its_own_answer() {
    for dir in [videomi_edge(), http_edge()] {
        let reply =
            Reply::new(200, &["ETag: \"e1\"", "Cache-Control: max-age=600"], "so long, and thanks for all the fish");
        let world = World::start(&dir, 1, Origin::start(move |_| reply.clone()));
        world.stop_the_clock();
        let plain = ready(&world, RATINGS, &[]);
        let mut differ = 0;
        for (number, question) in questions().iter().enumerate() {
            let fields: Vec<&str> = question.iter().map(String::as_str).collect();
            // Of another spelling, and of the same meaning: this field means nothing to a policy, that one to nobody.
            let alone = match number % 2 {
                0 if dir == videomi_edge() => format!("If-Unmodified-Since: nobody {number}"),
                _ => format!("Pragma: nobody-{number}"),
            };
            assert_eq!(seen(&ready(&world, RATINGS, &[])), seen(&plain), "before {fields:?}");
            let asked: Vec<_> = (0..3).map(|_| get(&world, RATINGS, &fields)).collect();
            let (said, is_ready) = get(&world, RATINGS, &[&fields[..], &[&alone]].concat());
            assert!(!is_ready, "{fields:?}: the core was not asked");
            let has_seen = fields.iter().any(|line| line.contains("tiercel-seen-") || line.starts_with("Tiercel-C"));
            for (got, is_ready) in &asked {
                let may_be_ready = got.status == 200 && got.is_hit() && got.body == plain.body && !has_seen;
                assert!(may_be_ready || !is_ready, "{fields:?}: {got:?}");
                if got.is_hit() && said.is_hit() {
                    assert_eq!(seen(got), seen(&said), "{fields:?}");
                } else {
                    assert_eq!((got.status, &got.body), (said.status, &said.body), "{fields:?}");
                }
            }
            differ += usize::from(seen(&asked[2].0) != seen(&plain));
        }
        assert!(differ >= 7, "only {differ} of the questions have another answer");
        let head = world.send("HEAD", RATINGS, &[]);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{head:?}");
    }
}

/// READY-4 (RFC 9111 §4.1): where the origin's answers vary, nothing is ready; each gets their own, in turns.
#[test]
fn what_varies() {
    let by_language = |request: &tiercel_e2e::origin::Arrived| {
        let language = request.fields.get("accept-language").unwrap_or("none").to_owned();
        Reply::new(200, &["Vary: Accept-Language", "Cache-Control: max-age=600"], &language)
    };
    let world = World::start(&http_edge(), 1, Origin::start(by_language));
    world.stop_the_clock();
    for _ in 0..6 {
        for language in ["fr", "de"] {
            let (got, is_ready) = get(&world, "/a", &[&format!("Accept-Language: {language}")]);
            assert_eq!((got.body.as_str(), is_ready), (language, false), "{got:?}");
        }
    }
}

/// READY-5: an answer that depends on who asks is never ready, however often it is asked for.
#[test]
fn nothing_of_a_user() {
    let world = World::videomi();
    world.stop_the_clock();
    let _ = ready(&world, RATINGS, &[]);
    for _ in 0..5 {
        for (user, field) in [("abc123", bearer("abc123")), ("bob", bearer("bob")), ("abc123", cookie("abc123"))] {
            let (got, is_ready) = get(&world, STATS, &[&field]);
            assert_eq!(
                (got.body.as_str(), is_ready),
                (format!("GET /api/stats for {user}").as_str(), false),
                "{got:?}"
            );
        }
        let (got, is_ready) = get(&world, STATS, &[]);
        assert_eq!((got.body.as_str(), is_ready), ("GET /api/stats for nobody", false), "{got:?}");
    }
}

/// READY-6: what is ready is bounded, in answers and in bytes.
#[test]
fn it_is_bounded() {
    let long = "x".repeat(64 << 10);
    // 500 answers; a quarter of the 16 MiB that memory has.
    for (body, fit) in [("short", 500), (long.as_str(), (4 << 20) / (68 << 10))] {
        let reply = Reply::new(200, &["ETag: \"e1\""], body);
        let world = World::start(&videomi_edge(), 1, Origin::start(move |_| reply.clone()));
        world.stop_the_clock();
        let _ = ready(&world, RATINGS, &[]);
        let ask = |number: usize| get(&world, RATINGS, &[&format!("If-None-Match: \"{number}\"")]).1;
        for number in 0..fit + 10 {
            let fields = format!("If-None-Match: \"{number}\"");
            assert_eq!(world.send("GET", RATINGS, &[&fields]).status, 200);
        }
        for number in [fit + 9, fit, fit / 2] {
            assert!(ask(number), "{number} of {fit}");
        }
        for number in [0, 1] {
            assert!(!ask(number), "{number} of {fit}");
        }
    }
}

/// READY-7: a crash of the wasm drops what is ready, since nobody hears of purges any more.
#[test]
fn a_crash_drops_it() {
    let world = World::videomi();
    world.stop_the_clock();
    let last = ready(&world, RATINGS, &[]);
    let before = world.sabotage(&json!({ "wasm": { "trap": 1 } }));
    let other = world.send("GET", "/api/ratings/f2", &[]);
    assert_eq!((other.status, other.cache()), (200, "fwd=bypass; detail=\"tier-failure\""), "{other:?}");
    let (got, is_ready) = get(&world, RATINGS, &[]);
    assert!(!is_ready && got.is_hit() && got.body == last.body, "from the store: {got:?}");
    assert_eq!(world.mend().instances, before.instances + 1);
    assert_eq!(seen(&ready(&world, RATINGS, &[])), seen(&last));
}

/// READY-8: a clock that is set back makes it wrong, and it is not given.
#[test]
fn the_clock_is_set_back() {
    let mut world = World::videomi();
    world.stop_the_clock();
    world.advance(100);
    let _ = ready(&world, RATINGS, &[]);
    world.set_back(50);
    let (got, is_ready) = get(&world, RATINGS, &[]);
    assert!(!is_ready, "{got:?}");
}
