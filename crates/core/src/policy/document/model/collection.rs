//! What a policy says of a class that is a list.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Span;

/// A list that the origin computes whole, without page or limit. The edge stores it once, sorted, and cuts every page from
/// what is stored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CollectionDoc {
    /// Where the items are in the origin's JSON: a JSON Pointer (RFC 6901) through objects, such as `"/data/artists"`.
    pub items: String,
    /// How the items are sorted.
    pub sort: SortDoc,
    /// The query parameter with the number of the page.
    #[serde(default)]
    pub page: PageDoc,
    /// The query parameter with the number of items on a page.
    #[serde(default)]
    pub limit: LimitDoc,
    /// Names of what is said beside the items, in the object that holds them.
    #[serde(default)]
    pub envelope: EnvelopeDoc,
    /// Where an error of the origin's (4xx or 5xx, JSON) has its code: a JSON Pointer (default `"/error/code"`).
    pub error_code: Option<String>,
    /// Failures of the origin that the stored list stands in for, as long as it is kept (`keep`), and what is then said of it.
    /// Other failures are served stale for `stale-if-error`.
    #[serde(default)]
    pub failures: Vec<FailureDoc>,
}

/// How the items of a list are sorted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SortDoc {
    /// What by: a JSON Pointer within an item, to a number or a text, such as `"/score"`.
    pub by: String,
    /// Which comes first: the smallest (`ascending`, default) or the largest.
    #[serde(default)]
    pub order: OrderDoc,
    /// What tells items apart, and decides between equal ones: a JSON Pointer within an item, such as `"/id"`.
    pub ties: String,
}

/// Which item comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderDoc {
    /// The smallest.
    #[default]
    Ascending,
    /// The largest.
    Descending,
}

/// The query parameter with the number of the page.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PageDoc {
    /// Its name (default `"page"`).
    pub parameter: Option<String>,
    /// The number of the first page, which is also that of a request that names none (default 0).
    pub first: Option<u64>,
}

/// The query parameter with the number of items on a page.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitDoc {
    /// Its name (default `"limit"`).
    pub parameter: Option<String>,
    /// Items on a page where the request does not say (default 20).
    pub default: Option<u64>,
    /// Most items on a page (default 100).
    pub max: Option<u64>,
}

/// Names of what is said beside the items. What the origin itself says under them does not go out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EnvelopeDoc {
    /// An object with `total`, `page`, `limit` and `has_more` (default `"pagination"`).
    pub pagination: Option<String>,
    /// Whether the page was cut from a list that was stored before (default `"cached"`).
    pub cached: Option<String>,
    /// How good the list is: `fresh`, `stale`, or what a failure `says` (default `"cache_status"`).
    pub status: Option<String>,
    /// What the user should know of it, where there is something (default `"warning"`).
    pub warning: Option<String>,
}

/// A failure of the origin, and what is said of the list that stands in. It is one of a code, a status or a timeout.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FailureDoc {
    /// The code in the origin's error, such as `"SPOTIFY_TOKEN_REVOKED"`.
    pub code: Option<String>,
    /// The status of the origin's answer, 400 to 599.
    pub status: Option<u64>,
    /// `true`: the origin has not begun its answer in the class's `timeout`.
    #[serde(default)]
    pub timeout: bool,
    /// The word for how good the list is, such as `"fallback_revoked"`.
    pub says: String,
    /// What the user should know.
    pub warning: Option<String>,
    /// How long the list is served before the origin is asked again (default `1m`).
    pub retry: Option<Span>,
}
