//! Document → [`Policy`]. What cannot be compiled is an error; what is merely unwise is `check`'s matter.

use std::collections::BTreeMap;

use super::model::{
    AnonymousDoc, AuthorityDoc, ClassDoc, DeviceDoc, DeviceEffectDoc, DeviceEffectWord, Document, EdgeDoc,
    EdgeSettingsDoc, EventDoc, MemoryDoc, OfflineDoc, OneOrMany, PurgeDoc, PurgeKindDoc, QueryDoc, ScopeDoc, StoreDoc,
    TokenDoc,
};
use super::place::join;
use super::{Findings, collection, nearest};
use crate::invalidation::{Fact, Purge, PurgeRule, When};
use crate::key::{Segment, Template};
use crate::policy::route::Pattern;
use crate::policy::{
    Anonymous, Authority, Budget, Device, EdgeSettings, Event, LeadsTo, Lifetimes, LocalStore, Memory, ORIGIN, PATH,
    Policy, QUERY, Query, ResourceClass, Route, Scope, Store, Token, USER_ID,
};
use crate::time::DeltaSeconds;

const DAY: u64 = 86_400;

/// Compiles what it can; errors are in `findings`.
pub(super) fn compile(document: &Document, findings: &mut Findings) -> Policy {
    if document.name.is_empty() || !document.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        findings.error(
            "bad-name",
            "/name",
            "a policy's name is made of letters, digits and `-`",
            "such as \"videomi\"",
        );
    }
    if document.version == 0 {
        findings.error("bad-version", "/version", "versions start at 1", "write 1");
    }
    let mut policy = Policy {
        name: document.name.clone(),
        version: document.version,
        identity: document.identity.as_ref().map(|doc| super::identity::compile(doc, findings)),
        bound: document.invalidation.bound.map_or(DeltaSeconds::new(5), |s| s.0),
        token: match document.invalidation.token {
            None | Some(TokenDoc::Cookie) => Token::Cookie,
            Some(TokenDoc::Header) => Token::Header,
            Some(TokenDoc::Never) => Token::Never,
        },
        record_timeout: document.invalidation.record_timeout.map_or(DeltaSeconds::new(15), |s| s.0),
        operators: document.operators.as_ref().map(|doc| doc.path.clone().unwrap_or_else(|| "/api/cache".into())),
        edge: document.edge.as_ref().map_or_else(EdgeSettings::default, settings),
        shell: document.app.as_ref().and_then(|doc| doc.shell.clone()),
        classes: Vec::new(),
        events: Vec::new(),
        routes: Vec::new(),
        local: Vec::new(),
    };
    for (index, (name, doc)) in document.classes.iter().enumerate() {
        let at = join("/classes", name);
        routes(&doc.matches, &join(&at, "match"), "GET", LeadsTo::Class(index), &mut policy.routes, findings);
        let class = class(name, doc, &at, &policy.routes, index, findings);
        policy.classes.push(class);
    }
    for (index, (name, doc)) in document.events.iter().enumerate() {
        let at = join("/events", name);
        routes(&doc.trigger, &join(&at, "trigger"), "POST", LeadsTo::Event(index), &mut policy.routes, findings);
        let event = event(name, doc, &at, &policy, index, findings);
        policy.events.push(event);
    }
    for (name, doc) in &document.local {
        policy.local.push(LocalStore {
            name: name.clone(),
            max_entries: doc.max_entries.unwrap_or(500),
            ttl: doc.ttl.map(|s| s.0),
        });
    }
    policy
}

fn settings(doc: &EdgeSettingsDoc) -> EdgeSettings {
    let usual = EdgeSettings::default();
    EdgeSettings {
        memory: match &doc.memory {
            None => usual.memory,
            Some(MemoryDoc::Never(_)) => None,
            Some(MemoryDoc::Held(limits)) => {
                let usual = Memory::default();
                Some(Memory {
                    bytes: limits.bytes.map_or(usual.bytes, |s| s.0),
                    body: limits.body.map_or(usual.body, |s| s.0),
                    ttl: limits.ttl.map_or(usual.ttl, |s| s.0),
                })
            }
        },
        store_timeout: doc.store_timeout.map_or(usual.store_timeout, |s| s.0),
        collapse: doc.collapse.map_or(usual.collapse, |s| s.0),
        remember_uncacheable: doc.remember_uncacheable.map_or(usual.remember_uncacheable, |s| s.0),
    }
}

fn routes(
    patterns: &OneOrMany,
    at: &str,
    default_method: &str,
    leads_to: LeadsTo,
    out: &mut Vec<Route>,
    findings: &mut Findings,
) {
    for (below, text) in patterns.each() {
        let at = format!("{at}{below}");
        let (method, path) = match text.split_once(' ') {
            Some((method, path)) => (method.trim(), path.trim()),
            None => (default_method, text),
        };
        if method != "*" && (method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase())) {
            findings.error(
                "bad-route",
                &at,
                &format!("`{method}` is not a method"),
                "write such as \"GET /api/stats\"; methods are upper case",
            );
            continue;
        }
        match Pattern::parse(path) {
            Ok(pattern) => {
                out.push(Route { method: (method != "*").then(|| method.to_owned()), pattern, leads_to });
            }
            Err(message) => {
                findings.error("bad-route", &at, &message, "write such as \"GET /api/files/:category/:fileId\"")
            }
        }
    }
}

