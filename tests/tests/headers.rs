//! Every header that a client or a store sees: for each class and tier, each outcome. The snapshots are to be read
//! by people; a change in one is a change of what Tiercel says to the world.
//!
//! Nothing is left out of them: time is an argument, so there is nothing to redact.
//! To accept changes, run with `INSTA_UPDATE=always` and read the difference.

use std::fmt::Write as _;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::FetchFailure;
use tiercel_core::field::{Fields, http_date};
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::key::Params;
use tiercel_core::policy::{Authority, LeadsTo, Lifetimes, ResourceClass, Scope};
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use tiercel_core::time::{DeltaSeconds, Timestamp};
use tiercel_e2e::show::show;
use tiercel_e2e::tier::{Answer, Cache, Message, Reply};
use tiercel_e2e::{HTTP, START, VIDEOMI, engine, fields};

const HOST: &str = "https://videomi.example";
const BODY: &str = "0123456789";

#[test]
fn videomi() {
    for tier in [Tier::Edge, Tier::ServiceWorker, Tier::Sdk] {
        let engine = engine(VIDEOMI, tier);
        for class in &engine.policy().classes {
            // A device does not see requests of classes that it does not store.
            if tier == Tier::Edge || tier.lifetimes(class).is_some() {
                let name = format!("videomi-{}-{}", place(tier), class.name);
                snapshot(&name, &Sheet::new(&engine, class).of_class());
            }
        }
        snapshot(&format!("videomi-{}-mutations", place(tier)), &mutations(&engine));
    }
}

#[test]
fn http() {
    let engine = engine(HTTP, Tier::Edge);
    let class = &engine.policy().classes[0];
    snapshot("http-edge-any", &Sheet::new(&engine, class).of_class());
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "snapshots/headers", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

const fn place(tier: Tier) -> &'static str {
    match tier {
        Tier::Edge => "edge",
        Tier::ServiceWorker => "service-worker",
        Tier::Sdk => "sdk",
    }
}

/// Everything that can happen to one class in one tier, on one sheet.
struct Sheet<'a> {
    engine: &'a Engine,
    class: &'a ResourceClass,
    url: String,
    out: String,
}

/// A request and what the origin will say.
struct Step<'s> {
    title: &'s str,
    after: u64,
    with: &'s [&'s str],
    method: &'s str,
    reply: Option<Says>,
    who: Credential,
}

/// What the origin says to one request.
#[derive(Clone)]
enum Says {
    /// This status, and these fields beside or instead of its usual ones.
    Status(u16, Vec<(&'static str, &'static str)>),
    /// No connection (of a device: no network), or no answer in time.
    Nothing(FetchFailure),
}

fn says(status: u16) -> Option<Says> {
    Some(Says::Status(status, Vec::new()))
}

fn says_with(status: u16, fields: &[(&'static str, &'static str)]) -> Option<Says> {
    Some(Says::Status(status, fields.to_vec()))
}

fn nothing(failure: FetchFailure) -> Option<Says> {
    Some(Says::Nothing(failure))
}

impl<'a> Sheet<'a> {
    fn new(engine: &'a Engine, class: &'a ResourceClass) -> Self {
        let params: Params = [("userId", "abc123"), ("category", "videos"), ("fileId", "f1"), ("rest", "photo.webp")]
            .into_iter()
            .collect();
        let path = engine.locate(&class.name, &params).expect("a class can be located");
        Self { engine, class, url: format!("{HOST}{path}"), out: String::new() }
    }

    fn of_class(mut self) -> String {
        match self.engine.tier().lifetimes(self.class) {
            Some(lifetimes) => self.stored_class(self.windows(lifetimes)),
            None => self.passed_class(),
        }
        self.out
    }

    /// What the origin of this sheet lets happen: under its own authority it states the windows itself.
    fn windows(&self, lifetimes: Lifetimes) -> Lifetimes {
        match self.class.authority {
            Authority::Policy => lifetimes,
            Authority::Origin => Lifetimes {
                ttl: DeltaSeconds::new(60),
                stale_while_revalidate: DeltaSeconds::new(30),
                stale_if_error: DeltaSeconds::new(600),
                keep: lifetimes.keep,
            },
        }
    }

