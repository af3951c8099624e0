//! What the edge's answers count as: what a client is told of each, and what `GET /api/cache/stats` says of all.

use std::ops::{Add, AddAssign};

use serde_json::Value;

use crate::live::Got;

/// How many answers counted as what, by the names of the sums (docs/stats.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Served from what is stored, and fresh.
    pub hits: u64,
    /// Nothing could be served.
    pub misses: u64,
    /// Served although stale.
    pub stale: u64,
    /// 5xx.
    pub errors: u64,
    /// Never stored, or a mutation.
    pub bypass: u64,
    /// 401 and 403.
    pub refused: u64,
    /// The length of all bodies, in bytes.
    pub bytes: u64,
}

impl Counted {
    /// Counts an answer, by its status and `Cache-Status`.
    pub fn add(&mut self, got: &Got) {
        let cache = got.cache();
        let what = match got.status {
            500.. => &mut self.errors,
            401 | 403 => &mut self.refused,
            _ if cache.contains("stale-while-revalidate") || cache.contains("stale-if-error") => &mut self.stale,
            _ if cache.starts_with("hit") || cache.contains("collapsed") => &mut self.hits,
            _ if cache.contains("fwd=bypass") || cache.contains("fwd=method") => &mut self.bypass,
            _ => &mut self.misses,
        };
        *what += 1;
        self.bytes += got.body.len() as u64;
    }

    /// What the edge says: `sums` is the total, or a class.
    #[must_use]
    pub fn told(sums: &Value) -> Self {
        let number = |name: &str| sums[name].as_u64().unwrap_or_else(|| panic!("no number called {name}: {sums}"));
        Self {
            hits: number("hits"),
            misses: number("misses"),
            stale: number("stale"),
            errors: number("errors"),
            bypass: number("bypass"),
            refused: number("refused"),
            bytes: number("bytes"),
        }
    }

    /// Answers to what something stored could have answered.
    #[must_use]
    pub const fn answerable(self) -> u64 {
        self.hits + self.misses + self.stale + self.errors
    }

    /// All answers.
    #[must_use]
    pub const fn requests(self) -> u64 {
        self.answerable() + self.bypass + self.refused
    }
}

impl Add for Counted {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            stale: self.stale + other.stale,
            errors: self.errors + other.errors,
            bypass: self.bypass + other.bypass,
            refused: self.refused + other.refused,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
