//! What was invalidated, and when, for as long as a request that began before it may still be under way.

use tiercel_core::invalidation::{Epoch, Purge, TagEpochs};
use tiercel_core::time::{DeltaSeconds, Timestamp};

/// The purges of this session, on a clock that tells what came first.
///
/// A clock of milliseconds gives a purge and the request after it the same moment, and equal moments count as
/// purged. Here everything happens in one thread, so the order is known: moments after a purge are later than it.
#[derive(Debug)]
pub(crate) struct Purges {
    epochs: TagEpochs,
    last: Option<Timestamp>,
    /// No request is under way for longer than this.
    memory: DeltaSeconds,
}

impl Purges {
    /// None yet; each is remembered for `memory` at least.
    pub(crate) fn new(memory: DeltaSeconds) -> Self {
        Self { epochs: TagEpochs::new(), last: None, memory }
    }

    /// What the core compares with.
    pub(crate) const fn epochs(&self) -> &TagEpochs {
        &self.epochs
    }

    /// The moment for what begins now: after every purge so far.
    pub(crate) fn moment(&self, clock: Timestamp) -> Timestamp {
        let after = self.last.map_or(0, |last| last.as_millis() + 1);
        Timestamp::from_millis(clock.as_millis().max(after))
    }

    /// A moment that is later than all that began before, and earlier than all that begins from now on.
    pub(crate) fn mark(&mut self, clock: Timestamp) -> Timestamp {
        let at = self.moment(clock);
        self.last = Some(at);
        at
    }

    /// Records a purge of `names` that happens now.
    pub(crate) fn record(&mut self, names: &[String], purge: Purge, clock: Timestamp) {
        let at = self.mark(clock);
        let horizon = at.as_millis().saturating_sub(self.memory.get() * 1000);
        self.epochs.forget_before(Timestamp::from_millis(horizon));
        for name in names {
            self.epochs.record(name, Epoch { at, purge });
        }
    }
}

#[cfg(test)]
mod tests {
    use tiercel_core::meta::EntryMeta;

    use super::*;

    fn entry(requested: Timestamp) -> EntryMeta {
        EntryMeta {
            key: "v1/ratings:7".into(),
            requested,
            received: requested,
            initial_age: DeltaSeconds::ZERO,
            tags: Vec::new(),
            vary: Vec::new(),
            slices: None,
            list: None,
        }
    }

    #[test]
    fn order_holds_within_a_millisecond() {
        let clock = Timestamp::from_millis(1_000);
        let mut purges = Purges::new(DeltaSeconds::new(60));
        let before = purges.moment(clock);
        purges.record(&["ratings:7".into()], Purge::Hard, clock);
        let after = purges.moment(clock);
        assert_eq!(purges.epochs().purged(&entry(before)), Some(Purge::Hard));
        assert_eq!(purges.epochs().purged(&entry(after)), None);
        purges.record(&["ratings:7".into()], Purge::Hard, clock);
        assert_eq!(purges.epochs().purged(&entry(after)), Some(Purge::Hard));
        assert_eq!(purges.epochs().purged(&entry(purges.moment(clock))), None);
    }

    #[test]
    fn a_clock_set_back_purges_nothing_new() {
        let mut purges = Purges::new(DeltaSeconds::new(60));
        purges.record(&["ratings:7".into()], Purge::Hard, Timestamp::from_millis(1_000));
        let later = purges.moment(Timestamp::from_millis(500));
        assert_eq!(purges.epochs().purged(&entry(later)), None);
    }

    #[test]
    fn old_purges_are_forgotten() {
        let mut purges = Purges::new(DeltaSeconds::new(60));
        purges.record(&["a:b".into()], Purge::Hard, Timestamp::from_secs(10));
        purges.record(&["c:d".into()], Purge::Hard, Timestamp::from_secs(69));
        assert_eq!(purges.epochs().iter().count(), 2);
        purges.record(&["e:f".into()], Purge::Hard, Timestamp::from_secs(71));
        assert!(purges.epochs().iter().all(|(name, _)| name != "a:b"));
    }
}
