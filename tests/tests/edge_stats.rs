//! What is counted at the edge, in workerd: every answer once, whatever becomes of isolates, of the wasm and of the object that
//! adds up. `cargo xtask test edge` builds the edge first.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_e2e::counted::Counted;
use tiercel_e2e::jwt::{SECRET, bearer};
use tiercel_e2e::live::{Got, World, echo, videomi_edge};
use tiercel_e2e::origin::{Origin, Reply};

const STATS: &str = "/api/cache/stats";
const RATINGS: &str = "/api/ratings/f1";
const TOKEN: &str = "an operator's own token";
const PATIENCE: Duration = Duration::from_secs(20);

fn world(isolates: usize) -> World {
    let vars = json!({ "JWT_SECRET": SECRET, "TIERCEL_OPERATOR_TOKEN": TOKEN });
    World::with(&json!({ "dir": videomi_edge(), "isolates": isolates, "vars": vars }), Origin::start(echo))
}

fn operator() -> String {
    format!("Authorization: Bearer {TOKEN}")
}

fn stats(world: &World) -> Value {
    let got = world.send("GET", STATS, &[&operator()]);
    assert_eq!(got.status, 200, "{got:?}");
    serde_json::from_str(&got.body).unwrap_or_else(|error| panic!("{error}: {}", got.body))
}

/// A number of all time, by its names: `["total", "requests"]`.
fn number(stats: &Value, path: &[&str]) -> u64 {
    let mut at = &stats["windows"]["all"];
    for name in path {
        at = &at[*name];
    }
    at.as_u64().unwrap_or_else(|| panic!("{path:?} in {stats}"))
}

/// Looks until `check` finds something: what is told goes on behind an answer, and nobody says when it has been.
#[track_caller]
fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Asks until so many requests have been told.
#[track_caller]
fn told(world: &World, requests: u64) -> Value {
    until(&format!("{requests} requests are counted"), || {
        let stats = stats(world);
        let counted = number(&stats, &["total", "requests"]);
        assert!(counted <= requests, "{counted} of {requests} requests were counted: {stats}");
        (counted == requests).then_some(stats)
    })
}

