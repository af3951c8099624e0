//! Three tiers, one origin, a fake clock: what a user sees, from device to origin. The scenarios are in
//! `cases/world.txt`, which explains itself.

use std::cell::Cell;
use std::collections::BTreeMap;

use tiercel_core::engine::Tier;
use tiercel_core::exchange::{Body, FetchFailure, OriginRequest};
use tiercel_core::field::Fields;
use tiercel_core::head::RequestHead;
use tiercel_core::invalidation::Invalidation;
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use tiercel_core::time::{DeltaSeconds, Timestamp};
use tiercel_e2e::library::{Library, Trouble};
use tiercel_e2e::tier::{Answer, Cache, Message, Reply};
use tiercel_e2e::{START, VIDEOMI, engine};

const SCENARIOS: &str = include_str!("../cases/world.txt");
const HOST: &str = "https://videomi.example";

#[test]
fn every_scenario() {
    let mut failures = Vec::new();
    let mut count = 0;
    for scenario in SCENARIOS.split("\n## ").skip(1) {
        count += 1;
        let (title, steps) = scenario.split_once('\n').expect("a scenario has steps");
        let world = World::new();
        for line in steps.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Err(failure) = world.step(line) {
                failures.push(format!("{title}\n  {line}\n  {failure}"));
            }
        }
    }
    assert!(count >= 15, "only {count} scenarios were read");
    assert!(failures.is_empty(), "{} steps failed\n\n{}", failures.len(), failures.join("\n\n"));
}

/// A device with one user's stores: the SDK's database and the Service Worker's caches.
struct Device {
    sdk: Cache,
    worker: Cache,
}

impl Device {
    fn new() -> Self {
        Self { sdk: Cache::new(engine(VIDEOMI, Tier::Sdk)), worker: Cache::new(engine(VIDEOMI, Tier::ServiceWorker)) }
    }
}

struct World {
    origin: Library,
    edge: Cache,
    /// `ada@phone` → the stores of ada on the phone.
    devices: std::cell::RefCell<BTreeMap<String, std::rc::Rc<Device>>>,
    offline: Cell<bool>,
}

impl World {
    fn new() -> Self {
        Self {
            origin: Library::new(),
            edge: Cache::new(engine(VIDEOMI, Tier::Edge)),
            devices: Default::default(),
            offline: Cell::new(false),
        }
    }

    fn step(&self, line: &str) -> Result<(), String> {
        let (command, expected) = line.split_once("=>").unwrap_or((line, ""));
        let (command, expected) = (command.trim(), expected.trim());
        let words: Vec<&str> = command.split_whitespace().collect();
        let found = match words.as_slice() {
            ["origin", state] => {
                let trouble = match *state {
                    "up" => Trouble::None,
                    "down" => Trouble::Down,
                    "slow" => Trouble::Slow,
                    "overloaded" => Trouble::Overloaded,
                    other => return Err(format!("`{other}` is no state of the origin")),
                };
                self.origin.trouble.replace(trouble);
                return Ok(());
            }
            ["network", state] => {
                self.offline.set(*state == "off");
                return Ok(());
            }
            ["stored", place] => self.stored(place),
            ["asked"] => self.origin.log.borrow_mut().drain(..).collect::<Vec<_>>().join(", "),
            [time, who, method, url] => self.request(seconds(time)?, who, method, url, None),
            // While the origin works on the first request, the second one comes and goes.
            [time, who, method, url, "meanwhile", who2, method2, url2] => {
                self.request(seconds(time)?, who, method, url, Some((who2, method2, url2)))
            }
            _ => return Err("not a step".into()),
        };
        if found == expected { Ok(()) } else { Err(format!("found: {found}")) }
    }

    fn stored(&self, place: &str) -> String {
        let keys = if place == "edge" {
            self.edge.keys()
        } else {
            let Some(device) = self.devices.borrow().get(place).cloned() else { return "nothing".into() };
            [device.sdk.keys(), device.worker.keys()].concat()
        };
        if keys.is_empty() { "nothing".into() } else { keys.join(" ") }
    }

