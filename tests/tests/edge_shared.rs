//! What requests share through the built edge in workerd: one question to the origin for all who ask at once, one refresh,
//! and the answers that an isolate has in memory. `cargo xtask test edge` builds the edge first.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tiercel_e2e::film::{ask, play};
use tiercel_e2e::jwt::bearer;
use tiercel_e2e::live::{Got, World, echo, http_edge, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply, lines};

/// A public class of ten minutes.
const RATINGS: &str = "/api/ratings/f1";
/// A user's class of a minute.
const STATS: &str = "/api/stats";

fn slow(millis: u64, reply: Reply) -> Reply {
    Reply::Slow(Duration::from_millis(millis), Box::new(reply))
}

/// Where requests wait for one another at the origin.
#[derive(Default)]
struct Meeting {
    came: Mutex<usize>,
    changed: Condvar,
}

impl Meeting {
    /// Comes, and waits until so many have; `false` when they do not within ten seconds.
    fn wait_for(&self, count: usize) -> bool {
        let mut came = self.came.lock().expect("no test panics here");
        *came += 1;
        self.changed.notify_all();
        let patience = Duration::from_secs(10);
        let waited = self.changed.wait_timeout_while(came, patience, |came| *came < count);
        *waited.expect("no test panics here").0 >= count
    }
}

/// What so many clients get that ask at once.
fn at_once(world: &World, count: usize, path: &str, fields: &[&str]) -> Vec<Got> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..count).map(|_| scope.spawn(|| world.send("GET", path, fields))).collect();
        clients.into_iter().map(|client| client.join().expect("a client ends")).collect()
    })
}

fn timing(got: &Got) -> String {
    got.fields.combined("server-timing").unwrap_or_default()
}

