//! What one cache of a device holds: how much, when it was last used, and under which names it is purged.
//!
//! Looking this up in the cache itself would take a read for each entry, so it is remembered, and written down now and then. What was
//! written may be older than the cache: whoever reads it compares it with the entries that are there
//! ([`Inventory::reconcile`]). One thing no comparison shows, that an entry was replaced by one with other tags; before
//! such a write the inventory is written first ([`Inventory::misleads`]).

use crate::exchange::{Delivery, Served};
use crate::key::CacheKey;
use crate::meta::{self, EntryMeta};
use crate::policy::Budget;
use crate::text;
use crate::time::Timestamp;

/// What the written form begins with. A different one is of another release.
const FORM: &str = "i1 ";

/// What is remembered of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it is stored ([`CacheKey::url`]).
    pub url: String,
    /// Length of its body.
    pub bytes: u64,
    /// When it was stored or last served.
    pub used: Timestamp,
    /// Its tags, as [`EntryMeta`] writes them.
    tags: String,
}

impl Kept {
    /// An entry of `bytes` that was stored with `meta`, last used at `used`.
    #[must_use]
    pub fn new(url: String, bytes: u64, used: Timestamp, meta: &EntryMeta) -> Self {
        Self { url, bytes, used, tags: meta::list(&meta.tags) }
    }

    /// Whether one of `names` purges it. What cannot be read cannot be told apart, and is purged too.
    fn carries(&self, names: &[&str]) -> bool {
        match (CacheKey::of_url(&self.url), meta::unlist(&self.tags)) {
            (Some(key), Some(tags)) => {
                meta::groups(key.name(), tags).iter().any(|group| names.contains(&group.as_str()))
            }
            _ => true,
        }
    }
}

/// What was asked of one cache, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Answered from the store, fresh.
    pub hits: u64,
    /// Answered by the network, or not at all.
    pub misses: u64,
    /// Answered from the store, stale: with a refresh behind it, or because the network failed.
    pub stale: u64,
    /// Bytes of bodies that came from the store.
    pub bytes: u64,
    /// Entries that had to make room.
    pub evictions: u64,
}

impl Counters {
    /// Counts an answer, of whose body `bytes` came from the store.
    pub fn count(&mut self, delivery: &Delivery, bytes: u64) {
        let counter = match delivery.served {
            Served::Stale | Served::Fallback(_) | Served::Offline => &mut self.stale,
            Served::Fresh if delivery.status.hit => &mut self.hits,
            Served::Fresh | Served::Failed => &mut self.misses,
        };
        *counter += 1;
        self.bytes += bytes;
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        let sums = [self.hits + other.hits, self.misses + other.misses, self.stale + other.stale];
        [self.hits, self.misses, self.stale] = sums;
        self.bytes += other.bytes;
        self.evictions += other.evictions;
    }
}

/// What one cache holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// In the order of their URLs.
    kept: Vec<Kept>,
    bytes: u64,
    /// Entries that have gone since this was written.
    gone: Vec<String>,
}

impl Inventory {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Length of all bodies, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Some entry, if there is one.
    #[must_use]
    pub fn any(&self) -> Option<&Kept> {
        self.kept.first()
    }

    /// The written form, and that of the counters with it: a line for each number and text.
    pub fn write(&mut self, counters: &Counters) -> String {
        self.gone.clear();
        let Counters { hits, misses, stale, bytes, evictions } = *counters;
        let mut body = String::new();
        for number in [hits, misses, stale, bytes, evictions] {
            push_line(&mut body, &text![number]);
        }
        for Kept { url, bytes, used, tags } in &self.kept {
            for line in [url, &text![bytes], &text![used.as_millis()], tags] {
                push_line(&mut body, line);
            }
        }
        text![FORM, checksum(&body), "\n", body]
    }

    /// Reads the written form; `None` for anything else, even where a letter of it is another one: a purge believes it.
    #[must_use]
    pub fn read(text: &str) -> Option<(Self, Counters)> {
        let (sum, body) = text.strip_prefix(FORM)?.split_once('\n')?;
        if number(Some(sum)) != Some(checksum(body)) {
            return None;
        }
        let mut lines = body.split('\n');
        let mut counted = || number(lines.next());
        let counters = Counters {
            hits: counted()?,
            misses: counted()?,
            stale: counted()?,
            bytes: counted()?,
            evictions: counted()?,
        };
        let mut inventory = Self::default();
        while let Some(url) = lines.next().filter(|url| !url.is_empty()) {
            let (bytes, used) = (number(lines.next())?, number(lines.next())?);
            let (url, tags) = (url.to_owned(), lines.next()?.to_owned());
            inventory.keep(Kept { url, bytes, used: Timestamp::from_millis(used), tags });
        }
        Some((inventory, counters))
    }

