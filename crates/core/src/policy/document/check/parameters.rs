//! Parameters of one name, of which one would stand in the place of the other.

use super::super::Findings;
use super::super::place::join;
use super::routes_of;
use crate::policy::route::REST;
use crate::policy::{Event, LeadsTo, ORIGIN, PATH, Policy, QUERY, Query, ResourceClass, Route, USER_ID};

pub(super) fn class(class: &ResourceClass, at: &str, policy: &Policy, findings: &mut Findings) {
    let index = policy.classes.iter().position(|c| c.name == class.name).unwrap_or(usize::MAX);
    let place = join(at, "match");
    let in_paths = of_paths(&routes_of(policy, LeadsTo::Class(index)), &place, findings);
    let is_of_url = |name: &str| matches!(name, ORIGIN | PATH) || (name == QUERY && class.query == Query::All);
    for name in in_paths.iter().filter(|name| is_of_url(name)) {
        let message = format!("`{{{name}}}` is a part of the URL, which would stand in the place of `:{name}`");
        findings.error("reserved-parameter", &place, &message, "call the parameter something else");
    }
    let mut of_query = match &class.query {
        Query::Listed(names) => listed(names, at),
        Query::All => Vec::new(),
    };
    if let Some(list) = &class.collection {
        let at = join(at, "collection");
        of_query.extend([(join(&at, "page"), list.page.as_str()), (join(&at, "limit"), &list.limit)]);
    }
    for (place, name) in &of_query {
        let (message, help) = match *name {
            USER_ID => (
                "`userId` is the verified user and cannot come from a request".to_owned(),
                "leave it out: `{userId}` in the key is whoever asks",
            ),
            ORIGIN | PATH => (
                format!("`{{{name}}}` is a part of the URL, which would stand in the place of the query's `{name}`"),
                "call the parameter something else, or write \"query\": \"all\" and `{query}` in the key",
            ),
            _ => continue,
        };
        findings.error("reserved-parameter", place, &message, help);
    }
    apart(&in_paths, &of_query, findings);
}

pub(super) fn event(event: &Event, at: &str, policy: &Policy, findings: &mut Findings) {
    let index = policy.events.iter().position(|e| e.name == event.name).unwrap_or(usize::MAX);
    let in_paths = of_paths(&routes_of(policy, LeadsTo::Event(index)), &join(at, "trigger"), findings);
    apart(&in_paths, &listed(&event.query, at), findings);
}

/// The parameters of all `routes`. None may stand twice in one.
fn of_paths<'p>(routes: &[&'p Route], at: &str, findings: &mut Findings) -> Vec<&'p str> {
    let mut all = Vec::new();
    for route in routes {
        let names: Vec<&str> = route.pattern.params().collect();
        for (_, name) in names.iter().enumerate().filter(|(i, name)| names[..*i].contains(name)) {
            let message = format!("`{}` has the parameter `{name}` twice, and only one would count", route.pattern);
            let help = if *name == REST { "`*` is called `rest`: call the other" } else { "call one of them" };
            findings.error("parameter-twice", at, &message, &format!("{help} something else"));
        }
        all.extend(names);
    }
    all
}

/// The names of a query, each with its place.
fn listed<'n>(names: &'n [String], at: &str) -> Vec<(String, &'n str)> {
    let at = join(at, "query");
    names.iter().enumerate().map(|(i, name)| (join(&at, &i.to_string()), name.as_str())).collect()
}

/// What comes from the query comes from nowhere else, or one URL says two things of a parameter.
fn apart(in_paths: &[&str], of_query: &[(String, &str)], findings: &mut Findings) {
    for (i, (place, name)) in of_query.iter().enumerate() {
        let (message, help) = if in_paths.contains(name) {
            (
                "is a parameter of the path, too, and the query's would stand in its place",
                "call the path's something else",
            )
        } else if of_query[..i].iter().any(|(_, other)| other == name) {
            ("is a parameter of the query twice", "name it once")
        } else {
            continue;
        };
        findings.error("parameter-twice", place, &format!("`{name}` {message}"), help);
    }
}
