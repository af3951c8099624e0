//! Records in memory: for as long as the page lives, and where IndexedDB cannot be used.

use tiercel_core::time::Timestamp;

/// Most records that are kept; those that expire first go first.
const CAPACITY: usize = 500;

/// What memory needs to know of a record.
pub(crate) trait Kept {
    /// Its key.
    fn key(&self) -> &str;
    /// Every name under which it can be purged.
    fn groups(&self) -> &[String];
    /// When it is dropped.
    fn expires(&self) -> Timestamp;
}

/// Records, few enough to be looked through.
pub(crate) struct Memory<R> {
    records: Vec<R>,
}

impl<R: Kept> Memory<R> {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self { records: Vec::new() }
    }

    /// The record under `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&R> {
        self.records.iter().find(|record| record.key() == key)
    }

    /// Every record.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &R> {
        self.records.iter()
    }

    /// Stores a record.
    pub(crate) fn put(&mut self, record: R) {
        self.remove(record.key());
        self.records.push(record);
        if self.records.len() > CAPACITY {
            let first = self.records.iter().enumerate().min_by_key(|(_, record)| record.expires());
            if let Some((at, _)) = first {
                self.records.swap_remove(at);
            }
        }
    }

    /// Removes the record under `key`.
    pub(crate) fn remove(&mut self, key: &str) {
        self.records.retain(|record| record.key() != key);
    }

    /// Removes the records that any of `names` purges, and gives their keys.
    pub(crate) fn purge(&mut self, names: &[String]) -> Vec<String> {
        let hit = |record: &R| record.groups().iter().any(|group| names.contains(group));
        let keys: Vec<String> = self.records.iter().filter(|r| hit(r)).map(|r| r.key().to_owned()).collect();
        self.records.retain(|record| !hit(record));
        keys
    }

    /// Removes what has expired.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        self.records.retain(|record| record.expires() > now);
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Note(String, Vec<String>, u64);

    impl Kept for Note {
        fn key(&self) -> &str {
            &self.0
        }
        fn groups(&self) -> &[String] {
            &self.1
        }
        fn expires(&self) -> Timestamp {
            Timestamp::from_secs(self.2)
        }
    }

    fn note(key: &str, groups: &[&str], expires: u64) -> Note {
        Note(key.into(), groups.iter().map(|g| (*g).into()).collect(), expires)
    }

    #[test]
    fn purges_by_any_name() {
        let mut memory = Memory::new();
        memory.put(note("a", &["user:a", "user:a:files"], 9));
        memory.put(note("b", &["user:a", "user:a:stats"], 9));
        assert_eq!(memory.purge(&["user:a:stats".into(), "user:x".into()]), ["b"]);
        assert!(memory.get("a").is_some() && memory.get("b").is_none());
    }

    #[test]
    fn expired_records_go() {
        let mut memory = Memory::new();
        memory.put(note("a", &[], 5));
        memory.put(note("b", &[], 6));
        memory.sweep(Timestamp::from_secs(5));
        assert!(memory.get("a").is_none() && memory.get("b").is_some());
    }

    #[test]
    fn a_full_memory_drops_what_expires_first() {
        let mut memory = Memory::new();
        for n in 0..=CAPACITY {
            memory.put(note(&format!("k{n}"), &[], 1_000 - n as u64));
        }
        assert_eq!(memory.records.len(), CAPACITY);
        assert!(memory.get(&format!("k{CAPACITY}")).is_none(), "the newest expires first here");
    }
}
