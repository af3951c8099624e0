//! Documentation in Markdown: of policies in general ([`reference`]), and of one compiled policy ([`describe`]).

mod reference;

pub use reference::reference;

use super::{write_size, write_span};
use crate::invalidation::{Purge, PurgeRule};
use crate::key::Namespace;
use crate::policy::{
    Anonymous, Authority, Budget, Collection, Device, EdgeSettings, Event, FailsWith, LeadsTo, Lifetimes, Policy,
    Query, ResourceClass, Scope, Store, Token,
};
use crate::principal::Identity;
use crate::proof::{Proof, ProvenBy};
use crate::time::DeltaSeconds;

/// What one compiled policy does: its classes, events, names and limits. Markdown that ends in a line break.
#[must_use]
pub fn describe(policy: &Policy) -> String {
    let mut out = format!(
        "# Policy `{}`, version {}\n\nWritten by `cargo xtask build` from the policy that it compiled.\n\n{}",
        policy.name,
        policy.version,
        identity(policy.identity.as_ref()),
    );
    out.push_str(
        "\n## Classes\n\nEdge and device: fresh for *ttl*, then stale while one refresh runs (*swr*), stale when the \
         origin or the network fails (*sie*), kept (*keep*); the last three count from the end of ttl.\n",
    );
    table(
        &mut out,
        &[
            "class",
            "requests",
            "scope",
            "key",
            "`Cache-Control` in browsers",
            "edge: ttl / swr / sie / keep",
            "device: ttl / swr / keep, and most for a user",
        ],
        policy.classes.iter().enumerate().map(|(index, class)| class_row(policy, index, class)),
    );
    out.push_str("\n### Limits and labels\n");
    table(
        &mut out,
        &["class", "query", "tags", "further fields", "without a credential", "origin's time", "longest body"],
        policy.classes.iter().map(limits_row),
    );
    out.push_str(&lists(policy));
    out.push_str(&edge_settings(&policy.edge));
    out.push_str(&format!(
        "\n## Events\n\nAn event counts when the origin answered 2xx. At the edge, others stop getting what it invalidates within {}.\n\
         The answer waits up to {} until what it invalidates is recorded for everybody.\n",
        write_span(policy.bound),
        write_span(policy.record_timeout)
    ));
    out.push_str(by_token(policy.token));
    let events = policy.events.iter().enumerate().map(|(index, event)| event_row(policy, index, event));
    table(&mut out, &["event", "trigger", "edge", "device"], events);
    out.push_str(&names(policy));
    out
}

const fn by_token(token: Token) -> &'static str {
    match token {
        Token::Cookie => {
            "Whoever caused it gets nothing older at once, by a cookie and the field `Tiercel-Consistency`.\n"
        }
        Token::Header => {
            "Whoever caused it, and sends its field `Tiercel-Consistency` back, gets nothing older at once.\n"
        }
        Token::Never => "",
    }
}

fn identity(identity: Option<&Identity>) -> String {
    let Some(identity) = identity else { return "Users are not told apart.\n".to_owned() };
    let mut from: Vec<String> = Vec::new();
    from.extend(identity.bearer.then(|| "`Authorization: Bearer`".to_owned()));
    from.extend(identity.cookie.as_ref().map(|name| format!("the cookie {}", code(name))));
    let required = [("iss", &identity.issuer), ("aud", &identity.audience)].into_iter();
    let required: String =
        required.filter_map(|(claim, value)| Some(format!(", `{claim}` {}", code(value.as_ref()?)))).collect();
    let Proof { by, algorithm, variable, url, remember, .. } = &identity.proof;
    let proven = match by {
        ProvenBy::Key => format!("a JWT ({}, key in {}{required})", algorithm.name(), code(variable)),
        ProvenBy::KeySet => format!("a JWT ({}, one of the keys at {}{required})", algorithm.name(), code(url)),
        ProvenBy::Issuer => {
            let remember = write_span(*remember);
            format!("a token that {} is asked about (believed for {remember}{required})", code(url))
        }
    };
    format!(
        "Users are recognised by {proven} in {}; the claim {} is the user's id. Clocks may differ by {}.\n",
        from.join(" or else in "),
        code(&identity.subject),
        write_span(identity.leeway),
    )
}

fn class_row(policy: &Policy, index: usize, class: &ResourceClass) -> Vec<String> {
    let key = class.key.to_string();
    vec![
        code(&class.name),
        requests(policy, LeadsTo::Class(index)),
        match class.scope {
            Scope::Public => "public".to_owned(),
            Scope::User => "user".to_owned(),
        },
        if key.is_empty() { "–".to_owned() } else { code(&key) },
        class.browser.as_deref().map_or_else(|| "the origin's".to_owned(), code),
        match (class.edge, class.authority) {
            (None, _) => "never".to_owned(),
            (Some(l), Authority::Origin) => format!("the origin's word (RFC 9111), keep {}", window(l.keep)),
            (Some(Lifetimes { ttl, stale_while_revalidate, stale_if_error, keep }), Authority::Policy) => {
                [write_span(ttl), window(stale_while_revalidate), window(stale_if_error), window(keep)].join(" / ")
            }
        },
        class.device.as_ref().map_or_else(|| "never".to_owned(), device),
    ]
}

