//! The wasm itself fails, in workerd: a trap (a panic ends in one), an import that throws, no memory. A request gets the
//! origin's answer all the same, a mutation is never sent twice, and the isolate is not poisoned.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tiercel_e2e::jwt::bearer;
use tiercel_e2e::keys::SigningKey;
use tiercel_e2e::live::{Got, World, auth_edge, echo, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply, lines};

const LIST: &str = "/api/upload/user/abc123?category=videos";
/// What is said of an answer that did not come through the core.
const PAST: &str = "fwd=bypass; detail=\"tier-failure\"";
/// How the wasm fails, at every which of its calls to the runtime.
const CRASHES: [(&str, usize); 2] = [("trap", 7), ("throw", 29)];

/// What reaches the origin in the sweeps: each change makes a new version, and everything names the one that it shows.
fn versioned() -> impl Fn(&Arrived) -> Reply {
    let version = AtomicU64::new(1);
    move |request| {
        let at = version.fetch_add(u64::from(request.method != "GET"), Ordering::SeqCst);
        let shown = at + u64::from(request.method != "GET");
        Reply::new(200, &["Content-Type: text/plain"], &format!("{} at {shown}", request.line()))
    }
}

fn version_of(got: &Got) -> u64 {
    got.body.rsplit(' ').next().and_then(|at| at.parse().ok()).expect("the origin names a version")
}

/// CRASH-READ: wherever the wasm fails on its way, a read gets the origin's answer, and the next request a sound instance.
#[test]
fn reads_survive_a_crash_anywhere() {
    let world = World::start(&videomi_edge(), 1, Origin::start(versioned()));
    let ada = bearer("abc123");
    let _ = world.warm("/assets/warm", &[]);
    let mut toll = world.mend();
    for (kind, step) in CRASHES {
        for (name, path, fields) in [
            ("a miss", "/assets/", &[][..]),
            ("a hit", "/assets/warm", &[]),
            ("a user's", "/api/upload/user/abc123?category=", &[ada.as_str()]),
            ("a part", "/api/files/videos/", &["Range: bytes=0-2"]),
            ("passed on", "/nothing/of/ours/", &[]),
        ] {
            for at in (1u32..).step_by(step) {
                assert!(at < 2_000, "{kind}, {name}: it never ends");
                let path = if name == "a hit" { path.to_owned() } else { format!("{path}{kind}{at}") };
                world.sabotage(&json!({ "wasm": { kind: at } }));
                // What goes on behind the first answer fails too, and the second one finds what is left.
                for turn in 1..=2 {
                    let got = world.send("GET", &path, fields);
                    let expected = format!("GET {path} at 1");
                    let is_part = got.status == 206 && got.body == expected[..3];
                    let is_whole = got.status == 200 && got.body == expected;
                    assert!((is_part || is_whole) && got.whole, "{kind} at {at}, {name}, {turn}: {got:?}");
                }
                let now = world.mend();
                if now.struck == toll.struck {
                    break;
                }
                toll = now;
            }
        }
    }
    let hit = world.warm("/assets/warm", &[]);
    assert_eq!(hit.body, "GET /assets/warm at 1");
    let toll = world.mend();
    assert!(toll.struck > 50, "a sweep is more than this: {toll:?}");
    assert_eq!(toll.instances, toll.struck + 1, "each crash costs one instance");
}

/// CRASH-MUTATION (RFC 9110 §9.2.2; product.md, "Events"): a mutation reaches the origin at most once, and who is told
/// that it succeeded sees it from then on. Who is told that it may have been done sees what came of it, too.
#[test]
fn mutations_survive_a_crash_anywhere() {
    let world = World::start(&videomi_edge(), 1, Origin::start(versioned()));
    let ada = bearer("abc123");
    let mut toll = world.mend();
    let mut done = [0, 0];
    for (kind, step) in CRASHES {
        for (method, path) in [("POST", "/api/upload"), ("DELETE", "/api/files/videos/f1")] {
            for at in (1u32..).step_by(step) {
                assert!(at < 2_000, "{kind}, {method}: it never ends");
                let before = version_of(&world.send("GET", LIST, &[&ada]));
                world.origin.take_log();
                world.sabotage(&json!({ "wasm": { kind: at } }));
                let got = world.send(method, path, &[&ada]);
                let asked = world.origin.take_log().len();
                assert!(asked <= 1, "{kind} at {at}: {method} was sent {asked} times");
                if got.status == 200 {
                    assert_eq!((asked, got.cache()), (1, "fwd=method"), "{kind} at {at}: {got:?}");
                    assert!(version_of(&got) > before);
                } else {
                    assert_eq!((got.status, got.cache()), (500, "detail=\"tier-failure\""), "{kind} at {at}: {got:?}");
                    assert_eq!(got.fields.get("cache-control"), Some("no-store"));
                }
                done[usize::from(got.status == 200)] += 1;
                for turn in 1..=2 {
                    let writes = got.fields.get("tiercel-consistency").unwrap_or_default();
                    let token = writes.split(';').next().filter(|token| !token.is_empty());
                    let fields = [Some(ada.clone()), token.map(|token| format!("Tiercel-Consistency: {token}"))];
                    let fields: Vec<&str> = fields.iter().flatten().map(String::as_str).collect();
                    let seen = world.send("GET", LIST, &fields);
                    assert_eq!(seen.status, 200, "{kind} at {at}, {turn}: {seen:?}");
                    let is_new =
                        version_of(&seen) >= if got.status == 200 { version_of(&got) } else { before + asked as u64 };
                    assert!(is_new, "{kind} at {at}, {turn}: {seen:?} after {got:?}");
                }
                let now = world.mend();
                if now.struck == toll.struck {
                    break;
                }
                toll = now;
            }
        }
    }
    assert!(done.iter().all(|n| *n > 20), "some succeed and some do not: {done:?}");
}