    /// Compares it with the URLs of the entries that are there: what has gone is forgotten, and what is not known is
    /// returned.
    pub fn reconcile<'u>(&mut self, there: impl Iterator<Item = &'u str>) -> Vec<&'u str> {
        let mut is_there = vec![false; self.kept.len()];
        let mut unknown = Vec::new();
        for url in there {
            match self.place(url) {
                Ok(at) => is_there[at] = true,
                Err(_) => unknown.push(url),
            }
        }
        for at in (0..self.kept.len()).rev() {
            if !is_there[at] {
                self.take(at);
            }
        }
        unknown
    }

    /// Whether what was written last would be wrong of an entry that is to be stored now with `meta`, so that a purge after a
    /// restart would miss it.
    #[must_use]
    pub fn misleads(&self, url: &str, meta: &EntryMeta) -> bool {
        match self.place(url) {
            Ok(at) => self.kept[at].tags != meta::list(&meta.tags),
            Err(_) => self.gone.iter().any(|gone| gone == url),
        }
    }

    /// Remembers an entry that was stored.
    pub fn keep(&mut self, kept: Kept) {
        self.bytes += kept.bytes;
        match self.place(&kept.url) {
            Ok(at) => {
                self.bytes -= self.kept[at].bytes;
                self.kept[at] = kept;
            }
            Err(at) => self.kept.insert(at, kept),
        }
    }

    /// Notes that an entry was used; nothing where it is not known.
    pub fn touch(&mut self, url: &str, now: Timestamp) {
        if let Ok(at) = self.place(url) {
            self.kept[at].used = now;
        }
    }

    /// Forgets an entry that was removed.
    pub fn forget(&mut self, url: &str) {
        if let Ok(at) = self.place(url) {
            self.take(at);
        }
    }

    /// The URLs of the entries that one of `names` purges.
    #[must_use]
    pub fn carrying(&self, names: &[&str]) -> Vec<String> {
        self.kept.iter().filter(|kept| kept.carries(names)).map(|kept| kept.url.clone()).collect()
    }

    /// Forgets what has to go for the budget to be kept, and returns its URLs: what could never fit in, then what was not
    /// used for longest, and no more than needed.
    pub fn trim(&mut self, budget: &Budget) -> Vec<String> {
        let mut gone = Vec::new();
        for at in (0..self.kept.len()).rev() {
            if !budget.admits(self.kept[at].bytes) {
                gone.push(self.take(at));
            }
        }
        let is_over = |it: &Self| {
            budget.bytes.is_some_and(|most| it.bytes > most)
                || budget.entries.is_some_and(|most| it.kept.len() as u64 > most)
        };
        while is_over(self) {
            let Some(url) = self.take_oldest() else { break };
            gone.push(url);
        }
        gone
    }

    /// Forgets what was not used for longest, until that makes `bytes` or nothing is left, and returns its URLs.
    pub fn free(&mut self, bytes: u64) -> Vec<String> {
        let before = self.bytes;
        let mut gone = Vec::new();
        while before - self.bytes < bytes || gone.is_empty() {
            let Some(url) = self.take_oldest() else { break };
            gone.push(url);
        }
        gone
    }

    fn take_oldest(&mut self) -> Option<String> {
        let (at, _) = self.kept.iter().enumerate().min_by_key(|(_, kept)| kept.used)?;
        Some(self.take(at))
    }

    fn take(&mut self, at: usize) -> String {
        let Kept { url, bytes, .. } = self.kept.remove(at);
        self.bytes -= bytes;
        self.gone.push(url.clone());
        url
    }

    fn place(&self, url: &str) -> Result<usize, usize> {
        self.kept.binary_search_by(|kept| kept.url.as_str().cmp(url))
    }
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

#[inline(never)]
fn number(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}

/// FNV-1a of 64 bits: against what was written half or by somebody else, not against an attacker, who could write it too.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests;
