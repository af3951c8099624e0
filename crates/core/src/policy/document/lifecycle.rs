//! What a Service Worker has to know while it is installed and activated, and before its wasm is started: which caches
//! are whose, what stands in where nothing is stored, and which requests need not start it at all.

use super::coverage::{expression, stores};
use crate::field::cache_control::CacheControl;
use crate::field::cache_status::{CacheStatus, Forward};
use crate::key::Namespace;
use crate::policy::route::{PathSegment, Pattern};
use crate::policy::{LeadsTo, Policy, Route};
use crate::tier::Tier;
use crate::time::DeltaSeconds;

/// Rules that a browser takes: Chromium refuses 256 and more.
const MOST_RULES: usize = 255;

/// What the build writes into a Service Worker beside its wasm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// The cache of the files that the app consists of.
    pub precache: String,
    /// The cache that every first request reads: it is opened while the wasm starts.
    pub identity: String,
    /// The caches that are Tiercel's under this policy's name, whatever their version, as a regular expression
    /// (ECMAScript) over the whole name.
    pub ours: String,
    /// Those of them that this version goes on with.
    pub current: String,
    /// What classes show where neither the network nor the store has an answer, and is no file of the app: paths.
    pub fallbacks: Vec<String>,
    /// The file of the app that stands in, offline, for a navigation.
    pub shell: Option<String>,
    /// The paths that the shell never stands in for, as a regular expression.
    pub named: Option<String>,
    /// Whether the browser shall ask for the page of a navigation while the worker starts.
    pub preload: bool,
    /// `Cache-Status` of what is answered from [`Self::precache`].
    pub status: String,
    /// `Cache-Status` of the shell where it stands in.
    pub shown: String,
    /// What the browser does with a request by itself; the first rule that fits counts.
    pub rules: Vec<Rule>,
}

/// A rule of the browser's router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Who answers.
    pub source: Source,
    /// The path, as a `URLPattern` of this web origin has it; `None` is any URL of any origin.
    pub pathname: Option<String>,
    /// A further condition: its name and value as `RouterCondition` has them.
    pub condition: Option<(&'static str, String)>,
}

/// Who answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The network.
    Network,
    /// The Service Worker.
    Worker,
    /// The cache of the app's files; only without a query.
    Precache,
}

/// What a Service Worker has to know that goes by `policy` and keeps `files` (paths as URLs have them, percent-encoded),
/// the app of this `revision` (hexadecimal).
#[must_use]
pub fn lifecycle(policy: &Policy, files: &[String], revision: &str) -> Lifecycle {
    let namespace = Namespace::new(&policy.name, None);
    let (ours, current) = namespace.outdated(policy.version, revision);
    let devices = policy.classes.iter().filter(|class| Tier::ServiceWorker.lifetimes(class).is_some());
    let mut fallbacks: Vec<String> = devices.filter_map(|class| class.device.as_ref()?.fallback.clone()).collect();
    fallbacks.sort();
    fallbacks.dedup();
    fallbacks.retain(|path| !files.contains(path));
    let shell = policy.shell.clone().filter(|shell| files.contains(shell));
    let name = Tier::ServiceWorker.cache_name();
    let status = CacheStatus { hit: true, ..CacheStatus::default() }.because("precache");
    let shown = CacheStatus::forward(Forward::UriMiss).because("app-shell");
    Lifecycle {
        precache: namespace.precache(revision),
        identity: namespace.identity(),
        ours,
        current,
        fallbacks,
        named: shell.as_ref().map(|_| named(policy)),
        preload: preload(policy, shell.is_some()),
        status: status.member(name),
        shown: shown.member(name),
        rules: rules(policy, files, shell.is_some()),
        shell,
    }
}

/// The paths of everything that is no page of the app: a class that the worker does not answer, and every event.
fn named(policy: &Policy) -> String {
    let routes = policy.routes.iter().filter(|route| !stores(policy, route.leads_to));
    let mut paths: Vec<String> = routes.map(|route| expression(&route.pattern)).collect();
    paths.sort();
    paths.dedup();
    // Nothing at all fits an expression that ends before it begins.
    if paths.is_empty() { "$^".to_owned() } else { paths.join("|") }
}