/// The phases that an answer took, without their times.
fn phases(got: &Got) -> String {
    timing(got).split(", ").map(|phase| phase.split(';').next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

/// SHARED-1 (product.md, "Concurrent misses for one key reach the origin once"; RFC 9211 §2.6): a hundred ask, one asks
/// the origin.
#[test]
fn one_for_a_hundred() {
    let world = World::videomi();
    let ada = bearer("abc123");
    for (path, fields, ttl) in [(RATINGS, &[][..], 600), (STATS, &[ada.as_str()][..], 60)] {
        world.origin.answer_by(|request| slow(1_000, echo(request)));
        let got = at_once(&world, 100, path, fields);
        assert_eq!(lines(&world.origin.take_log()), [format!("GET {path}")]);
        let who = if fields.is_empty() { "nobody" } else { "abc123" };
        for got in &got {
            assert_eq!((got.status, got.body.as_str()), (200, format!("GET {path} for {who}").as_str()), "{got:?}");
            assert_eq!(
                got.cache().starts_with("fwd=uri-miss; collapsed; ttl="),
                phases(got).contains("wait"),
                "{got:?}"
            );
        }
        let count = |cache: &str| got.iter().filter(|got| got.cache().starts_with(cache)).count();
        let (stored, collapsed) =
            (count(&format!("fwd=uri-miss; stored; ttl={ttl}")), count("fwd=uri-miss; collapsed"));
        // Who comes late finds it stored.
        let late = got.iter().filter(|got| got.is_hit()).count();
        assert_eq!((stored, collapsed + late), (1, 99), "{late} came late");
        assert!(late < 50, "{late} came late");
    }
    // Another user's question is another one.
    let bob = bearer("bob");
    let got = world.send("GET", STATS, &[&bob]);
    assert_eq!((got.is_hit(), got.body.as_str()), (false, "GET /api/stats for bob"), "{got:?}");
}

/// SHARED-2: the client that asked first goes before its answer has come. The others still get it.
#[test]
fn the_first_client_goes() {
    let world = World::videomi();
    world.origin.answer_by(|request| slow(800, echo(request)));
    let first = ask(&world, 0, "GET", RATINGS, &[]);
    let asked = world.origin.wait_for(1);
    drop(first);
    let began = Instant::now();
    let got = at_once(&world, 20, RATINGS, &[]);
    for got in &got {
        assert_eq!((got.status, got.body.as_str()), (200, "GET /api/ratings/f1 for nobody"), "{got:?}");
    }
    let asked = asked.len() + world.origin.take_log().len();
    assert!(asked <= 2, "the origin was asked {asked} times");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "they waited {took:?}");
}

/// SHARED-3: the origin fails the one who asked first. The others ask for themselves.
#[test]
fn the_first_answer_fails() {
    let world = World::videomi();
    let first = Mutex::new(true);
    world.origin.answer_by(move |request| {
        let is_first = std::mem::take(&mut *first.lock().expect("no test panics here"));
        slow(500, if is_first { Reply::Reset } else { echo(request) })
    });
    let got = at_once(&world, 10, RATINGS, &[]);
    let failed = got.iter().filter(|got| got.status == 502).count();
    let good = got.iter().filter(|got| got.body == "GET /api/ratings/f1 for nobody").count();
    assert_eq!((failed, good), (1, 9), "{got:?}");
    assert!(world.origin.take_log().len() <= 10);
    // A failure says nothing of the next answer: it is shared again.
    world.origin.answer_by(|request| slow(300, echo(request)));
    let path = "/api/ratings/f2";
    let _ = at_once(&world, 10, path, &[]);
    assert_eq!(lines(&world.origin.take_log()), [format!("GET {path}")]);
}

/// SHARED-4 (issue "uncacheable keys are remembered so that they do not queue"): what cannot be stored makes nobody wait
/// after it was seen once, and for two minutes.
#[test]
fn what_cannot_be_shared() {
    let mut world = World::videomi();
    world.origin.answer(Reply::new(200, &["Set-Cookie: a=1"], "mine"));
    let got = world.send("GET", RATINGS, &[]);
    assert_eq!(got.cache(), "fwd=uri-miss; detail=\"set-cookie\"", "{got:?}");
    for _ in 0..2 {
        // None of them is answered before all of them have come.
        let all = Arc::new(Meeting::default());
        let here = Arc::clone(&all);
        world.origin.answer_by(move |_| {
            let text = if here.wait_for(8) { "mine" } else { "they queued" };
            Reply::new(200, &["Set-Cookie: a=1"], text)
        });
        let got = at_once(&world, 8, RATINGS, &[]);
        assert!(got.iter().all(|got| got.body == "mine" && !phases(got).contains("wait")), "{got:?}");
    }
    // Two minutes later it is tried again, and it may have become good.
    world.advance(121);
    world.origin.take_log();
    world.origin.answer_by(|request| slow(1_000, echo(request)));
    let got = at_once(&world, 10, RATINGS, &[]);
    assert!(got.iter().all(|got| got.status == 200), "{got:?}");
    assert_eq!(lines(&world.origin.take_log()), ["GET /api/ratings/f1"]);
}

/// SHARED-5 (RFC 5861 §3; RFC 9111 §4.3): fifty find it stale at once, and one refresh asks whether it is still good.
#[test]
fn one_refresh_for_fifty() {
    let mut world = World::videomi();
    let _ = world.warm(RATINGS, &[]);
    // Ten minutes fresh, then an hour stale.
    world.advance(590);
    assert!(world.send("GET", RATINGS, &[]).cache().starts_with("hit; ttl="), "still fresh");
    assert!(world.origin.take_log().is_empty());
    world.advance(20);
    // The refresh does not end before all have asked.
    let end = Arc::new(Meeting::default());
    let ends = Arc::clone(&end);
    world.origin.answer_by(move |_| {
        ends.wait_for(2);
        Reply::new(304, &["ETag: \"e1\""], "")
    });
    let got = at_once(&world, 50, RATINGS, &[]);
    end.wait_for(1);
    for got in &got {
        assert_eq!((got.status, got.body.as_str()), (200, "GET /api/ratings/f1 for nobody"), "{got:?}");
        assert!(got.cache().contains("stale-while-revalidate") && got.is_hit(), "{got:?}");
    }
    let fresh = world.until(RATINGS, &[], |got| !got.cache().contains("stale"));
    assert!(fresh.cache().starts_with("hit; ttl=") && fresh.body == "GET /api/ratings/f1 for nobody", "{fresh:?}");
    let asked = world.origin.take_log();
    assert_eq!(lines(&asked), ["GET /api/ratings/f1"]);
    assert_eq!(asked[0].fields.get("if-none-match"), Some("\"e1\""));
    // Past both windows it is asked before the answer, and within the last one the copy still serves a failure.
    world.advance(600 + 3_600 + 10);
    world.origin.answer(Reply::Reset);
    let got = world.send("GET", RATINGS, &[]);
    assert!(!got.is_hit() && got.cache().contains("network-failure") && got.status == 200, "{got:?}");
    world.advance(86_400 - 3_600 - 60);
    assert_eq!(world.send("GET", RATINGS, &[]).status, 200, "the last minute of a day");
    world.advance(60);
    assert_eq!(world.send("GET", RATINGS, &[]).status, 502, "past it");
}

/// SHARED-6 (issue "hot tier"): what is asked for again and again is answered from memory, for thirty seconds, and the
/// purges of this moment hold for it.
#[test]
fn what_is_hot() {
    let mut world = World::start(&videomi_edge(), 2, Origin::start(echo));
    let hot = |world: &World, isolate: usize| {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let got = world.send_to(isolate, "GET", RATINGS, &[]);
            if phases(&got) == "memory" {
                return got;
            }
            assert!(Instant::now() < deadline, "it never gets hot: {got:?}");
        }
    };
    let first = world.send("GET", RATINGS, &[]);
    assert_eq!(phases(&first), "store origin", "{first:?}");
    let _ = world.warm(RATINGS, &[]);
    let _ = world.send("GET", RATINGS, &[]);
    let fourth = world.send("GET", RATINGS, &[]);
    assert_eq!(phases(&fourth), "memory", "after three requests: {fourth:?}");
    assert_eq!(fourth.body, "GET /api/ratings/f1 for nobody");
    assert!(fourth.cache().starts_with("hit; ttl="), "{fourth:?}");
    let part = world.send("GET", RATINGS, &["Range: bytes=4-15"]);
    assert_eq!((part.status, part.body.as_str(), phases(&part).as_str()), (206, "/api/ratings", "memory"));
    let good = world.send("GET", RATINGS, &["If-None-Match: \"e1\""]);
    assert_eq!((good.status, phases(&good).as_str()), (304, "memory"), "{good:?}");

    // Not longer than thirty seconds; what was purged is asked for every five.
    world.advance(6);
    let got = world.send("GET", RATINGS, &[]);
    assert!(!phases(&got).contains("store") && phases(&got).contains("epochs"), "{got:?}");
    world.advance(25);
    let got = world.send("GET", RATINGS, &[]);
    assert!(phases(&got).contains("store"), "{got:?}");

    // Purged: here at once, elsewhere within the bound.
    let _ = hot(&world, 0);
    let _ = hot(&world, 1);
    world.stop_the_clock();
    world.advance(1);
    world.origin.answer_by(|request| match request.method.as_str() {
        "POST" => Reply::new(201, &[], ""),
        _ => Reply::new(200, &[], "new"),
    });
    let rated = world.send("POST", RATINGS, &[&bearer("abc123")]);
    assert_eq!(rated.status, 201, "{rated:?}");
    let got = world.send("GET", RATINGS, &[]);
    assert_eq!(got.body, "new", "{got:?}");
    // As long as two clocks may differ, what comes is served and not stored.
    world.advance(1);
    let got = world.send("GET", RATINGS, &[]);
    let expected = ("new", "fwd=uri-miss; stored; ttl=600; detail=\"purged\"");
    assert_eq!((got.body.as_str(), got.cache()), expected, "{got:?}");
    world.advance(4);
    let got = world.send_to(1, "GET", RATINGS, &[]);
    assert_eq!(got.body, "new", "{got:?}");
}

