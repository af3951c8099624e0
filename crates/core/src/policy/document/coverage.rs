//! Which requests the Service Worker answers, as regular expressions: it decides that before its wasm is started.

use crate::policy::route::{PathSegment, Pattern};
use crate::policy::{LeadsTo, Policy};
use crate::tier::Tier;

/// The routes of `policy` that a GET may take, in the order in which they are tried: for each a regular expression over
/// the whole path (ECMAScript, dot matches all), and whether the Service Worker stores the class that it leads to.
#[must_use]
pub fn coverage(policy: &Policy) -> Vec<(String, bool)> {
    let stores = |leads_to| match leads_to {
        LeadsTo::Class(index) => policy.classes.get(index).is_some_and(|c| Tier::ServiceWorker.lifetimes(c).is_some()),
        LeadsTo::Event(_) => false,
    };
    let router = policy.class_router();
    let routes = router.tried("GET").filter_map(|index| policy.routes.get(index));
    let mut table: Vec<_> = routes.map(|route| (expression(&route.pattern), stores(route.leads_to))).collect();
    // What is tried last and answers nothing tells nothing.
    while table.last().is_some_and(|(_, covered)| !covered) {
        table.pop();
    }
    table
}

/// Whether the Service Worker stores a class whose lifetimes the origin sets, which takes the feature `origin-rules`.
#[must_use]
pub fn needs_origin_rules(policy: &Policy) -> bool {
    policy.classes.iter().any(|c| c.authority.is_origin() && Tier::ServiceWorker.lifetimes(c).is_some())
}

fn expression(pattern: &Pattern) -> String {
    let mut text = "^".to_owned();
    for segment in &pattern.0 {
        text.push('/');
        match segment {
            PathSegment::Literal(literal) => {
                for letter in literal.chars() {
                    if letter.is_ascii_punctuation() && letter != '_' {
                        text.push('\\');
                    }
                    text.push(letter);
                }
            }
            PathSegment::Param(_) => text.push_str("[^/]+"),
            PathSegment::Rest => text.push_str(".*"),
        }
    }
    text.push('$');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::head::Target;
    use crate::policy::document::read;
    use regex_lite::RegexBuilder;

    #[test]
    fn it_covers_what_the_engine_covers() {
        let policy = read(include_str!("../../../../../policies/videomi.json")).policy.expect("a policy");
        let table = coverage(&policy).into_iter().map(|(text, covered)| {
            let pattern = RegexBuilder::new(&text).dot_matches_new_line(true).build().expect("an expression");
            (pattern, covered)
        });
        let table: Vec<_> = table.collect();
        let engine = Engine::new(policy, Tier::ServiceWorker);
        let words =
            ["", "api", "files", "videos", "f1", "thumbnail", "info", "assets", "app.js", "%2F", "..", "index.html"];
        let mut paths: Vec<String> = vec![String::new()];
        let (mut known, mut covers) = (0, 0);
        for _ in 0..5 {
            paths = paths.iter().flat_map(|path| words.map(|word| format!("{path}/{word}"))).collect();
            for path in &paths {
                let found = table.iter().find(|(pattern, _)| pattern.is_match(path));
                let expected = engine.covers("GET", &Target::parse(path));
                assert_eq!(found.is_some_and(|(_, covered)| *covered), expected, "{path}");
                known += 1;
                covers += usize::from(expected);
            }
            paths.retain(|path| path.starts_with("/api/files") || path.len() < 8);
        }
        assert!(covers > 50 && known > covers + 50, "{covers} of {known}");
    }
}
