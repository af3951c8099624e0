//! Attacks on the built edge in workerd, as data: `tests/cases/attacks/`, a file for each theme.
//!
//! Before each case two victims (`abc123` and `bob`) have what is theirs in the store, and so has everybody what is
//! public. After it their next reads are right and come from the store, and whatever was stored meanwhile is the answer
//! to the request of its key, for the user whose name the key bears, and holds nothing of the attacker's.
//!
//! A case has an `id`, what it `stands_on`, and `steps`. A step:
//!
//! - `send` (`GET /path`) `with` these fields and a `body`; or `raw` bytes. `{mallory}`, `{abc123}`, `{bob}` and
//!   `{operator}` stand for good tokens, `{token}` for the step's own (see `forge`), `{id}` for the case's id and
//!   `{x*100}` for a hundred of them;
//! - `origin` is what the origin answers from now on: a status, then fields; `says` is its body. Otherwise it says what
//!   it was asked, for whom, and every field that holds `evil`;
//! - `times` sends it so often;
//! - `victim` marks the step of somebody else than the attacker: nothing `evil` may reach him. The attacker's own steps
//!   must not show anything of a victim's, unless the case says what they show by `is`;
//! - `status`, `cache` (a part of our member of `Cache-Status`), `is` (the body), `lacks` (fields that must not reach the
//!   origin) and `reached` (the lines that did) judge it. Without `status` it may be no failure of ours.
//!
//! `purges` of a case names the victims' reads that the origin lets the attacker make untrue. `policy` of a case is
//! `http` for policies/http.json.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::Received;
use tiercel_core::field::Fields;
use tiercel_core::head::RequestHead;
use tiercel_core::key;
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use tiercel_e2e::jwt::{SECRET, bearer, issued_to, sign_text, token};
use tiercel_e2e::live::{Got, World, http_edge, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply};
use tiercel_e2e::{HTTP, START, VIDEOMI, engine};

const FILES: [(&str, &str); 11] = [
    ("tokens", include_str!("../cases/attacks/tokens.json")),
    ("claims", include_str!("../cases/attacks/claims.json")),
    ("paths", include_str!("../cases/attacks/paths.json")),
    ("deception", include_str!("../cases/attacks/deception.json")),
    ("poisoning", include_str!("../cases/attacks/poisoning.json")),
    ("fields", include_str!("../cases/attacks/fields.json")),
    ("origins", include_str!("../cases/attacks/origins.json")),
    ("memory", include_str!("../cases/attacks/memory.json")),
    ("consistency", include_str!("../cases/attacks/consistency.json")),
    ("mutations", include_str!("../cases/attacks/mutations.json")),
    ("messages", include_str!("../cases/attacks/messages.json")),
];
const OPERATOR: &str = "an operator's own token";
const LEAST: usize = 80;

/// What the victims have in the store: a name, a path, and who reads it.
const READS: [(&str, &str, &str); 9] = [
    ("list", "/api/upload/user/abc123?category=videos", "abc123"),
    ("stats", "/api/stats", "abc123"),
    ("info", "/api/files/videos/f1/info", "abc123"),
    ("artists", "/api/user/artists", "abc123"),
    ("bob's stats", "/api/stats", "bob"),
    ("ratings", "/api/ratings/f1", "nobody"),
    ("thumbnail", "/api/files/videos/f1/thumbnail", "nobody"),
    ("media", "/api/files/videos/f1", "nobody"),
    ("asset", "/assets/app.js", "nobody"),
];
const PUBLIC: [(&str, &str, &str); 2] = [("page", "/page", "nobody"), ("asset", "/assets/app.js", "nobody")];

/// The edge of one policy, and how the test itself derives keys.
struct Stage {
    world: World,
    engine: Engine,
    name: &'static str,
    reads: &'static [(&'static str, &'static str, &'static str)],
}

/// How a case ended: the attacker was told no each time, or got nothing that is not his.
enum End {
    Refused,
    Harmless,
}