/// CRASH-ISSUER: who asked is still known when a mutation crashes: its user's purge is done, and the next users are recognised
/// by an instance that had to ask the issuer at the origin for its keys anew.
#[test]
fn a_crash_does_not_lose_the_issuer() {
    let (key, version) = (SigningKey::rsa(2048), AtomicU64::new(1));
    let keys = json!({ "keys": [key.jwk("k1")] }).to_string();
    let origin = Origin::start(move |request| match request.target.as_str() {
        "/.well-known/jwks.json" => Reply::new(200, &["Content-Type: application/json"], &keys),
        _ => {
            let at = version.fetch_add(u64::from(request.method != "GET"), Ordering::SeqCst);
            Reply::new(200, &["Content-Type: text/plain"], &format!("{} at {at}", request.line()))
        }
    });
    let world = World::with(&json!({ "dir": auth_edge("rs256") }), origin);
    let bearer = |user: &str| {
        let claims = json!({ "sub": user, "iss": "https://issuer.example", "aud": "shop", "exp": 4_000_000_000_u64 });
        format!("Authorization: Bearer {}", key.token("k1", &claims))
    };
    let (ada, bob) = (bearer("ada"), bearer("bob"));
    let (mut toll, mut given_up) = (world.mend(), 0);
    for at in (1u32..).step_by(5) {
        assert!(at < 2_000, "it never ends");
        let before = version_of(&world.warm("/mine", &[&ada]));
        world.origin.take_log();
        world.sabotage(&json!({ "wasm": { "trap": at } }));
        let got = world.send("POST", "/mine", &[&ada]);
        let asked = world.origin.take_log().iter().filter(|arrived| arrived.method == "POST").count() as u64;
        let next = world.send("GET", "/mine", &[&bob]);
        assert!(!next.cache().contains("credential"), "{at}: {next:?}");
        given_up += u64::from(got.status == 500) * asked;
        let mut seen = world.send("GET", "/mine", &[&ada]);
        if version_of(&seen) < before + asked {
            // A soft purge: what is stored is shown once more while the origin is asked.
            assert!(seen.cache().contains("stale"), "{at}: {seen:?} after {got:?}");
            seen = world.until("/mine", &[&ada], |got| version_of(got) >= before + asked);
        }
        assert_eq!(version_of(&seen), before + asked, "{at}: {got:?}");
        let now = world.mend();
        if now.struck == toll.struck {
            break;
        }
        toll = now;
    }
    assert!(given_up > 5, "{given_up} were done and not answered");
}