/// An answer that the browser asks for ahead may come out of its own HTTP cache. So it does that where every page comes
/// from the network first, and browsers keep none for any time.
fn preload(policy: &Policy, has_shell: bool) -> bool {
    let mut first = policy.classes.iter().filter(|class| {
        Tier::ServiceWorker.lifetimes(class).is_some_and(|lifetimes| lifetimes.ttl == DeltaSeconds::ZERO)
    });
    let asks_each_time = |browser: &str| {
        let said = CacheControl::parse(browser);
        said.no_cache || said.no_store || said.max_age == Some(DeltaSeconds::ZERO)
    };
    let is_exact = |browser: &Option<String>| browser.as_deref().is_some_and(asks_each_time);
    let (is_any, are_all) = (first.clone().next().is_some(), first.all(|class| is_exact(&class.browser)));
    (is_any || has_shell) && are_all
}

fn rules(policy: &Policy, files: &[String], has_shell: bool) -> Vec<Rule> {
    let worker =
        |name, value: &str| Rule { source: Source::Worker, pathname: None, condition: Some((name, value.to_owned())) };
    let mut rules = Vec::new();
    if !files.is_empty() {
        // They ask for ranges, which only the worker cuts.
        rules.extend(["audio", "video"].map(|kind| worker("requestDestination", kind)));
        rules.extend(files.iter().map(|path| Rule {
            source: Source::Precache,
            pathname: Some(escaped(path)),
            condition: Some(("requestMethod", "GET".to_owned())),
        }));
    }
    let on = |pattern: &Pattern, source, method: Option<String>| Rule {
        source,
        pathname: Some(url_pattern(pattern)),
        condition: method.map(|method| ("requestMethod", method)),
    };
    let events = policy.routes.iter().filter(|route| matches!(route.leads_to, LeadsTo::Event(_)));
    rules.extend(events.map(|route| on(&route.pattern, Source::Worker, route.method.clone())));
    let router = policy.class_router();
    let classes: Vec<&Route> = router.tried("GET").filter_map(|index| policy.routes.get(index)).collect();
    for (at, route) in classes.iter().enumerate() {
        let is_stored = |route: &Route| stores(policy, route.leads_to);
        let get = Some("GET".to_owned());
        if is_stored(route) {
            rules.push(on(&route.pattern, Source::Worker, get));
        } else if classes[at..].iter().any(|later| is_stored(later) && later.pattern.meets(&route.pattern)) {
            rules.push(on(&route.pattern, Source::Network, get));
        }
    }
    if has_shell {
        rules.push(worker("requestMode", "navigate"));
    }
    rules.push(Rule { source: Source::Network, pathname: None, condition: None });
    if rules.len() > MOST_RULES {
        // The worker answers what no rule is for, as it does in browsers without them: of the files, the first ones are
        // answered without it, and whatever comes after them starts it.
        rules.truncate(if files.is_empty() { 0 } else { MOST_RULES.min(2 + files.len()) });
    }
    rules
}

/// As a `URLPattern` writes a path: its own signs escaped.
fn escaped(text: &str) -> String {
    let escape = |letter: char| if "+*?:{}()\\".contains(letter) { vec!['\\', letter] } else { vec![letter] };
    text.chars().flat_map(escape).collect()
}