/// SEC-1 (issue "isolation"): none of them succeeds.
#[test]
fn no_attack_succeeds() {
    let mut stages = [stage("videomi"), stage("http")];
    let mut table: BTreeMap<usize, [usize; 2]> = BTreeMap::new();
    let (mut failures, mut ids) = (Vec::new(), HashSet::new());
    for (theme, (name, file)) in FILES.iter().enumerate() {
        let cases: Vec<Value> = serde_json::from_str(file).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        for case in cases {
            let id = text(&case, "id").to_owned();
            assert!(!text(&case, "stands_on").is_empty() && ids.insert(id.clone()), "{id}: once, and with a ground");
            assert_known(&case);
            let stage = &mut stages[usize::from(case["policy"] == "http")];
            let row = table.entry(theme).or_default();
            match stage.run(&case) {
                Ok(End::Refused) => row[0] += 1,
                Ok(End::Harmless) => row[1] += 1,
                Err(failure) => failures.push(format!("{name}: {id} ({})\n  {failure}", text(&case, "stands_on"))),
            }
        }
    }
    let mut told = format!("attacks: {:12} {:>5} {:>8} {:>9}\n", "theme", "cases", "refused", "harmless");
    for (theme, [refused, harmless]) in &table {
        let cases = refused + harmless;
        told.push_str(&format!("attacks: {:12} {cases:>5} {refused:>8} {harmless:>9}\n", FILES[*theme].0));
    }
    told.push_str(&format!("attacks: {} in all, {} succeeded\n", ids.len(), failures.len()));
    // The test runner keeps to itself what `println!` says in a test that passes.
    let _ = std::io::stderr().write_all(told.as_bytes());
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), ids.len(), failures.join("\n"));
    assert!(ids.len() >= LEAST, "{} cases", ids.len());
}

/// A misspelt expectation would expect nothing.
fn assert_known(case: &Value) {
    const CASE: [&str; 5] = ["id", "stands_on", "steps", "purges", "policy"];
    const STEP: [&str; 14] = [
        "send", "raw", "with", "body", "token", "times", "origin", "says", "victim", "status", "cache", "is", "lacks",
        "reached",
    ];
    let keys = |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    let known: Vec<String> = keys(case);
    assert!(known.iter().all(|key| CASE.contains(&key.as_str())), "{known:?}");
    for step in case["steps"].as_array().into_iter().flatten() {
        let known: Vec<String> = keys(step);
        assert!(known.iter().all(|key| STEP.contains(&key.as_str())), "{}: {known:?}", case["id"]);
    }
}

fn stage(policy: &'static str) -> Stage {
    let vars = json!({ "JWT_SECRET": SECRET, "TIERCEL_OPERATOR_TOKEN": OPERATOR });
    let (dir, document, reads) = match policy {
        "http" => (http_edge(), HTTP, &PUBLIC[..]),
        _ => (videomi_edge(), VIDEOMI, &READS[..]),
    };
    let world = World::with(&json!({ "dir": dir, "vars": vars }), Origin::start(|request| reflect(request, "")));
    let _ = world.kept();
    Stage { world, engine: engine(document, Tier::Edge), name: policy, reads }
}

/// An origin that verifies credentials, and lets everything that it is told show.
fn reflect(request: &Arrived, says: &str) -> Reply {
    Reply::new(200, &["Content-Type: text/plain", "ETag: \"e1\"", "Cache-Control: max-age=600"], &told(request, says))
}

fn told(request: &Arrived, says: &str) -> String {
    if !says.is_empty() {
        return says.to_owned();
    }
    let bearers = request.fields.all("authorization").filter_map(|line| line.strip_prefix("Bearer "));
    let cookies = request.fields.all("cookie").flat_map(|line| line.split("; "));
    let sessions = cookies.filter_map(|pair| pair.strip_prefix("videomi_session="));
    let shown = bearers.chain(sessions).find_map(issued_to);
    let user = request.fields.get("x-tiercel-user").map(str::to_owned).or(shown);
    let mut told = format!("{} for {}", request.line(), user.as_deref().unwrap_or("nobody"));
    for (name, value) in request.fields.iter().filter(|(_, value)| value.contains("evil")) {
        told.push_str(&format!(" with {name}: {value}"));
    }
    if request.body.contains("evil") {
        told.push_str(" with a body");
    }
    if request.target.split('?').next() == Some("/api/user/artists") && request.method == "GET" {
        // What is to be a list, and kept as one.
        return json!({ "told": told, "data": { "artists": [{ "id": "a1", "score": 1 }] } }).to_string();
    }
    told
}

/// What the origin was told, by a body that it sent.
fn words(body: &str) -> &str {
    let told = body.split_once("\"told\":\"").and_then(|(_, rest)| rest.split_once('"'));
    told.map_or(body, |(told, _)| told)
}