/// A list that stands in for a revoked token is a fallback, from wherever it comes.
#[test]
fn a_list_that_stands_in_is_a_fallback() {
    let mut world = world(1);
    let ada = bearer("abc123");
    let json = ["Content-Type: application/json"];
    world.origin.answer(Reply::new(200, &json, r#"{"data": {"artists": [{"id": "a", "score": 1}]}}"#));
    let _ = world.until("/api/user/artists", &[&ada], Got::is_hit);
    world.advance(3 * 3_600 + 60);
    world.origin.answer(Reply::new(403, &json, r#"{"error": {"code": "SPOTIFY_TOKEN_REVOKED"}}"#));
    // Asked, and refused; then marked, and not asked again.
    let mut served = 0;
    let mut fallback = || {
        served += 1;
        world.send("GET", "/api/user/artists", &[&ada])
    };
    assert!(fallback().body.contains("fallback_revoked"));
    until("the mark is in the store", || Some(fallback()).filter(Got::is_hit));
    // Who asks has the isolate that answers tell first.
    let stats = stats(&world);
    assert_eq!(number(&stats, &["classes", "artists", "fallback"]), served, "{stats}");
    assert_eq!(number(&stats, &["total", "fallback"]), served);
    assert!(stats.to_string().contains("fallback-in-use"), "it is a reason to advise: {stats}");
}

/// STATS-1 (issue "statistics"): a thousand requests over two isolates, of which each is counted once, for what it was.
#[test]
fn a_thousand_requests_add_up() {
    let mut world = world(2);
    world.stop_the_clock();
    let ada = bearer("abc123");
    let requests: [(&str, &str, &[&str]); 8] = [
        ("GET", RATINGS, &[]),
        ("GET", "/api/ratings/f2", &[]),
        ("GET", "/api/stats", &[&ada]),
        ("GET", "/api/files/videos/f1/thumbnail", &[]),
        ("GET", "/api/billing/plan", &[&ada]),
        ("GET", "/nothing/of/ours", &[]),
        ("POST", "/api/upload", &[&ada]),
        ("HEAD", "/assets/a.css", &[]),
    ];
    let mut seen = Counted::default();
    for turn in 0..1_000_u32 {
        let (method, path, fields) = requests[turn as usize * 7 % requests.len()];
        let isolate = turn as usize / 3 % 2;
        match turn {
            300 => world.origin.answer(Reply::new(503, &[], "")),
            400 => world.origin.answer_by(echo),
            _ if turn % 100 == 99 => world.advance(150),
            _ => {}
        }
        seen.add(&world.send_to(isolate, method, path, fields));
    }
    assert!(seen.hits > 100 && seen.misses > 10 && seen.stale > 0 && seen.errors > 10, "a load of all kinds: {seen:?}");
    // What the other isolate has not told yet, it tells behind its next request after the interval; here, one that is not
    // counted itself.
    world.advance(11);
    assert_eq!(world.send_to(1, "POST", STATS, &[&operator()]).status, 405);
    let stats = told(&world, 1_000);
    assert_eq!(Counted::told(&stats["windows"]["all"]["total"]), seen, "{stats}");
    let classes = stats["windows"]["all"]["classes"].as_object().expect("classes");
    let of_classes: u64 = classes.keys().map(|class| number(&stats, &["classes", class, "requests"])).sum();
    assert_eq!(of_classes, 1_000, "each has one class: {stats}");
    assert_eq!(number(&stats, &["classes", "*", "bypass"]) + number(&stats, &["classes", "*", "errors"]), 250);
    assert_eq!(stats["windows"]["hour"]["total"], stats["windows"]["all"]["total"], "it took less than an hour");
}

/// STATS-2: answers that do not enter the wasm are counted, exactly; and neither they nor others are told one by one.
#[test]
fn ready_answers_count() {
    let world = world(1);
    world.stop_the_clock();
    let mut requests = 0;
    let (mut ready, mut before) = (0, world.calls());
    while ready < 200 {
        let got = world.send("GET", RATINGS, &[]);
        assert_eq!(got.status, 200, "{got:?}");
        requests += 1;
        assert!(requests < 400, "it never gets ready");
        let now = world.calls();
        ready += u64::from(now == before);
        before = now;
    }
    let stats = told(&world, requests);
    let of_ratings = |path: &[&str]| number(&stats, &[&["classes", "ratings"], path].concat());
    assert!(of_ratings(&["tiers", "memory", "hit"]) >= ready, "{ready} ready: {stats}");
    assert_eq!((of_ratings(&["requests"]), of_ratings(&["tiers", "origin", "miss"])), (requests, 1));
    assert_eq!(of_ratings(&["bytes"]), requests * "GET /api/ratings/f1 for nobody".len() as u64);
    assert_eq!((of_ratings(&["kept", "entries"]), of_ratings(&["kept", "bytes"])), (1, 30));
}

/// STATS-3: while the object is out of reach nothing is lost, and what it has heard without being heard counts once.
#[test]
fn an_object_out_of_reach() {
    for fault in ["throw", "500", "unheard"] {
        let mut world = world(1);
        world.stop_the_clock();
        world.sabotage(&json!({ "statistics": fault }));
        let mut requests = 0;
        let mut struck = 0;
        for _ in 0..5 {
            for _ in 0..10 {
                let got = world.send("GET", "/nothing/of/ours", &[]);
                assert_eq!(got.status, 200, "{fault}: {got:?}");
                requests += 1;
            }
            world.advance(11);
            let _ = world.send("GET", RATINGS, &[]);
            requests += 1;
            struck = until(&format!("{fault}: it is told after the interval"), || {
                Some(world.sabotage(&json!({})).struck).filter(|now| *now != struck)
            });
        }
        assert_eq!(struck, 5, "{fault}: not more than once in an interval");
        let refused = world.send("GET", STATS, &[&operator()]);
        assert_eq!(refused.status, 503, "{fault}: {refused:?}");
        world.sabotage(&json!({ "statistics": false }));
        let stats = told(&world, requests);
        assert_eq!(number(&stats, &["classes", "*", "bypass"]), 50, "{fault}");
        world.advance(11);
        let _ = world.send("GET", "/nothing/of/ours", &[]);
        let _ = told(&world, requests + 1);
    }
}

/// STATS-4: what was counted outlives a crash of the wasm, and a request that was answered past the core is an error.
#[test]
fn a_crash_loses_nothing() {
    let world = world(1);
    world.stop_the_clock();
    let mut requests = 0;
    for crash in 0..5 {
        for _ in 0..10 {
            let _ = world.send("GET", RATINGS, &[]);
        }
        world.sabotage(&json!({ "wasm": { "trap": 1 } }));
        let got = world.send("GET", "/nothing/of/ours", &[]);
        assert!(got.cache().contains("tier-failure"), "{got:?}");
        assert_eq!(world.sabotage(&json!({ "wasm": false })).struck, crash + 1);
        requests += 11;
    }
    let stats = told(&world, requests);
    assert_eq!(number(&stats, &["classes", "*", "errors"]), 5, "{stats}");
    assert_eq!(number(&stats, &["classes", "ratings", "requests"]), 50, "{stats}");
}

/// STATS-5: an isolate that is killed takes along what it counted since it last told: an interval at most.
#[test]
fn a_killed_isolate_loses_an_interval() {
    let dir = tempfile();
    let begin = || {
        let vars = json!({ "JWT_SECRET": SECRET, "TIERCEL_OPERATOR_TOKEN": TOKEN });
        World::kept_in(&dir, &json!({ "dir": videomi_edge(), "vars": vars }), Origin::start(echo))
    };
    let mut world = begin();
    for _ in 0..30 {
        let _ = world.send("GET", "/nothing/of/ours", &[]);
    }
    world.advance(11);
    let _ = world.send("GET", "/nothing/of/ours", &[]);
    // The thirty are told, by a batch of their own: nobody asks for the statistics here, which would tell all.
    until("they are told behind an answer", || (world.batches() > 0).then_some(()));
    for _ in 0..9 {
        let _ = world.send("GET", "/nothing/of/ours", &[]);
    }
    drop(world);
    let world = begin();
    let counted = number(&stats(&world), &["total", "requests"]);
    assert!((30..40).contains(&counted), "{counted} were told, and the ten of the last interval were not");
    drop(world);
    std::fs::remove_dir_all(dir).expect("it can be removed");
}

/// STATS-6 (issue "statistics"): nobody else reads them, by no other method, and nothing in them names anybody.
#[test]
fn who_reads_them() {
    let world = world(1);
    let (ada, token) = (bearer("abc123"), operator());
    let _ = world.send("GET", "/api/upload/user/abc123?category=videos", &[&ada]);
    let cases: [(&str, &[&str], u16, Option<&str>); 7] = [
        ("GET", &[], 401, None),
        ("GET", &[&ada], 401, None),
        ("HEAD", &[], 401, None),
        ("POST", &[&token], 405, Some("GET, HEAD")),
        ("DELETE", &[&token], 405, Some("GET, HEAD")),
        ("HEAD", &[&token], 200, None),
        ("GET", &[&token], 200, None),
    ];
    for (method, fields, status, allow) in cases {
        let got = world.send(method, STATS, fields);
        assert_eq!((got.status, got.fields.get("allow")), (status, allow), "{method} {fields:?}: {got:?}");
        assert_eq!(got.fields.get("cache-control"), Some("no-store"), "{method} {fields:?}");
        assert_eq!(got.body.is_empty(), method == "HEAD", "{method} {fields:?}: {got:?}");
        assert!(!got.body.contains("abc123") && !got.body.contains("videos"), "{got:?}");
    }
    let purge = world.send("GET", "/api/cache/purge", &[&token]);
    assert_eq!((purge.status, purge.fields.get("allow")), (405, Some("POST")));
}

/// STATS-7: as Prometheus reads it (text format 0.0.4).
#[test]
fn prometheus_reads_them() {
    let world = world(1);
    world.stop_the_clock();
    for _ in 0..3 {
        let _ = world.warm(RATINGS, &[]);
    }
    for accept in [
        "Accept: text/plain",
        "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
    ] {
        let got = world.send("GET", STATS, &[&operator(), accept]);
        assert_eq!(got.fields.get("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"), "{got:?}");
        let mut typed = Vec::new();
        for line in got.body.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                typed.push(kind.split(' ').next().expect("a name").to_owned());
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
                let name = series.split('{').next().expect("a name");
                assert_eq!(typed.last().map(String::as_str), Some(name), "{line}");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(
            got.body.contains("tiercel_requests_total{class=\"ratings\",tier=\"origin\",outcome=\"miss\"} 1\n"),
            "{got:?}"
        );
    }
    for accept in ["Accept: application/json, text/plain, */*", "Accept: */*", "Accept: text/html"] {
        let got = world.send("GET", STATS, &[&operator(), accept]);
        assert_eq!(got.fields.get("content-type"), Some("application/json"), "{accept}: {got:?}");
    }
}

/// STATS-8: the same for Analytics Engine, each batch once though it is told twice, and nothing where it takes no points. (A
/// stand-in that records: Miniflare's dataset keeps nothing.)
#[test]
fn points_for_analytics_engine() {
    let mut world = world(1);
    world.stop_the_clock();
    world.sabotage(&json!({ "analytics": "record", "statistics": "unheard" }));
    for _ in 0..20 {
        let _ = world.send("GET", "/nothing/of/ours", &[]);
    }
    world.advance(11);
    assert_eq!(world.send("POST", STATS, &[&operator()]).status, 405);
    until("it is told behind an answer", || (!world.points().is_empty()).then_some(()));
    world.sabotage(&json!({ "statistics": false }));
    let _ = told(&world, 20);
    let length = "GET /nothing/of/ours for nobody".len() * 20;
    let expected = json!({ "indexes": ["*"], "blobs": ["*", "origin", "bypass"], "doubles": [20, length] });
    assert_eq!(world.points(), [expected]);

    world.sabotage(&json!({ "analytics": "throw" }));
    let _ = world.send("GET", "/nothing/of/ours", &[]);
    let _ = told(&world, 21);
    assert_eq!(world.points().len(), 1);
}

/// A directory of this test's own.
fn tempfile() -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("tiercel-stats-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory can be made");
    dir
}
