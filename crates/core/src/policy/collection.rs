//! A class that is a list: stored whole, and cut into pages by the cache.

use crate::time::DeltaSeconds;

/// How a class's list is read, sorted and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Where the items are in the origin's JSON: names of members, from the outermost object inwards.
    pub items: Vec<String>,
    /// What the items are sorted by: names of members, within an item.
    pub by: Vec<String>,
    /// What decides between items that are equal, and tells items apart.
    pub ties: Vec<String>,
    /// Whether the largest comes first.
    pub descending: bool,
    /// The query parameter with the number of the page.
    pub page: String,
    /// The number of the first page.
    pub first: u64,
    /// The query parameter with the number of items on a page.
    pub limit: String,
    /// Items on a page where the request does not say.
    pub usual: u64,
    /// Most items on a page.
    pub most: u64,
    /// What is said beside the items.
    pub envelope: Envelope,
    /// Where the origin's error answer has its code (RFC 6901).
    pub code_at: String,
    /// The failures of the origin that the stored list stands in for.
    pub failures: Vec<Failure>,
}

/// Names of the members that go out beside the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `{"total", "page", "limit", "has_more"}`.
    pub pagination: String,
    /// Whether the page was cut from a list that was stored before.
    pub cached: String,
    /// How good the list is.
    pub status: String,
    /// What the user should know of it.
    pub warning: String,
}

/// A failure of the origin, and what is said of the list that stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the failure is.
    pub when: FailsWith,
    /// The word for how good the list is.
    pub status: String,
    /// What the user should know of it.
    pub warning: Option<String>,
    /// How long the list is served without asking the origin again, in seconds.
    pub retry: DeltaSeconds,
}

/// How a failure is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailsWith {
    /// By the code in the body of an error (4xx or 5xx).
    Code(String),
    /// By the status.
    Status(u64),
    /// By no answer in the class's time.
    Timeout,
}
