//! Lists at the built edge of policies/videomi.json in workerd: computed once, stored whole, cut into pages, and kept while
//! the origin cannot compute them. The four flows of the document that asked for it (product.md, "The artists cache"), and
//! what may come between. `cargo xtask test edge` builds the edge first.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_e2e::jwt::bearer;
use tiercel_e2e::live::{Got, World, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply, lines};

const ARTISTS: &str = "/api/user/artists";
const HOUR: u32 = 3_600;
const REVOKED: &str = r#"{"success": false, "error": {"code": "SPOTIFY_TOKEN_REVOKED", "message": "sign in again"}}"#;
const WARNING: &str = "Données du cache utilisées. Reconnectez-vous à Spotify.";

/// An origin that computes artists, until it is told otherwise.
#[derive(Clone, Default)]
struct Spotify {
    /// How many artists everybody has.
    artists: Arc<AtomicUsize>,
    /// Incremented by each computation, and in every name.
    computed: Arc<AtomicUsize>,
    revoked: Arc<AtomicBool>,
    /// Another status than 200; 0 is none.
    status: Arc<AtomicU16>,
    /// What it says instead of a list.
    instead: Arc<Mutex<Option<String>>>,
    slow: Arc<AtomicBool>,
}

impl Spotify {
    fn with(artists: usize) -> Self {
        let spotify = Self::default();
        spotify.artists.store(artists, Ordering::SeqCst);
        spotify
    }

    fn world(&self) -> World {
        let spotify = self.clone();
        World::start(&videomi_edge(), 1, Origin::start(move |request| spotify.answer(request)))
    }

