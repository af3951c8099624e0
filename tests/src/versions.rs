//! An origin for the policy of tests/policies/history.json. Everything has a version; what changes it and what reads it
//! happens under one lock; and every answer says what it shows, in which version, and whose it is.
//!
//! Many answers leave later than they were made, some of them longer than the policy's bound. So there are always some
//! under way that a change overtakes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::history::{FIRST, Seen};
use crate::jwt;
use crate::origin::{Arrived, Reply};
use crate::random::Random;

/// The owner of what is for everybody.
pub const NOBODY: &str = "nobody";

/// The resource that a path shows to a user, and whose it is; `None` where it shows none.
#[must_use]
pub fn shown<'u>(path: &str, user: &'u str) -> Option<(String, &'u str)> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
    Some(match parts.as_slice() {
        ["upload", "user", _] => (list(user, query.strip_prefix("category=").unwrap_or("all")), user),
        ["stats"] => (format!("stats {user}"), user),
        ["user", "artists"] => (format!("artists {user}"), user),
        ["files", _, file, "info"] => (format!("info {file}"), user),
        ["files", _, file, "thumbnail"] => (format!("thumbnail {file}"), NOBODY),
        ["ratings", file] => (format!("ratings {file}"), NOBODY),
        _ => return None,
    })
}

/// The resources that a request of a user changes, in this order.
#[must_use]
pub fn changed(method: &str, path: &str, user: &str) -> Vec<String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
    let stats = format!("stats {user}");
    match (method, parts.as_slice()) {
        // Of which category it was the answer does not say.
        ("POST", ["upload"]) if query.is_empty() => {
            vec![list(user, "all"), list(user, "videos"), list(user, "images"), stats]
        }
        ("POST", ["upload"]) => vec![list(user, "all"), list(user, query), stats],
        ("DELETE", ["files", category, file]) => {
            vec![format!("info {file}"), format!("thumbnail {file}"), list(user, "all"), list(user, category), stats]
        }
        ("PATCH", ["files", category, file, "info"]) if query == "name" => {
            vec![format!("info {file}"), list(user, "all"), list(user, category)]
        }
        ("PATCH", ["files", _, file, "info"]) => vec![format!("info {file}")],
        ("POST", ["ratings", file]) => vec![format!("ratings {file}"), "ratings top10".into()],
        ("POST", ["user", "artists", "toggle"]) => vec![format!("artists {user}")],
        _ => vec![],
    }
}

fn list(user: &str, category: &str) -> String {
    format!("list {user} {category}")
}

/// What a body says of itself, where it does.
#[must_use]
pub fn seen(body: &str) -> Option<Seen> {
    let body: Value = serde_json::from_str(body).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let items = body["items"].as_array()?.iter().map(|item| text(&item["owner"]));
    let owners = std::iter::once(text(&body["owner"])).chain(items).collect::<Option<_>>()?;
    Some(Seen { resource: text(&body["resource"])?, version: body["version"].as_u64()?, owners })
}

/// The versions that a change says it made.
#[must_use]
pub fn made(body: &str) -> Option<Vec<u64>> {
    let body: Value = serde_json::from_str(body).ok()?;
    body["made"].as_array()?.iter().map(Value::as_u64).collect()
}

/// Whom a request is from: as the edge says, else as its credential does. What goes past the core has only that.
fn user(request: &Arrived) -> String {
    if let Some(user) = request.fields.get("x-tiercel-user") {
        return user.replace("%3A", ":");
    }
    let bearer = request.fields.all("authorization").filter_map(|line| line.strip_prefix("Bearer "));
    let cookies = request.fields.all("cookie").flat_map(|line| line.split("; "));
    let session = cookies.filter_map(|pair| pair.strip_prefix("videomi_session="));
    bearer.chain(session).find_map(jwt::subject).unwrap_or_else(|| NOBODY.to_owned())
}

/// What the origin has been through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lived {
    /// How often it was asked for something.
    pub reads: usize,
    /// How many of the answers said that nothing has changed (304).
    pub unchanged: usize,
    /// How often something was changed.
    pub changes: usize,
    /// How many answers were overtaken: what they show was changed after they were made and before they left.
    pub overtaken: usize,
}

