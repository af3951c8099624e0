//! Read your writes, in workerd: two data centres with two isolates each. Whoever changed something gets nothing older,
//! wherever and at once; others learn of it within the bound. `cargo xtask test edge` builds the edge first.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tiercel_e2e::jwt::bearer;
use tiercel_e2e::live::{Got, World, http_edge, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply};

const ISOLATES: usize = 4;
/// A user's classes, and a public one.
const LIST: &str = "/api/upload/user/abc123?category=videos";
const MUSIC: &str = "/api/upload/user/abc123?category=musics";
const STATS: &str = "/api/stats";
const RATINGS: &str = "/api/ratings/f1";
const TOKEN: &str = "tiercel-consistency";

/// What the origin says by now, of everything.
#[derive(Clone, Default)]
struct Now(Arc<Mutex<&'static str>>);

impl Now {
    fn is(&self, text: &'static str) {
        *self.0.lock().expect("no test panics here") = text;
    }

    fn reply(&self, request: &Arrived) -> Reply {
        let text = *self.0.lock().expect("no test panics here");
        let fields = ["Cache-Control: max-age=600, stale-if-error=600", "Vary: Cookie", "ETag: \"e\""];
        match request.method.as_str() {
            "GET" | "HEAD" => {
                Reply::new(200, &fields[..if request.target.starts_with("/varied") { 3 } else { 1 }], text)
            }
            _ => Reply::new(200, &["Set-Cookie: session=s"], "done"),
        }
    }
}

fn start(dir: &std::path::Path) -> (World, Now) {
    let now = Now::default();
    now.is("old");
    let says = now.clone();
    (World::across(dir, 2, 2, Origin::start(move |request| says.reply(request))), now)
}

/// Every isolate has `path` in its store.
fn fill(world: &World, path: &str, fields: &[&str]) {
    for isolate in 0..ISOLATES {
        let is_there = (0..500).any(|_| {
            thread::sleep(Duration::from_millis(10));
            world.send_to(isolate, "GET", path, fields).is_hit()
        });
        assert!(is_there, "{path} is stored for isolate {isolate}");
    }
}

/// A browser's cookies.
#[derive(Clone, Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn take(&mut self, got: &Got) {
        for line in got.fields.all("set-cookie").filter(|line| line.starts_with("tiercel-seen-")) {
            let (name, rest) = line.split_once('=').expect("a cookie");
            let (value, attributes) = rest.split_once("; ").expect("attributes");
            self.0.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0") {
                assert!(attributes.starts_with("Path=/; HttpOnly; SameSite=Lax; Max-Age="), "{got:?}");
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn line(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("Cookie: {}", pairs.join("; "))
    }
}

/// The token of an answer, as an SDK sends it.
fn token(got: &Got) -> String {
    let member = got.fields.get(TOKEN).unwrap_or_else(|| panic!("no token: {got:?}"));
    format!("{TOKEN}: {}", member.split(';').next().unwrap_or_default())
}

/// CONSISTENCY-1 (product.md, "Events and what they invalidate"): whoever made a change reads it at once, by cookie or by
/// field, in every isolate of every data centre. Others do within the bound.
#[test]
fn whoever_writes_reads_it_everywhere() {
    let (mut world, now) = start(&videomi_edge());
    let (ada, bob) = (bearer("abc123"), bearer("bob"));
    for (path, who) in [(LIST, &ada), (STATS, &ada), (STATS, &bob), (MUSIC, &ada)] {
        fill(&world, path, &[who]);
    }
    world.advance(1);
    now.is("new");
    let mutation = world.send("DELETE", "/api/files/videos/f1", &[&ada]);
    let mut jar = Jar::default();
    jar.take(&mutation);
    assert_eq!((mutation.status, jar.0.len()), (200, 1), "{mutation:?}");
    assert!(mutation.fields.all("set-cookie").any(|line| line.ends_with("; Max-Age=40")), "{mutation:?}");
    assert!(mutation.fields.all("set-cookie").any(|line| line == "session=s"), "the origin's own stays: {mutation:?}");
    assert!(!format!("{:?}{}", jar.0, token(&mutation)).contains("abc123"), "it names nobody");
    world.origin.take_log();
    for isolate in (0..ISOLATES).rev() {
        for (by, path) in [(jar.line(), LIST), (token(&mutation), STATS)] {
            let got = world.send_to(isolate, "GET", path, &[&ada, &by]);
            assert_eq!((got.status, got.body.as_str()), (200, "new"), "{isolate} {path} {by}: {got:?}");
        }
        for (path, who) in [(STATS, &bob), (MUSIC, &ada)] {
            let kept = world.send_to(isolate, "GET", path, &[who, &jar.line()]);
            assert_eq!((kept.is_hit(), kept.body.as_str()), (true, "old"), "{path} is not concerned: {kept:?}");
        }
    }
    for arrived in world.origin.take_log() {
        assert!(!arrived.fields.has("cookie") && !arrived.fields.has(TOKEN), "these are the edge's own: {arrived:?}");
    }
    // Once the answer is stored anew it is good for all.
    world.advance(1);
    for isolate in 0..ISOLATES {
        let again = (0..500).any(|_| {
            thread::sleep(Duration::from_millis(10));
            let got = world.send_to(isolate, "GET", LIST, &[&ada, &jar.line()]);
            assert_eq!(got.body, "new", "{got:?}");
            got.is_hit()
        });
        assert!(again, "the token is no reason to ask for ever");
    }
    world.advance(6);
    for isolate in 0..ISOLATES {
        assert_eq!(world.send_to(isolate, "GET", STATS, &[&ada]).body, "new", "within the bound everybody");
    }
}

/// CONSISTENCY-2: the objects are out of reach of the isolate that handled the mutation, and of the one that is asked.
#[test]
fn without_the_objects() {
    let (mut world, now) = start(&videomi_edge());
    let ada = bearer("abc123");
    for (path, who) in [(LIST, &[ada.as_str()][..]), (RATINGS, &[])] {
        fill(&world, path, who);
    }
    world.advance(1);
    now.is("new");
    world.sabotage(&json!({ "epochs": "throw" }));
    let pending = world.send("POST", RATINGS, &[&ada]);
    assert!(pending.cache().contains("purge-pending"), "{pending:?}");
    assert!(pending.fields.get(TOKEN).is_some_and(|token| token.ends_with(";max-age=86400")), "{pending:?}");
    // An honest error is better than what was before.
    world.origin.answer(Reply::Reset);
    let got = world.send_to(2, "GET", RATINGS, &[&token(&pending)]);
    assert_eq!((got.status, got.cache()), (502, "fwd=request; detail=\"network-failure\""), "{got:?}");
    let plain = world.send_to(2, "GET", RATINGS, &[]);
    assert_eq!((plain.is_hit(), plain.body.as_str()), (true, "old"), "it has not heard of it: {plain:?}");
    let says = now.clone();
    world.origin.answer_by(move |request| says.reply(request));
    // Nobody else hears of it, not even when the bound is over.
    for seconds in [0, 60] {
        world.advance(seconds);
        for isolate in 1..ISOLATES {
            let got = world.send_to(isolate, "GET", RATINGS, &[&token(&pending)]);
            assert_eq!(got.body, "new", "{isolate}, after {seconds} s: {got:?}");
        }
    }
    let changed = world.send_to(3, "POST", "/api/upload", &[&ada]);
    let got = world.send("GET", LIST, &[&ada, &token(&changed)]);
    assert_eq!(got.body, "new", "asked where the objects are out of reach: {got:?}");
}

/// CONSISTENCY-3: two changes at the same time, and a third: no cookie is lost, and one is left.
#[test]
fn several_changes() {
    let (mut world, now) = start(&videomi_edge());
    let ada = bearer("abc123");
    let paths = ["/api/ratings/f1", "/api/ratings/f2", "/api/ratings/f3", STATS];
    for path in paths {
        fill(&world, path, &[&ada]);
    }
    world.advance(1);
    now.is("new");
    let both = thread::scope(|scope| {
        let send = |isolate, path| world.send_to(isolate, "POST", path, &[&ada]);
        [(0, paths[0]), (2, paths[1])]
            .map(|(isolate, path)| scope.spawn(move || send(isolate, path)))
            .map(|sending| sending.join().expect("a client ends"))
    });
    let mut jar = Jar::default();
    both.iter().for_each(|got| jar.take(got));
    assert_eq!(jar.0.len(), 2, "{both:?}");
    let third = world.send_to(1, "POST", paths[2], &[&ada, &jar.line()]);
    jar.take(&third);
    assert_eq!(jar.0.len(), 1, "{third:?}");
    for isolate in 0..ISOLATES {
        for path in &paths[..3] {
            let got = world.send_to(isolate, "GET", path, &[&jar.line()]);
            assert_eq!(got.body, "new", "{isolate} {path}: {got:?}");
        }
        let kept = world.send_to(isolate, "GET", STATS, &[&ada, &jar.line()]);
        assert!(kept.is_hit(), "nothing was said of these: {kept:?}");
    }
}

/// CONSISTENCY-4 (RFC 9111 §4.1, §5.2.1.7): where the origin's word rules. What `Vary` sees of the cookies is what the
/// origin sees; what is in memory is refused too; who wants nothing fetched gets nothing.
#[test]
fn where_the_origin_rules() {
    let (mut world, now) = start(&http_edge());
    for path in ["/varied", "/plain"] {
        for fields in [&["Cookie: theme=dark"][..], &[]] {
            fill(&world, path, fields);
        }
    }
    let hot = (0..20).any(|_| {
        let got = world.send_to(2, "GET", "/plain", &[]);
        got.fields.get("server-timing").is_some_and(|timing| timing.contains("memory"))
    });
    assert!(hot, "it comes from memory");
    world.advance(1);
    now.is("new");
    // Nobody hears of it but by the tokens.
    world.sabotage(&json!({ "epochs": "throw" }));
    let changed = ["/varied", "/plain"].map(|path| world.send("PUT", path, &[]));
    let mut jar = Jar::default();
    changed.iter().for_each(|got| jar.take(got));
    let [varied, plain] = changed.each_ref().map(token);
    let wants_stored = world.send_to(2, "GET", "/plain", &["Cache-Control: only-if-cached", &plain]);
    assert_eq!(wants_stored.status, 504, "{wants_stored:?}");
    let by_cookie = world.send_to(2, "GET", "/plain", &[&jar.line()]);
    assert_eq!(
        (by_cookie.body.as_str(), by_cookie.cache()),
        ("new", "fwd=request; stored; ttl=600; detail=\"written-since\"")
    );
    let theme = format!("{}; theme=dark", jar.line());
    for isolate in 1..ISOLATES {
        let got = world.send_to(isolate, "GET", "/varied", &["Cookie: theme=dark", &varied]);
        assert_eq!(got.body, "new", "{isolate}: {got:?}");
    }
    world.advance(1);
    let is_stored = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(10));
        world.send_to(2, "GET", "/varied", &[&theme]).is_hit()
    });
    assert!(is_stored, "the token is no reason to ask for ever");
    world.origin.take_log();
    let other = world.send_to(2, "GET", "/varied", &["Cookie: theme=dark"]);
    assert_eq!((other.is_hit(), other.body.as_str()), (true, "new"), "the same variant: {other:?}");
    assert!(world.origin.take_log().is_empty());
}