    fn answer(&self, request: &Arrived) -> Reply {
        let json = ["Content-Type: application/json"];
        if request.method == "POST" {
            return Reply::new(200, &json, r#"{"success": true}"#);
        }
        if request.target != ARTISTS {
            return Reply::new(200, &json, &format!(r#"{{"the page itself": {}}}"#, json!(request.target)));
        }
        if self.revoked.load(Ordering::SeqCst) {
            return Reply::new(403, &json, REVOKED);
        }
        let status = self.status.load(Ordering::SeqCst);
        if status != 0 {
            return Reply::new(status, &json, r#"{"success": false, "error": {"code": "busy"}}"#);
        }
        let run = self.computed.fetch_add(1, Ordering::SeqCst) + 1;
        let user = request.fields.get("x-tiercel-user").unwrap_or("nobody");
        // As they come from several answers: in no order.
        let artist = |n: usize| json!({ "id": format!("a{n:05}"), "name": format!("{user} {run} {n}"), "score": (n * 7_919) % 1_000 });
        let artists: Vec<Value> = (0..self.artists.load(Ordering::SeqCst)).map(artist).collect();
        let list = json!({ "success": true, "data": { "artists": artists, "connected": true } }).to_string();
        let list = self.instead.lock().expect("it holds").clone().unwrap_or(list);
        let reply = Reply::new(200, &["Content-Type: application/json", &format!("ETag: \"run{run}\"")], &list);
        if self.slow.load(Ordering::SeqCst) { Reply::Slow(Duration::from_millis(300), Box::new(reply)) } else { reply }
    }
}

/// The `data` of an answer.
#[track_caller]
fn data(got: &Got) -> Value {
    let body: Value = serde_json::from_str(&got.body).unwrap_or_else(|error| panic!("{error}: {got:?}"));
    assert_eq!((got.status, &body["success"]), (200, &json!(true)), "{got:?}");
    body["data"].clone()
}

/// The ids of a page, and what is said beside them: `cached`, `cache_status`, and whether there is a warning.
#[track_caller]
fn page(got: &Got) -> (Vec<String>, (bool, String, bool)) {
    let data = data(got);
    let ids = data["artists"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|artist| artist["id"].as_str().expect("an id").to_owned());
    let said = (
        data["cached"].as_bool().expect("a word"),
        data["cache_status"].as_str().expect("a word").to_owned(),
        data["warning"] == json!(WARNING),
    );
    (ids.collect(), said)
}

fn said(cached: bool, status: &str, warned: bool) -> (bool, String, bool) {
    (cached, status.to_owned(), warned)
}

/// The ids of all artists, sorted as the policy says.
fn sorted(artists: usize) -> Vec<String> {
    let mut all: Vec<usize> = (0..artists).collect();
    all.sort_by_key(|n| (-i64::try_from((n * 7_919) % 1_000).expect("a small number"), *n));
    all.into_iter().map(|n| format!("a{n:05}")).collect()
}

fn stored(world: &World, user: &str) -> Got {
    world.until(ARTISTS, &[user], Got::is_hit)
}

/// A world in which Ada's artists are stored; and how she says who she is.
fn with_a_list(artists: usize) -> (Spotify, World, String) {
    let spotify = Spotify::with(artists);
    let (world, ada) = (spotify.world(), bearer("abc123"));
    let _ = stored(&world, &ada);
    (spotify, world, ada)
}

/// Flow 1: nothing is stored, so all artists are computed, sorted and stored, and the page is cut.
/// Flow 2: every other page comes from what is stored, without the origin.
#[test]
fn flow_1_and_2_one_computation_for_all_pages() {
    let world = Spotify::with(45).world();
    let (ada, all) = (bearer("abc123"), sorted(45));
    let first = world.send("GET", "/api/user/artists?page=0&limit=10", &[&ada]);
    assert_eq!(page(&first), (all[..10].to_vec(), said(false, "fresh", false)));
    assert_eq!(data(&first)["pagination"], json!({ "total": 45, "page": 0, "limit": 10, "has_more": true }));
    assert_eq!(data(&first)["connected"], json!(true), "what else the origin says goes out too");
    assert_eq!(first.cache(), "fwd=uri-miss; stored; ttl=10800");
    assert_eq!(first.fields.get("cache-control"), Some("private, no-cache"));
    assert_eq!(lines(&world.origin.take_log()), ["GET /api/user/artists"], "all of them are asked for");
    let _ = stored(&world, &ada);
    for (query, from, to, number, limit) in [
        ("page=1&limit=10", 10, 20, 1, 10),
        ("limit=10&page=4", 40, 45, 4, 10),
        ("", 0, 20, 0, 20),
        ("page=2", 40, 45, 2, 20),
        ("limit=100", 0, 45, 0, 100),
        ("page=44&limit=1", 44, 45, 44, 1),
        ("page=3&limit=20", 45, 45, 3, 20),
        ("page=999999999999999&limit=100", 45, 45, 999_999_999_999_999_u64, 100),
        ("page=1&limit=20&utm_source=mail", 20, 40, 1, 20),
    ] {
        let got = world.send("GET", &format!("{ARTISTS}?{query}"), &[&ada]);
        assert!(got.is_hit(), "{query}: {got:?}");
        assert_eq!(page(&got), (all[from..to].to_vec(), said(true, "fresh", false)), "{query}");
        let has_more = to < 45;
        assert_eq!(
            data(&got)["pagination"],
            json!({ "total": 45, "page": number, "limit": limit, "has_more": has_more }),
            "{query}"
        );
    }
    assert_eq!(lines(&world.origin.take_log()), Vec::<String>::new(), "no page of them was asked for");
    assert_eq!(page(&world.send("GET", ARTISTS, &[&bearer("bob")])).1.1, "fresh");
    assert_eq!(world.origin.take_log().len(), 1, "another user has a list of another's own");
}

/// Flow 3: after three hours the list is computed anew.
#[test]
fn flow_3_an_old_list_is_computed_anew() {
    let spotify = Spotify::with(30);
    let mut world = spotify.world();
    let ada = bearer("abc123");
    assert_eq!(data(&world.send("GET", ARTISTS, &[&ada]))["artists"][0]["name"], json!("abc123 1 25"));
    let _ = stored(&world, &ada);
    world.advance(3 * HOUR - 60);
    assert_eq!(data(&stored(&world, &ada))["artists"][0]["name"], json!("abc123 1 25"));
    world.advance(120);
    let renewed = world.send("GET", ARTISTS, &[&ada]);
    assert_eq!((page(&renewed).1, renewed.cache()), (said(false, "fresh", false), "fwd=stale; stored; ttl=10800"));
    assert_eq!(data(&renewed)["artists"][0]["name"], json!("abc123 2 25"));
    assert_eq!(spotify.computed.load(Ordering::SeqCst), 2);
}

/// Flow 4: after three hours the token turns out to be revoked, so the old list is served and marked, with the warning,
/// until it is six hours old. Without a list the error goes through.
#[test]
fn flow_4_a_revoked_token_leaves_the_old_list() {
    let (spotify, mut world, ada) = with_a_list(30);
    spotify.revoked.store(true, Ordering::SeqCst);
    world.advance(3 * HOUR + 60);
    world.origin.take_log();
    let fallback = world.send("GET", "/api/user/artists?page=1&limit=10", &[&ada]);
    assert_eq!(page(&fallback), (sorted(30)[10..20].to_vec(), said(true, "fallback_revoked", true)));
    assert!(fallback.cache().starts_with("fwd=stale; fwd-status=403; ttl=-6"), "{fallback:?}");
    assert!(fallback.cache().ends_with("; detail=\"declared-failure\""), "{fallback:?}");
    // It is marked: for a minute Spotify is not asked again.
    let marked = world.until(ARTISTS, &[&ada], Got::is_hit);
    assert_eq!(page(&marked).1, said(true, "fallback_revoked", true), "{marked:?}");
    world.origin.take_log();
    for number in 0..3 {
        let got = world.send("GET", &format!("{ARTISTS}?page={number}&limit=10"), &[&ada]);
        assert_eq!((page(&got).1, got.is_hit()), (said(true, "fallback_revoked", true), true));
    }
    assert_eq!(world.origin.take_log(), []);
    world.advance(120);
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(true, "fallback_revoked", true));
    assert_eq!(lines(&world.origin.take_log()), ["GET /api/user/artists"], "once more, a minute later");
    // Six hours old, it is gone.
    world.advance(3 * HOUR);
    let gone = world.send("GET", ARTISTS, &[&ada]);
    assert_eq!((gone.status, gone.body.as_str()), (403, REVOKED), "{gone:?}");
    // So it is where nothing was ever stored.
    let never = world.send("GET", ARTISTS, &[&bearer("bob")]);
    assert_eq!(
        (never.status, never.body.as_str(), never.fields.get("cache-control")),
        (403, REVOKED, Some("no-store"))
    );
    // The token is good again.
    spotify.revoked.store(false, Ordering::SeqCst);
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(false, "fresh", false));
}

/// Reconnecting: the list is fresh at once. So it is after a toggle and a disconnection; a sync changes nothing.
#[test]
fn after_reconnecting_the_list_is_fresh_at_once() {
    let (spotify, mut world, ada) = with_a_list(30);
    spotify.revoked.store(true, Ordering::SeqCst);
    world.advance(3 * HOUR + 60);
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(true, "fallback_revoked", true));
    spotify.revoked.store(false, Ordering::SeqCst);
    for (path, expected) in [
        ("/api/user/platforms/connect", said(false, "fresh", false)),
        ("/api/user/artists/sync", said(true, "fresh", false)),
        ("/api/user/artists/toggle", said(false, "fresh", false)),
        ("/api/user/platforms/disconnect", said(false, "fresh", false)),
    ] {
        assert_eq!(world.send("POST", path, &[&ada]).status, 200);
        assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, expected, "after {path}");
        let _ = stored(&world, &ada);
        // What a mutation's purge overtakes is not stored for a tenth of a second.
        world.advance(1);
    }
}

