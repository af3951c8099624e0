//! No two users share anything (product.md, "Keys, names and isolation").
//!
//! Everything goes through the entry points that the tiers use: a request with a verified principal, and the
//! names of the local stores. `PROPTEST_CASES` sets the number of pairs.

#![cfg(feature = "document")]

mod support;

use std::collections::HashSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use support::{VIDEOMI, cases, engine, get, user};
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{Found, Outcome, Received, Resolved, StoreAction};
use tiercel_core::head::ResponseHead;
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::key::Params;
use tiercel_core::meta::EntryMeta;
use tiercel_core::time::Timestamp;

const ORIGIN: &str = "https://videomi.example";
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const PAIRS: u32 = 20_000;

/// Ids that look like what surrounds an id in a key, a database or a cache name, or like an escaped id.
const ADVERSARIAL: [&str; 40] = [
    "a",
    "b",
    "a_b",
    "a_",
    "_",
    "_a",
    "a:files",
    "a:files:videos",
    "a:stats",
    "a:",
    ":",
    ":a",
    "a/b",
    "/",
    "..",
    ".",
    "%",
    "%3A",
    "a%3Afiles",
    "a%5Fb",
    "%25",
    "*",
    "a*",
    "~",
    "~a",
    "!",
    "a!00ff",
    "cache",
    "videomi",
    "v1",
    "user",
    "files",
    "a b",
    "a+b",
    "a?b=c",
    "a#b",
    "é",
    "e\u{301}",
    "\u{202e}a",
    "A",
];

fn id() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a", "b", "_", ":", "/", "%", "*", "~", "!", ".", "-", "files", "%3A", "é", "\u{301}", " ",
    ]);
    let joined = prop::collection::vec(pieces, 1..6).prop_map(|pieces| pieces.concat());
    // Longer than a key takes as it is: these become digests.
    let long = (190usize..420, "[aé:~]", "[a-c]?").prop_map(|(times, unit, end)| unit.repeat(times) + &end);
    prop_oneof![
        4 => prop::sample::select(ADVERSARIAL.to_vec()).prop_map(str::to_owned),
        3 => joined,
        3 => prop::collection::vec(any::<char>(), 1..10).prop_map(String::from_iter),
        1 => long,
    ]
}

/// Who asks for what.
#[derive(Clone, Debug)]
struct Subject {
    user: String,
    class: &'static str,
    params: Params,
}

/// The classes of the policy that are stored at the edge, with the parameters that tell their entries apart.
const CLASSES: [(&str, bool, &[&str]); 9] = [
    ("user-files", true, &["category"]),
    ("user-stats", true, &[]),
    ("file-info", true, &["category", "fileId"]),
    ("artists", true, &[]),
    ("watch-progress", true, &["fileId"]),
    ("thumbnail", false, &["category", "fileId"]),
    ("media", false, &["category", "fileId"]),
    ("ratings", false, &["fileId"]),
    ("image", false, &["rest"]),
];

fn subject() -> impl Strategy<Value = Subject> {
    (id(), prop::sample::select(CLASSES.to_vec()), id(), id()).prop_map(|(user, (class, _, names), first, second)| {
        let mut params: Params = names.iter().copied().zip([first, second]).collect();
        params.set("userId", Some(&user));
        Subject { user, class, params }
    })
}

impl Subject {
    /// What tells this subject's entry from every other: the class, its parameters, and the user if it is his.
    fn identity(&self) -> (&str, Vec<Option<&str>>) {
        let (_, scoped, names) = CLASSES.iter().find(|(class, ..)| *class == self.class).expect("a known class");
        let mut identity: Vec<Option<&str>> = names.iter().map(|name| self.params.get(name)).collect();
        identity.push(scoped.then_some(self.user.as_str()));
        (self.class, identity)
    }

    fn is_scoped(&self) -> bool {
        CLASSES.iter().any(|(class, scoped, _)| *class == self.class && *scoped)
    }
}

/// How names are made: by the product, or by a mutant that the property must catch.
trait Naming {
    /// The key of the subject's request; `None` when it has none (a path that would be ambiguous).
    fn key(&self, subject: &Subject) -> Option<String>;
    /// Every name under which the subject's entry can be purged.
    fn groups(&self, subject: &Subject) -> Vec<String>;
    fn database(&self, user: &str) -> String;
    fn cache_prefix(&self, user: &str) -> String;
}

struct Product {
    /// The edge stores most classes, the SDK the rest.
    edge: Engine,
    sdk: Engine,
}

static PRODUCT: LazyLock<Product> = LazyLock::new(Product::new);

impl Product {
    fn new() -> Self {
        Self { edge: engine(VIDEOMI, Tier::Edge), sdk: engine(VIDEOMI, Tier::Sdk) }
    }

