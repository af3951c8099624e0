//! What each tier will do with a request, and which line of the policy says so.

use crate::consistency;
use crate::engine::{Engine, Tier};
use crate::exchange::{Fetch, Found, Lookup, Outcome, Received, Resolved};
use crate::field::Fields;
use crate::head::{RequestHead, ResponseHead};
use crate::invalidation::{DomainEvent, Facts, TagEpochs};
use crate::policy::document::place::{Place, Places, join};
use crate::policy::document::{fails_with, most, order, pages, pointer, write_size, write_span};
use crate::policy::route::Router;
use crate::policy::{Authority, Collection, LeadsTo, Lifetimes, Policy, ResourceClass, Scope, Store, Token};
use crate::principal::{Credential, CredentialSource, Principal};
use crate::proof::{Proof, ProvenBy};
use crate::time::{DeltaSeconds, Timestamp};

/// What happens to a request, a part for each place it passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// `request`, `browser`, `edge`, `device`, in this order.
    pub parts: Vec<Part>,
}

/// What happens in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where.
    pub title: &'static str,
    /// What, line by line.
    pub facts: Vec<Fact>,
}

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub label: String,
    /// What holds.
    pub value: String,
    /// The place in the policy that says so.
    pub place: Option<Place>,
}

/// Explains a request by `user` under `policy`, whose file has `places`.
#[must_use]
pub fn explain(policy: &Policy, places: &Places, method: &str, url: &str, user: Option<&str>) -> Explanation {
    Explainer { policy, places, method, url, user }.explain()
}

struct Explainer<'a> {
    policy: &'a Policy,
    places: &'a Places,
    method: &'a str,
    url: &'a str,
    user: Option<&'a str>,
}

/// Any moment will do: nothing printed depends on it.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

