//! TypeScript declarations of what a policy names: classes, events and local stores, with their parameters.

use std::collections::BTreeSet;

use super::model::{ClassDoc, DeviceDoc, EventDoc, OneOrMany, QueryDoc, StoreDoc};
use super::{Findings, compile, parse};
use crate::policy::route::{Pattern, REST};
use crate::policy::{Collection, Policy, QUERY, USER_ID};

/// The declarations of the policy in `text`, as a module that ends in a line break; `None` where it has errors.
///
/// A parameter of a path is required, one of a query or of an answer is not. `userId` is filled in by the SDK.
#[must_use]
pub fn typescript(text: &str) -> Option<String> {
    let mut findings = Findings::default();
    let document = parse(text, &mut findings)?;
    let policy = compile::compile(&document, &mut findings);
    let classes = document.classes.iter().filter_map(|(name, class)| {
        Some(Member { name, description: class.description.as_deref(), shape: read_by(class)? })
    });
    let events = document.events.iter().map(|(name, event)| {
        let shape = shape(&event.trigger, &answered(event), |_| true);
        Member { name, description: event.description.as_deref(), shape }
    });
    let local = document.local.iter().map(|(name, store)| Member {
        name,
        description: store.description.as_deref(),
        shape: "unknown".to_owned(),
    });
    let parts = [
        format!("// The policy `{}`, version {}: written by `cargo xtask build`.\n", policy.name, policy.version),
        interface("Classes", "What can be read, with the parameters of each class.", classes),
        interface("Events", "What can happen, with the parameters of each event.", events),
        interface("LocalStores", "Stores that only the device has.", local),
        list_status(&policy),
        format!(
            "export declare const policy: {};\nexport declare const events: {{ readonly [E in keyof Events]: readonly string[] }};\n",
            quoted(&policy.name)
        ),
    ];
    Some(parts.join("\n"))
}

/// What [`typescript`] declares, as a JavaScript module: the policy's name, and of each event the parameters that an
/// app gives. `None` where the policy has errors.
#[must_use]
pub fn javascript(text: &str) -> Option<String> {
    let mut findings = Findings::default();
    let document = parse(text, &mut findings)?;
    let policy = compile::compile(&document, &mut findings);
    let events = document.events.iter().map(|(name, event)| {
        let ways = ways(&event.trigger, |_| true);
        let mut params: Vec<String> = ways.into_iter().flatten().filter(|name| name != USER_ID).collect();
        params.extend(answered(event).into_iter().map(|(name, _)| name.to_owned()));
        let mut known = Vec::new();
        params.retain(|name| {
            !known.contains(name) && {
                known.push(name.clone());
                true
            }
        });
        let params: Vec<String> = params.iter().map(|name| quoted(name)).collect();
        format!("  {}: [{}],\n", quoted(name), params.join(", "))
    });
    let lists = policy.classes.iter().filter_map(|class| Some((class, class.collection.as_ref()?)));
    let lists = lists.map(|(class, list)| format!("  {}: {},\n", quoted(&class.name), table(list)));
    Some(format!(
        "// The policy `{}`, version {}: written by `cargo xtask build`.\n\nexport const policy = {};\nexport const events = {{\n{}}};\nexport const lists = {{\n{}}};\n",
        policy.name,
        policy.version,
        quoted(&policy.name),
        events.collect::<String>(),
        lists.collect::<String>()
    ))
}

/// How pages of a list are asked for and found in an answer.
fn table(list: &Collection) -> serde_json::Value {
    let Collection { items, page, first, limit, usual, most, envelope, failures, .. } = list;
    let mut says: Vec<&str> = failures.iter().map(|failure| failure.status.as_str()).collect();
    says.dedup();
    serde_json::json!({
        "items": items, "page": page, "first": first, "limit": limit, "usual": usual, "most": most,
        "pagination": envelope.pagination, "status": envelope.status, "warning": envelope.warning, "says": says,
    })
}

/// What the policy's failures say of lists that stand in.
fn list_status(policy: &Policy) -> String {
    let lists = policy.classes.iter().filter_map(|class| class.collection.as_ref());
    let words: BTreeSet<&str> = lists.flat_map(|list| &list.failures).map(|failure| failure.status.as_str()).collect();
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    let words = if words.is_empty() { "never".to_owned() } else { words.join(" | ") };
    format!(
        "/** What is said of a list that stands in for a failure of the origin. */\nexport type ListStatus = {words};\n"
    )
}

struct Member<'a> {
    name: &'a str,
    description: Option<&'a str>,
    shape: String,
}

