//! Stored responses: how a head is put away, and how it is read back.

use std::sync::{Arc, OnceLock};

use super::{Context, PutPlan};
use crate::field::range::content_range;
use crate::field::{Fields, cache_groups};
use crate::head::ResponseHead;
use crate::key::CacheKey;
use crate::meta::{ASIDE, EntryMeta, Listed, META};
use crate::policy::ResourceClass;
use crate::principal::CredentialSource;
use crate::semantics::{freshness, vary};
use crate::slice::Slicing;
use crate::sorted;
use crate::text;
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
/// What the runtimes decode when they read a body, and so when they store it. It is set aside too, with its length.
const DECODED: [&str; 2] = ["gzip", "br"];
/// What Cloudflare's store says of itself; `Cache-Status` says it for all caches.
const OF_THE_STORE: &str = "cf-cache-status";
/// Longest tag that Cloudflare takes in `Cache-Tag`, in bytes.
const LONGEST_TAG: usize = 1024;

/// The status that scripts see of what they may not read (Fetch, "opaque filtered response").
pub(super) const OPAQUE: u16 = 0;

/// What was found in the store.
#[derive(Debug, Clone)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Something that is no entry of ours, or of another release.
    Unreadable,
    /// An entry.
    Entry(Arc<StoredEntry>),
}

impl Found {
    /// Reads a stored head, private fields included. `length` is that of the stored body in bytes, when the tier
    /// knows it.
    #[must_use]
    pub fn read(stored: ResponseHead, length: Option<u64>) -> Self {
        StoredEntry::read(stored, length).map_or(Self::Unreadable, |entry| Self::Entry(Arc::new(entry)))
    }

    /// The entry, if there is one.
    #[must_use]
    pub fn entry(&self) -> Option<&Arc<StoredEntry>> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Nothing | Self::Unreadable => None,
        }
    }

    /// When the request for it began, which its purges are compared with.
    #[must_use]
    pub fn requested(&self) -> Timestamp {
        self.entry().map(|entry| entry.meta.requested).unwrap_or_default()
    }

    /// The names whose purges concern it, to be read before [`Lookup::resolve`](super::Lookup::resolve).
    #[must_use]
    pub fn groups(&self) -> &[String] {
        self.entry().map_or(&[], |entry| &entry.groups)
    }
}

/// A stored response, read back. A tier that keeps it in memory spares reading it again.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    pub(super) meta: EntryMeta,
    /// As it came from the origin.
    pub(super) head: ResponseHead,
    pub(super) length: Option<u64>,
    pub(super) groups: Vec<String>,
    /// The fields as they are delivered, but for those that change with each delivery; and for a session that came
    /// by which way.
    pub(super) dressed: OnceLock<(Option<CredentialSource>, Fields)>,
}

impl StoredEntry {
    /// Reads what was found; `None` when it is not an entry of ours.
    fn read(stored: ResponseHead, length: Option<u64>) -> Option<Self> {
        let meta = EntryMeta::of(&stored.fields)?;
        let mut fields = Fields::with_room_for(&stored.fields);
        for (name, value) in stored.fields.iter() {
            match name.strip_prefix(ASIDE) {
                Some(original) => fields.append(original, value),
                None if name == META || name == OF_THE_STORE || SET_ASIDE.contains(&name) => {}
                None => fields.append(name, value),
            }
        }
        let length = match meta.slicing() {
            Some(slicing) => {
                fields.set_number("content-length", slicing.complete());
                Some(slicing.complete())
            }
            None => length.or_else(|| stated_length(&fields)),
        };
        let head = ResponseHead { status: stored.status, fields };
        Some(Self { groups: meta.groups(), meta, head, length, dressed: OnceLock::new() })
    }

    /// The same body under other fields.
    pub(super) fn freshened(&self, meta: EntryMeta, fields: Fields) -> Self {
        let head = ResponseHead { status: self.head.status, fields };
        Self { groups: meta.groups(), meta, head, length: self.length, dressed: OnceLock::new() }
    }