fn url_pattern(pattern: &Pattern) -> String {
    let segments = pattern.0.iter().enumerate().map(|(at, segment)| match segment {
        PathSegment::Literal(text) => escaped(text),
        PathSegment::Param(_) => format!(":p{at}"),
        PathSegment::Rest => "*".to_owned(),
    });
    segments.fold(String::new(), |path, segment| path + "/" + &segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::document::read;
    use regex_lite::Regex;

    fn videomi() -> Policy {
        read(include_str!("../../../../../policies/videomi.json")).policy.expect("a policy")
    }

    fn files(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    /// A rule in one line.
    fn line(rule: &Rule) -> String {
        let pathname = rule.pathname.as_deref().unwrap_or("any");
        let condition = rule.condition.as_ref().map(|(name, value)| format!(" {name}={value}"));
        format!("{:?} {pathname}{}", rule.source, condition.unwrap_or_default())
    }

    #[test]
    fn the_browser_is_told_who_answers() {
        let text = r#"{ "name": "shop", "version": 1, "app": { "shell": "/index.html" }, "classes": {
            "photo": { "match": "GET /photos/:shop/:id", "scope": "public", "key": "photo:{shop}:{id}", "browser": "no-cache",
                "edge": "never", "device": { "store": "cache-storage", "ttl": "1h" } },
            "list": { "match": "GET /photos/:shop/all", "scope": "public", "edge": "never", "device": "never" },
            "api": { "match": "* /api/*", "scope": "public", "edge": "never", "device": "never" } },
            "events": { "new": { "trigger": ["POST /photos/:shop", "* /hooks/*"] } } }"#;
        let policy = read(text).policy.expect("a policy");
        let told = |files: &[String]| lifecycle(&policy, files, "0a").rules.iter().map(line).collect::<Vec<_>>();
        assert_eq!(
            told(&files(&["/", "/index.html", "/a(1).js"])),
            [
                "Worker any requestDestination=audio",
                "Worker any requestDestination=video",
                "Precache / requestMethod=GET",
                "Precache /index.html requestMethod=GET",
                "Precache /a\\(1\\).js requestMethod=GET",
                "Worker /photos/:p1 requestMethod=POST",
                "Worker /hooks/*",
                "Network /photos/:p1/all requestMethod=GET",
                "Worker /photos/:p1/:p2 requestMethod=GET",
                "Worker any requestMode=navigate",
                "Network any",
            ]
        );
        let many: Vec<String> = (0..300).map(|number| format!("/{number}.js")).collect();
        let told = told(&many);
        assert_eq!((told.len(), &*told[254]), (255, "Precache /252.js requestMethod=GET"));
    }

    #[test]
    fn the_shell_stands_in_for_pages_alone() {
        let policy = videomi();
        assert_eq!(lifecycle(&policy, &files(&["/app.js"]), "0a").shell, None, "it is no file of the app");
        let known = lifecycle(&policy, &files(&["/index.html"]), "0a");
        assert_eq!(known.shell.as_deref(), Some("/index.html"));
        let named = Regex::new(&known.named.expect("an expression")).expect("an expression");
        for (path, is_page) in [
            ("/library/videos", true),
            ("/api", true),
            ("/apis/stats", true),
            ("/api/stats", false),
            ("/api/billing/x/y", false),
            ("/api/upload", false),
            ("/api/ratings/7", false),
        ] {
            assert_eq!(!named.is_match(path), is_page, "{path}");
        }
    }

    #[test]
    fn pages_are_asked_for_ahead_where_browsers_keep_none() {
        for (browser, ttl, shell, expected) in [
            ("no-cache", "0s", false, true),
            ("public, max-age=0", "0s", false, true),
            ("max-age=60", "0s", false, false),
            ("no-cache", "1h", false, false),
            ("max-age=60", "1h", true, true),
            ("max-age=60", "0s", true, false),
        ] {
            let app = if shell { r#""app": { "shell": "/index.html" },"# } else { "" };
            let policy = read(&format!(
                r#"{{ "name": "shop", "version": 1, {app} "classes": {{ "page": {{ "match": "GET /", "scope": "public",
                "key": "page:{{path}}", "browser": "{browser}", "edge": "never",
                "device": {{ "store": "cache-storage", "ttl": "{ttl}", "fallback": "/off.html" }} }} }} }}"#
            ));
            let known = lifecycle(&policy.policy.expect("a policy"), &files(&["/index.html"]), "0a");
            assert_eq!(known.preload, expected, "{browser} {ttl} {shell}");
            assert_eq!(known.fallbacks, ["/off.html"]);
        }
    }
}
