//! Domain events, what they invalidate, and the epochs that make purges true.

use crate::consistency::Writes;
use crate::key::{Params, Template};
use crate::meta::EntryMeta;
use crate::time::Timestamp;

/// What a purge does to an entry (as Fastly and Varnish use the words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purge {
    /// The entry is stale: kept, and served when the origin fails.
    Soft,
    /// The entry is gone.
    Hard,
}

/// When a name was last purged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The moment of the purge.
    pub at: Timestamp,
    /// Its kind.
    pub purge: Purge,
}

/// The last purges of the names that concern a request. An input: the tier reads them, the core compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagEpochs {
    known: Vec<(String, Epoch)>,
    unreadable: bool,
}

impl TagEpochs {
    /// No purges known.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: Vec::new(), unreadable: false }
    }

    /// The purges could not be read. What belongs to a user is then not served from the store, what is public only when
    /// the origin confirms it, or fails.
    #[must_use]
    pub const fn unreadable() -> Self {
        Self { known: Vec::new(), unreadable: true }
    }

    /// The same, while there may be more that could not be read.
    pub(crate) const fn mark_unreadable(&mut self) {
        self.unreadable = true;
    }

    /// Whether they could not be read.
    #[must_use]
    pub const fn are_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Records a purge. A soft one never undoes a hard one, and an earlier one never a later one.
    pub fn record(&mut self, name: &str, epoch: Epoch) {
        self.known.retain(|(n, old)| n != name || old.at > epoch.at || old.purge > epoch.purge);
        self.known.push((name.to_owned(), epoch));
    }

    /// Every recorded purge.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Epoch)> {
        self.known.iter().map(|(n, e)| (n.as_str(), *e))
    }

    /// Forgets purges before `horizon`: a tier that holds no request as old as that needs them no longer.
    pub fn forget_before(&mut self, horizon: Timestamp) {
        self.known.retain(|(_, e)| e.at >= horizon);
    }

    /// The strongest purge that hit an entry: one of its names was purged at or after the moment that its
    /// request began. Equal moments count, because a clock of milliseconds cannot tell which came first.
    #[must_use]
    pub fn purged(&self, entry: &EntryMeta) -> Option<Purge> {
        if self.known.is_empty() {
            return None;
        }
        self.hit(&entry.groups(), entry.requested)
    }

    /// [`Self::purged`] for an entry whose groups are at hand.
    pub(crate) fn hit(&self, groups: &[String], requested: Timestamp) -> Option<Purge> {
        let hits = self.known.iter().filter(|(name, epoch)| epoch.at >= requested && groups.contains(name));
        hits.map(|(_, epoch)| epoch.purge).max()
    }
}

/// An event of the policy that happened, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainEvent {
    /// Index of the event in the policy.
    pub(crate) index: usize,
    /// The event's name in the policy.
    pub name: String,
    /// What is known: path parameters, listed query parameters, facts, `userId`.
    pub params: Params,
}

/// What an event invalidates in one tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalidation {
    /// Names to purge: tags, keys, or prefixes of keys.
    pub names: Vec<String>,
    /// How.
    pub purge: Option<Purge>,
    /// Everything of this user on the device goes: database and caches.
    pub wipe: bool,
    /// At the edge, when the mutation was answered, and what whoever made it had changed before.
    pub(crate) receipt: Option<Box<(Timestamp, Writes)>>,
}

/// A fact that an event needs from the answer of the mutation: a JSON Pointer (RFC 6901) into its body.
///
/// The tier looks it up; what it cannot find is unknown, and the unknown widens the purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The parameter that it fills.
    pub name: String,
    /// Where it stands in the JSON body of the response.
    pub pointer: String,
}

/// A condition on a list or string in the mutation's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// JSON Pointer (RFC 6901) into the response body.
    pub pointer: String,
    /// The condition holds when any of these is there.
    pub any_of: Vec<String>,
}

/// Strings that a tier found in a mutation's answer, by JSON Pointer. A pointer that was not found is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(Vec<(String, Vec<String>)>);

impl Facts {
    /// Records what stands at `pointer`: one string, or the strings of an array.
    pub fn record(&mut self, pointer: &str, values: Vec<String>) {
        self.0.push((pointer.to_owned(), values));
    }

    pub(crate) fn get(&self, pointer: &str) -> Option<&[String]> {
        self.0.iter().find(|(p, _)| p == pointer).map(|(_, v)| v.as_slice())
    }
}

/// A name that an event purges, perhaps on a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRule {
    /// The name, with parameters.
    pub name: Template,
    /// Purged only when this holds, or when it cannot be known.
    pub when: Option<When>,
}

impl PurgeRule {
    pub(crate) fn apply(&self, params: &Params, facts: &Facts) -> Option<String> {
        let holds = match &self.when {
            None => true,
            Some(when) => match facts.get(&when.pointer) {
                None => true,
                Some(values) => values.iter().any(|v| when.any_of.contains(v)),
            },
        };
        holds.then(|| self.name.render_purge(params)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DeltaSeconds;

    fn entry(requested: u64) -> EntryMeta {
        EntryMeta {
            key: "v1/user:a:files:videos".into(),
            requested: Timestamp::from_millis(requested),
            received: Timestamp::from_millis(requested + 5),
            initial_age: DeltaSeconds::ZERO,
            tags: vec!["category:videos".into()],
            vary: vec![],
            slices: None,
            list: None,
        }
    }

    fn at(ms: u64, purge: Purge) -> Epoch {
        Epoch { at: Timestamp::from_millis(ms), purge }
    }

    #[test]
    fn a_purge_hits_what_was_requested_before_it() {
        let mut epochs = TagEpochs::new();
        epochs.record("user:a:files", at(100, Purge::Hard));
        for (requested, expected) in [(99, Some(Purge::Hard)), (100, Some(Purge::Hard)), (101, None)] {
            assert_eq!(epochs.purged(&entry(requested)), expected, "requested at {requested}");
        }
        epochs.record("category:videos", at(200, Purge::Soft));
        assert_eq!(epochs.purged(&entry(150)), Some(Purge::Soft));
        assert_eq!(epochs.purged(&entry(50)), Some(Purge::Hard));
        assert_eq!(epochs.purged(&entry(201)), None);
    }

    #[test]
    fn another_name_does_not_hit() {
        let mut epochs = TagEpochs::new();
        for name in ["user:b:files", "user:a:files:images", "user", "user:a:file", "user:a:stats"] {
            epochs.record(name, at(500, Purge::Hard));
        }
        assert_eq!(epochs.purged(&entry(1)), None);
    }

    #[test]
    fn a_soft_purge_does_not_undo_a_hard_one() {
        let mut epochs = TagEpochs::new();
        epochs.record("user:a", at(100, Purge::Hard));
        epochs.record("user:a", at(200, Purge::Soft));
        assert_eq!(epochs.purged(&entry(50)), Some(Purge::Hard));
        assert_eq!(epochs.purged(&entry(150)), Some(Purge::Soft));
    }
}