/// SHARED-7: what does not belong into memory, or not to everybody.
#[test]
fn what_is_not_hot_for_all() {
    let world = World::videomi();
    let (ada, bob) = (bearer("abc123"), bearer("bob"));
    let length = |request: &Arrived| if request.target.contains("long") { (64 << 10) + 1 } else { 64 << 10 };
    world.origin.answer_by(move |request| Reply::new(200, &["ETag: \"a\""], &"x".repeat(length(request))));
    for (path, is_hot) in [("/api/ratings/short", true), ("/api/ratings/long", false)] {
        let _ = world.warm(path, &[]);
        let phases: Vec<String> = (0..6).map(|_| phases(&world.send("GET", path, &[]))).collect();
        assert_eq!(phases.iter().any(|phase| phase.contains("memory")), is_hot, "{path}: {phases:?}");
    }
    // What the origin says of its own time stays beside ours.
    world.origin.answer(Reply::new(200, &["Server-Timing: db;dur=5"], "x"));
    let path = "/api/ratings/timed";
    let _ = world.until(path, &[], |got| timing(got).contains("memory"));
    for _ in 0..3 {
        let got = world.send("GET", path, &[]);
        assert_eq!(timing(&got), "db;dur=5, memory;dur=0", "{got:?}");
    }
    world.origin.answer_by(echo);
    for (who, user) in [(&ada, "abc123"), (&bob, "bob")] {
        let hot = world.until(STATS, &[who], |got| phases(got).contains("memory"));
        assert_eq!(
            (hot.body.as_str(), phases(&hot).as_str()),
            (format!("GET /api/stats for {user}").as_str(), "auth memory")
        );
    }
    let nobody = world.send("GET", STATS, &[]);
    assert_eq!(
        (nobody.body.as_str(), nobody.cache()),
        ("GET /api/stats for nobody", "fwd=bypass; detail=\"no-credential\"")
    );
    let list = "/api/upload/user/abc123";
    let _ = world.until(list, &[&ada], |got| phases(got).contains("memory"));
    let refused = world.send("GET", list, &[&bob]);
    assert_eq!((refused.status, refused.cache()), (403, "detail=\"not-the-owner\""), "{refused:?}");
    // By cookie the same answer says so in Vary.
    let by_cookie = world.send("GET", STATS, &[&tiercel_e2e::jwt::cookie("abc123")]);
    assert_eq!(by_cookie.fields.get("vary"), Some("Authorization, Cookie"), "{by_cookie:?}");
    let again = world.send("GET", STATS, &[&ada]);
    assert_eq!((again.fields.get("vary"), again.body.as_str()), (Some("Authorization"), "GET /api/stats for abc123"));
}