fn device(Device { store, lifetimes, network_timeout, fallback, budget, opaque }: &Device) -> String {
    let store = match store {
        Store::CacheStorage => "Cache Storage",
        Store::IndexedDb => "IndexedDB",
    };
    let windows = [write_span(lifetimes.ttl), window(lifetimes.stale_while_revalidate), window(lifetimes.keep)];
    let patience = network_timeout.map(|limit| format!(", a stored answer after {}", write_span(limit)));
    let fallback = fallback.as_ref().map(|path| format!(", else {}", code(path)));
    let most = most(*budget).map(|most| format!(", {most}"));
    let opaque = opaque.then(|| ", also opaque answers".to_owned());
    let more: String = [patience, fallback, most, opaque].into_iter().flatten().collect();
    format!("{store} {}{more}", windows.join(" / "))
}

/// How much is kept, in words; `None` where there is no limit.
pub(crate) fn most(budget: Budget) -> Option<String> {
    let entries = |most| if most == 1 { "1 entry".to_owned() } else { format!("{most} entries") };
    let limits = [budget.bytes.map(write_size), budget.entries.map(entries)];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    (!limits.is_empty()).then(|| format!("at most {}", limits.join(" and ")))
}

fn limits_row(class: &ResourceClass) -> Vec<String> {
    vec![
        code(&class.name),
        match &class.query {
            Query::All => "all of it".to_owned(),
            Query::Listed(names) => list(names.iter().map(|name| code(name))),
        },
        list(class.tags.iter().map(|tag| code(&tag.to_string()))),
        list(class.headers.iter().map(|(name, value)| code(&format!("{name}: {value}")))),
        match (class.scope, class.anonymous) {
            (Scope::Public, _) => "–".to_owned(),
            (Scope::User, Anonymous::Pass) => "the origin's answer, uncached".to_owned(),
            (Scope::User, Anonymous::Refuse) => "401".to_owned(),
        },
        write_span(class.timeout),
        match class.slice {
            None => write_size(class.max_body),
            Some(slice) => format!("{}, in parts of {}", write_size(class.max_body), write_size(slice)),
        },
    ]
}