    fn stored_class(&mut self, windows: Lifetimes) {
        let (ttl, swr) = (windows.ttl.get(), windows.stale_while_revalidate.get());
        let failing = windows.stale_if_error.max(windows.stale_while_revalidate).get();
        let ok = || says(200);
        let cache = Cache::new(self.engine.clone());

        self.run(&cache, Step { title: "miss", reply: ok(), ..self.step(0) });
        if ttl > 0 {
            self.run(&cache, Step { title: "hit", ..self.step(10) });
            self.run(&cache, Step { title: "hit, HEAD", method: "HEAD", ..self.step(10) });
            let etag = self.condition(&cache);
            self.run(&cache, Step { title: "hit, the client's copy is good", with: &[&etag], ..self.step(10) });
            if ["media", "image", "any"].contains(&self.class.name.as_str()) {
                self.run(&cache, Step { title: "hit, a range", with: &["Range: bytes=2-5"], ..self.step(10) });
                self.run(
                    &cache,
                    Step { title: "hit, a range past the end", with: &["Range: bytes=20-"], ..self.step(10) },
                );
            }
        }
        // Each of these begins with what the miss stored.
        let stale = if ttl > 0 { ttl + 1 } else { 10 };
        let late = ttl + swr + 1;
        if swr > 0 {
            self.again(Step { title: "stale, a refresh behind it", reply: ok(), ..self.step(stale) });
        }
        if failing > swr + 1 || swr == 0 {
            if has_validator(self.class) {
                self.again(Step { title: "stale, revalidated by 304", reply: says(304), ..self.step(late) });
            }
            self.again(Step { title: "stale, replaced by a new answer", reply: ok(), ..self.step(late) });
            self.again(Step { title: "stale, the origin answers 503", reply: says(503), ..self.step(late) });
            self.again(Step {
                title: "stale, no connection",
                reply: nothing(FetchFailure::Network),
                ..self.step(late)
            });
            self.again(Step {
                title: "stale, no answer in time",
                reply: nothing(FetchFailure::Timeout),
                ..self.step(late)
            });
            self.again(Step { title: "stale, and the origin has it no more", reply: says(404), ..self.step(late) });
        } else {
            self.again(Step {
                title: "stale, the refresh finds no connection",
                reply: nothing(FetchFailure::Network),
                ..self.step(stale)
            });
        }
        if self.engine.tier() == Tier::Edge {
            let token =
                &["Tiercel-Consistency: a0mywpiww000000", "Cookie: theme=dark; tiercel-seen-1-2=a0mywpiww000000"];
            self.again(Step { title: "this client has changed it since", with: token, reply: ok(), ..self.step(10) });
        }
        self.again(Step {
            title: "too old, no connection",
            reply: nothing(FetchFailure::Network),
            ..self.step(ttl + failing + 1)
        });

        self.alone(Step { title: "miss, no connection", reply: nothing(FetchFailure::Network), ..self.step(0) });
        self.alone(Step { title: "miss, no answer in time", reply: nothing(FetchFailure::Timeout), ..self.step(0) });
        self.alone(Step { title: "miss, the origin answers 404", reply: says(404), ..self.step(0) });
        self.alone(Step { title: "miss, the origin answers 503", reply: says(503), ..self.step(0) });
        self.alone(Step {
            title: "miss, the answer sets a cookie",
            reply: says_with(200, &[("set-cookie", "theme=dark")]),
            ..self.step(0)
        });
        self.alone(Step {
            title: "miss, the origin says no-store",
            reply: says_with(200, &[("cache-control", "no-store")]),
            ..self.step(0)
        });
        if self.class.name == "media" || self.class.name == "any" {
            self.alone(Step {
                title: "miss, the range that is the whole",
                with: &["Range: bytes=0-"],
                reply: ok(),
                ..self.step(0)
            });
            let part = says_with(206, &[("content-range", "bytes 2-5/10"), ("content-length", "4")]);
            self.alone(Step { title: "miss, a range", with: &["Range: bytes=2-5"], reply: part, ..self.step(0) });
        }
        if self.class.scope == Scope::User && self.engine.tier() == Tier::Edge {
            self.people();
        }
    }