fn interface<'a>(name: &str, what: &str, members: impl Iterator<Item = Member<'a>>) -> String {
    let mut out = format!("/** {what} */\nexport interface {name} {{\n");
    for member in members {
        if let Some(description) = member.description {
            // Nothing of a policy ends the comment.
            out.push_str(&format!("  /** {} */\n", description.replace("*/", "* /").replace('\n', " ")));
        }
        out.push_str(&format!("  {}: {};\n", quoted(member.name), member.shape));
    }
    out.push_str("}\n");
    out
}

/// The parameters of a class that the SDK reads; `None` for what it does not: pictures and films, other methods, and
/// paths that are not named.
fn read_by(class: &ClassDoc) -> Option<String> {
    if matches!(&class.device, DeviceDoc::Stored(stored) if stored.store == StoreDoc::CacheStorage) {
        return None;
    }
    let mut optional: Vec<(&str, &str)> = match &class.query {
        QueryDoc::Listed(names) => names.iter().map(|name| (name.as_str(), "string")).collect(),
        QueryDoc::All(_) => vec![(QUERY, "string")],
    };
    if let Some(list) = &class.collection {
        let named = [(&list.page.parameter, "page"), (&list.limit.parameter, "limit")];
        optional.extend(named.map(|(name, usual)| (name.as_deref().unwrap_or(usual), "number | string")));
    }
    Some(shape(&class.matches, &optional, |method| matches!(method, "GET" | "*"))).filter(|shape| !shape.is_empty())
}

/// The parameters of an event that are not in the path.
fn answered(event: &EventDoc) -> Vec<(&str, &str)> {
    event.query.iter().chain(event.facts.keys()).map(|name| (name.as_str(), "string")).collect()
}

/// The parameters of each path of `matches` that can be asked for by names.
fn ways(matches: &OneOrMany, wanted: fn(&str) -> bool) -> Vec<Vec<String>> {
    let patterns = matches.each().into_iter().filter_map(|(_, text)| {
        let (method, path) = text.split_once(' ')?;
        wanted(method).then(|| Pattern::parse(path).ok())?
    });
    let mut ways: Vec<Vec<String>> = patterns.map(|pattern| pattern.params().map(str::to_owned).collect()).collect();
    ways.retain(|names: &Vec<String>| names.iter().all(|name| name != REST));
    ways
}

/// The object that holds the parameters of one of `matches`; empty where none of them can be asked for by names.
fn shape(matches: &OneOrMany, optional: &[(&str, &str)], wanted: fn(&str) -> bool) -> String {
    let ways = ways(matches, wanted);
    let all: Vec<String> = ways.iter().flatten().cloned().collect();
    let mut shapes: Vec<String> = ways
        .iter()
        .map(|names| {
            let required =
                names.iter().filter(|name| *name != USER_ID).map(|name| format!("{}: string", property(name)));
            let given = |name: &str| names.iter().any(|known| known == name);
            // What another way has, this one has not: or a wrong mixture would pass.
            let absent = all.iter().filter(|name| !given(name)).map(|name| format!("{}?: undefined", property(name)));
            let may = optional.iter().filter(|(name, _)| !given(name));
            let may = may.map(|(name, kind)| format!("{}?: {kind}", property(name)));
            let user = std::iter::once(format!("{USER_ID}?: string"));
            let members: Vec<String> = required.chain(absent).chain(may).chain(user).collect();
            format!("{{ {} }}", members.join("; "))
        })
        .collect();
    shapes.dedup();
    shapes.join(" | ")
}

fn property(name: &str) -> String {
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    if is_plain { name.to_owned() } else { quoted(name) }
}

fn quoted(name: &str) -> String {
    serde_json::to_string(name).unwrap_or_default()
}

// Snapshots need files, which wasm has not.
#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn videomi() {
        let text = typescript(include_str!("../../../../../policies/videomi.json")).expect("a policy");
        insta::assert_snapshot!(text);
        let names = javascript(include_str!("../../../../../policies/videomi.json")).expect("a policy");
        insta::assert_snapshot!("videomi_names", names);
    }

    #[test]
    fn nothing_of_a_policy_is_code() {
        let policy = r#"{
            "name": "x", "version": 1,
            "classes": { "a-b": {
                "description": "ends */ here\nnot", "match": ["GET /a", "GET /a/:id"], "scope": "public",
                "query": ["a-b", "1"], "key": "a:{id}", "edge": "never",
                "device": { "store": "indexeddb", "ttl": "1h" }
            } }
        }"#;
        insta::assert_snapshot!(typescript(policy).expect("a policy"));
    }
}
