//! How the edge works, beside its classes.

use crate::time::DeltaSeconds;

/// How the edge works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeSettings {
    /// What an isolate holds in its memory in front of the store; `None` is nothing.
    pub memory: Option<Memory>,
    /// How long the store may take to find an entry before the request goes on without it, in seconds; never zero.
    pub store_timeout: DeltaSeconds,
    /// How long a request waits for another one that is fetching the same answer, in seconds; zero is not at all.
    pub collapse: DeltaSeconds,
    /// How long it is remembered that answers under a key cannot be stored, in seconds; zero is not at all.
    pub remember_uncacheable: DeltaSeconds,
}

/// What an isolate may hold in its memory. No limit is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Most bytes in all.
    pub bytes: u64,
    /// Longest body that is held, in bytes; never more than `bytes`.
    pub body: u64,
    /// Longest time before an entry is read from the store again, in seconds.
    pub ttl: DeltaSeconds,
}

impl Memory {
    /// Most bytes that ready answers may take, beside the bodies that they share with what is held.
    #[must_use]
    pub const fn ready(&self) -> u64 {
        self.bytes / 4
    }
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            memory: Some(Memory::default()),
            store_timeout: DeltaSeconds::new(1),
            collapse: DeltaSeconds::new(10),
            remember_uncacheable: DeltaSeconds::new(120),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self { bytes: 16 << 20, body: 64 << 10, ttl: DeltaSeconds::new(30) }
    }
}
