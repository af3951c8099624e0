//! What is wrong or unwise in a policy that can be read.

mod device;
mod limits;
mod offline;
mod parameters;

use super::compile::covers;
use super::model::{ClassDoc, Document};
use super::place::join;
use super::{Findings, Level};
use crate::consistency::CONSISTENCY;
use crate::field::cache_control::CacheControl;
use crate::field::split_list;
use crate::invalidation::PurgeRule;
use crate::key::{Segment, Template};
use crate::policy::{Authority, LeadsTo, PATH, Policy, QUERY, Query, ResourceClass, Route, Scope, USER_ID};

/// Response fields that the tiers write themselves.
const RESERVED: [&str; 13] = [
    "age",
    "cache-control",
    "cache-groups",
    "cache-group-invalidation",
    "cache-status",
    "cache-tag",
    "cache-tags",
    "cdn-cache-control",
    "content-length",
    "content-range",
    "set-cookie",
    CONSISTENCY,
    "vary",
];
/// Warnings that a class may `allow`.
const ALLOWABLE: [&str; 6] = [
    "s-maxage-with-swr",
    "immutable-invalidated",
    "broad-public-class",
    "slice-unused",
    "slice-over-max-body",
    "network-timeout-unused",
];

pub(super) fn check(document: &Document, policy: &Policy, findings: &mut Findings) {
    overlaps(document, policy, findings);
    limits::invalidation(policy, findings);
    limits::operators(policy, findings);
    limits::edge(policy, findings);
    device::shell(policy, findings);
    for (class, (name, doc)) in policy.classes.iter().zip(&document.classes) {
        let at = join("/classes", name);
        scope(class, doc, &at, policy, findings);
        parameters::class(class, &at, policy, findings);
        key(class, &at, policy, findings);
        headers(class, doc, &at, findings);
        lifetimes(class, doc, &at, policy, findings);
        limits::slice(class, doc, &at, findings);
        device::class(class, doc, &at, findings);
        limits::budget(class, &at, findings);
        for id in doc.allow.keys().filter(|id| !ALLOWABLE.contains(&id.as_str())) {
            let at = join(&join(&at, "allow"), id);
            findings.error(
                "unknown-warning",
                &at,
                &format!("`{id}` is not a warning"),
                &format!("known: {}", ALLOWABLE.join(", ")),
            );
        }
    }
    collisions(policy, findings);
    events(document, policy, findings);
}

fn is_stored(class: &ResourceClass) -> bool {
    class.edge.is_some() || class.device.is_some()
}

fn routes_of(policy: &Policy, leads_to: LeadsTo) -> Vec<&Route> {
    policy.routes.iter().filter(|r| r.leads_to == leads_to).collect()
}

fn overlaps(document: &Document, policy: &Policy, findings: &mut Findings) {
    let class_names = super::compile::names(&document.classes);
    let event_names = super::compile::names(&document.events);
    let place = |leads_to| match leads_to {
        LeadsTo::Class(i) => (join(&join("/classes", class_names[i]), "match"), class_names[i]),
        LeadsTo::Event(i) => (join(&join("/events", event_names[i]), "trigger"), event_names[i]),
    };
    for (i, a) in policy.routes.iter().enumerate() {
        for b in &policy.routes[..i] {
            let same_kind = matches!(a.leads_to, LeadsTo::Class(_)) == matches!(b.leads_to, LeadsTo::Class(_));
            let same_method = a.method.is_none() || b.method.is_none() || a.method == b.method;
            if same_kind && same_method && a.pattern.overlaps(&b.pattern) {
                let ((at, _), (_, other)) = (place(a.leads_to), place(b.leads_to));
                findings.error(
                    "overlapping-routes",
                    &at,
                    &format!("`{}` and `{}` of `{other}` fit the same requests", a.pattern, b.pattern),
                    "make one of them a special case of the other, or give them different methods",
                );
            }
        }
    }
}