/// CRASH-UNDER-WAY: a crash takes along what is under way in the same instance, and each of them gets its own answer.
#[test]
fn a_crash_among_others() {
    let world = World::videomi();
    let (ada, bob) = (bearer("abc123"), bearer("bob"));
    let slow = |request: &Arrived| match request.target.as_str() {
        "/assets/crash" => echo(request),
        _ => Reply::Slow(Duration::from_millis(700), Box::new(echo(request))),
    };
    for round in 0..3 {
        world.origin.answer_by(slow);
        let before = world.mend();
        let film = format!("/assets/{round}");
        // Three ask for the same, and two of them wait for the first.
        let requests = [
            ("GET", film.as_str(), ""),
            ("GET", &film, ""),
            ("GET", &film, ""),
            ("GET", LIST, &ada),
            ("GET", "/api/stats", &bob),
            ("GET", "/nothing/of/ours", ""),
            ("POST", "/api/upload", &ada),
            ("DELETE", "/api/files/videos/f1", &ada),
        ];
        let world = &world;
        thread::scope(|scope| {
            let under_way = requests.map(|(method, path, field)| {
                let fields: Vec<&str> = Some(field).filter(|field| !field.is_empty()).into_iter().collect();
                (method, path, scope.spawn(move || world.send(method, path, &fields)))
            });
            let _ = world.origin.wait_for(6);
            world.sabotage(&json!({ "wasm": { "trap": 1 } }));
            let crash = world.send("GET", "/assets/crash", &[]);
            assert_eq!((crash.status, crash.cache()), (200, PAST), "{crash:?}");
            for (method, path, thread) in under_way {
                let got = thread.join().expect("an answer");
                if method == "GET" {
                    let body = format!("GET {path} for nobody");
                    assert_eq!((got.status, &got.body, got.cache()), (200, &body, PAST), "{path}: {got:?}");
                } else {
                    assert_eq!((got.status, got.cache()), (500, "detail=\"tier-failure\""), "{method} {path}: {got:?}");
                }
            }
        });
        let again = lines(&world.origin.take_log());
        assert_eq!(again.len(), 7, "all that were only reading, and the one that crashed: {again:?}");
        assert!(again.iter().all(|line| line.starts_with("GET")), "a mutation was sent twice: {again:?}");
        world.origin.answer_by(echo);
        let _ = world.warm(&film, &[]);
        let after = world.mend();
        assert_eq!((after.struck, after.instances), (before.struck + 1, before.instances + 1), "round {round}");
    }
}

/// CRASH-MEMORY: nothing is left to allocate. What needs memory crashes, is answered all the same, and the next instance
/// has some again.
#[test]
fn out_of_memory() {
    let world = World::videomi();
    let _ = world.warm("/assets/warm", &[]);
    let before = world.sabotage(&json!({ "wasm": "out-of-memory" }));
    let big = format!("X-Big: {}", "x".repeat(60_000));
    let mut past = 0;
    for at in 0..20 {
        let path = format!("/assets/{at}");
        let got = world.send("GET", &path, &[&big]);
        assert_eq!((got.status, &got.body), (200, &format!("GET {path} for nobody")));
        past += usize::from(got.cache() == PAST);
    }
    let after = world.mend();
    assert_eq!((past, after.instances), (1, before.instances + 1), "one crash, and the next instance has memory");
    assert!(world.warm("/assets/warm", &[]).is_hit());
}

/// CRASH-INSTANCE: as long as no fresh instance can be made, reads go past the tier and mutations are refused unsent.
#[test]
fn no_fresh_instance() {
    let world = World::videomi();
    let ada = bearer("abc123");
    let _ = world.warm("/assets/warm", &[]);
    world.sabotage(&json!({ "wasm": { "trap": 1 } }));
    for round in 0..3 {
        let got = world.send("GET", "/assets/warm", &[]);
        assert_eq!((got.status, got.cache(), got.body.as_str()), (200, PAST, "GET /assets/warm for nobody"), "{round}");
        world.sabotage(&json!({ "wasm": "no-instance" }));
        world.origin.take_log();
        let got = world.send("POST", "/api/upload", &[&ada]);
        assert_eq!((got.status, got.cache()), (500, "detail=\"tier-failure\""), "{round}: {got:?}");
        assert!(world.origin.take_log().is_empty(), "it was not sent");
    }
    world.mend();
    assert!(world.send("GET", "/assets/warm", &[]).is_hit());
    assert_eq!(world.send("POST", "/api/upload", &[&ada]).status, 200);
}

/// Sends a request that crashes at once, and what of it reached the origin.
fn crash(world: &World, method: &str, path: &str, fields: &[&str]) -> (Got, Vec<Arrived>) {
    world.origin.take_log();
    world.sabotage(&json!({ "wasm": { "trap": 1 } }));
    let got = world.send(method, path, fields);
    world.mend();
    (got, world.origin.take_log())
}

/// The edge with its origin behind a URL, and behind a service binding.
fn both_ways() -> [World; 2] {
    [false, true].map(|bound| World::with(&json!({ "dir": videomi_edge(), "bound": bound }), Origin::start(echo)))
}