    /// A user's class at the edge, asked for by others and in other ways.
    fn people(&mut self) {
        let ok = || says(200);
        let by = |id: &str, via| Principal::new(id, via).map_or(Credential::None, Credential::Verified);
        self.alone(Step {
            title: "miss, signed in by cookie",
            who: by("abc123", CredentialSource::Cookie),
            reply: ok(),
            ..self.step(0)
        });
        self.alone(Step { title: "pass, nobody is signed in", who: Credential::None, reply: ok(), ..self.step(0) });
        self.alone(Step {
            title: "pass, the credential does not verify",
            who: Credential::Rejected("credential-signature"),
            reply: ok(),
            ..self.step(0)
        });
        self.alone(Step { title: "refused by the origin", reply: says(401), ..self.step(0) });
        if self.url.contains("abc123") {
            self.alone(Step {
                title: "refused, the path is another user's",
                who: by("bob", CredentialSource::Authorization),
                ..self.step(0)
            });
        }
    }

    fn passed_class(&mut self) {
        let ok = || says(200);
        self.alone(Step { title: "pass", reply: ok(), ..self.step(0) });
        self.alone(Step { title: "pass, a mutation", method: "POST", reply: ok(), ..self.step(0) });
        self.alone(Step { title: "pass, the origin answers 401", reply: says(401), ..self.step(0) });
        self.alone(Step { title: "pass, no connection", reply: nothing(FetchFailure::Network), ..self.step(0) });
        self.alone(Step {
            title: "pass, the answer sets a cookie",
            reply: says_with(200, &[("set-cookie", "session=x")]),
            ..self.step(0)
        });
    }

    fn step(&self, after: u64) -> Step<'static> {
        let via =
            if self.engine.tier() == Tier::Edge { CredentialSource::Authorization } else { CredentialSource::Device };
        // Public classes are asked for without looking who it is.
        let principal = Principal::new("abc123", via)
            .filter(|_| self.class.scope == Scope::User || via == CredentialSource::Device);
        let who = principal.map_or(Credential::None, Credential::Verified);
        Step { title: "", after, with: &[], method: "GET", reply: None, who }
    }

    /// Runs a step after the miss.
    fn again(&mut self, step: Step<'_>) {
        let cache = Cache::new(self.engine.clone());
        let request = RequestHead::new("GET", &self.url, Fields::new());
        self.exchange(&cache, request, self.step(0).who, START, says(200));
        self.run(&cache, step);
    }

    /// Runs a step with nothing stored.
    fn alone(&mut self, step: Step<'_>) {
        self.run(&Cache::new(self.engine.clone()), step);
    }

    fn run(&mut self, cache: &Cache, step: Step<'_>) {
        let now = START + DeltaSeconds::new(step.after);
        let request = RequestHead::new(step.method, &self.url, fields(step.with));
        let answer = self.exchange(cache, request, step.who, now, step.reply);
        let after = if step.after == 0 { String::new() } else { format!(", {} s later", step.after) };
        let _ = writeln!(self.out, "──── {}{after}\n", step.title);
        self.out.push_str(&show(step.method, self.url.trim_start_matches(HOST), step.with, &answer));
    }

    /// Sends a request. Behind a device stands an edge that has nothing stored, and behind that the origin.
    fn exchange(
        &self,
        cache: &Cache,
        request: RequestHead,
        who: Credential,
        now: Timestamp,
        says: Option<Says>,
    ) -> Answer {
        cache.send(request, who, now, &mut |asked| {
            let says = says.clone().expect("the origin is not asked here");
            let message = match says {
                Says::Nothing(failure) => return Err(failure),
                Says::Status(status, fields) => answer_of(self.class, status, now, &fields),
            };
            if self.engine.tier() == Tier::Edge {
                return Ok(message);
            }
            let edge = Cache::new(engine(VIDEOMI, Tier::Edge));
            let user = Principal::new("abc123", CredentialSource::Cookie).filter(|_| self.class.scope == Scope::User);
            let who = user.map_or(Credential::None, Credential::Verified);
            let answer = edge.send(asked.head.clone(), who, now, &mut |_| Ok(message.clone()));
            Ok(Message { head: answer.delivery.head, body: answer.body })
        })
    }

    /// The validator that clients have after the miss.
    fn condition(&self, cache: &Cache) -> String {
        let request = RequestHead::new("GET", &self.url, Fields::new());
        let answer = self.exchange(cache, request, self.step(10).who, START + DeltaSeconds::new(10), None);
        match answer.delivery.head.fields.get("etag") {
            Some(etag) => format!("If-None-Match: {etag}"),
            None => "If-None-Match: \"none\"".to_owned(),
        }
    }
}

