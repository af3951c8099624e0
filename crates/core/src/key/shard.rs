//! Which of the objects that hold epochs holds a name.

use super::{BASE, escape};
use crate::text;

/// Name of the object that adds up what is counted, for the policy called `namespace`: `videomi:statistics`.
#[must_use]
pub fn statistics(namespace: &str) -> String {
    [&escape(namespace), ":statistics"].concat()
}

/// How many objects hold the epochs. Another number gives every object another name: the new ones know nothing of what
/// the old ones held, and so count what is older than they are as purged.
pub const SHARDS: usize = 16;
/// What an escaped origin (`https://…`) holds.
const ORIGIN_MARK: &str = "%3A%2F%2F";

/// One of the [`SHARDS`] objects that hold epochs.
///
/// All names of one subject are in one of them, so that an entry and what an event purges concern few: the first two
/// segments of a name decide (`user:abc123`, `file:f1`). An origin is no subject but everybody's, so that of
/// `http:{origin}:…` three do. A name is always looked for where it was recorded, since nothing but the name decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The one that holds `name`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut hash = 0x811c_9dc5_u32;
        let (mut segment, mut segments, mut start) = (0, 2, 0);
        for (at, byte) in name.bytes().enumerate() {
            if byte == b':' {
                segment += 1;
                let is_origin =
                    segment == 2 && name.get(start..at).is_some_and(|part| text::contains(part, ORIGIN_MARK));
                segments += usize::from(is_origin);
                if segment == segments {
                    break;
                }
                start = at + 1;
            }
            // FNV-1a
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        Self(((hash ^ (hash >> 16)) % SHARDS as u32) as u8)
    }

    /// Every one of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS as u8).map(Self)
    }

    /// Its place among them.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Name of the object, for the policy called `namespace`: `videomi:epochs-16-07`.
    #[must_use]
    pub fn object(self, namespace: &str) -> String {
        let tens = if self.0 < 10 { "0" } else { "" };
        [&escape(namespace), ":epochs-", &SHARDS.to_string(), "-", tens, &self.0.to_string()].concat()
    }

    /// Where a data centre's store has copies of what the objects said. No key of an entry gives the same URL.
    #[must_use]
    pub fn copies(namespace: &str) -> String {
        [BASE, &escape(namespace), "/epochs-", &SHARDS.to_string()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_in_one_shard() {
        let same = |names: &[&str]| names.iter().all(|name| Shard::of(name) == Shard::of(names[0]));
        assert!(same(&["user:abc123", "user:abc123:files", "user:abc123:files:videos", "user:abc123:stats"]));
        assert!(same(&["file:f1", "file:f1:info"]));
        let http = "http:https%3A%2F%2Fshop.example";
        assert!(same(&[&format!("{http}:%2Fa"), &format!("{http}:%2Fa:*"), &format!("{http}:%2Fa:q%3D1")]));
        // A name may be anything that an origin calls a group.
        for odd in ["", ":", "::", "é:é:é", "a", "%3A%2F%2F", "a:%3A%2F%2F", "a:%3A%2F%2F:"] {
            assert!(Shard::of(odd).index() < SHARDS, "{odd}");
        }
    }

    #[test]
    fn shards_share_the_load() {
        let spread = |name: &dyn Fn(usize) -> String| {
            let mut counts = [0; SHARDS];
            (0..16_000).for_each(|n| counts[Shard::of(&name(n)).index()] += 1);
            counts
        };
        for counts in [
            spread(&|n| format!("user:u{n}:stats")),
            spread(&|n| format!("file:{n:08x}:thumbnail")),
            spread(&|n| format!("http:https%3A%2F%2Fshop.example:%2Fpage%2F{n}:*")),
        ] {
            assert!(counts.iter().all(|count| (500..1_500).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn names_of_shards() {
        let names: Vec<String> = Shard::all().map(|shard| shard.object("my shop")).collect();
        assert_eq!((names[7].as_str(), names[12].as_str()), ("my%20shop:epochs-16-07", "my%20shop:epochs-16-12"));
        assert_eq!(Shard::copies("videomi"), "https://tiercel.invalid/videomi/epochs-16");
    }
}