/// A passing failure serves the old list and invalidates nothing.
#[test]
fn a_passing_failure_leaves_the_list_alone() {
    let (spotify, mut world, ada) = with_a_list(30);
    world.advance(3 * HOUR + 60);
    for status in [500, 502, 503, 504, 429] {
        spotify.status.store(status, Ordering::SeqCst);
        let stale = world.send("GET", "/api/user/artists?page=2&limit=10", &[&ada]);
        assert_eq!(page(&stale), (sorted(30)[20..].to_vec(), said(true, "stale", false)), "{status}");
    }
    // Another refusal is what the origin has now.
    spotify.status.store(0, Ordering::SeqCst);
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(false, "fresh", false));
}

/// A soft purge marks the list stale and keeps it.
#[test]
fn a_soft_purge_keeps_the_list() {
    let spotify = Spotify::with(5);
    let origin = spotify.clone();
    let token = "an operator's token";
    let edge = json!({ "dir": videomi_edge(), "vars": { "JWT_SECRET": tiercel_e2e::jwt::SECRET, "TIERCEL_OPERATOR_TOKEN": token } });
    let world = World::with(&edge, Origin::start(move |request| origin.answer(request)));
    let ada = bearer("abc123");
    let _ = stored(&world, &ada);
    let order = r#"{"tags": ["user_artists:abc123"], "mode": "soft"}"#;
    let purged = world.send_body(0, "POST", "/api/cache/purge", &[&format!("Authorization: Bearer {token}")], order);
    assert_eq!(purged.status, 200, "{purged:?}");
    spotify.status.store(503, Ordering::SeqCst);
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(true, "stale", false));
    spotify.status.store(0, Ordering::SeqCst);
    spotify.revoked.store(true, Ordering::SeqCst);
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(true, "fallback_revoked", true));
    spotify.revoked.store(false, Ordering::SeqCst);
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(false, "fresh", false));
}

