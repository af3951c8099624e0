//! What of a policy the Service Worker needs, and which requests it answers, as regular expressions: it decides that
//! before its wasm is started.

use crate::field::cache_control::CacheControl;
use crate::key::{Segment, Template};
use crate::policy::route::{PathSegment, Pattern};
use crate::policy::{LeadsTo, Policy, Query, Route};
use crate::tier::Tier;

/// The routes of `policy` that a GET may take, in the order in which they are tried: for each a regular expression over
/// the whole path (ECMAScript, dot matches all), and whether the Service Worker stores the class that it leads to.
#[must_use]
pub fn coverage(policy: &Policy) -> Vec<(String, bool)> {
    let router = policy.class_router();
    let routes = router.tried("GET").filter_map(|index| policy.routes.get(index));
    let mut table: Vec<_> = routes.map(|route| (expression(&route.pattern), stores(policy, route.leads_to))).collect();
    // What is tried last and answers nothing tells nothing.
    while table.last().is_some_and(|(_, covered)| !covered) {
        table.pop();
    }
    table
}

/// What causes an event of `policy`, in the order in which it is tried: the method (empty is any), a regular expression as
/// in [`coverage`], and what the event does on the device: [`QUEUED`] and [`WIPES`], added.
#[must_use]
pub fn triggers(policy: &Policy) -> Vec<(String, String, u8)> {
    let router = policy.event_router();
    let routes = router.order().filter_map(|index| policy.routes.get(index));
    let trigger = |route: &Route| {
        let LeadsTo::Event(index) = route.leads_to else { return None };
        let event = policy.events.get(index)?;
        let does = u8::from(event.queued) * QUEUED + u8::from(event.wipe) * WIPES;
        Some((route.method.clone().unwrap_or_default(), expression(&route.pattern), does))
    };
    routes.filter_map(trigger).collect()
}

/// In [`triggers`]: without a network the request is kept and sent later.
pub const QUEUED: u8 = 1;
/// In [`triggers`]: everything of the user goes.
pub const WIPES: u8 = 2;

/// The policy without what says nothing to a Service Worker: it verifies nobody, answers GET alone, and writes no field
/// for browsers. Every visitor downloads the rest.
#[must_use]
pub fn for_service_worker(mut policy: Policy) -> Policy {
    policy = for_sdk(policy);
    policy.events.clear();
    policy.local.clear();
    policy.routes.retain(|route| matches!(route.leads_to, LeadsTo::Class(_)));
    for class in &mut policy.classes {
        if Tier::ServiceWorker.lifetimes(class).is_none() {
            (class.key, class.query, class.device) = (Template::default(), Query::Listed(Vec::new()), None);
            class.tags.clear();
        }
    }
    policy
}

/// The policy without what says nothing to the SDK: it verifies nobody, and writes no field for browsers.
#[must_use]
pub fn for_sdk(mut policy: Policy) -> Policy {
    (policy.identity, policy.operators, policy.shell) = (None, None, None);
    for class in &mut policy.classes {
        class.headers.clear();
        class.edge = None;
        if let Some(list) = class.collection.take() {
            // What is stored is a page, beside others: a purge of the list purges them by its key, which all of them begin with.
            let parameters = [list.page, list.limit];
            class.key.0.extend(parameters.iter().cloned().map(Segment::Param));
            if let Query::Listed(names) = &mut class.query {
                names.extend(parameters);
            }
        }
        // It counts where it keeps browsers from storing, which the device then does not take for the origin's doubt.
        class.browser = class.browser.take().filter(|browser| CacheControl::parse(browser).no_store);
    }
    policy
}

/// Whether the Service Worker stores what a route leads to.
pub(super) fn stores(policy: &Policy, leads_to: LeadsTo) -> bool {
    match leads_to {
        LeadsTo::Class(index) => policy.classes.get(index).is_some_and(|c| Tier::ServiceWorker.lifetimes(c).is_some()),
        LeadsTo::Event(_) => false,
    }
}