impl Explainer<'_> {
    fn explain(&self) -> Explanation {
        let head = self.request(Fields::new());
        let edge = Engine::new(self.policy.clone(), Tier::Edge);
        let class = edge.class_of(self.method, &head.target.path);
        let mut parts = vec![self.about_request(class)];
        let edge_part = self.at_edge(&edge, class);
        if let Some(class) = class.filter(|_| self.is_read()) {
            parts.push(self.in_browser(&edge, class));
        }
        parts.push(edge_part);
        parts.push(self.on_device(class));
        Explanation { parts }
    }

    fn about_request(&self, class: Option<&ResourceClass>) -> Part {
        let mut part = Part::new("request");
        part.say("line", format!("{} {}", self.method, self.url));
        part.say("user", self.user.map_or_else(|| "nobody (no --user)".to_owned(), |u| format!("{u} (verified)")));
        match class {
            None => part.say("class", "none: no route of the policy fits".to_owned()),
            Some(class) => {
                part.cite("class", class.name.clone(), self.place(class, ""));
                part.cite("matched by", self.pattern(class), self.place(class, "match"));
                let scope = match class.scope {
                    Scope::User => "user: needs a verified user, whose id is in the key",
                    Scope::Public => "public: fetched without credentials, the same for everybody",
                };
                part.cite("scope", scope.to_owned(), self.place(class, "scope"));
            }
        }
        part
    }

    fn in_browser(&self, edge: &Engine, class: &ResourceClass) -> Part {
        let mut part = Part::new("browser");
        let example = ResponseHead { status: 200, fields: Fields::new() };
        let delivered = match edge.receive(self.request(Fields::new()), self.credential(), NOW) {
            Received::Refuse(delivery) => {
                part.say("status", delivery.head.status.to_string());
                delivery.head.fields
            }
            Received::Pass(fetch) => answer(fetch, example),
            Received::Lookup(lookup) => match lookup.resolve(&Found::Nothing, &TagEpochs::new(), NOW) {
                Resolved::Fetch(fetch) => answer(fetch, example),
                _ => Fields::new(),
            },
        };
        for (name, value) in delivered.iter().filter(|(name, _)| *name != "etag" && *name != "cache-status") {
            let place = match name {
                "cache-control" if class.browser.as_deref() == Some(value) => self.place(class, "browser"),
                "vary" | "cdn-cache-control" => self.place(class, "scope"),
                "cache-tags" | "cache-groups" => self.place(class, "tags"),
                _ if class.headers.iter().any(|(n, _)| n == name) => self.place(class, "headers"),
                _ => None,
            };
            part.facts.push(Fact { label: canonical(name), value: value.to_owned(), place });
        }
        if class.authority == Authority::Origin {
            part.say("Cache-Control", "the origin's own".to_owned());
        }
        part
    }

    fn at_edge(&self, edge: &Engine, class: Option<&ResourceClass>) -> Part {
        let mut part = Part::new("edge");
        if let Some(identity) = &self.policy.identity
            && edge.asks_who(self.method, &self.request(Fields::new()).target)
        {
            part.cite("who asks", proven_by(&identity.proof), self.places.find("/identity"));
        }
        match edge.receive(self.request(Fields::new()), self.credential(), NOW) {
            Received::Refuse(delivery) => {
                let detail = delivery.status.detail.unwrap_or_default();
                part.say("decision", format!("refuse with {} ({detail})", delivery.head.status));
            }
            Received::Pass(fetch) => self.passed(edge, fetch, class, &mut part),
            Received::Lookup(lookup) => {
                let class = lookup.class();
                part.say("decision", "look in the store, and ask the origin on a miss".to_owned());
                part.cite("key", lookup.key().as_str().to_owned(), self.place(class, "key"));
                if class.authority == Authority::Origin {
                    part.cite(
                        "lifetimes",
                        "the origin's Cache-Control, by RFC 9111".to_owned(),
                        self.place(class, "authority"),
                    );
                }
                if let (Authority::Policy, Some(lifetimes)) = (class.authority, class.edge) {
                    part.cite("lifetimes", windows(lifetimes), self.place(class, "edge"));
                }
                if let Some(slice) = class.slice {
                    let value = format!("of {}, where a body is longer", write_size(slice));
                    part.cite("slices", value, self.place(class, "slice"));
                }
                if let Some(collection) = &class.collection {
                    self.list(class, collection, &mut part);
                }
                if let Some(memory) = self.policy.edge.memory {
                    let (body, ttl) = (write_size(memory.body), write_span(memory.ttl));
                    let value = format!("bodies up to {body}, for up to {ttl}");
                    part.cite("in memory", value, self.places.find("/edge/memory"));
                }
                part.say("timeout", format!("{} for the origin's head", write_span(class.timeout)));
                self.stored(lookup, &mut part);
            }
        }
        part
    }

    fn stored(&self, lookup: Lookup<'_>, part: &mut Part) {
        let names = lookup.groups().join(", ");
        let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &TagEpochs::new(), NOW) else { return };
        let asked = fetch.request().head;
        part.say("origin sees", format!("{} {}", asked.method, asked.target.path_and_query()));
        part.say("purged by", names);
    }

    fn passed(&self, edge: &Engine, fetch: Fetch<'_>, class: Option<&ResourceClass>, part: &mut Part) {
        let conclusion = fetch.conclude(
            Outcome::Response(ResponseHead { status: 200, fields: Fields::new() }),
            &Facts::default(),
            &TagEpochs::new(),
            NOW,
        );
        let why = conclusion.delivery.status.detail.unwrap_or("method");
        let place = class.filter(|_| why == "never-stored").and_then(|c| self.place(c, "edge"));
        part.facts.push(Fact {
            label: "decision".into(),
            value: format!("pass to the origin, store nothing ({why})"),
            place,
        });
        if let Some((event, at)) = self.event(edge) {
            part.cite("event", format!("{}, when the origin answers 2xx", event.name), Some(self.places.of(&at)));
            let names = conclusion.invalidation.map(|i| i.names).unwrap_or_default();
            let purges = !names.is_empty();
            let names = if purges { names.join(", ") } else { "nothing".to_owned() };
            part.cite("invalidates", names, Some(self.places.of(&join(&at, "edge"))));
            if purges {
                self.read_back(part);
            }
        }
    }

    /// How a list is kept, and which page is cut from it.
    fn list(&self, class: &ResourceClass, collection: &Collection, part: &mut Part) {
        let at = |field: &str| self.place(class, &format!("collection/{field}"));
        let value = format!("all of {}, sorted by {}", pointer(&collection.items), order(collection));
        part.cite("list", value, at("sort"));
        part.cite("pages", pages(collection), at("limit").or_else(|| at("page")));
        for (index, failure) in collection.failures.iter().enumerate() {
            let value = format!("{} on {}", failure.status, fails_with(&failure.when));
            part.cite("stands in", value, at(&format!("failures/{index}")));
        }
    }

    /// How whoever caused an event is kept from what was before it.
    fn read_back(&self, part: &mut Part) {
        let by = match self.policy.token {
            Token::Cookie => "a cookie and the field Tiercel-Consistency",
            Token::Header => "the field Tiercel-Consistency, sent back",
            Token::Never => "nothing but the bound",
        };
        let lasts = write_span(consistency::lasts(false, self.policy));
        let value = match self.policy.token {
            Token::Never => by.to_owned(),
            Token::Cookie | Token::Header => format!("by {by}, for {lasts}"),
        };
        part.cite("read back", value, self.places.find("/invalidation/token"));
    }

    fn on_device(&self, class: Option<&ResourceClass>) -> Part {
        let mut part = Part::new("device");
        let sdk = Engine::new(self.policy.clone(), Tier::Sdk);
        if let Some((event, at)) = self.event(&sdk) {
            let invalidation = sdk.invalidate(&event, &Facts::default());
            let what = match (invalidation.wipe, invalidation.names.is_empty()) {
                (true, _) => "everything of this user: database and caches".to_owned(),
                (false, true) => "nothing".to_owned(),
                (false, false) => invalidation.names.join(", "),
            };
            part.cite("invalidates", what, Some(self.places.of(&join(&at, "device"))));
            if self.policy.events.iter().any(|known| known.name == event.name && known.queued) {
                let what = "kept, answered with 202, and sent when there is one".to_owned();
                part.cite("no network", what, Some(self.places.of(&join(&at, "offline"))));
            }
            return part;
        }
        let Some(class) = class else {
            part.say("decision", "left to the browser".to_owned());
            let head = self.request(Fields::new());
            let routes = self.policy.routes.iter().enumerate().map(|(index, route)| (index, None, &route.pattern));
            let is_named = Router::new(routes).find(self.method, &head.target.path).is_some();
            if let (Some(shell), "GET", false) = (&self.policy.shell, self.method, is_named) {
                let value = format!("{shell}, for a navigation that the network has no answer to");
                part.cite("offline", value, self.places.find("/app/shell"));
            }
            return part;
        };
        let Some(device) = &class.device else {
            part.cite("decision", "never stored".to_owned(), self.place(class, "device"));
            return part;
        };
        let namespace = sdk.namespace(self.user);
        let (tier, store) = match device.store {
            Store::IndexedDb => (Tier::Sdk, format!("IndexedDB, database {}", namespace.database())),
            Store::CacheStorage => (
                Tier::ServiceWorker,
                format!("Cache Storage, cache {}", namespace.cache(&class.name, self.policy.version)),
            ),
        };
        part.cite("store", store, self.place(class, "device"));
        let engine = Engine::new(self.policy.clone(), tier);
        let credential = self.principal(CredentialSource::Device).map_or(Credential::None, Credential::Verified);
        match engine.receive(self.request(Fields::new()), credential, NOW) {
            Received::Lookup(lookup) => part.cite("key", lookup.key().as_str().to_owned(), self.place(class, "key")),
            Received::Refuse(delivery) => part.say("decision", format!("refuse with {}", delivery.head.status)),
            Received::Pass(_) => part.say("decision", "pass to the network, store nothing".to_owned()),
        }
        part.cite("lifetimes", windows(device.lifetimes), self.place(class, "device"));
        if let Some(limit) = device.network_timeout {
            let value = format!("{} for the network, where an answer is stored", write_span(limit));
            part.cite("timeout", value, self.place(class, "device/network-timeout"));
        }
        if let Some(path) = &device.fallback {
            part.cite("fallback", path.clone(), self.place(class, "device/fallback"));
        }
        if let Some(most) = most(device.budget) {
            let value = format!("{most}; what was not used for longest makes room");
            part.cite("budget", value, self.place(class, "device"));
        }
        if device.opaque {
            let value = "stored unread, for elements alone; each counts as 7 MB".to_owned();
            part.cite("opaque", value, self.place(class, "device/opaque"));
        }
        part
    }

    fn event(&self, engine: &Engine) -> Option<(DomainEvent, String)> {
        let principal = self.principal(CredentialSource::Device);
        let event = engine.event_of(&self.request(Fields::new()), principal.as_ref())?;
        let at = join("/events", &event.name);
        Some((event, at))
    }

    fn request(&self, fields: Fields) -> RequestHead {
        RequestHead::new(self.method, self.url, fields)
    }

    fn principal(&self, via: CredentialSource) -> Option<Principal> {
        Principal::new(self.user?, via)
    }

    fn credential(&self) -> Credential {
        self.principal(CredentialSource::Authorization).map_or(Credential::None, Credential::Verified)
    }

    fn is_read(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    fn pattern(&self, class: &ResourceClass) -> String {
        let leads_to = self.policy.classes.iter().position(|c| c.name == class.name);
        let routes =
            self.policy.routes.iter().filter(|r| matches!(r.leads_to, LeadsTo::Class(i) if Some(i) == leads_to));
        let texts: Vec<String> =
            routes.map(|r| format!("{} {}", r.method.as_deref().unwrap_or("*"), r.pattern)).collect();
        texts.join(" or ")
    }

    fn place(&self, class: &ResourceClass, field: &str) -> Option<Place> {
        let at = join("/classes", &class.name);
        Some(self.places.of(&if field.is_empty() { at } else { format!("{at}/{field}") }))
    }
}