/// First calls that come at the same time compute once, whatever page each of them wants.
#[test]
fn first_calls_at_the_same_time_compute_once() {
    let spotify = Spotify::with(100);
    spotify.slow.store(true, Ordering::SeqCst);
    let world = spotify.world();
    let (ada, all) = (bearer("abc123"), sorted(100));
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..10)
            .map(|number| {
                scope.spawn({
                    let (world, ada) = (&world, &ada);
                    move || world.send("GET", &format!("{ARTISTS}?page={number}&limit=10"), &[ada])
                })
            })
            .collect();
        for (number, got) in asking.into_iter().enumerate() {
            let got = got.join().expect("an answer");
            assert_eq!(page(&got).0, all[number * 10..][..10], "{got:?}");
        }
    });
    assert_eq!(spotify.computed.load(Ordering::SeqCst), 1);
}

/// Each page has a validator of its own, which tells apart how good the list is.
#[test]
fn each_page_has_its_own_tag() {
    let spotify = Spotify::with(30);
    let mut world = spotify.world();
    let ada = bearer("abc123");
    let tag = |query: &str| {
        let got = world.send("GET", &format!("{ARTISTS}?{query}"), &[&ada]);
        got.fields.get("etag").unwrap_or_else(|| panic!("no tag: {got:?}")).to_owned()
    };
    let _ = stored(&world, &ada);
    let tags: Vec<String> = ["page=0", "page=1", "page=0&limit=10"].iter().map(|query| tag(query)).collect();
    assert_eq!(tags, ["W/\"run1-0-20-fresh\"", "W/\"run1-1-20-fresh\"", "W/\"run1-0-10-fresh\""]);
    let condition = format!("If-None-Match: {}", tags[0]);
    let same = world.send("GET", "/api/user/artists?page=0", &[&ada, &condition]);
    assert_eq!((same.status, same.body.as_str(), same.is_hit()), (304, "", true), "{same:?}");
    let other = world.send("GET", "/api/user/artists?page=1", &[&ada, &condition]);
    assert_eq!(other.status, 200);
    let part = world.send("GET", ARTISTS, &[&ada, "Range: bytes=0-9"]);
    assert_eq!((part.status, page(&part).0.len()), (200, 20), "a page has no parts");
    let head = world.send("HEAD", ARTISTS, &[&ada]);
    assert_eq!((head.status, head.body.as_str(), head.fields.get("etag")), (200, "", Some(&*tags[0])), "{head:?}");
    spotify.revoked.store(true, Ordering::SeqCst);
    world.advance(3 * HOUR + 60);
    let fallback = world.send("GET", "/api/user/artists?page=0", &[&ada, &condition]);
    assert_eq!(page(&fallback).1, said(true, "fallback_revoked", true), "it is not the same any more");
}

/// Nonsense is refused, with what is allowed, and nobody is asked.
#[test]
fn nonsense_is_a_400_that_says_what_is_allowed() {
    let world = Spotify::with(5).world();
    let ada = bearer("abc123");
    for (query, said) in [
        ("page=x", "`page` is a whole number from 0 on.\n"),
        ("page=-1", "`page` is a whole number from 0 on.\n"),
        ("page=", "`page` is a whole number from 0 on.\n"),
        ("page=1.5", "`page` is a whole number from 0 on.\n"),
        ("page=%2B1", "`page` is a whole number from 0 on.\n"),
        ("page=99999999999999999999", "`page` is a whole number from 0 on.\n"),
        ("limit=0", "`limit` is a whole number from 1 to 100.\n"),
        ("limit=101", "`limit` is a whole number from 1 to 100.\n"),
        ("limit=ten", "`limit` is a whole number from 1 to 100.\n"),
        ("page=1&page=2", "`page` is there twice, or unreadable.\n"),
        ("limit=%ff", "`limit` is there twice, or unreadable.\n"),
    ] {
        let got = world.send("GET", &format!("{ARTISTS}?{query}"), &[&ada]);
        assert_eq!((got.status, got.body.as_str()), (400, said), "{query}");
        assert_eq!(got.cache(), "detail=\"bad-page\"");
    }
    let nobody = world.send("GET", "/api/user/artists?page=x", &[]);
    assert_eq!(nobody.status, 200, "who is nobody gets the origin's own answer: {nobody:?}");
    assert_eq!(lines(&world.origin.take_log()), ["GET /api/user/artists?page=x"]);
}