    fn engine(&self, class: &str) -> &Engine {
        if class == "watch-progress" { &self.sdk } else { &self.edge }
    }
}

impl Naming for Product {
    fn key(&self, subject: &Subject) -> Option<String> {
        let engine = self.engine(subject.class);
        let url = format!("{ORIGIN}{}", engine.locate(subject.class, &subject.params)?);
        match engine.receive(get(&url), user(&subject.user), NOW) {
            Received::Lookup(lookup) if lookup.class().name == subject.class => Some(lookup.key().as_str().to_owned()),
            _ => None,
        }
    }

    fn groups(&self, subject: &Subject) -> Vec<String> {
        let engine = self.engine(subject.class);
        let path = engine.locate(subject.class, &subject.params).expect("a subject with a key has a path");
        let received = engine.receive(get(&format!("{ORIGIN}{path}")), user(&subject.user), NOW);
        let Received::Lookup(lookup) = received else { return Vec::new() };
        let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &TagEpochs::new(), NOW) else { return Vec::new() };
        let answer = Outcome::Response(ResponseHead { status: 200, ..ResponseHead::default() });
        match fetch.conclude(answer, &Facts::default(), &TagEpochs::new(), NOW).store {
            StoreAction::Put(plan) => EntryMeta::of(&plan.head.fields).map(|meta| meta.groups()).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn database(&self, user: &str) -> String {
        self.edge.namespace(Some(user)).database()
    }

    fn cache_prefix(&self, user: &str) -> String {
        self.edge.namespace(Some(user)).cache_prefix()
    }
}

/// The product without escaping: what one writes at first.
struct Unescaped {
    product: &'static Product,
    keys: bool,
}

impl Naming for Unescaped {
    fn key(&self, subject: &Subject) -> Option<String> {
        if !self.keys {
            return self.product.key(subject);
        }
        let value = |name: &str| subject.params.get(name).unwrap_or("*").to_owned();
        let class = self.product.edge.policy().class(subject.class)?;
        let key = class
            .key
            .params()
            .fold(class.key.to_string(), |key, name| key.replace(&format!("{{{name}}}"), &value(name)));
        Some(format!("v1/{key}"))
    }

    fn groups(&self, subject: &Subject) -> Vec<String> {
        if !self.keys {
            return self.product.groups(subject);
        }
        let key = self.key(subject).unwrap_or_default();
        vec![key.trim_start_matches("v1/").to_owned()]
    }

    fn database(&self, user: &str) -> String {
        if self.keys { self.product.database(user) } else { format!("videomi_cache_{user}") }
    }