fn class(
    name: &str,
    doc: &ClassDoc,
    at: &str,
    routes: &[Route],
    index: usize,
    findings: &mut Findings,
) -> ResourceClass {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        findings.error("bad-name", at, "a class's name is made of letters, digits and `-`", "such as \"user-files\"");
    }
    let query = match &doc.query {
        QueryDoc::All(_) => Query::All,
        QueryDoc::Listed(names) => Query::Listed(names.clone()),
    };
    let mut known: Vec<&str> = routes
        .iter()
        .filter(|r| r.leads_to == LeadsTo::Class(index))
        .flat_map(|r| r.pattern.params())
        .chain([ORIGIN, PATH])
        .collect();
    match &query {
        Query::All => known.push(QUERY),
        Query::Listed(names) => known.extend(names.iter().map(String::as_str)),
    }
    if doc.scope == ScopeDoc::User {
        known.push(USER_ID);
    }
    let stored = matches!(doc.edge, EdgeDoc::Stored(_)) || matches!(doc.device, DeviceDoc::Stored(_));
    let key = match &doc.key {
        Some(text) => template(text, &known, &join(at, "key"), findings),
        None => {
            if stored {
                findings.error(
                    "missing-field",
                    at,
                    "a class that is stored somewhere needs a `key`",
                    "add one such as \"user:{userId}:files\"",
                );
            }
            Template::default()
        }
    };
    let tags = doc.tags.iter().enumerate();
    let tags = tags.map(|(i, tag)| template(tag, &known, &join(&join(at, "tags"), &i.to_string()), findings)).collect();
    let collection = doc.collection.as_ref().map(|list| collection::compile(doc, list, at, findings));
    let headers = doc.headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.clone())).collect();
    ResourceClass {
        name: name.to_owned(),
        scope: match doc.scope {
            ScopeDoc::Public => Scope::Public,
            ScopeDoc::User => Scope::User,
        },
        authority: match doc.authority {
            AuthorityDoc::Policy => Authority::Policy,
            AuthorityDoc::Origin => Authority::Origin,
        },
        query,
        key,
        tags,
        browser: doc.browser.clone(),
        headers,
        edge: edge(doc, at, findings),
        device: device(doc),
        anonymous: match doc.anonymous {
            AnonymousDoc::Pass => Anonymous::Pass,
            AnonymousDoc::Refuse => Anonymous::Refuse,
        },
        timeout: doc.timeout.map_or(DeltaSeconds::new(10), |s| s.0),
        max_body: doc.max_body.map_or(if collection.is_some() { collection::USUAL_BODY } else { 25 << 20 }, |s| s.0),
        slice: doc.slice.map(|s| s.0),
        collection,
    }
}

fn edge(doc: &ClassDoc, at: &str, findings: &mut Findings) -> Option<Lifetimes> {
    let EdgeDoc::Stored(edge) = &doc.edge else { return None };
    if edge.ttl.is_none() && doc.authority == AuthorityDoc::Policy {
        findings.error(
            "missing-field",
            &join(at, "edge"),
            "the field `ttl` is missing",
            "add it, or let the origin decide with \"authority\": \"origin\"",
        );
    }
    let secs = |span: &Option<super::model::Span>| span.map_or(DeltaSeconds::ZERO, |s| s.0);
    let lifetimes = Lifetimes {
        ttl: secs(&edge.ttl),
        stale_while_revalidate: secs(&edge.stale_while_revalidate),
        stale_if_error: secs(&edge.stale_if_error),
        keep: secs(&edge.keep),
    };
    Some(lifetimes)
}

fn device(doc: &ClassDoc) -> Option<Device> {
    let DeviceDoc::Stored(device) = &doc.device else { return None };
    let keep = device.keep.map_or(DeltaSeconds::new(90 * DAY), |s| s.0);
    Some(Device {
        store: match device.store {
            StoreDoc::CacheStorage => Store::CacheStorage,
            StoreDoc::IndexedDb => Store::IndexedDb,
        },
        lifetimes: Lifetimes {
            ttl: device.ttl.0,
            stale_while_revalidate: device.stale_while_revalidate.map_or(keep, |s| s.0),
            stale_if_error: keep,
            keep,
        },
        network_timeout: device.network_timeout.map(|s| s.0),
        fallback: device.fallback.clone(),
        budget: Budget { bytes: device.max_bytes.map(|s| s.0), entries: device.max_entries },
        opaque: device.opaque,
    })
}

