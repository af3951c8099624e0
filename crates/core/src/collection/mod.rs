//! Collections: a list is computed by the origin once, stored whole and sorted, and every page of it is cut from what is
//! stored. `listing` is how it is stored, `order` how it is sorted, `json` how it is read.

mod json;
mod listing;
mod order;

use crate::policy::Collection;
use crate::text;
pub(crate) use json::quoted;
pub use listing::{Cut, Listing, Unlisted};

/// Which page a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Its number, as the client counts.
    pub page: u64,
    /// Most items on it.
    pub limit: u64,
}

/// Longest number that is read, in digits: no list has more items.
const MOST_DIGITS: usize = 15;

impl Paging {
    /// What the values of the two parameters ask for.
    ///
    /// # Errors
    /// What is allowed, for whoever asked for something else.
    pub(crate) fn of(collection: &Collection, page: Option<&str>, limit: Option<&str>) -> Result<Self, String> {
        let page = page.map_or(Some(collection.first), number).filter(|page| *page >= collection.first);
        let page =
            page.ok_or_else(|| text!["`", &collection.page, "` is a whole number from ", collection.first, " on."])?;
        let limit = limit.map_or(Some(collection.usual), number).filter(|limit| (1..=collection.most).contains(limit));
        let limit = limit
            .ok_or_else(|| text!["`", &collection.limit, "` is a whole number from 1 to ", collection.most, "."])?;
        Ok(Self { page, limit })
    }

    /// The places of its items in a list that begins with page `first`: from, and up to but not with.
    #[must_use]
    pub fn places(self, first: u64) -> (u64, u64) {
        let from = self.page.saturating_sub(first).saturating_mul(self.limit);
        (from, from.saturating_add(self.limit))
    }
}

fn number(digits: &str) -> Option<u64> {
    let is_number = (1..=MOST_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// A page as it goes out, but for its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Which one.
    pub paging: Paging,
    /// The number of the first one.
    pub first: u64,
    /// Names and values of the members that are the same for every page: whether it was stored, how good it is, and the
    /// warning; as they stand in JSON, with a comma before each.
    pub(crate) said: String,
    /// Name of the member that counts the pages, in quotes.
    pub(crate) pagination: String,
    /// How good the list is, in a word.
    pub(crate) word: String,
}