/// The paths that fit a pattern, as a regular expression.
pub(super) fn expression(pattern: &Pattern) -> String {
    let mut text = "^".to_owned();
    for (at, segment) in pattern.0.iter().enumerate() {
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
            // As the router has it: an empty value fits where something follows.
            PathSegment::Param(_) if at + 1 < pattern.0.len() => text.push_str("[^/]*"),
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
    use crate::field::Fields;
    use crate::head::{RequestHead, Target};
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

    #[test]
    fn it_knows_what_causes_which_event() {
        let policy = read(include_str!("../../../../../policies/videomi.json")).policy.expect("a policy");
        let table = triggers(&policy).into_iter().map(|(method, text, does)| {
            let pattern = RegexBuilder::new(&text).dot_matches_new_line(true).build().expect("an expression");
            (method, pattern, does)
        });
        let table: Vec<_> = table.collect();
        let engine = Engine::new(policy.clone(), Tier::Sdk);
        let mut known = 0;
        for method in ["POST", "PUT", "PATCH", "DELETE", "post"] {
            for path in [
                "/api/upload",
                "/api/upload/",
                "/api/files/videos/f1",
                "/api/files/videos/f1/info",
                "/api/ratings/f1",
                "/api/ratings/",
                "/api/watch-progress/f%2F1",
                "/api/watch-progress",
                "/api/auth/logout",
                "/api/auth/login",
                "/api/user/artists/toggle",
                "//",
                "/",
            ] {
                let found =
                    table.iter().find(|(of, pattern, _)| (of.is_empty() || of == method) && pattern.is_match(path));
                let request = RequestHead::new(method, path, Fields::new());
                let expected = engine.event_of(&request, None).and_then(|event| {
                    let event = policy.events.iter().find(|known| known.name == event.name)?;
                    Some(u8::from(event.queued) * QUEUED + u8::from(event.wipe) * WIPES)
                });
                assert_eq!(found.map(|(_, _, does)| *does), expected, "{method} {path}");
                known += usize::from(expected.is_some());
            }
        }
        assert_eq!(known, 7);
        let does: Vec<u8> = table.iter().map(|(_, _, does)| *does).filter(|does| *does > 0).collect();
        assert_eq!(does.iter().map(|does| usize::from(*does)).sum::<usize>(), 4, "two are queued, one wipes");
    }

    #[test]
    fn what_is_left_out_decides_nothing() {
        use crate::exchange::Received;
        use crate::principal::{Credential, CredentialSource, Principal};
        use crate::time::Timestamp;

        let policy = read(include_str!("../../../../../policies/videomi.json")).policy.expect("a policy");
        let lean = for_service_worker(policy.clone());
        assert_eq!(coverage(&lean), coverage(&policy));
        for (tier, lean) in [(Tier::ServiceWorker, lean), (Tier::Sdk, for_sdk(policy.clone()))] {
            let [whole, lean] = [policy.clone(), lean].map(|policy| Engine::new(policy, tier));
            for path in [
                "/",
                "/api/files/videos/f1",
                "/api/files/videos/f1/thumbnail?x=1",
                "/api/files?category=videos",
                "/api/stats",
                "/assets/a.js",
                "/api/auth/x",
            ] {
                let decided = [&whole, &lean].map(|engine| {
                    let request = RequestHead::new("GET", &format!("https://a.example{path}"), Fields::new());
                    let ada = Principal::new("ada", CredentialSource::Device).expect("a user");
                    match engine.receive(request, Credential::Verified(ada), Timestamp::from_secs(1)) {
                        Received::Lookup(lookup) => Some((lookup.key().clone(), lookup.groups())),
                        Received::Pass(_) | Received::Refuse(_) => None,
                    }
                });
                assert_eq!(decided[0], decided[1], "{tier:?} {path}");
            }
        }
    }

    #[test]
    fn the_sdk_keeps_what_mutations_cause() {
        use crate::invalidation::Facts;

        let policy = read(include_str!("../../../../../policies/videomi.json")).policy.expect("a policy");
        let lean = for_sdk(policy.clone());
        assert_eq!((lean.local.len(), lean.routes.len()), (policy.local.len(), policy.routes.len()));
        let [whole, lean] = [policy, lean].map(|policy| Engine::new(policy, Tier::Sdk));
        for event in &whole.policy().events {
            let caused = [&whole, &lean].map(|engine| {
                let params = [("userId", "ada"), ("fileId", "f1")].into_iter().collect();
                let happened = engine.policy().event(&event.name, params).expect("an event");
                engine.invalidate(&happened, &Facts::default())
            });
            assert_eq!(caused[0], caused[1], "{}", event.name);
        }
    }
}
