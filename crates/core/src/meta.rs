//! What the cache remembers of an entry, beside the response itself.
//!
//! It travels with the stored response in one private field, in a versioned form of its own: a change of the
//! types here cannot misread what an older release stored.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::field::Fields;
use crate::key::CacheKey;
use crate::slice::Slicing;
use crate::sorted;
use crate::text;
use crate::time::{DeltaSeconds, Timestamp};

/// The private field of a stored response. Stripped on delivery.
pub const META: &str = "x-tiercel-meta";
/// Prefix of fields that the runtime's store would act on; they are set aside under it while stored.
pub(crate) const ASIDE: &str = "x-tiercel-aside-";
/// First word of the stored form. A different one is an entry of another release: a miss.
const FORM: &str = "t3";

const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b';').add(b'=').add(b',').add(b'%').add(b'"');

/// What the cache remembers of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryMeta {
    /// The key it was stored under, so that an entry found under another is not believed.
    pub key: String,
    /// When the request that fetched it began. Purges are compared with this.
    pub requested: Timestamp,
    /// When its head arrived. Ages count from this.
    pub received: Timestamp,
    /// The corrected age that it had on arrival (RFC 9111 §4.2.3), seconds.
    pub initial_age: DeltaSeconds,
    /// Its tags, beside those that its key implies.
    pub tags: Vec<String>,
    /// On a marker: the fields that select the variant (RFC 9111 §4.1). A marker has no body of use.
    pub vary: Vec<String>,
    /// On the head of a body in slices: how it is cut. The slices stand under keys of their own.
    pub slices: Option<Slicing>,
    /// On a list that pages are cut from: what is known of it.
    pub list: Option<Listed>,
}

/// What is known of a stored list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Nothing but that it is one.
    Good,
    /// The origin failed as the policy expects it might: with which of the policy's failures, and until when it is not asked
    /// again.
    Failing(usize, Timestamp),
}

impl EntryMeta {
    /// How the body is cut, in a tier that keeps slices.
    #[must_use]
    pub const fn slicing(&self) -> Option<Slicing> {
        if cfg!(feature = "client-fields") { self.slices } else { None }
    }

    /// The stored form.
    #[must_use]
    pub fn encode(&self) -> String {
        let slices = self.slices.map(|s| text![s.length(), "/", s.complete()]).unwrap_or_default();
        let listed = match self.list {
            None => String::new(),
            Some(Listed::Good) => "-".into(),
            Some(Listed::Failing(failure, until)) => text![failure as u64, "/", until.as_millis()],
        };
        text![
            FORM,
            ";key=",
            esc(&self.key),
            ";req=",
            self.requested.as_millis(),
            ";rec=",
            self.received.as_millis(),
            ";age=",
            self.initial_age.get(),
            ";tags=",
            list(&self.tags),
            ";vary=",
            list(&self.vary),
            ";slices=",
            slices,
            ";list=",
            listed,
        ]
    }

    /// Reads the stored form; `None` for anything else, which is then no entry at all.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        if parts.next()? != FORM {
            return None;
        }
        let mut value = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
        let meta = Self {
            key: unesc(value("key")?)?,
            requested: Timestamp::from_millis(value("req")?.parse().ok()?),
            received: Timestamp::from_millis(value("rec")?.parse().ok()?),
            initial_age: DeltaSeconds::parse(value("age")?)?,
            tags: unlist(value("tags")?)?,
            vary: unlist(value("vary")?)?,
            slices: match value("slices")? {
                "" => None,
                cut => {
                    let (length, complete) = cut.split_once('/')?;
                    Some(Slicing::new(length.parse().ok()?, complete.parse().ok()?)?)
                }
            },
            list: match value("list")? {
                "" => None,
                "-" => Some(Listed::Good),
                failing => {
                    let (failure, until) = failing.split_once('/')?;
                    Some(Listed::Failing(failure.parse().ok()?, Timestamp::from_millis(until.parse().ok()?)))
                }
            },
        };
        parts.next().is_none().then_some(meta)
    }

    /// The meta of a stored response.
    #[must_use]
    pub fn of(stored: &Fields) -> Option<Self> {
        Self::decode(stored.get(META)?)
    }

    /// Every name under which the entry can be purged: its tags, its key, and each prefix of the key that
    /// holds at least two segments (`user:abc123:files:videos`, `user:abc123:files`, `user:abc123`).
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        groups(CacheKey::stored(self).name(), self.tags.clone())
    }
}

/// What [`EntryMeta::groups`] gives, from the key's name and the tags.
pub(crate) fn groups(name: &str, tags: Vec<String>) -> Vec<String> {
    let mut groups = tags;
    groups.push(name.to_owned());
    let ends = name.match_indices(':').map(|(at, _)| at).skip(1);
    groups.extend(ends.map(|end| text::upto(name, end).to_owned()));
    sorted::set(groups)
}

fn esc(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).collect()
}

fn unesc(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    bytes.extend(percent_decode_str(text));
    String::from_utf8(bytes).ok()
}

/// Several texts as one, without a space.
pub(crate) fn list(items: &[String]) -> String {
    items.iter().map(|i| esc(i)).collect::<Vec<_>>().join(",")
}

/// What [`list`] wrote.
pub(crate) fn unlist(text: &str) -> Option<Vec<String>> {
    text.split(',').filter(|i| !i.is_empty()).map(unesc).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> EntryMeta {
        EntryMeta {
            key: "v1/user:a%3Ab:files:videos!00ff".into(),
            requested: Timestamp::from_millis(1),
            received: Timestamp::from_millis(2),
            initial_age: DeltaSeconds::new(3),
            tags: vec!["category:videos".into(), "odd, tag;=\"é\"".into()],
            vary: vec!["accept".into()],
            slices: Slicing::new(10, 25),
            list: Some(Listed::Failing(1, Timestamp::from_millis(4))),
        }
    }

    #[test]
    fn the_stored_form_reads_back() {
        for list in [None, Some(Listed::Good), meta().list] {
            let meta = EntryMeta { list, ..meta() };
            assert_eq!(EntryMeta::decode(&meta.encode()), Some(meta));
        }
        assert!(meta().encode().is_ascii());
    }

    #[test]
    fn what_is_not_ours_is_nothing() {
        let good = meta().encode();
        for broken in [
            "",
            "t1",
            "t0;key=a",
            &good[..good.len() - 12],
            &format!("{good};x=1"),
            &good.replace("req=1", "req=-1"),
            &good.replace("10/25", "0/25"),
            &good.replace("list=1/4", "list=1"),
            &good.replace("list=1/4", "list=/4"),
        ] {
            assert_eq!(EntryMeta::decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_key_implies_its_prefixes() {
        let groups = meta().groups();
        for name in ["user:a%3Ab:files:videos", "user:a%3Ab:files", "user:a%3Ab", "category:videos"] {
            assert!(groups.iter().any(|g| g == name), "{name} in {groups:?}");
        }
        assert!(!groups.iter().any(|g| g == "user"), "one segment names everybody");
    }
}
