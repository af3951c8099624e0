//! Stored responses: how a head is put away, and how it is read back.

use super::{Context, Found, PutPlan};
use crate::field::{Fields, cache_groups};
use crate::head::ResponseHead;
use crate::key::CacheKey;
use crate::meta::{ASIDE, EntryMeta, META};
use crate::policy::{Authority, ResourceClass};
use crate::semantics::{freshness, vary};
use crate::time::{DeltaSeconds, Timestamp};

/// Fields that the runtime's store would act on. They are kept under another name while stored.
const SET_ASIDE: [&str; 9] = [
    "age",
    "cache-control",
    "cache-status",
    "cache-tag",
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "expires",
    "pragma",
    "vary",
];
/// What Cloudflare's store says of itself; `Cache-Status` says it for all caches.
const OF_THE_STORE: &str = "cf-cache-status";
/// Longest tag that Cloudflare takes in `Cache-Tag`, in bytes.
const LONGEST_TAG: usize = 1024;

/// A stored response, read back.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) meta: EntryMeta,
    /// As it came from the origin.
    pub(super) head: ResponseHead,
    pub(super) length: Option<u64>,
}

impl Entry {
    /// Reads what was found under `key`; `None` when it is not an entry of ours, or of another key.
    pub(super) fn read(found: Found, key: &CacheKey) -> Option<Self> {
        let meta = EntryMeta::of(&found.head.fields)?;
        if meta.key != key.as_str() {
            return None;
        }
        let mut fields = Fields::new();
        for (name, value) in found.head.fields.iter() {
            match name.strip_prefix(ASIDE) {
                Some(original) => fields.append(original, value),
                None if name == META || name == OF_THE_STORE || SET_ASIDE.contains(&name) => {}
                None => fields.append(name, value),
            }
        }
        let stated = fields.get("content-length").and_then(|l| l.parse().ok());
        Some(Self { meta, head: ResponseHead { status: found.head.status, fields }, length: found.length.or(stated) })
    }
}

/// How to store `head`, fetched by a request that began at `context.began`.
pub(super) fn plan(
    context: &Context<'_>,
    class: &ResourceClass,
    key: &CacheKey,
    head: &ResponseHead,
    now: Timestamp,
) -> PutPlan {
    let lifetimes = context.rules.lifetimes(class);
    let selecting = vary::selecting_fields(class, head);
    let mut meta = EntryMeta {
        key: key.as_str().to_owned(),
        requested: context.began,
        received: now,
        initial_age: freshness::initial_age(&head.fields, context.began, now),
        tags: tags(context, class, head),
        vary: Vec::new(),
    };
    let retention = match class.authority {
        Authority::Policy => lifetimes.retention(),
        Authority::Origin => {
            let by_origin = freshness::of_entry(&meta, head.status, &head.fields, class.authority, lifetimes, now);
            by_origin.lifetimes.retention()
        }
    };
    let marker = (!selecting.is_empty()).then(|| {
        let marker = EntryMeta { vary: selecting.clone(), ..meta.clone() };
        (key.clone(), ResponseHead { status: 200, fields: put_away(&Fields::new(), &marker, retention) })
    });
    let key = match &marker {
        Some(_) => key.variant(&vary::selecting_values(&selecting, context.fields())),
        None => key.clone(),
    };
    meta.key = key.as_str().to_owned();
    PutPlan {
        head: ResponseHead { status: head.status, fields: put_away(&head.fields, &meta, retention) },
        key,
        class: class.name.clone(),
        retention,
        marker,
        max_body: class.max_body,
    }
}

fn put_away(fields: &Fields, meta: &EntryMeta, retention: DeltaSeconds) -> Fields {
    let mut fields = fields.clone();
    fields.remove_hop_by_hop();
    let mut stored = Fields::new();
    for (name, value) in fields.iter() {
        if name == "set-cookie" || name.starts_with("x-tiercel-") {
            continue;
        }
        if SET_ASIDE.contains(&name) {
            stored.append(&format!("{ASIDE}{name}"), value);
        } else {
            stored.append(name, value);
        }
    }
    stored.set("cache-control", format!("public, max-age={retention}"));
    // Cloudflare's own purge by tag; here only hygiene, the epochs are what counts.
    let groups = meta.groups();
    let tags: Vec<&str> = groups.iter().map(String::as_str).filter(|t| t.len() <= LONGEST_TAG && is_tag(t)).collect();
    if !tags.is_empty() {
        stored.set("cache-tag", tags.join(","));
    }
    stored.set(META, meta.encode());
    stored
}

/// The length that the origin announced. What is encoded on the way may be stored at another length.
pub(super) fn whole_length(fields: &Fields) -> Option<u64> {
    fields.get("content-length").filter(|_| !fields.has("content-encoding"))?.parse().ok()
}

/// Printable ASCII without space or comma.
fn is_tag(tag: &str) -> bool {
    tag.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

/// The class's tags and the groups that the origin named (RFC 9875 §2).
fn tags(context: &Context<'_>, class: &ResourceClass, head: &ResponseHead) -> Vec<String> {
    let mut tags: Vec<String> = class.tags.iter().filter_map(|t| t.render_tag(&context.params)).collect();
    tags.extend(cache_groups::parse(&head.fields, cache_groups::CACHE_GROUPS));
    tags.sort_unstable();
    tags.dedup();
    tags
}