/// CRASH-REQUEST (RFC 9110 §7.6): past the core goes what goes through it.
#[test]
fn what_the_origin_gets_past_the_core() {
    for world in both_ways() {
        for path in ["/x/a%2Fb/%zz?q=%20&r=a+b&&s", "/x//y/?", "/x?", "/x?a=http://b/", "/x/%E9?%e9"] {
            let fields = [
                "X-Tiercel-User: admin",
                "X_Tiercel_User: admin",
                "x-tiercel-meta: t1",
                "X-A: b",
                "Accept-Language: fr",
                "Tiercel-Consistency: a",
                "Cookie: a=1; tiercel-seen-1=a; b=2",
            ];
            let (got, past) = crash(&world, "GET", path, &fields);
            assert_eq!((got.status, got.cache()), (200, PAST), "{path}: {got:?}");
            let got = world.send("GET", path, &fields);
            assert_eq!((got.status, got.cache()), (200, "fwd=bypass; detail=\"no-class\""), "{path}: {got:?}");
            assert_eq!(past, world.origin.take_log(), "{path}");
            assert!(!past[0].fields.iter().any(|(name, _)| name.contains("tiercel")), "{past:?}");
            assert_eq!(past[0].fields.get("cookie"), Some("a=1; b=2"));
            assert_eq!((past[0].fields.get("x-a"), past[0].fields.get("accept-language")), (Some("b"), Some("fr")));
        }
        // Who asks has not been verified, so the origin hears of the credential and of nobody's name.
        let (got, past) = crash(&world, "GET", LIST, &[&bearer("abc123"), "X-Tiercel-User: bob"]);
        assert!(past[0].fields.has("authorization") && !past[0].fields.has("x-tiercel-user"), "{past:?}");
        assert_eq!(got.body, format!("GET {LIST} for nobody"));
        // A mutation has not gone out yet, so a fresh instance sends it.
        for (method, path) in [("POST", "/api/upload"), ("DELETE", "/api/files/videos/f1")] {
            let (got, sent) = crash(&world, method, path, &[&bearer("abc123")]);
            assert_eq!((got.status, got.cache(), sent.len()), (200, "fwd=method", 1), "{got:?}");
            assert_eq!(sent[0].fields.get("x-tiercel-user"), Some("abc123"));
        }
    }
}

/// CRASH-ANSWER (RFC 9111 §5.2.2.5, RFC 9213 §2.1): past the core comes the origin's answer, and nobody keeps it.
#[test]
fn what_a_client_gets_past_the_core() {
    const FIELDS: [&str; 11] = [
        "Cache-Control: public, max-age=600",
        "CDN-Cache-Control: max-age=600",
        "Cloudflare-CDN-Cache-Control: max-age=600",
        "Cache-Tag: a",
        "X-Tiercel-Meta: t1",
        "Cache-Status: origin; hit",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "Location: /elsewhere",
        "ETag: \"e\"",
        "Vary: Cookie",
    ];
    for world in both_ways() {
        for (status, method, body) in [
            (200, "GET", "text"),
            (200, "HEAD", ""),
            (200, "OPTIONS", "text"),
            (204, "GET", ""),
            (206, "GET", "text"),
            (302, "GET", "text"),
            (304, "GET", ""),
            (404, "GET", "text"),
            (503, "GET", "text"),
        ] {
            world.origin.answer(Reply::new(status, &FIELDS, "text"));
            let (got, past) = crash(&world, method, "/assets/a", &["Range: bytes=0-1", "If-None-Match: \"x\""]);
            assert_eq!((got.status, got.body.as_str(), got.whole), (status, body, true), "{method}: {got:?}");
            assert_eq!(lines(&past), [format!("{method} /assets/a")]);
            assert!(
                past[0].fields.has("range") && past[0].fields.has("if-none-match"),
                "the origin's to answer: {past:?}"
            );
            assert_eq!(got.fields.get("cache-control"), Some("no-store"), "{got:?}");
            let said = got.fields.combined("cache-status");
            assert_eq!(said.as_deref(), Some(format!("origin; hit, tiercel-edge; {PAST}").as_str()));
            assert_eq!(got.fields.all("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"], "{got:?}");
            for (name, value) in [("location", "/elsewhere"), ("etag", "\"e\""), ("vary", "Cookie")] {
                assert_eq!(got.fields.get(name), Some(value), "{got:?}");
            }
            for name in ["cdn-cache-control", "cloudflare-cdn-cache-control", "cache-tag", "x-tiercel-meta"] {
                assert!(!got.fields.has(name), "{name}: {got:?}");
            }
        }
        world.origin.answer(Reply::new(200, &[], &"0123456789".repeat(100_000)));
        let (got, _) = crash(&world, "GET", "/assets/long", &[]);
        assert_eq!((got.body.len(), got.whole), (1_000_000, true));
        world.origin.answer(Reply::Reset);
        let (got, _) = crash(&world, "GET", "/assets/a", &[]);
        assert_eq!(
            (got.status, got.cache(), got.fields.get("cache-control")),
            (502, PAST, Some("no-store")),
            "{got:?}"
        );
    }
}