impl Stage {
    fn run(&mut self, case: &Value) -> Result<End, String> {
        let id = text(case, "id");
        self.world.origin.answer_by(|request| reflect(request, ""));
        for (_, path, reader) in self.reads {
            let _ = self.world.until(path, &credential(reader), |got| got.is_hit() && is_right(got, path, reader));
        }
        let mut end = End::Refused;
        for (at, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
            for _ in 0..step["times"].as_u64().unwrap_or(1) {
                let got = self.send(step, id);
                let judged = got.and_then(|(got, arrived)| {
                    judge(step, id, &got, &arrived).map(|()| got.status).map_err(|why| format!("{why}: {got:?}"))
                });
                let status = judged.map_err(|why| format!("step {}: {why}", at + 1))?;
                if step["victim"] != json!(true) && (200..400).contains(&status) {
                    end = End::Harmless;
                }
            }
        }
        self.world.origin.answer_by(|request| reflect(request, ""));
        let may_purge: Vec<&str> = strings(&case["purges"]).collect();
        for (name, path, reader) in self.reads {
            let got = self.world.send("GET", path, &credential(reader));
            if !is_right(&got, path, reader) {
                return Err(format!("{name}: the victim gets something else: {got:?}"));
            }
            if got.is_hit() == may_purge.contains(name) {
                return Err(format!("{name}: purged or not, against what the case says: {got:?}"));
            }
        }
        self.stored()?;
        Ok(end)
    }

    /// Sends one step; also what it made reach the origin.
    fn send(&self, step: &Value, id: &str) -> Result<(Got, Vec<Arrived>), String> {
        let own = forge(&step["token"]);
        let fill = |text: &str| filled(text, id, &own);
        if let Some(mut lines) = step["origin"].as_array().map(|lines| lines.iter().filter_map(Value::as_str)) {
            let status = lines.next().and_then(|status| status.parse().ok()).ok_or("`origin` begins with a status")?;
            let fields: Vec<String> = lines.map(&fill).collect();
            let says = fill(step["says"].as_str().unwrap_or(""));
            self.world.origin.answer_by(move |request| Reply::Answer {
                status,
                fields: fields.clone(),
                body: told(request, &says).into_bytes(),
            });
        }
        self.world.origin.take_log();
        let got = if let Some(raw) = step["raw"].as_str() {
            parsed(&self.world.raw(fill(raw).as_bytes()))
        } else {
            let (method, path) = text(step, "send").split_once(' ').ok_or("`send` is a method and a path")?;
            let fields: Vec<String> = strings(&step["with"]).map(&fill).collect();
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            self.world.send_body(0, method, &fill(path), &fields, &fill(step["body"].as_str().unwrap_or("")))
        };
        Ok((got, self.world.origin.take_log()))
    }

    /// Whatever was stored since the last case is under the key of its own request, and its user's.
    fn stored(&self) -> Result<(), String> {
        for (url, body) in self.world.kept() {
            let plain = url.split('!').next().unwrap_or(&url);
            // What is the attacker's may stand under a name that says so: the query, or a digest of a variant.
            let says_so = plain != url || url.contains("evil");
            let Some((asked, rest)) = words(&body).strip_prefix("GET ").and_then(|body| body.split_once(" for "))
            else {
                if body.contains("evil") && !says_so {
                    return Err(format!("{url} holds {body}"));
                }
                continue;
            };
            let told_user = percent_decode_str(rest).decode_utf8_lossy();
            let is_owned = url.contains("/user:") || url.contains("/user_artists:");
            let user = Some(&*told_user).filter(|_| is_owned);
            let credential = user.and_then(|user| Principal::new(user, CredentialSource::Cookie));
            let request = RequestHead::new("GET", &format!("{}{asked}", self.base(plain)), Fields::new());
            let credential = credential.map_or(Credential::None, Credential::Verified);
            let Received::Lookup(lookup) = self.engine.receive(request, credential, START) else {
                return Err(format!("{url} holds the answer to a request without a key: {body}"));
            };
            let right_user = if is_owned {
                plain.split(':').nth(2) == Some(&key::escape(&told_user))
            } else {
                rest.starts_with("nobody") && (says_so || !body.contains("evil"))
            };
            if plain != lookup.key().url(self.name) || !right_user {
                return Err(format!("{url} holds what belongs under {}: {body}", lookup.key().url(self.name)));
            }
        }
        Ok(())
    }
}

impl Stage {
    /// Scheme and authority of the request that a key of policies/http.json names; the other has no use for them.
    fn base(&self, url: &str) -> String {
        let named = url.split("/v1/http:").nth(1).and_then(|name| name.split(':').next());
        named.map_or_else(
            || self.world.edges[0].clone(),
            |origin| percent_decode_str(origin).decode_utf8_lossy().into_owned(),
        )
    }
}

