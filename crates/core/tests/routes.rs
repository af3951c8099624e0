//! The router finds what path-tree, a router of its own right, finds for the same patterns.

use path_tree::PathTree;
use proptest::prelude::*;
use tiercel_core::policy::route::{Pattern, Router};

type Row = (Option<&'static str>, String);

fn paths(last: &'static [&'static str]) -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "ab", ":p", ":q"]);
    (prop::collection::vec(segment, 0..4), prop::sample::select(last))
        .prop_map(|(segments, last)| segments.iter().chain([&last]).map(|segment| format!("/{segment}")).collect())
}

fn patterns() -> impl Strategy<Value = Vec<Row>> {
    let method = prop::sample::select(vec![None, Some("GET"), Some("POST")]);
    prop::collection::vec((method, paths(&["", "a", "b", ":p", "*", "*"])), 1..10)
}

/// What a policy may hold: no two routes that fit the same requests.
fn without_overlaps(rows: Vec<Row>) -> Vec<(Option<&'static str>, Pattern, String)> {
    let mut kept: Vec<(Option<&str>, Pattern, String)> = Vec::new();
    for (method, text) in rows {
        let pattern = Pattern::parse(&text).expect("a pattern");
        let same_method = |other: &Option<&str>| other.is_none() || method.is_none() || *other == method;
        if !kept.iter().any(|(other, known, _)| same_method(other) && known.overlaps(&pattern)) {
            kept.push((method, pattern, text));
        }
    }
    kept
}

fn tree(routes: &[(Option<&str>, Pattern, String)], method: &str) -> PathTree<usize> {
    let mut tree = PathTree::new();
    for (index, (_, _, text)) in routes.iter().enumerate().filter(|(_, (m, ..))| m.is_none_or(|m| m == method)) {
        // Its notation: a name may stand once.
        let named = text.split('/').enumerate().map(|(at, segment)| match segment {
            "*" => ":rest*".to_owned(),
            ":p" | ":q" => format!(":p{at}"),
            literal => literal.to_owned(),
        });
        let _ = tree.insert(&named.collect::<Vec<_>>().join("/"), index);
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_route_with_the_same_values(
        rows in patterns(),
        paths in prop::collection::vec("(/(a|b|ab|c|%2F)?){1,5}|/[/ab]{0,6}", 1..20),
    ) {
        let routes = without_overlaps(rows);
        let router = Router::new(routes.iter().enumerate().map(|(index, (m, pattern, _))| (index, *m, pattern)));
        for method in ["GET", "POST", "PUT"] {
            let tree = tree(&routes, method);
            for path in &paths {
                let found = router.find(method, path);
                let ours = found.map(|(route, pattern)| (route, pattern.values(path).collect::<Vec<_>>()));
                let theirs = tree.find(path).map(|(route, found)| (*route, found.raws.to_vec()));
                prop_assert_eq!(ours, theirs, "{} {:?} among {:?}", method, path, &routes);
            }
        }
    }
}