/// What the origin of a list answers.
const LIST: &str = r#"{"success":true,"data":{"artists":[{"id":"a1","score":1},{"id":"a2","score":2}]}}"#;

/// Every event of the policy, with what the tier says and purges.
fn mutations(engine: &Engine) -> String {
    let mut out = String::new();
    for (index, event) in engine.policy().events.iter().enumerate() {
        for route in engine.policy().routes.iter().filter(|r| r.leads_to == LeadsTo::Event(index)) {
            let params: Params = [("category", "videos"), ("fileId", "f1")].into_iter().collect();
            let method = route.method.as_deref().unwrap_or("POST");
            let url = format!("{HOST}{}", route.pattern.path(&params).expect("a trigger has no other parameters"));
            for (title, status, body) in [
                ("the origin agrees", 200, r#"{"data":{"file":{"category":"videos"},"changed":["name"]}}"#),
                ("the origin agrees, and says nothing more", 204, ""),
                ("the origin refuses", 409, "no"),
            ] {
                let via = if engine.tier() == Tier::Edge {
                    CredentialSource::Authorization
                } else {
                    CredentialSource::Device
                };
                let who = Principal::new("abc123", via).map_or(Credential::None, Credential::Verified);
                let head = ResponseHead { status, fields: fields(&["Content-Type: application/json"]) };
                let reply: Reply = Ok(Message { head, body: body.to_owned() });
                let request = RequestHead::new(method, &url, Fields::new());
                let answer = Cache::new(engine.clone()).send(request, who, START, &mut |_| reply.clone());
                let _ = writeln!(out, "──── {}: {title}\n", event.name);
                out.push_str(&show(method, url.trim_start_matches(HOST), &[], &answer));
            }
        }
    }
    out
}

/// Some origins give a validator, some leave it to the cache.
fn has_validator(class: &ResourceClass) -> bool {
    !["user-stats", "artists"].contains(&class.name.as_str())
}

/// What the origin answers: its own Cache-Control where that rules, a cautious one where the policy does.
fn answer_of(class: &ResourceClass, status: u16, now: Timestamp, more: &[(&'static str, &'static str)]) -> Message {
    let mut lines = Fields::new();
    lines.set("date", http_date::write(now));
    lines.set("x-powered-by", "Videomi");
    if status != 304 {
        lines.set("content-type", "application/octet-stream");
        lines.set("content-length", "10");
        lines.set("connection", "keep-alive");
        lines.set(
            "cache-control",
            match (class.authority, status) {
                (Authority::Origin, 200) => "max-age=60, stale-while-revalidate=30, stale-if-error=600",
                (Authority::Origin, _) => "no-cache",
                (Authority::Policy, _) => "max-age=0",
            },
        );
    }
    if matches!(status, 200 | 206 | 304) && has_validator(class) {
        lines.set("etag", "\"e1\"");
    }
    for (name, value) in more {
        lines.set(name, *value);
    }
    let body = match (status, &class.collection) {
        (304, _) => "",
        (200, Some(_)) => LIST,
        _ => BODY,
    };
    if body == LIST {
        lines.set("content-type", "application/json");
        lines.set_number("content-length", LIST.len() as u64);
    }
    Message { head: ResponseHead { status, fields: lines }, body: body.to_owned() }
}