    /// Who answered, how, and what; a status only where it is not 200.
    fn request(&self, at: u64, who: &str, method: &str, url: &str, meanwhile: Option<(&str, &str, &str)>) -> String {
        let now = START + DeltaSeconds::new(at);
        let user = who.split('@').next().unwrap_or(who);
        let request = RequestHead::new(method, &format!("{HOST}{url}"), Fields::new());
        let mut by = "";
        let mut next = |asked: &OriginRequest| {
            // The answer is made, and has not arrived yet.
            let made = || {
                if let Some((who, method, url)) = meanwhile {
                    self.request(at, who, method, url, None);
                }
            };
            self.over_the_network(user, asked, now, &made, &mut by)
        };
        let (answer, tier) = if who.contains('@') {
            let device = self.device(who);
            let target = &request.target;
            let (cache, tier) = if device.worker.engine.covers(method, target) {
                (&device.worker, "service-worker")
            } else {
                (&device.sdk, "sdk")
            };
            let answer = cache.send(request, signed_in(user, CredentialSource::Device), now, &mut next);
            // What the page's SDK learns, it tells the worker; a wipe takes both with it.
            let invalidation = answer.conclusion.as_ref().and_then(|c| c.invalidation.as_ref());
            if let Some(invalidation) = invalidation {
                device.worker.purge(invalidation, now);
                self.wipe(who, invalidation);
            }
            (answer, tier)
        } else {
            // No SDK, no Service Worker: a plain client of the edge.
            let head = next(&OriginRequest { head: request, timeout: Some(DeltaSeconds::new(10)), revalidate: false });
            return describe(by, "", &head);
        };
        let by = match (answer.is_stored(), &answer.delivery.body) {
            (true, _) => tier,
            (false, Body::Text(_)) => "nobody",
            (false, _) => by,
        };
        let served = answer.delivery.served.word();
        describe(by, served, &Ok(message(answer)))
    }

    fn over_the_network(
        &self,
        user: &str,
        asked: &OriginRequest,
        now: Timestamp,
        made: &dyn Fn(),
        by: &mut &'static str,
    ) -> Reply {
        if self.offline.get() {
            return Err(FetchFailure::Network);
        }
        let credential = signed_in(user, CredentialSource::Cookie);
        let answer = self.edge.send(asked.head.clone(), credential, now, &mut |request| {
            let reply = self.origin.answer(request);
            made();
            reply
        });
        *by = match (answer.is_stored(), &answer.delivery.body) {
            (true, _) => "edge",
            (false, Body::Text(_)) => "nobody",
            (false, _) => "origin",
        };
        Ok(message(answer))
    }

    fn device(&self, who: &str) -> std::rc::Rc<Device> {
        let mut devices = self.devices.borrow_mut();
        devices.entry(who.to_owned()).or_insert_with(|| std::rc::Rc::new(Device::new())).clone()
    }

    fn wipe(&self, who: &str, invalidation: &Invalidation) {
        if invalidation.wipe {
            self.devices.borrow_mut().remove(who);
        }
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number of seconds"))
}

fn signed_in(user: &str, via: CredentialSource) -> Credential {
    match user {
        "nobody" => Credential::None,
        "forger" => Credential::Rejected("credential-signature"),
        user => Principal::new(user, via).map_or(Credential::None, Credential::Verified),
    }
}

fn message(answer: Answer) -> Message {
    Message { head: answer.delivery.head, body: answer.body }
}

fn describe(by: &str, served: &str, reply: &Reply) -> String {
    let Ok(message) = reply else { return "no answer".into() };
    let status = if message.head.status == 200 { String::new() } else { format!(" {}", message.head.status) };
    let served = if served.is_empty() || served == "fresh" { String::new() } else { format!(" {served}") };
    let body = message.body.trim();
    let edition = body.split_once("\"edition\":\"").and_then(|(_, rest)| rest.split_once('"'));
    let body = edition.map_or(body, |(edition, _)| edition);
    let body = if body.is_empty() || message.head.status >= 400 { String::new() } else { format!(": {body}") };
    format!("{by}{served}{status}{body}")
}

/// LOGOUT-1 (product.md): what is deleted at logout is the user's by name, and nobody else's.
#[test]
fn logout_finds_the_users_stores_by_name() {
    let engine = engine(VIDEOMI, Tier::ServiceWorker);
    let namespace = engine.namespace(Some("abc123"));
    assert_eq!(namespace.database(), "videomi_cache_abc123");
    assert_eq!(namespace.cache_prefix(), "videomi_abc123_");
    for class in ["thumbnail", "image", "media"] {
        assert!(namespace.cache(class, 1).starts_with("videomi_abc123_"), "{class}");
        for other in ["abc", "abc1234", "abc123_thumbnail"] {
            let other = engine.namespace(Some(other)).cache(class, 1);
            assert!(!other.starts_with(&namespace.cache_prefix()), "{other}");
        }
    }
}