    fn cache_prefix(&self, user: &str) -> String {
        if self.keys { self.product.cache_prefix(user) } else { format!("videomi_{user}_") }
    }
}

/// ISO-1: two entries share a key only when they are the same entry.
/// ISO-2: of two users, neither's names start with the other's, segment by segment.
/// ISO-3: what can purge one user's entry, and names him, cannot purge another's.
/// ISO-4: databases differ; no cache prefix starts with another; nobody's names are nobody else's.
fn apart(naming: &dyn Naming, a: &Subject, b: &Subject) -> Result<(), TestCaseError> {
    let (key_a, key_b) = (naming.key(a), naming.key(b));
    if let (Some(key_a), Some(key_b)) = (&key_a, &key_b) {
        prop_assert_eq!(key_a == key_b, a.identity() == b.identity(), "ISO-1: {} and {}", key_a, key_b);
    }
    if a.user == b.user {
        return Ok(());
    }
    if let (Some(key_a), Some(key_b)) = (&key_a, &key_b)
        && a.is_scoped()
        && b.is_scoped()
    {
        let prefix = |key: &str| key.split(':').take(2).map(str::to_owned).collect::<Vec<_>>();
        let (prefix_a, prefix_b) = (prefix(key_a), prefix(key_b));
        prop_assert_ne!(&prefix_a, &prefix_b, "ISO-2");
        let groups: HashSet<String> = naming.groups(a).into_iter().collect();
        let own = format!("{}:", prefix_a.join(":").trim_start_matches("v1/"));
        for shared in naming.groups(b).iter().filter(|group| groups.contains(*group)) {
            prop_assert!(!format!("{shared}:").starts_with(&own), "ISO-3: {} purges both", shared);
        }
    }
    prop_assert_ne!(naming.database(&a.user), naming.database(&b.user), "ISO-4");
    let (prefix_a, prefix_b) = (naming.cache_prefix(&a.user), naming.cache_prefix(&b.user));
    prop_assert!(!prefix_a.starts_with(&prefix_b), "ISO-4: {} starts with {}", prefix_a, prefix_b);
    prop_assert!(!prefix_b.starts_with(&prefix_a), "ISO-4: {} starts with {}", prefix_b, prefix_a);
    Ok(())
}

/// Pairs of strangers would seldom collide; half of the pairs have their user, class or parameters in common.
fn pair() -> impl Strategy<Value = (Subject, Subject)> {
    (subject(), subject(), 0..4).prop_map(|(a, mut b, common)| {
        if common == 1 {
            b.user.clone_from(&a.user);
            b.params.set("userId", Some(&a.user));
        }
        if common == 2 {
            (b.class, b.params) = (a.class, a.params.clone());
            b.params.set("userId", Some(&b.user));
        }
        (a, b)
    })
}

#[test]
fn no_two_users_share_a_name() {
    let product = &*PRODUCT;
    let run = TestRunner::new(cases(PAIRS)).run(&pair(), |(a, b)| apart(product, &a, &b));
    assert!(run.is_ok(), "{}", run.expect_err("checked"));
}

#[test]
fn a_join_without_escaping_is_caught() {
    for keys in [true, false] {
        let mutant = Unescaped { product: &PRODUCT, keys };
        // However few cases are asked for, a test that cannot fail must not pass.
        let config = proptest::test_runner::Config { cases: PAIRS, max_shrink_iters: 0, ..cases(PAIRS) };
        let run = TestRunner::new(config).run(&pair(), |(a, b)| apart(&mutant, &a, &b));
        assert!(run.is_err(), "the property let a mutant through (keys: {keys})");
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    /// The property above would hold of a product that keeps nothing: whatever the id, there is a key.
    #[test]
    fn every_user_has_keys(id in id()) {
        let product = &*PRODUCT;
        for class in ["user-stats", "artists"] {
            let subject = Subject { user: id.clone(), class, params: Params::default() };
            prop_assert!(product.key(&subject).is_some(), "{class}");
        }
    }

    /// The path of somebody else is refused before any lookup, whatever the two ids look like.
    #[test]
    fn the_owner_of_a_path_is_the_one_who_asks(owner in id(), asks in id()) {
        let product = &*PRODUCT;
        let params: Params = [("userId", owner.as_str())].into_iter().collect();
        if let Some(path) = product.edge.locate("user-files", &params) {
            let received = product.edge.receive(get(&format!("{ORIGIN}{path}")), user(&asks), NOW);
            match received {
                Received::Lookup(_) => prop_assert_eq!(&owner, &asks),
                Received::Refuse(delivery) => {
                    prop_assert_ne!(&owner, &asks);
                    prop_assert_eq!(delivery.head.status, 403);
                }
                // An id that a path cannot carry unambiguously: past the cache.
                Received::Pass(_) => {}
            }
        }
    }

    /// What the origin is told of the user reads back as that user and no other.
    #[test]
    fn the_origin_hears_who_asks(id in id()) {
        let product = &*PRODUCT;
        let mut request = get("https://videomi.example/api/stats");
        request.fields.append("X-Tiercel-User", "somebody-else");
        let Received::Lookup(lookup) = product.edge.receive(request, user(&id), NOW) else {
            return Err(TestCaseError::fail("every user has a key"));
        };
        let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &TagEpochs::new(), NOW) else {
            return Err(TestCaseError::fail("nothing is stored"));
        };
        let sent = fetch.request().head.fields;
        let told: Vec<&str> = sent.all("x-tiercel-user").collect();
        prop_assert_eq!(told.len(), 1);
        prop_assert!(told[0].is_ascii());
        let heard = percent_encoding::percent_decode_str(told[0]).decode_utf8();
        prop_assert_eq!(heard.as_deref(), Ok(id.as_str()));
    }

    /// Names stay within what stores take: Cloudflare's URLs and tags, IndexedDB's and Cache Storage's names.
    #[test]
    fn names_stay_short_and_plain(subject in subject()) {
        let product = &*PRODUCT;
        if let Some(key) = product.key(&subject) {
            prop_assert!(key.len() <= 1_024, "{} bytes", key.len());
            prop_assert!(key.bytes().all(|b| b.is_ascii_graphic()), "{key}");
        }
        for name in [product.database(&subject.user), product.cache_prefix(&subject.user)] {
            prop_assert!(name.len() <= 512 && name.bytes().all(|b| b.is_ascii_graphic()), "{name}");
        }
    }
}

#[test]
fn nobody_is_not_a_user() {
    let product = &*PRODUCT;
    let nobody = product.edge.namespace(None);
    for id in ADVERSARIAL {
        assert_ne!(nobody.database(), product.database(id), "{id:?}");
        assert!(!product.cache_prefix(id).starts_with(&nobody.cache_prefix()), "{id:?}");
        assert!(!nobody.cache_prefix().starts_with(&product.cache_prefix(id)), "{id:?}");
    }
}