/// The versions of everything. Clones are the same.
#[derive(Clone)]
pub struct Versions(Arc<Mutex<State>>);

struct State {
    random: Random,
    versions: HashMap<String, u64>,
    lived: Lived,
    /// The answers that are made and have not left: of what, and until when.
    under_way: Vec<(String, Instant)>,
}

/// How long an answer takes before it is made, and from then on.
struct Pace {
    before: Duration,
    after: Duration,
    /// Between any two bytes of the body.
    drip: Duration,
}

impl Versions {
    /// Everything in its first version, with answers as slow as the seed has it.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let (versions, lived, under_way) = Default::default();
        Self(Arc::new(Mutex::new(State { random: Random::new(seed), versions, lived, under_way })))
    }

    /// What it has been through so far.
    #[must_use]
    pub fn lived(&self) -> Lived {
        self.with(|state| state.lived)
    }

    /// What the answers show that are made and have not left.
    #[must_use]
    pub fn under_way(&self) -> Vec<String> {
        self.with(|state| {
            let now = Instant::now();
            state.under_way.retain(|(_, leaves)| *leaves > now);
            state.under_way.iter().map(|(resource, _)| resource.clone()).collect()
        })
    }

    /// Answers a request, as a rule of an [`crate::origin::Origin`].
    #[must_use]
    pub fn answer(&self, request: &Arrived) -> Reply {
        let user = user(request);
        let pace = self.with(|state| state.pace());
        thread::sleep(pace.before);
        let reply =
            if request.method == "GET" { self.show(request, &user, &pace) } else { self.change(request, &user) };
        let reply = if pace.drip.is_zero() { reply } else { Reply::Drip(pace.drip, Box::new(reply)) };
        if pace.after.is_zero() { reply } else { Reply::Slow(pace.after, Box::new(reply)) }
    }

    fn show(&self, request: &Arrived, user: &str, pace: &Pace) -> Reply {
        let Some((resource, owner)) = shown(&request.target, user) else {
            return Reply::new(404, &["Content-Type: text/plain"], "there is no such thing");
        };
        let asked = request.fields.get("if-none-match");
        let body = |version| {
            let items = vec![json!({ "owner": owner, "version": version }); 3];
            json!({ "resource": resource, "version": version, "owner": owner, "items": items }).to_string()
        };
        self.with(|state| {
            let version = *state.versions.get(&resource).unwrap_or(&FIRST);
            let tag = format!("\"{version}\"");
            let fields = ["Content-Type: application/json", &format!("ETag: {tag}")];
            let is_unchanged = asked == Some(&tag);
            let reply =
                if is_unchanged { Reply::new(304, &fields, "") } else { Reply::new(200, &fields, &body(version)) };
            state.lived.reads += 1;
            state.lived.unchanged += usize::from(is_unchanged);
            let length = if is_unchanged { 0 } else { body(version).len() as u32 };
            let took = pace.after + pace.drip * length;
            if !took.is_zero() {
                state.under_way.push((resource.clone(), Instant::now() + took));
            }
            reply
        })
    }

    fn change(&self, request: &Arrived, user: &str) -> Reply {
        let resources = changed(&request.method, &request.target, user);
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        self.with(|state| {
            let now = Instant::now();
            let is_overtaken = |it: &&(String, Instant)| it.1 > now && resources.contains(&it.0);
            state.lived.overtaken += state.under_way.iter().filter(is_overtaken).count();
            state.lived.changes += 1;
            let mut change = |resource: &String| {
                let version = state.versions.entry(resource.clone()).or_insert(FIRST);
                *version += 1;
                *version
            };
            let made: Vec<u64> = resources.iter().map(&mut change).collect();
            let data = match path {
                "/api/upload" if !query.is_empty() => json!({ "file": { "category": query } }),
                _ if request.method == "PATCH" => {
                    json!({ "changed": [if query == "name" { "name" } else { "notes" }] })
                }
                _ => json!({}),
            };
            Reply::new(200, &["Content-Type: application/json"], &json!({ "made": made, "data": data }).to_string())
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Most answers are quick, or nothing would be stored for long; some take longer than the bound.
    fn pace(&mut self) -> Pace {
        let mut millis = |percent, longest| {
            let is_slow = self.random.percent(percent);
            Duration::from_millis(if is_slow { self.random.below(longest) } else { 0 })
        };
        let (before, short, long) = (millis(10, 200), millis(15, 500), millis(4, 4_000));
        let drip = millis(5, 6);
        Pace { before, after: short + long, drip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;

    fn ask(versions: &Versions, method: &str, target: &str, lines: &[&str]) -> (u16, String) {
        let (method, target) = (method.to_owned(), target.to_owned());
        let request = Arrived { method, target, fields: fields(lines), body: Default::default() };
        let mut reply = versions.answer(&request);
        loop {
            reply = match reply {
                Reply::Slow(_, inner) | Reply::Drip(_, inner) => *inner,
                Reply::Answer { status, body, .. } => return (status, String::from_utf8_lossy(&body).into_owned()),
                other => panic!("{other:?}"),
            };
        }
    }

    /// What is changed is what those who ask then see, and nothing else is.
    #[test]
    fn what_is_changed_is_shown() {
        let ada = ["X-Tiercel-User: ada%3Afiles"];
        let paths = [
            "/api/upload/user/ada:files",
            "/api/upload/user/ada:files?category=videos",
            "/api/upload/user/ada:files?category=images",
            "/api/stats",
            "/api/user/artists",
            "/api/files/videos/f1/info",
            "/api/files/videos/f1/thumbnail",
            "/api/ratings/f1",
            "/api/ratings/top10",
        ];
        for (method, path, expected) in [
            ("POST", "/api/upload?videos", [2, 2, 1, 2, 1, 1, 1, 1, 1]),
            ("POST", "/api/upload", [2, 2, 2, 2, 1, 1, 1, 1, 1]),
            ("DELETE", "/api/files/videos/f1", [2, 2, 1, 2, 1, 2, 2, 1, 1]),
            ("PATCH", "/api/files/videos/f1/info?name", [2, 2, 1, 1, 1, 2, 1, 1, 1]),
            ("PATCH", "/api/files/videos/f1/info", [1, 1, 1, 1, 1, 2, 1, 1, 1]),
            ("POST", "/api/ratings/f1", [1, 1, 1, 1, 1, 1, 1, 2, 2]),
            ("POST", "/api/user/artists/toggle", [1, 1, 1, 1, 2, 1, 1, 1, 1]),
        ] {
            let versions = Versions::new(1);
            let (status, body) = ask(&versions, method, path, &ada);
            let count = changed(method, path, "ada:files").len();
            assert_eq!((status, made(&body)), (200, Some(vec![2; count])), "{method} {path}");
            for (at, version) in paths.iter().zip(expected) {
                let (resource, owner) = shown(at, "ada:files").expect("it shows something");
                let seen = seen(&ask(&versions, "GET", at, &ada).1);
                let owners = vec![owner.to_owned(); 4];
                assert_eq!(seen, Some(Seen { resource, version, owners }), "{method} {path}, then {at}");
            }
            let tag = format!("If-None-Match: \"{}\"", expected[3]);
            assert_eq!(ask(&versions, "GET", "/api/stats", &[ada[0], &tag]).0, 304);
            let of_bob = seen(&ask(&versions, "GET", "/api/stats", &["X-Tiercel-User: bob"]).1);
            assert_eq!(of_bob.map(|seen| (seen.version, seen.resource)), Some((1, "stats bob".into())));
            assert_eq!((versions.lived().changes, versions.lived().reads), (1, 11));
            for line in [jwt::bearer("ada:files"), jwt::cookie("ada:files")] {
                let of_ada = seen(&ask(&versions, "GET", "/api/stats", &[&line]).1);
                assert_eq!(of_ada.map(|seen| seen.resource).as_deref(), Some("stats ada:files"), "{line}");
            }
        }
    }

    #[test]
    fn who_is_overtaken() {
        let versions = Versions::new(1);
        for _ in 0..100 {
            ask(&versions, "GET", "/api/ratings/f1", &[]);
        }
        ask(&versions, "POST", "/api/user/artists/toggle", &[]);
        assert_eq!(versions.lived().overtaken, 0, "nobody was shown that");
        ask(&versions, "POST", "/api/ratings/f1", &[]);
        assert!(versions.lived().overtaken > 0, "five of a hundred take seconds");
    }
}