fn credential(reader: &str) -> Vec<&'static str> {
    // A handful of tokens, for as long as the test runs.
    if reader == "nobody" { Vec::new() } else { vec![Box::leak(bearer(reader).into_boxed_str())] }
}

fn is_right(got: &Got, path: &str, reader: &str) -> bool {
    got.status == 200 && words(&got.body) == format!("GET {path} for {reader}") && is_clean(got)
}

fn is_clean(got: &Got) -> bool {
    !got.body.contains("evil") && got.fields.iter().all(|(_, value)| !value.contains("evil"))
}

fn judge(step: &Value, id: &str, got: &Got, arrived: &[Arrived]) -> Result<(), String> {
    let expect =
        |holds: bool, why: &str| if holds { Ok(()) } else { Err(format!("{why}; {arrived:?} reached the origin")) };
    let statuses: Vec<u64> = match &step["status"] {
        Value::Array(many) => many.iter().filter_map(Value::as_u64).collect(),
        one => one.as_u64().into_iter().collect(),
    };
    // 501 is what the server says to a method that it does not know, 505 to a version.
    let of_ours = |status: u16| matches!(status, 200..=499 | 501 | 505);
    let fits = if statuses.is_empty() { of_ours(got.status) } else { statuses.contains(&got.status.into()) };
    expect(fits, "the status")?;
    if let Some(cache) = step["cache"].as_str() {
        expect(got.cache().contains(cache), "Cache-Status")?;
    }
    match step["is"].as_str() {
        Some(body) if step["raw"].is_string() => expect(got.body.contains(&filled(body, id, "")), "the body")?,
        Some(body) => expect(got.body == filled(body, id, ""), "the body")?,
        None if step["victim"] == json!(true) => {}
        None => expect(["abc123", "bob"].iter().all(|of| !got.body.contains(&format!("for {of}"))), "a victim's data")?,
    }
    if step["victim"] == json!(true) {
        expect(is_clean(got), "the victim gets something of the attacker's")?;
    }
    for name in strings(&step["lacks"]) {
        expect(arrived.iter().all(|request| !request.fields.has(name)), &format!("{name} reached the origin"))?;
    }
    if let Some(reached) = step["reached"].as_array() {
        let reached: Vec<String> = reached.iter().filter_map(Value::as_str).map(|line| filled(line, id, "")).collect();
        // A refresh that an earlier read has set off is none of this step's.
        let own = arrived.iter().filter(|request| !request.fields.has("if-none-match"));
        expect(own.map(Arrived::line).collect::<Vec<_>>() == reached, "what reached the origin")?;
    }
    Ok(())
}

/// A token of the attacker's making. `header` and `claims` are JSON, or texts as they are; `secret` signs it (the right one
/// unless it says another); `as` replaces it: `{h}`, `{c}` and `{s}` are its parts.
fn forge(token: &Value) -> String {
    if token.is_null() {
        return String::new();
    }
    let part = |name: &str, usual: Value| match &token[name] {
        Value::Null => usual.to_string(),
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let header = part("header", json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = part("claims", json!({ "sub": "abc123", "iss": "videomi", "exp": 4_102_444_800u64 }));
    let signed = sign_text(&header, &claims, token["secret"].as_str().unwrap_or(SECRET));
    let mut parts = signed.split('.');
    let mut next = || parts.next().unwrap_or_default();
    let (h, c, s) = (next(), next(), next());
    match token["as"].as_str() {
        Some(shape) => shape.replace("{h}", h).replace("{c}", c).replace("{s}", s).replace("{cut}", &s[..s.len() - 1]),
        None => signed,
    }
}

fn filled(text: &str, id: &str, own: &str) -> String {
    let mut text = text.replace("{id}", id).replace("{token}", own).replace("{operator}", OPERATOR);
    for user in ["mallory", "abc123", "bob"] {
        text = text.replace(&format!("{{{user}}}"), &token(user));
    }
    while let Some((before, rest)) = text.split_once("{x*") {
        let (times, after) = rest.split_once('}').expect("`{x*100}`");
        text = format!("{before}{}{after}", "x".repeat(times.parse().expect("a number")));
    }
    text
}

/// An answer as it came; 0 where the connection closed without one.
fn parsed(raw: &str) -> Got {
    let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((raw, ""));
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let fields = lines.filter_map(|line| line.split_once(": ")).collect();
    Got { status: status.unwrap_or(0), fields, body: body.to_owned(), whole: true }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}