impl Part {
    fn new(title: &'static str) -> Self {
        Self { title, facts: Vec::new() }
    }

    fn say(&mut self, label: &str, value: String) {
        self.cite(label, value, None);
    }

    fn cite(&mut self, label: &str, value: String, place: Option<Place>) {
        self.facts.push(Fact { label: label.to_owned(), value, place });
    }
}

fn answer(fetch: Fetch<'_>, example: ResponseHead) -> Fields {
    fetch.conclude(Outcome::Response(example), &Facts::default(), &TagEpochs::new(), NOW).delivery.head.fields
}

/// `fresh for 5m; then 1h stale while one refresh runs; for 1d when the origin fails; kept for 1d 5m in all`
fn proven_by(proof: &Proof) -> String {
    let Proof { by, algorithm, variable, url, .. } = proof;
    match by {
        ProvenBy::Key => format!("a JWT, {}, by the key in {variable}", algorithm.name()),
        ProvenBy::KeySet => format!("a JWT, {}, by one of the keys at {url}", algorithm.name()),
        ProvenBy::Issuer => format!("a token, by the word of {url}"),
    }
}

fn windows(l: Lifetimes) -> String {
    let mut text = format!("fresh for {}", write_span(l.ttl));
    if l.stale_while_revalidate > DeltaSeconds::ZERO {
        text.push_str(&format!("; then {} stale while one refresh runs", write_span(l.stale_while_revalidate)));
    }
    if l.stale_if_error > DeltaSeconds::ZERO {
        text.push_str(&format!("; for {} when the origin fails", write_span(l.stale_if_error)));
    }
    text.push_str(&format!("; kept for {} in all", write_span(l.retention())));
    text
}