fn scope(class: &ResourceClass, doc: &ClassDoc, at: &str, policy: &Policy, findings: &mut Findings) {
    let has_user = class.key.params().any(|p| p == USER_ID);
    let index = policy.classes.iter().position(|c| c.name == class.name).unwrap_or(usize::MAX);
    let routes = routes_of(policy, LeadsTo::Class(index));
    match class.scope {
        Scope::User => {
            if policy.identity.is_none() {
                findings.error(
                    "no-identity",
                    &join(at, "scope"),
                    "a class of scope `user` needs users",
                    "add `identity`: how users are recognised",
                );
            }
            if is_stored(class) && doc.key.is_some() && !has_user {
                findings.error(
                    "key-lacks-user",
                    &join(at, "key"),
                    &format!("`{}` is one user's data, but its key is the same for every user", class.name),
                    "start the key with `user:{userId}:`",
                );
            }
            let leading = class.key.segments().iter().take_while(|s| matches!(s, Segment::Literal(_))).count();
            let follows = matches!(class.key.segments().get(leading), Some(Segment::Param(p)) if p == USER_ID);
            if has_user && (leading == 0 || !follows) {
                findings.error(
                    "user-not-first",
                    &join(at, "key"),
                    "the user must be the key's first parameter, after a word",
                    "start the key with `user:{userId}:`",
                );
            }
        }
        Scope::Public => {
            if routes.iter().any(|r| r.pattern.params().any(|p| p == USER_ID)) {
                findings.error(
                    "reserved-parameter",
                    &join(at, "match"),
                    "`:userId` names the owner, but the class is public",
                    "make the scope `user`, or call the parameter something else",
                );
            }
            let catches_all = routes.iter().any(|r| r.pattern.to_string() == "/*");
            if catches_all && class.authority == Authority::Policy {
                warn(
                    doc,
                    findings,
                    "broad-public-class",
                    &join(at, "match"),
                    "`/*` makes every path public that no other class covers, an answer for one user included",
                    "name the paths, or let the origin decide with \"authority\": \"origin\"",
                );
            }
        }
    }
}

fn key(class: &ResourceClass, at: &str, policy: &Policy, findings: &mut Findings) {
    if !is_stored(class) || class.key.segments().is_empty() {
        return;
    }
    let in_key = |name: &str| class.key.params().any(|p| p == name);
    let missing_query: Vec<&str> = match &class.query {
        Query::All if !in_key(QUERY) => vec![QUERY],
        Query::All => vec![],
        Query::Listed(names) => names.iter().map(String::as_str).filter(|n| !in_key(n)).collect(),
    };
    for name in missing_query {
        findings.error(
            "query-not-in-key",
            &join(at, "query"),
            &format!("`{name}` tells answers apart, but the key does not hold it"),
            &format!("add `{{{name}}}` to the key"),
        );
    }
    if class.authority == Authority::Origin && class.query != Query::All {
        findings.error(
            "query-not-in-key",
            &join(at, "query"),
            "the origin of this class sees the whole query, but the key holds only a part of it",
            "write \"query\": \"all\" and `{query}` in the key",
        );
    }
    if in_key(PATH) {
        return;
    }
    let index = policy.classes.iter().position(|c| c.name == class.name).unwrap_or(usize::MAX);
    let routes = routes_of(policy, LeadsTo::Class(index));
    for (i, a) in routes.iter().enumerate() {
        let has = |r: &Route, name: &str| r.pattern.params().any(|p| p == name);
        for name in a.pattern.params().filter(|p| *p != USER_ID && !in_key(p)) {
            findings.error(
                "path-not-in-key",
                &join(at, "key"),
                &format!("`:{name}` tells paths apart, but the key does not hold it: two paths would share one entry"),
                &format!("add `{{{name}}}` to the key"),
            );
        }
        for b in &routes[..i] {
            let apart = class.key.params().any(|p| has(a, p) != has(b, p));
            if !apart {
                findings.error(
                    "routes-share-key",
                    &join(at, "key"),
                    &format!("`{}` and `{}` would share one entry", a.pattern, b.pattern),
                    "add `{path}` to the key, or make two classes of them",
                );
            }
        }
    }
}

fn collisions(policy: &Policy, findings: &mut Findings) {
    let stored: Vec<&ResourceClass> =
        policy.classes.iter().filter(|c| is_stored(c) && !c.key.segments().is_empty()).collect();
    for (i, a) in stored.iter().enumerate() {
        for b in &stored[..i] {
            if covers(&a.key, &b.key, false) {
                findings.error(
                    "keys-collide",
                    &join(&join("/classes", &a.name), "key"),
                    &format!("`{}` and `{}` of `{}` can be the same key", a.key, b.key, b.name),
                    "put a word of its own into each",
                );
            }
        }
    }
}