/// The classes that are lists; nothing where there are none.
fn lists(policy: &Policy) -> String {
    let lists = policy.classes.iter().filter_map(|class| Some((class, class.collection.as_ref()?)));
    let rows: Vec<Vec<String>> = lists
        .map(|(class, collection)| {
            let failures = collection.failures.iter().map(|failure| {
                let retry = write_span(failure.retry);
                format!("{}: {}, asked again after {retry}", fails_with(&failure.when), code(&failure.status))
            });
            vec![
                code(&class.name),
                code(&pointer(&collection.items)),
                order(collection),
                pages(collection),
                list(failures),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut out = "\n### Lists\n\nStored whole and sorted; the edge cuts pages from them.\n".to_owned();
    table(&mut out, &["class", "items", "sorted by", "pages", "what stands in for which failure"], rows.into_iter());
    out
}

/// Names along a path as a JSON Pointer (RFC 6901).
pub(crate) fn pointer(names: &[String]) -> String {
    names.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
}

/// How a list is sorted, in words.
pub(crate) fn order(Collection { by, ties, descending, .. }: &Collection) -> String {
    let order = if *descending { "descending" } else { "ascending" };
    format!("{} {order}, then {}", pointer(by), pointer(ties))
}

/// How pages are asked for, in words.
pub(crate) fn pages(Collection { page, first, limit, usual, most, .. }: &Collection) -> String {
    format!("{page} from {first}, {limit} {usual} (at most {most})")
}

/// A failure, in words.
pub(crate) fn fails_with(when: &FailsWith) -> String {
    match when {
        FailsWith::Code(code) => code.clone(),
        FailsWith::Status(status) => format!("status {status}"),
        FailsWith::Timeout => "a timeout".to_owned(),
    }
}

fn edge_settings(edge: &EdgeSettings) -> String {
    let or_not =
        |span: DeltaSeconds| if span == DeltaSeconds::ZERO { "not at all".to_owned() } else { write_span(span) };
    let mut out = "\n### How the edge works\n".to_owned();
    let memory = edge.memory.map_or_else(
        || "nothing".to_owned(),
        |m| format!("{}: bodies up to {}, for up to {}", write_size(m.bytes), write_size(m.body), write_span(m.ttl)),
    );
    let rows = [
        ("an isolate holds in its memory", memory),
        ("the store may take", write_span(edge.store_timeout)),
        ("a request waits for another one that is fetching the same answer", or_not(edge.collapse)),
        ("it is remembered that answers under a key cannot be stored", or_not(edge.remember_uncacheable)),
    ];
    table(&mut out, &["what", "limit"], rows.into_iter().map(|(what, limit)| vec![what.to_owned(), limit]));
    out
}

fn event_row(policy: &Policy, index: usize, event: &Event) -> Vec<String> {
    let purge = match event.purge {
        Purge::Soft if !event.edge.is_empty() => "soft: ",
        _ => "",
    };
    vec![
        code(&event.name),
        requests(policy, LeadsTo::Event(index)),
        format!("{purge}{}", rules(&event.edge)),
        match (event.wipe, event.queued) {
            (true, _) => "**everything of the user**".to_owned(),
            (false, true) => format!("{}<br>waits for a network", rules(&event.device)),
            (false, false) => rules(&event.device),
        },
    ]
}

fn rules(rules: &[PurgeRule]) -> String {
    if rules.is_empty() {
        return "nothing".to_owned();
    }
    list(rules.iter().map(|rule| {
        let name = code(&rule.name.to_string());
        match &rule.when {
            None => name,
            Some(when) => {
                let any_of: Vec<String> = when.any_of.iter().map(|word| code(word)).collect();
                format!("{name} (unless the answer's {} holds none of {})", code(&when.pointer), any_of.join(", "))
            }
        }
    }))
}

fn names(policy: &Policy) -> String {
    let mut out = policy.shell.as_ref().map_or_else(String::new, |shell| {
        format!("\nOffline, {} stands in for navigations that no class and no event covers.\n", code(shell))
    });
    out.push_str("\n## Names on the device\n\nFor the user `abc123`; other ids are escaped to letters, digits, `-`, `.` and `%XX`.\n");
    let namespace = Namespace::new(&policy.name, Some("abc123"));
    let caches = policy.classes.iter().filter(|c| c.device.as_ref().is_some_and(|d| d.store == Store::CacheStorage));
    let caches = caches.map(|c| (c.name.clone(), namespace.cache(&c.name, policy.version)));
    let database = [("IndexedDB database".to_owned(), namespace.database())].into_iter();
    let rows = database.chain(caches.map(|(class, name)| (format!("cache of {}", code(&class)), name)));
    table(&mut out, &["store", "name"], rows.map(|(what, name)| vec![what, code(&name)]));
    if !policy.local.is_empty() {
        out.push_str("\n## Stores that only the device has\n");
        let rows = policy.local.iter().map(|store| {
            let kept = store.ttl.map_or_else(|| "until logout".to_owned(), write_span);
            vec![code(&store.name), store.max_entries.to_string(), kept]
        });
        table(&mut out, &["store", "most entries", "kept"], rows);
    }
    out
}

fn requests(policy: &Policy, leads_to: LeadsTo) -> String {
    let routes = policy.routes.iter().filter(|route| route.leads_to == leads_to);
    list(routes.map(|route| code(&format!("{} {}", route.method.as_deref().unwrap_or("*"), route.pattern))))
}

fn table(out: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    out.push_str(&format!("\n| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len())));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() { "–".to_owned() } else { items.join("<br>") }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A bar would end the cell, in code too.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn window(delta: DeltaSeconds) -> String {
    if delta == DeltaSeconds::ZERO { "–".to_owned() } else { write_span(delta) }
}

#[cfg(test)]
mod tests {
    use super::reference::EXAMPLE;
    use super::*;
    use crate::policy::document::read;

    #[test]
    fn a_policy_is_described_with_all_its_names() {
        for text in [
            include_str!("../../../../../policies/videomi.json"),
            include_str!("../../../../../policies/http.json"),
            EXAMPLE,
        ] {
            let policy = read(text).policy.expect("a policy");
            let described = describe(&policy);
            for name in policy.classes.iter().map(|c| &c.name).chain(policy.events.iter().map(|e| &e.name)) {
                assert!(described.contains(&format!("| `{name}` | ")), "{name} in {described}");
            }
            for store in &policy.local {
                assert!(described.contains(&format!("| `{}` | {} | ", store.name, store.max_entries)), "{described}");
            }
        }
    }

    #[test]
    fn a_policy_is_described_with_its_settings() {
        let mut policy = read(EXAMPLE).policy.expect("a policy");
        let described = describe(&policy);
        for row in [
            "memory | 32 MiB: bodies up to 128 KiB, for up to 1m |",
            "the store may take | 2s |",
            "the same answer | 5s |",
            "cannot be stored | 1m |",
            "| 10s | 2 GiB, in parts of 2 MiB |",
            "| 10s | 25 MiB |",
        ] {
            assert!(described.contains(row), "{row} in {described}");
        }
        policy.edge.memory = None;
        policy.edge.collapse = DeltaSeconds::ZERO;
        let described = describe(&policy);
        assert!(described.contains("memory | nothing |"), "{described}");
        assert!(described.contains("the same answer | not at all |"), "{described}");
    }
}