fn event(name: &str, doc: &EventDoc, at: &str, policy: &Policy, index: usize, findings: &mut Findings) -> Event {
    let mut known: Vec<&str> = policy
        .routes
        .iter()
        .filter(|r| r.leads_to == LeadsTo::Event(index))
        .flat_map(|r| r.pattern.params())
        .chain(doc.query.iter().map(String::as_str))
        .chain(doc.facts.keys().map(String::as_str))
        .collect();
    if known.contains(&USER_ID) {
        findings.error(
            "reserved-parameter",
            at,
            "`userId` is the verified user and cannot come from a request",
            "call the parameter something else",
        );
    }
    known.push(USER_ID);
    for (fact, pointer) in &doc.facts {
        if !pointer.starts_with('/') {
            findings.error(
                "bad-pointer",
                &join(&join(at, "facts"), fact),
                &format!("`{pointer}` is not a JSON Pointer"),
                "write such as \"/data/file/category\"",
            );
        }
    }
    let edge = rules(&doc.edge, &known, &join(at, "edge"), policy, findings);
    let (device, wipe) = match &doc.device {
        DeviceEffectDoc::Word(DeviceEffectWord::Same) => (edge.clone(), false),
        DeviceEffectDoc::Word(DeviceEffectWord::Everything) => (Vec::new(), true),
        DeviceEffectDoc::Names(names) => (rules(names, &known, &join(at, "device"), policy, findings), false),
    };
    Event {
        name: name.to_owned(),
        query: doc.query.clone(),
        facts: doc.facts.iter().map(|(n, p)| Fact { name: n.clone(), pointer: p.clone() }).collect(),
        edge,
        device,
        wipe,
        purge: match doc.purge {
            PurgeKindDoc::Hard => Purge::Hard,
            PurgeKindDoc::Soft => Purge::Soft,
        },
        queued: doc.offline == Some(OfflineDoc::Queue),
    }
}

fn rules(names: &[PurgeDoc], known: &[&str], at: &str, policy: &Policy, findings: &mut Findings) -> Vec<PurgeRule> {
    let mut rules = Vec::new();
    for (i, purge) in names.iter().enumerate() {
        let at = join(at, &i.to_string());
        let (name, when) = match purge {
            PurgeDoc::Always(name) => (name, None),
            PurgeDoc::When(purge) => {
                if !purge.when.response.starts_with('/') {
                    let at = join(&join(&at, "when"), "response");
                    findings.error(
                        "bad-pointer",
                        &at,
                        &format!("`{}` is not a JSON Pointer", purge.when.response),
                        "write such as \"/data/changed\"",
                    );
                }
                (&purge.name, Some(When { pointer: purge.when.response.clone(), any_of: purge.when.any_of.clone() }))
            }
        };
        let templates = if name.contains(':') {
            vec![template(name, known, &at, findings)]
        } else {
            of_class(name, known, &at, policy, findings)
        };
        rules.extend(templates.into_iter().map(|name| PurgeRule { name, when: when.clone() }));
    }
    rules
}

/// A class's name stands for its key. A query parameter that the event knows is purged with its value and
/// where it was left out: a new video is in the list of videos and in the list of everything.
fn of_class(name: &str, known: &[&str], at: &str, policy: &Policy, findings: &mut Findings) -> Vec<Template> {
    let Some(class) = policy.class(name) else {
        let help = match nearest(name, policy.classes.iter().map(|c| c.name.as_str())) {
            Some(class) => format!("did you mean `{class}`? A tag or key has colons, such as `file:{{fileId}}`"),
            None => "name a class of this policy, or a tag or key such as `file:{fileId}`".into(),
        };
        findings.error("unknown-class", at, &format!("there is no class `{name}`"), &help);
        return Vec::new();
    };
    let Query::Listed(optional) = &class.query else { return vec![class.key.clone()] };
    let mut templates = vec![class.key.clone()];
    for parameter in optional.iter().filter(|p| known.contains(&p.as_str())) {
        let without: Vec<Template> = templates.iter().map(|t| t.with_absent(parameter)).collect();
        templates.extend(without);
    }
    templates
}

fn template(text: &str, known: &[&str], at: &str, findings: &mut Findings) -> Template {
    match Template::parse(text) {
        Ok(template) => {
            for param in template.params().filter(|p| !known.contains(p)) {
                let help = match nearest(param, known.iter().copied()) {
                    Some(name) => format!("did you mean `{{{name}}}`?"),
                    None => format!("known here: {}", known.join(", ")),
                };
                findings.error("unknown-parameter", at, &format!("`{{{param}}}` is not a parameter here"), &help);
            }
            template
        }
        Err(message) => {
            findings.error("bad-name", at, &message, "write such as \"user:{userId}:files:{category}\"");
            Template::default()
        }
    }
}

/// Whether an entry whose key or tag is `entry` can be purged under `purge`: as a whole or by a prefix.
pub(super) fn covers(purge: &Template, entry: &Template, prefix: bool) -> bool {
    let (purge, entry) = (purge.segments(), entry.segments());
    (purge.len() == entry.len() || (prefix && purge.len() < entry.len() && purge.len() >= 2))
        && purge.iter().zip(entry).all(|pair| match pair {
            (Segment::Literal(a), Segment::Literal(b)) => a == b,
            _ => true,
        })
}

/// The names of a document's classes or events, as the compiled policy orders them.
pub(super) fn names<T>(map: &BTreeMap<String, T>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}
