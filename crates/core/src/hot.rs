//! The hottest answers, in the memory of one isolate: which are let in, for how long, and which go first.
//!
//! Whether one of them may be served is decided as for any stored entry, with the purges of the moment. Here it is only
//! kept at hand.

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::policy::Memory;
use crate::time::Timestamp;

/// How many keys are watched for whether they come again. A key that is asked for once does not displace one that is
/// asked for often.
const WATCHED: NonZeroUsize = NonZeroUsize::new(2_048).expect("not zero");
/// What an entry takes beside its body, in bytes: its head, and what keeps it.
const OVERHEAD: u64 = 2_048;

/// Values by key, bounded in bytes and in time.
#[derive(Debug)]
pub struct Hot<V> {
    limits: Memory,
    kept: LruCache<String, Kept<V>>,
    bytes: u64,
    seen: LruCache<String, ()>,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    bytes: u64,
    since: Timestamp,
}

impl<V> Hot<V> {
    /// Nothing yet, within `limits`.
    #[must_use]
    pub fn new(limits: Memory) -> Self {
        Self { limits, kept: LruCache::unbounded(), bytes: 0, seen: LruCache::new(WATCHED) }
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The value under `key`, unless it is too old.
    pub fn get(&mut self, key: &str, now: Timestamp) -> Option<&V> {
        let since = self.kept.peek(key)?.since;
        if now.seconds_since(since) >= self.limits.ttl {
            self.forget(key);
            return None;
        }
        self.kept.get(key).map(|kept| &kept.value)
    }

    /// When the value under `key` will be too old; the Unix epoch where there is none.
    #[must_use]
    pub fn until(&self, key: &str) -> Timestamp {
        self.kept.peek(key).map(|kept| kept.since + self.limits.ttl).unwrap_or_default()
    }

    /// Whether what was found in the store under `key`, with a body of `length` bytes, is worth keeping: it fits, and
    /// was found before. A list is wanted at once and may take a quarter of the room: who sees one page of it turns to the
    /// next.
    pub fn wants(&mut self, key: &str, length: u64, is_list: bool) -> bool {
        if is_list {
            return length + OVERHEAD <= self.limits.bytes / 4;
        }
        if length > self.limits.body || length + OVERHEAD > self.limits.bytes {
            return false;
        }
        if self.seen.get(key).is_some() {
            return true;
        }
        self.seen.put(key.to_owned(), ());
        false
    }

    /// Keeps `value`, whose body has `length` bytes. What was used longest ago makes room.
    pub fn put(&mut self, key: &str, value: V, length: u64, now: Timestamp) {
        self.forget(key);
        let bytes = length + OVERHEAD;
        self.bytes += bytes;
        self.kept.put(key.to_owned(), Kept { value, bytes, since: now });
        while self.bytes > self.limits.bytes {
            let Some((_, oldest)) = self.kept.pop_lru() else { break };
            self.bytes -= oldest.bytes;
        }
    }

    /// Forgets what is kept under `key`: the store has something else by now.
    pub fn forget(&mut self, key: &str) {
        if let Some(kept) = self.kept.pop(key) {
            self.bytes -= kept.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::DeltaSeconds;

    const LIMITS: Memory = Memory { bytes: 10 * (1_000 + OVERHEAD), body: 1_000, ttl: DeltaSeconds::new(30) };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn what_comes_again_is_let_in() {
        let mut hot: Hot<u8> = Hot::new(LIMITS);
        assert!(!hot.wants("a", 10, false), "once is not often");
        assert!(hot.wants("a", 10, false));
        assert!(!hot.wants("big", 1_001, false) && !hot.wants("big", 1_001, false), "too long a body, however often");
        assert!(hot.wants("list", LIMITS.bytes / 4 - OVERHEAD, true), "at once, and longer than a body");
        assert!(!hot.wants("list", LIMITS.bytes / 4, true), "there is room for others");
    }

    #[test]
    fn nothing_is_kept_past_its_time() {
        let mut hot = Hot::new(LIMITS);
        hot.put("a", 1, 10, at(0));
        assert_eq!(hot.get("a", at(29)), Some(&1));
        assert_eq!((hot.until("a"), hot.until("b")), (at(30), at(0)));
        assert_eq!(hot.get("a", at(30)), None);
        assert_eq!(hot.bytes, 0);
    }

    #[test]
    fn the_least_used_goes_first() {
        let mut hot = Hot::new(LIMITS);
        for key in 0..10 {
            hot.put(&key.to_string(), key, 1_000, at(0));
        }
        hot.get("0", at(1));
        hot.put("new", 10, 1_000, at(1));
        for (key, expected) in [("0", Some(&0)), ("1", None), ("new", Some(&10))] {
            assert_eq!(hot.get(key, at(1)), expected, "{key}");
        }
    }

    proptest! {
        /// The bytes that are counted are those that are kept, and never more than allowed.
        #[test]
        fn the_limit_holds(steps in prop::collection::vec((0u8..20, 0u64..1_000, any::<bool>()), 0..200)) {
            let mut hot = Hot::new(LIMITS);
            for (key, length, forgets) in steps {
                let key = key.to_string();
                if forgets { hot.forget(&key) } else { hot.put(&key, (), length, at(0)) }
                prop_assert!(hot.bytes <= LIMITS.bytes);
                prop_assert_eq!(hot.bytes, hot.kept.iter().map(|(_, kept)| kept.bytes).sum::<u64>());
            }
        }
    }
}
