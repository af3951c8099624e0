//! How names are made, by the product and by mutants of it, and when the names of two subjects are apart.

use std::sync::LazyLock;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{Found, Outcome, Received, Resolved, StoreAction};
use tiercel_core::head::ResponseHead;
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::key::{Segment, Template, escape};
use tiercel_core::meta::EntryMeta;
use tiercel_core::time::Timestamp;

use super::subjects::Subject;
use super::support::{VIDEOMI, engine, get, user};

pub(crate) const ORIGIN: &str = "https://videomi.example";
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
/// The version in the names of caches.
const VERSION: u32 = 1;

/// How names are made: by the product, or by a mutant that the property must catch.
pub(crate) trait Naming: Sync {
    /// The key of the subject's request and every name under which its entry can be purged; `None` when it has none (a
    /// path that would be ambiguous).
    fn entry(&self, subject: &Subject) -> Option<(String, Vec<String>)>;
    fn database(&self, user: &str) -> String;
    fn cache_prefix(&self, user: &str) -> String;
    fn cache(&self, subject: &Subject) -> String;

    fn names(&self, subject: &Subject) -> Names {
        Names {
            entry: self.entry(subject).map(|(key, groups)| Entry { own: own(subject, &key), key, groups }),
            database: self.database(&subject.user),
            cache_prefix: self.cache_prefix(&subject.user),
            cache: self.cache(subject),
        }
    }
}

/// All that is named after a subject.
pub(crate) struct Names {
    pub(crate) entry: Option<Entry>,
    database: String,
    cache_prefix: String,
    cache: String,
}

pub(crate) struct Entry {
    pub(crate) key: String,
    /// What the names of its user's entries start with: the first two segments, and a colon. `None` for what is public.
    own: Option<String>,
    groups: Vec<String>,
}

fn own(subject: &Subject, key: &str) -> Option<String> {
    let name = key.trim_start_matches("v1/");
    subject.is_scoped().then(|| name.split(':').take(2).flat_map(|part| [part, ":"]).collect())
}

pub(crate) struct Product {
    /// The edge stores most classes, the SDK the rest.
    pub(crate) edge: Engine,
    sdk: Engine,
}

pub(crate) static PRODUCT: LazyLock<Product> =
    LazyLock::new(|| Product { edge: engine(VIDEOMI, Tier::Edge), sdk: engine(VIDEOMI, Tier::Sdk) });

impl Product {
    fn engine(&self, class: &str) -> &Engine {
        if class == "watch-progress" { &self.sdk } else { &self.edge }
    }

    pub(crate) fn key(&self, subject: &Subject) -> Option<String> {
        self.entry(subject).map(|(key, _)| key)
    }
}

impl Naming for Product {
    fn entry(&self, subject: &Subject) -> Option<(String, Vec<String>)> {
        let engine = self.engine(subject.class);
        let url = format!("{ORIGIN}{}", engine.locate(subject.class, &subject.params)?);
        let Received::Lookup(lookup) = engine.receive(get(&url), user(&subject.user), NOW) else { return None };
        if lookup.class().name != subject.class {
            return None;
        }
        let key = lookup.key().as_str().to_owned();
        let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &TagEpochs::new(), NOW) else { return None };
        let answer = Outcome::Response(ResponseHead { status: 200, ..ResponseHead::default() });
        let groups = match fetch.conclude(answer, &Facts::default(), &TagEpochs::new(), NOW).store {
            StoreAction::Put(plan) => EntryMeta::of(&plan.head.fields).map(|meta| meta.groups()),
            _ => None,
        };
        Some((key, groups.expect("what is found nowhere and came well is stored")))
    }

    fn database(&self, user: &str) -> String {
        self.edge.namespace(Some(user)).database()
    }

    fn cache_prefix(&self, user: &str) -> String {
        self.edge.namespace(Some(user)).cache_prefix()
    }

    fn cache(&self, subject: &Subject) -> String {
        self.edge.namespace(Some(&subject.user)).cache(subject.class, VERSION)
    }
}

/// The product with another way to write a value into a name.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    write: fn(&str) -> String,
    /// Whether it is wrong in keys and tags, or in the names of databases and caches.
    pub(crate) keys: bool,
}