/// `cache-control` → `Cache-Control`.
fn canonical(name: &str) -> String {
    let word = |w: &str| match w {
        "cdn" => "CDN".to_owned(),
        _ => w.chars().take(1).flat_map(char::to_uppercase).chain(w.chars().skip(1)).collect(),
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::document::read;

    /// The facts about the edge, each with the line that says so.
    fn edge(text: &str, url: &str) -> Vec<(String, String, Option<usize>)> {
        let reading = read(text);
        let policy = reading.policy.expect("a policy without errors");
        let explanation = explain(&policy, &reading.places, "GET", url, None);
        let part = explanation.parts.into_iter().find(|part| part.title == "edge").expect("a part about the edge");
        part.facts.into_iter().map(|fact| (fact.label, fact.value, fact.place.map(|place| place.line))).collect()
    }

    #[test]
    fn slices_and_memory_are_explained_with_their_lines() {
        let policy = |edge: &str, slice: &str| {
            format!(
                r#"{{ "name": "shop", "version": 1,
                "edge": {{ {edge} }},
                "classes": {{ "film": {{
                    "match": "GET /films/:id", "scope": "public", "key": "film:{{id}}", "browser": "max-age=60",
                    "edge": {{ "ttl": "5m" }}, "device": "never"
                    {slice} }} }} }}"#
            )
        };
        let sliced = ("slices", "of 2 MiB, where a body is longer", Some(6));
        for (settings, slice, expected) in [
            ("", "", vec![("in memory", "bodies up to 64 KiB, for up to 30s", None)]),
            (r#""memory": "never""#, "", vec![]),
            (r#""memory": "never""#, r#", "slice": "2MB""#, vec![sliced]),
            (
                r#""memory": { "body": "1KiB", "ttl": "1m" }"#,
                r#", "slice": "2MiB""#,
                vec![sliced, ("in memory", "bodies up to 1 KiB, for up to 1m", Some(2))],
            ),
        ] {
            let facts = edge(&policy(settings, slice), "/films/f1");
            let found: Vec<_> = facts.iter().filter(|(label, ..)| label == "slices" || label == "in memory").collect();
            let found: Vec<_> = found.into_iter().map(|(l, v, line)| (l.as_str(), v.as_str(), *line)).collect();
            assert_eq!(found, expected, "{settings} {slice}");
        }
    }
}
