//! Lists that pages are cut from: which page is asked for, what goes out with it, and what stands in when the origin fails
//! as the policy expects.

use super::entry::{self, StoredEntry};
use super::receive::query_value;
use super::{Context, Delivery, FetchFailure, PutPlan, Served, deliver};
use crate::collection::{Page, Paging, quoted};
use crate::field::Fields;
use crate::field::cache_status::CacheStatus;
use crate::head::ResponseHead;
use crate::invalidation::{Facts, Purge};
use crate::meta::Listed;
use crate::policy::{Collection, Envelope, FailsWith, ResourceClass};
use crate::semantics::freshness::Freshness;
use crate::text;
use crate::time::Timestamp;

/// Why a stored list goes out in the place of a failure, in `Cache-Status`.
pub(super) const DECLARED: &str = "declared-failure";
/// What describes the whole list, and no page of it.
const OF_THE_WHOLE: [&str; 9] = [
    "accept-ranges",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-range",
    "digest",
    "last-modified",
    "repr-digest",
];

/// Which page the request asks for; `None` where the class is no list, or this tier cuts none.
///
/// # Errors
/// What is allowed.
pub(super) fn paging(context: &Context<'_>, class: &ResourceClass) -> Result<Option<Paging>, String> {
    let Some(collection) = class.collection.as_ref().filter(|_| context.rules.tier.is_shared()) else {
        return Ok(None);
    };
    let query = context.request.target.query.as_deref().unwrap_or("");
    let value =
        |name: &str| query_value(query, name).ok_or_else(|| text!["`", name, "` is there twice, or unreadable."]);
    let (page, limit) = (value(&collection.page)?, value(&collection.limit)?);
    Paging::of(collection, page.as_deref(), limit.as_deref()).map(Some)
}

/// The query with which the origin is asked for the page itself.
pub(super) fn own_query(context: &Context<'_>, query: Option<String>) -> Option<String> {
    let (Some(collection), Some(Paging { page, limit })) = (context.collection(), context.page) else { return query };
    let asked = text![&collection.page, "=", page, "&", &collection.limit, "=", limit];
    Some(query.map_or_else(|| asked.clone(), |query| text![query, "&", &asked]))
}

/// Gives the head of the origin's answer the length of the list that was made of it.
pub(super) fn describe(head: &mut ResponseHead, length: usize) {
    // It was decoded when it was read. The validators stay: they are what the origin knows the list by.
    for name in OF_THE_WHOLE.iter().filter(|name| **name != "last-modified") {
        head.fields.remove(name);
    }
    head.fields.set_number("content-length", length as u64);
}

/// The page that a delivery is: `cached`, whether the list was stored before.
pub(super) fn page(context: &Context<'_>, cached: bool, served: Served) -> Option<Page> {
    let (collection, paging) = (context.collection()?, context.page?);
    let (word, warning) = match served {
        Served::Fallback(failure) => {
            let failure = collection.failures.get(failure)?;
            (failure.status.as_str(), failure.warning.as_deref())
        }
        Served::Fresh => ("fresh", None),
        Served::Stale | Served::Offline | Served::Failed => ("stale", None),
    };
    let Envelope { pagination, cached: name, status, warning: says } = &collection.envelope;
    let mut said =
        text![",", quoted(name), if cached { ":true," } else { ":false," }, quoted(status), ":", quoted(word)];
    if let Some(warning) = warning {
        said.push_str(&text![",", quoted(says), ":", quoted(warning)]);
    }
    Some(Page { paging, first: collection.first, pagination: quoted(pagination), said, word: word.to_owned() })
}

/// The fields of a page: the list's, but for what holds for the whole. The same page of the same list has the same tag, which
/// is weak, since whether the list was stored before is in the body too (RFC 9110 §8.8.1).
pub(super) fn dress(page: &Page, fields: &mut Fields) {
    for name in OF_THE_WHOLE {
        fields.remove(name);
    }
    let Paging { page: number, limit } = page.paging;
    let tag = fields.get("etag").map(|tag| {
        let opaque = tag.trim();
        let opaque = opaque.strip_prefix("W/").unwrap_or(opaque);
        let version = opaque.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(opaque);
        text!["W/\"", version, "-", number, "-", limit, "-", &page.word, "\""]
    });
    if let Some(tag) = tag {
        fields.set("etag", tag);
    }
}

/// Which of the failures that the policy expects the origin's is.
pub(super) fn declared(context: &Context<'_>, outcome: Result<u16, FetchFailure>, facts: &Facts) -> Option<usize> {
    let Collection { code_at, failures, .. } = context.collection()?;
    let code = facts.get(code_at);
    failures.iter().position(|failure| match (&failure.when, outcome) {
        (FailsWith::Code(expected), Ok(status)) => {
            status >= 400 && code.is_some_and(|code| code == [expected.as_str()])
        }
        (FailsWith::Status(expected), Ok(status)) => *expected == u64::from(status),
        (FailsWith::Timeout, Err(failed)) => failed == FetchFailure::Timeout,
        _ => false,
    })
}

/// What is stored, while the origin is left alone after a failure that the policy expects.
pub(super) fn still_failing(
    context: &Context<'_>,
    entry: &StoredEntry,
    freshness: &Freshness,
    purged: Option<Purge>,
    now: Timestamp,
) -> Option<Delivery> {
    let Some(Listed::Failing(failure, until)) = entry.meta.list else { return None };
    context.collection()?.failures.get(failure)?;
    if purged.is_some() || freshness.is_over() || now >= until {
        return None;
    }
    let status = CacheStatus::hit(freshness.ttl()).because(DECLARED);
    Some(deliver::stored(context, entry, status, Served::Fallback(failure), deliver::Trust::Policy, now))
}

/// How to store what is stored already with a note that the origin fails, for as long as it would have been kept.
pub(super) fn marked(
    context: &Context<'_>,
    class: &ResourceClass,
    entry: &StoredEntry,
    freshness: &Freshness,
    failure: usize,
    now: Timestamp,
) -> Option<PutPlan> {
    let until = now + context.collection()?.failures.get(failure)?.retry;
    let mut meta = entry.meta.clone();
    meta.list = Some(Listed::Failing(failure, until));
    let retention = freshness.lifetimes.retention().minus(freshness.age);
    let head =
        ResponseHead { status: entry.head.status, fields: entry::put_away(&entry.head.fields, &meta, retention) };
    let (key, max_body) = (entry.key(), class.max_body);
    Some(PutPlan { key, class: class.name.clone(), head, retention, marker: None, max_body })
}