/// SHARED-8 (RFC 9110 §8.4, §8.8.3): what comes encoded is stored decoded, and its strong tag does not hold for that.
#[test]
fn what_is_encoded() {
    /// "so long, and thanks " thirty times, by gzip.
    const BODY: [u8; 47] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 43, 206, 87, 200, 201, 207, 75, 215, 81, 72, 204, 75, 81, 40, 201, 72, 204,
        203, 46, 86, 40, 30, 21, 27, 21, 163, 80, 12, 0, 250, 228, 166, 47, 88, 2, 0, 0,
    ];
    for dir in [videomi_edge(), http_edge()] {
        let plain = "so long, and thanks ".repeat(30);
        let fields =
            ["Content-Encoding: gzip", "ETag: \"a\"", "Cache-Control: max-age=600"].map(str::to_owned).to_vec();
        let reply = Reply::Answer { status: 200, fields, body: BODY.to_vec() };
        let world = World::start(&dir, 1, Origin::start(move |_| reply.clone()));
        let first = play(&world, RATINGS, &[]);
        assert_eq!((first.fields.get("content-encoding"), first.fields.get("etag")), (Some("gzip"), Some("\"a\"")));
        assert!(first.body == BODY && !first.broken, "as it came: {first:?}");
        let hit = world.warm(RATINGS, &[]);
        assert_eq!((hit.fields.get("content-encoding"), hit.fields.get("etag")), (None, Some("W/\"a\"")), "{hit:?}");
        for _ in 0..5 {
            for fields in [&[][..], &["Range: bytes=0-1", "If-Range: \"a\""]] {
                let got = play(&world, RATINGS, fields);
                assert!(got.status == 200 && !got.broken && got.cache().starts_with("hit"), "{fields:?}: {got:?}");
                assert!(got.body == plain.as_bytes(), "{fields:?}: {got:?}");
            }
            for tag in ["\"a\"", "W/\"a\""] {
                assert_eq!(play(&world, RATINGS, &[&format!("If-None-Match: {tag}")]).status, 304);
            }
        }
        assert_eq!(world.origin.take_log().len(), 0, "it was stored");
    }
}