/// A name, and how it writes a value into a name.
type Writer = (&'static str, fn(&str) -> String);

/// The name of the one that is none, and must not be caught.
pub(crate) const CONTROL: &str = "the right escaping";

/// What one writes at first, at second and at third.
const WRITERS: [Writer; 11] = [
    (CONTROL, escape),
    ("no escaping", str::to_owned),
    ("escaping that forgets the colon", |value| escaped(value).replace("%3A", ":")),
    ("escaping that forgets the underscore", |value| escaped(value).replace("%5F", "_")),
    ("escaping that forgets the percent sign", |value| escaped(value).replace("%25", "%")),
    ("long values cut without a digest", |value| escaped(value).chars().take(200).collect()),
    ("case folded", |value| escaped(&value.to_lowercase())),
    ("Unicode normalised", |value| escaped(&value.replace("e\u{301}", "é"))),
    ("decoded once more", |value| escaped(&percent_decode_str(value).decode_utf8_lossy())),
    ("blanks trimmed", |value| escaped(value.trim())),
    ("all but ASCII replaced", |value| escaped(&value.replace(|c: char| !c.is_ascii(), "?"))),
];

fn escaped(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// Every mutant that can be told from the product: a colon parts keys and no names of caches, an underscore the other
/// way round.
pub(crate) fn mutants() -> impl Iterator<Item = Mutant> {
    let differs = |name: &str, keys: bool| match name {
        "escaping that forgets the colon" => keys,
        "escaping that forgets the underscore" => !keys,
        _ => true,
    };
    let both = WRITERS.into_iter().flat_map(|writer| [(writer, true), (writer, false)]);
    both.filter(move |((name, _), keys)| differs(name, *keys)).map(|((name, write), keys)| Mutant { name, write, keys })
}

impl Mutant {
    fn render(&self, name: &Template, subject: &Subject) -> Option<String> {
        let part = |segment: &Segment| match segment {
            Segment::Literal(text) => Some(text.clone()),
            Segment::Param(name) => subject.params.get(name).map(self.write),
        };
        Some(name.segments().iter().map(part).collect::<Option<Vec<_>>>()?.join(":"))
    }
}

impl Naming for Mutant {
    fn entry(&self, subject: &Subject) -> Option<(String, Vec<String>)> {
        // The product must not refuse it: the mutant is only another way to write what it takes.
        let (key, groups) = PRODUCT.entry(subject)?;
        let class = PRODUCT.edge.policy().class(subject.class)?;
        // `{path}` and `{query}` are no parameters of a subject.
        let Some(name) = self.render(&class.key, subject).filter(|_| self.keys) else { return Some((key, groups)) };
        let parts: Vec<&str> = name.split(':').collect();
        let prefixes = (2..=parts.len()).map(|length| parts[..length].join(":"));
        let tags = class.tags.iter().filter_map(|tag| self.render(tag, subject));
        let groups = prefixes.chain(tags).collect();
        Some((format!("v1/{name}"), groups))
    }

    fn database(&self, user: &str) -> String {
        if self.keys { PRODUCT.database(user) } else { format!("videomi_cache_{}", (self.write)(user)) }
    }

    fn cache_prefix(&self, user: &str) -> String {
        if self.keys { PRODUCT.cache_prefix(user) } else { format!("videomi_{}_", (self.write)(user)) }
    }

    fn cache(&self, subject: &Subject) -> String {
        if self.keys {
            return PRODUCT.cache(subject);
        }
        format!("{}{}_v{VERSION}", self.cache_prefix(&subject.user), escaped(subject.class))
    }
}

/// ISO-1: two entries share a key only when they are the same entry.
/// ISO-2: of two users, neither's names start with the other's, segment by segment.
/// ISO-3: no name that can purge something of another's, or of nobody's, names a user.
/// ISO-4: databases and caches differ; no cache prefix starts with another; nobody's names are nobody else's.
pub(crate) fn apart(a: &Subject, names_a: &Names, b: &Subject, names_b: &Names) -> Result<(), TestCaseError> {
    let entries = names_a.entry.as_ref().zip(names_b.entry.as_ref());
    if let Some((entry_a, entry_b)) = entries {
        let (key_a, key_b) = (&entry_a.key, &entry_b.key);
        prop_assert_eq!(key_a == key_b, a.identity() == b.identity(), "ISO-1: {} and {}", key_a, key_b);
    }
    if a.user == b.user {
        return Ok(());
    }
    if let Some((entry_a, entry_b)) = entries {
        keeps_off(entry_a, entry_b)?;
        keeps_off(entry_b, entry_a)?;
    }
    prop_assert_ne!(&names_a.database, &names_b.database, "ISO-4");
    prop_assert_ne!(&names_a.cache, &names_b.cache, "ISO-4");
    let (prefix_a, prefix_b) = (&names_a.cache_prefix, &names_b.cache_prefix);
    prop_assert!(!prefix_a.starts_with(prefix_b), "ISO-4: {} starts with {}", prefix_a, prefix_b);
    prop_assert!(!prefix_b.starts_with(prefix_a), "ISO-4: {} starts with {}", prefix_b, prefix_a);
    Ok(())
}

/// ISO-2 and ISO-3 for one user's entry and what is another's, or nobody's.
fn keeps_off(owned: &Entry, other: &Entry) -> Result<(), TestCaseError> {
    let Some(own) = &owned.own else { return Ok(()) };
    prop_assert_ne!(owned.own.as_ref(), other.own.as_ref(), "ISO-2: {} and {}", owned.key, other.key);
    for group in &other.groups {
        // `user:a` names a, as `user:a:files` does.
        let names_him = group.starts_with(own) || group.as_str() == own.trim_end_matches(':');
        prop_assert!(!names_him, "ISO-3: {} purges {} and {}", group, owned.key, other.key);
    }
    Ok(())
}