    /// Length of the body in bytes, where it is known.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether it has a body of its own: a marker of variants has none, and that of a long body is in slices.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.meta.vary.is_empty() && self.meta.slices.is_none()
    }

    /// Whether it was stored so long ago, in seconds.
    #[must_use]
    pub fn is_over(&self, retention: DeltaSeconds, now: Timestamp) -> bool {
        now.seconds_since(self.meta.received) >= retention
    }

    /// Whether pages are cut from it.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        self.meta.list.is_some()
    }

    /// Whether both were stored at once, so that they have one body: a store may have another one under the same key
    /// by the time that it is asked again.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.meta == other.meta && self.head.fields.get("etag") == other.head.fields.get("etag")
    }

    /// Whether nobody may read it: a head of ours stands for that of the response, which the device's store keeps as it is.
    #[must_use]
    pub const fn is_opaque(&self) -> bool {
        self.head.status == OPAQUE
    }

    /// The key it was stored under.
    #[must_use]
    pub fn key(&self) -> CacheKey {
        CacheKey::stored(&self.meta)
    }
}

/// How to store `head`, fetched by a request that began at `context.began`. With `slices` it is the head of a body
/// that is cut so, and has none of its own.
pub(super) fn plan(
    context: &Context<'_>,
    class: &ResourceClass,
    key: &CacheKey,
    head: &ResponseHead,
    slices: Option<Slicing>,
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
        slices: None,
        list: context.page.is_some().then_some(Listed::Good),
    };
    let retention = match class.authority.is_origin() {
        false => lifetimes.retention(),
        true => {
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
    meta.slices = slices;
    PutPlan {
        head: ResponseHead { status: head.status, fields: put_away(&head.fields, &meta, retention) },
        key,
        class: class.name.clone(),
        retention,
        marker,
        max_body: class.max_body,
    }
}

/// The fields under which `fields` are stored.
pub(super) fn put_away(fields: &Fields, meta: &EntryMeta, retention: DeltaSeconds) -> Fields {
    let mut fields = fields.clone();
    fields.remove_hop_by_hop();
    let is_decoded = is_decoded(&fields);
    if meta.slicing().is_some() || is_decoded {
        // That of the whole, or of what came; not of what is stored here.
        fields.remove("content-length");
    }
    let mut stored = Fields::new();
    for (name, value) in fields.iter() {
        if name == "set-cookie" || name.starts_with("x-tiercel-") {
            continue;
        }
        if SET_ASIDE.contains(&name) || (is_decoded && name == "content-encoding") {
            stored.append(&[ASIDE, name].concat(), value);
        } else {
            stored.append(name, value);
        }
    }
    stored.set("cache-control", text!["public, max-age=", retention.get()]);
    // Cloudflare's own purge by tag; here only hygiene, the epochs are what counts.
    let groups = meta.groups();
    let tags: Vec<&str> = groups.iter().map(String::as_str).filter(|t| t.len() <= LONGEST_TAG && is_tag(t)).collect();
    if !tags.is_empty() {
        stored.set("cache-tag", tags.join(","));
    }
    stored.set(META, meta.encode());
    stored
}

/// Whether what is stored of an answer with these fields is not encoded, although the answer was. Another encoding is
/// none of the runtime's business: it is stored as it came.
pub(super) fn is_decoded(fields: &Fields) -> bool {
    fields.get("content-encoding").is_some_and(|coding| DECODED.contains(&coding.trim()))
}

/// The length that the origin announced. What is encoded on the way may be stored at another length.
pub(super) fn whole_length(fields: &Fields) -> Option<u64> {
    fields.get("content-length").filter(|_| !fields.has("content-encoding"))?.parse().ok()
}

/// The length of the whole body that a stored head states, also where the store cut a part out of it.
fn stated_length(fields: &Fields) -> Option<u64> {
    let of_a_part = fields.get("content-range").and_then(content_range).map(|(_, complete)| complete);
    of_a_part.or_else(|| fields.get("content-length")?.parse().ok())
}

/// Printable ASCII without space or comma.
fn is_tag(tag: &str) -> bool {
    tag.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

/// The class's tags and the groups that the origin named (RFC 9875 §2).
pub(super) fn tags(context: &Context<'_>, class: &ResourceClass, head: &ResponseHead) -> Vec<String> {
    let mut tags: Vec<String> = class.tags.iter().filter_map(|t| t.render_tag(&context.params)).collect();
    tags.extend(cache_groups::parse(&head.fields, cache_groups::CACHE_GROUPS));
    sorted::set(tags)
}