fn headers(class: &ResourceClass, doc: &ClassDoc, at: &str, findings: &mut Findings) {
    for name in doc.headers.keys() {
        let at = join(&join(at, "headers"), name);
        let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !token {
            findings.error("bad-header", &at, &format!("`{name}` is not a field name"), "letters, digits and `-`");
        } else if RESERVED.contains(&name.to_ascii_lowercase().as_str())
            || name.to_ascii_lowercase().starts_with("x-tiercel-")
        {
            findings.error(
                "bad-header",
                &at,
                &format!("`{name}` is written by Tiercel itself"),
                "use the class's own settings for it",
            );
        }
    }
    let browser = class.browser.iter().map(|value| (join(at, "browser"), value));
    let further = doc.headers.iter().map(|(name, value)| (join(&join(at, "headers"), name), value));
    for (at, value) in browser.chain(further) {
        if !value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            findings.error("bad-header", &at, "the value is not printable ASCII", "write it in plain ASCII");
        }
    }
    let Some(browser) = &class.browser else {
        if class.authority == Authority::Policy && is_stored(class) {
            findings.error(
                "missing-field",
                at,
                "a class whose lifetimes the policy sets needs `browser`: the Cache-Control that browsers see",
                "add such as \"public, max-age=300\" or \"private, no-cache\"",
            );
        }
        return;
    };
    for directive in split_list(browser) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let lifetime = matches!(name, "max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error");
        if lifetime && crate::time::DeltaSeconds::parse(value).is_none() {
            findings.error(
                "bad-cache-control",
                &join(at, "browser"),
                &format!("`{directive}` needs a number of seconds"),
                "write such as `max-age=300`",
            );
        }
    }
}

fn lifetimes(class: &ResourceClass, doc: &ClassDoc, at: &str, policy: &Policy, findings: &mut Findings) {
    let browser = CacheControl::parse(class.browser.as_deref().unwrap_or(""));
    let at = join(at, "browser");
    if browser.s_maxage.is_some() && browser.stale_while_revalidate.is_some() {
        warn(
            doc,
            findings,
            "s-maxage-with-swr",
            &at,
            "`s-maxage` makes shared caches ignore `stale-while-revalidate` (RFC 9111 §4.2.4 with §5.2.2.10)",
            "drop `s-maxage`; Tiercel's edge follows `edge`, not this string",
        );
    }
    if browser.no_store && class.edge.is_some() {
        findings.error(
            "stored-no-store",
            &at,
            "the edge stores what browsers must not store",
            "set \"edge\": \"never\", or `no-cache` for browsers",
        );
    }
    if browser.immutable {
        for event in &policy.events {
            let hit = event.edge.iter().chain(&event.device).find(|rule| {
                covers(&rule.name, &class.key, true) || class.tags.iter().any(|tag| covers(&rule.name, tag, false))
            });
            if let Some(rule) = hit {
                warn(
                    doc,
                    findings,
                    "immutable-invalidated",
                    &at,
                    &format!(
                        "`immutable` tells browsers never to ask again, but the event `{}` invalidates it (`{}`)",
                        event.name, rule.name
                    ),
                    "drop `immutable`, or allow it here with the reason why old copies do no harm",
                );
                break;
            }
        }
    }
}

fn events(document: &Document, policy: &Policy, findings: &mut Findings) {
    let reaches = |name: &Template, on_device: bool| {
        policy
            .classes
            .iter()
            .filter(|c| if on_device { c.device.is_some() } else { c.edge.is_some() })
            .any(|class| covers(name, &class.key, true) || class.tags.iter().any(|tag| covers(name, tag, false)))
    };
    for (event, (name, doc)) in policy.events.iter().zip(&document.events) {
        let at = join("/events", name);
        for (i, text) in doc.trigger.each() {
            if ["GET ", "HEAD ", "OPTIONS ", "TRACE "].iter().any(|safe| text.starts_with(safe)) {
                findings.error(
                    "safe-trigger",
                    &format!("{at}/trigger{i}"),
                    &format!("`{text}`: a safe method changes nothing (RFC 9110 §9.2.1)"),
                    "events are caused by POST, PUT, PATCH or DELETE",
                );
            }
        }
        parameters::event(event, &at, policy, findings);
        offline::event(event, doc, &at, policy, findings);
        if policy.identity.is_none()
            && event.edge.iter().chain(&event.device).any(|r| r.name.params().any(|p| p == USER_ID))
        {
            findings.error("no-identity", &at, "`{userId}` needs users", "add `identity`: how users are recognised");
        }
        for (field, rules, on_device) in [("edge", &event.edge, false), ("device", &event.device, true)] {
            // What the device does as the edge does is said once.
            let said = |rule: &PurgeRule| on_device && event.edge.contains(rule);
            let reached = |rule: &PurgeRule| reaches(&rule.name, false) || reaches(&rule.name, true);
            for rule in rules.iter().filter(|rule| !said(rule) && !reached(rule)) {
                findings.warn(
                    "purges-nothing",
                    &join(&at, field),
                    &format!("`{}` is the key or tag of no class", rule.name),
                    "name a class, or a tag that a class has",
                );
            }
        }
    }
}

fn warn(doc: &ClassDoc, findings: &mut Findings, id: &'static str, at: &str, message: &str, help: &str) {
    if !doc.allow.contains_key(id) {
        findings.push(Level::Warning, id, at, message, help);
    }
}
