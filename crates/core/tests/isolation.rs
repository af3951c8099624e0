//! No two users share anything (product.md, "Keys, names and isolation").
//!
//! Everything goes through the entry points that the tiers use: a request with a verified principal, and the
//! names of the local stores. `PROPTEST_CASES` sets the number of pairs that proptest makes and would shrink;
//! `TIERCEL_PAIRS` and `TIERCEL_SEED` those of the million.

#![cfg(feature = "document")]

#[path = "isolation/naming.rs"]
mod naming;
#[path = "isolation/subjects.rs"]
mod subjects;
mod support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use naming::{CONTROL, NOW, Names, Naming, ORIGIN, PRODUCT, apart, mutants};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use subjects::{ADVERSARIAL, Families, Subject, id, pair, subject};
use support::{cases, get, user};
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{Found, Received, Resolved};
use tiercel_core::invalidation::TagEpochs;
use tiercel_core::key::Params;
use tiercel_core::policy::Query;

const PROPTEST_PAIRS: u32 = 20_000;
/// On wasm32 the same code runs slowly, and in one thread.
const MILLION: u64 = if cfg!(target_family = "wasm") { 50_000 } else { 1_000_000 };
const SEED: u64 = 1;
/// Each mutant is caught within so many families, or the property is too weak.
const CAUGHT_WITHIN: u64 = 1_000;

fn are_apart(naming: &dyn Naming, a: &Subject, b: &Subject) -> Result<(), TestCaseError> {
    apart(a, &naming.names(a), b, &naming.names(b))
}

/// Compares each of a family with each, and says how many of the pairs have two keys.
fn judge(naming: &dyn Naming, family: &[Subject]) -> Result<u64, TestCaseError> {
    let names: Vec<Names> = family.iter().map(|subject| naming.names(subject)).collect();
    let mut keyed = 0;
    for (at, (a, names_a)) in family.iter().zip(&names).enumerate() {
        for (b, names_b) in family.iter().zip(&names).skip(at + 1) {
            apart(a, names_a, b, names_b).map_err(|why| TestCaseError::fail(format!("{why}: {a:?} and {b:?}")))?;
            keyed += u64::from(names_a.entry.is_some() && names_b.entry.is_some());
        }
    }
    Ok(keyed)
}

#[test]
fn no_two_users_share_a_name() {
    let product = &*PRODUCT;
    let run = TestRunner::new(cases(PROPTEST_PAIRS)).run(&pair(), |(a, b)| are_apart(product, &a, &b));
    assert!(run.is_ok(), "{}", run.expect_err("checked"));
}

#[test]
fn no_two_users_share_a_name_in_a_million_pairs() {
    let asked = |name: &str, usual: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (wanted, seed) = (asked("TIERCEL_PAIRS", MILLION), asked("TIERCEL_SEED", SEED));
    let families = wanted.div_ceil(subjects::PAIRS);
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let keyed = AtomicU64::new(0);
    let compare = |part: u64| {
        let mut generator = Families(seed.wrapping_add(part << 48));
        for _ in (part..families).step_by(threads as usize) {
            match judge(&*PRODUCT, &generator.next()) {
                Ok(pairs) => keyed.fetch_add(pairs, Ordering::Relaxed),
                Err(why) => panic!("TIERCEL_SEED={seed}, {threads} threads: {why}"),
            };
        }
    };
    if threads == 1 {
        compare(0);
    } else {
        let compare = &compare;
        thread::scope(|scope| (0..threads).for_each(|part| drop(scope.spawn(move || compare(part)))));
    }
    let (pairs, keyed) = (families * subjects::PAIRS, keyed.into_inner());
    say(&format!("isolation: {pairs} pairs of (user, class, parameters) compared, {keyed} with two keys; seed {seed}"));
    assert!(keyed > pairs / 2, "most pairs have no keys to compare: {keyed} of {pairs}");
}

#[test]
fn mutants_are_caught() {
    let mut report = Vec::new();
    for mutant in mutants() {
        let mut generator = Families(SEED);
        let caught = (1..=CAUGHT_WITHIN).find(|_| judge(&mutant, &generator.next()).is_err());
        let place = if mutant.keys { "keys" } else { "databases and caches" };
        if mutant.name == CONTROL {
            assert_eq!(caught, None, "what is caught is not the mutation: {place}");
            continue;
        }
        let caught = caught.unwrap_or_else(|| panic!("a mutant goes unseen: {} in {place}", mutant.name));
        report.push(format!("{} in {place}: {caught}", mutant.name));
    }
    say(&format!("isolation: {} mutants caught, each by this family: {}", report.len(), report.join("; ")));
}

#[test]
fn proptest_catches_a_join_without_escaping() {
    for mutant in mutants().filter(|mutant| mutant.name == "no escaping") {
        // However few cases are asked for, a test that cannot fail must not pass.
        let usual = cases(PROPTEST_PAIRS);
        let config = proptest::test_runner::Config { cases: PROPTEST_PAIRS, max_shrink_iters: 0, ..usual };
        let run = TestRunner::new(config).run(&pair(), |(a, b)| are_apart(&mutant, &a, &b));
        assert!(run.is_err(), "the property let a mutant through (keys: {})", mutant.keys);
    }
}

/// The test runner keeps to itself what `println!` says in a test that passes.
fn say(line: &str) {
    use std::io::Write;
    // A closed stderr is no failure of the property.
    let _ = writeln!(std::io::stderr(), "{line}");
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

/// Whatever a policy lists, and the checker refuses to: the parameter that is the user is who was verified.
#[test]
fn a_query_names_no_user() {
    let text = r#"{ "name": "shop", "version": 1, "identity": { "cookie": "session", "algorithm": "HS256" }, "classes": { "orders": {
        "match": ["GET /orders", "GET /orders/:userId"], "scope": "user", "key": "user:{userId}:orders",
        "browser": "private, no-cache", "edge": { "ttl": "5m" }, "device": "never" } } }"#;
    let mut policy = support::policy(text);
    policy.classes[0].query = Query::Listed(vec!["userId".into()]);
    let edge = Engine::new(policy, Tier::Edge);
    for path in ["/orders", "/orders?userId=bob", "/orders?userId=", "/orders/alice", "/orders/alice?userId=bob"] {
        let received = edge.receive(get(&format!("{ORIGIN}{path}")), user("alice"), NOW);
        let Received::Lookup(lookup) = received else { panic!("{path}: {received:?}") };
        assert_eq!(lookup.key().as_str(), "v1/user:alice:orders", "{path}");
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