/// What is no list that can be sorted: the origin is asked for the page itself, and nothing is stored.
#[test]
fn what_is_no_list_is_passed_on_and_not_stored() {
    let spotify = Spotify::with(5);
    let world = spotify.world();
    let ada = bearer("abc123");
    let _ = world.kept();
    let items = |items: &str| format!(r#"{{"success": true, "data": {{"artists": [{items}]}}}}"#);
    let long = items(&vec![format!(r#"{{"id": "x", "score": 1, "name": "{}"}}"#, "x".repeat(1 << 20)); 50].join(","));
    for (instead, reason) in [
        ("<html>out of order</html>".to_owned(), "list-malformed"),
        (String::new(), "list-malformed"),
        (items("")[..20].to_owned(), "list-malformed"),
        (r#"{"success": true, "data": {"artists": null}}"#.to_owned(), "list-malformed"),
        (items(r#"{"id": "a"}"#), "list-unsorted"),
        (items(r#"{"id": "a", "score": 1}, {"id": "b", "score": "2"}"#), "list-unsorted"),
        (items(r#"{"id": "a", "score": 1}, {"id": "a", "score": 2}"#), "list-duplicate"),
        (long, "list-too-large"),
    ] {
        *spotify.instead.lock().expect("it holds") = Some(instead);
        let got = world.send("GET", "/api/user/artists?page=3&limit=7", &[&ada]);
        assert_eq!(got.body, r#"{"the page itself": "/api/user/artists?page=3&limit=7"}"#, "{reason}");
        assert_eq!(got.cache(), format!("fwd=uri-miss; detail=\"{reason}\""));
        assert_eq!(lines(&world.origin.take_log()), ["GET /api/user/artists", "GET /api/user/artists?page=3&limit=7"]);
    }
    let kept = world.kept();
    assert!(!kept.iter().any(|(url, _)| url.contains("user_artists")), "nothing is stored: {kept:?}");
    *spotify.instead.lock().expect("it holds") = None;
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(false, "fresh", false));
}

/// Once an hour what is over goes, also where nobody asks.
#[test]
fn an_hourly_clean_up_removes_what_is_over() {
    let spotify = Spotify::with(5);
    let mut world = spotify.world();
    let _ = world.kept();
    let (ada, bob) = (bearer("abc123"), bearer("bob"));
    let _ = stored(&world, &ada);
    world.advance(2 * HOUR);
    let _ = stored(&world, &bob);
    world.advance(3 * HOUR);
    world.scheduled("0 * * * *");
    spotify.status.store(503, Ordering::SeqCst);
    assert_eq!(page(&world.send("GET", ARTISTS, &[&ada])).1, said(true, "stale", false), "five hours are not six");
    world.advance(HOUR + 60);
    world.scheduled("0 * * * *");
    let left: Vec<String> =
        world.kept().into_iter().map(|(url, _)| url).filter(|url| url.contains("user_artists")).collect();
    assert!(left.len() == 1 && left[0].contains("user_artists:bob"), "{left:?}");
}

/// A session of 100 page views of 10,000 artists: over 95 % from the store, and each page after the first call in less
/// than 50 ms.
#[test]
fn a_session_of_a_hundred_pages() {
    let world = Spotify::with(10_000).world();
    let ada = bearer("abc123");
    let all = sorted(10_000);
    let (mut hits, mut took) = (0, Vec::new());
    for view in 0..100 {
        let number = view * 37 % 500;
        let began = Instant::now();
        let got = world.send("GET", &format!("{ARTISTS}?page={number}&limit=20"), &[&ada]);
        if view > 0 {
            took.push(began.elapsed());
        }
        assert_eq!(page(&got).0, all[number * 20..][..20], "view {view}");
        hits += usize::from(got.is_hit());
        if view == 0 {
            // The list is being stored behind the answer.
            let _ = stored(&world, &ada);
        }
    }
    took.sort();
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!(
        "100 views: {hits} hits; a page takes {:.1} ms (p50), {:.1} ms (p95), {:.1} ms (most)",
        at(50),
        at(95),
        at(100)
    );
    assert!(hits > 95, "{hits} hits");
    assert_eq!(world.origin.take_log().len(), 1);
}
