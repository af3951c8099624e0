//! Bodies in slices: what to ask for first, whether an answer can be cut, and how the rest comes.
//!
//! The head of the whole stands under the class's key, without a body; each slice stands under a key of its own that
//! names the version (its validator and length) it belongs to. So slices of two versions never make one body, and what
//! nobody has asked for is not there.

use super::entry;
use super::fetch::OriginRequest;
use super::{Context, Found, PutPlan, fill};
use crate::consistency::Writes;
use crate::field::etag::EntityTag;
use crate::field::range::{self, ByteRange};
use crate::field::{Fields, http_date};
use crate::head::ResponseHead;
use crate::invalidation::{Purge, TagEpochs};
use crate::key::CacheKey;
use crate::meta::{self, EntryMeta};
use crate::policy::{ResourceClass, Scope};
use crate::semantics::{storable, validate, vary};
use crate::slice::{SlicePart, Slicing};
use crate::text;
use crate::tier::Tier;
use crate::time::{DeltaSeconds, Timestamp};

/// A piece of a body that is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// This text: the head of a part, or the end (RFC 9110 §14.6).
    Text(String),
    /// These bytes of the stored body.
    Bytes(ByteRange),
}

/// A body of which each slice is read from the store or, where it is not there, asked of the origin and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sliced {
    /// What to send, in order.
    pub pieces: Vec<Piece>,
    slicing: Slicing,
    /// The slice whose body is the one that was just fetched.
    fetched: Option<u64>,
    base: CacheKey,
    version: Version,
    request: OriginRequest,
    class: String,
    scope: Scope,
    tier: Tier,
    /// On a device: whether the class tells every browser `no-store`.
    tells_browsers: bool,
    retention: DeltaSeconds,
    tags: Vec<String>,
    /// On a device: those of the tags that name the class's user.
    own_tags: Vec<String>,
    writes: Writes,
}

/// What tells one version of a representation from another: a strong validator (RFC 9110 §8.8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Version {
    Tag(String),
    Modified(String),
}

/// Why a slice could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceFailure {
    /// The origin has another version by now: [`Sliced::head_key`] must be removed, and this body cannot be finished.
    Changed,
    /// The origin failed, or answered another user than the device's. It may answer when asked again.
    Failed,
}

impl Sliced {
    /// Length of the whole, in bytes.
    #[must_use]
    pub const fn complete(&self) -> u64 {
        self.slicing.complete()
    }

    /// Length of what is sent, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.pieces.iter().map(Piece::length).sum()
    }

    /// The name of the class, which names the cache on a device.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The slices that hold `bytes`, with what to take of each.
    pub fn parts(&self, bytes: ByteRange) -> impl Iterator<Item = SlicePart> + use<> {
        self.slicing.covering(bytes)
    }

    /// What of the first slice that holds any of `bytes`; `None` past the end.
    #[must_use]
    pub fn first_part(&self, bytes: ByteRange) -> Option<SlicePart> {
        self.slicing.first_of(bytes)
    }

    /// Length of a slice in bytes; zero past the end.
    #[must_use]
    pub fn slice_length(&self, index: u64) -> u64 {
        self.slicing.range(index).map_or(0, ByteRange::len)
    }

    /// Whether the body of this slice is the one that was just fetched.
    #[must_use]
    pub fn is_fetched(&self, index: u64) -> bool {
        self.fetched == Some(index)
    }

    /// Whether one of its slices was just fetched.
    #[must_use]
    pub fn has_fetched(&self) -> bool {
        self.fetched.is_some()
    }

    /// Whether what was found is the head of this version.
    #[must_use]
    pub fn is_of(&self, found: &Found) -> bool {
        found.entry().is_some_and(|entry| {
            entry.meta.slices == Some(self.slicing) && Version::of(&entry.head.fields).as_ref() == Some(&self.version)
        })
    }

    /// The key of a slice.
    #[must_use]
    pub fn key(&self, index: u64) -> CacheKey {
        self.base.slice(self.version.text(), self.slicing, index)
    }

    /// The key of the head of the whole.
    #[must_use]
    pub fn head_key(&self) -> &CacheKey {
        &self.base
    }

    /// The names whose purges concern every slice.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        meta::groups(self.base.name(), self.tags.clone())
    }

    /// Whether what was found is this slice, whole and not purged. A soft purge asks for the version, which the head
    /// has answered; the bytes of a version do not change.
    #[must_use]
    pub fn accepts(&self, index: u64, found: &Found, epochs: &TagEpochs) -> bool {
        let (Some(entry), Some(range)) = (found.entry(), self.slicing.range(index)) else { return false };
        let is_it = entry.meta.key == self.key(index).as_str() && entry.length == Some(range.len());
        let is_doubtful = epochs.are_unreadable() && self.scope == Scope::User;
        let is_older = || self.tier.is_shared() && self.writes.hit(&entry.groups, entry.meta.requested);
        is_it && !is_doubtful && !is_older() && epochs.purged(&entry.meta) != Some(Purge::Hard)
    }

    /// The request for a slice, on the condition that the version is still this one (RFC 9110 §13.1.1, §13.1.4).
    #[must_use]
    pub fn request(&self, index: u64) -> OriginRequest {
        let mut request = self.request.clone();
        let range = self.slicing.range(index).unwrap_or(self.slicing.whole());
        ask(&mut request, range);
        match &self.version {
            Version::Tag(tag) => request.head.fields.set("if-match", tag.as_str()),
            Version::Modified(date) => request.head.fields.set("if-unmodified-since", date.as_str()),
        }
        request
    }

    /// Judges the answer to [`Self::request`]: `requested` is when it was sent, `now` when its head came. `Ok(None)`:
    /// it may be sent, but not stored: it was purged meanwhile, or its origin says so by now.
    ///
    /// # Errors
    /// When it is not this slice.
    pub fn conclude(
        &self,
        index: u64,
        head: &ResponseHead,
        epochs: &TagEpochs,
        requested: Timestamp,
        now: Timestamp,
    ) -> Result<Option<PutPlan>, SliceFailure> {
        let wanted = self.slicing.range(index);
        if fill::names_another(&self.own_tags, &head.fields) {
            // What is stored is as good as before.
            return Err(SliceFailure::Failed);
        }
        match head.status {
            206 => {}
            // What may be another time (RFC 9110 §15.5.9, §15.6; RFC 6585 §4; RFC 8470 §5.2).
            408 | 425 | 429 | 500.. => return Err(SliceFailure::Failed),
            _ => return Err(SliceFailure::Changed),
        }
        let is_it = stated(&head.fields)
            .is_some_and(|(range, complete)| Some(range) == wanted && complete == self.slicing.complete());
        if !is_it || Version::of(&head.fields).as_ref() != Some(&self.version) {
            return Err(SliceFailure::Changed);
        }
        let plan = self.plan(index, requested, now);
        let is_fresh = EntryMeta::of(&plan.head.fields).is_some_and(|meta| epochs.purged(&meta).is_none());
        let verdict = storable::judge_slice(self.scope, self.tier.is_shared(), self.tells_browsers, &head.fields);
        Ok(Some(plan).filter(|_| is_fresh && verdict.is_ok()))
    }

    /// How a slice is stored.
    pub(super) fn plan(&self, index: u64, requested: Timestamp, now: Timestamp) -> PutPlan {
        let key = self.key(index);
        let length = self.slicing.range(index).map_or(0, ByteRange::len);
        let meta = EntryMeta {
            key: key.as_str().to_owned(),
            requested,
            received: now,
            initial_age: DeltaSeconds::ZERO,
            tags: self.tags.clone(),
            vary: Vec::new(),
            slices: None,
            list: None,
        };
        let mut fields = Fields::new();
        fields.set("content-type", "application/octet-stream");
        fields.set_number("content-length", length);
        let fields = entry::put_away(&fields, &meta, self.retention);
        let (class, retention) = (self.class.clone(), self.retention);
        PutPlan { key, class, head: ResponseHead { status: 200, fields }, retention, marker: None, max_body: length }
    }
}

impl Piece {
    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl Version {
    /// A weak tag, and a date that may be the same for two versions, do not tell (RFC 9110 §8.8.2.2).
    fn of(fields: &Fields) -> Option<Self> {
        if let Some(tag) = fields.get("etag") {
            return EntityTag::parse(tag).filter(|tag| tag.strong_eq(*tag)).map(|_| Self::Tag(tag.trim().to_owned()));
        }
        let text = fields.get("last-modified")?;
        let (modified, date) = (http_date::parse(text)?, fields.get("date").and_then(http_date::parse)?);
        (date > modified).then(|| Self::Modified(text.trim().to_owned()))
    }

    fn text(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Modified(text) => text,
        }
    }
}

/// The slice that a request for an unknown body asks for: the one where the client's range begins.
pub(super) fn first_wanted(class: &ResourceClass, context: &Context<'_>) -> Option<ByteRange> {
    let length = class.slice.filter(|_| context.rules.tier.keeps_slices() && context.request.method == "GET")?;
    let index = context.fields().get("range").and_then(range::begins_at).unwrap_or(0) / length;
    let first = index.checked_mul(length)?;
    Some(ByteRange { first, last: first.checked_add(length - 1)? })
}

/// The whole that a 206 for `wanted` is a slice of: its head as a 200, and how it is cut. `None` when the answer is
/// no such slice, or nothing tells its versions apart.
pub(super) fn whole_of(
    class: &ResourceClass,
    head: &ResponseHead,
    wanted: ByteRange,
) -> Option<(ResponseHead, Slicing)> {
    let (range, complete) = stated(&head.fields)?;
    let slicing = Slicing::new(wanted.len(), complete)?;
    let is_it = head.status == 206 && slicing.range(wanted.first / wanted.len()) == Some(range);
    // What is selected by the request is another body for another client.
    let is_one = vary::selecting_fields(class, head).is_empty();
    if !is_it || !is_one || !has_version(&head.fields) {
        return None;
    }
    let mut head = ResponseHead { status: 200, fields: head.fields.clone() };
    head.fields.remove("content-range");
    head.fields.set_number("content-length", complete);
    Some((head, slicing))
}

/// The part that an answer says it has, and the length of the whole; `None` where its body is not those bytes: another
/// length is announced, or it is encoded on the way, so that positions in it are not those in the representation.
fn stated(fields: &Fields) -> Option<(ByteRange, u64)> {
    let (range, complete) = fields.get("content-range").and_then(range::content_range)?;
    let length = fields.get("content-length");
    let is_whole = length.is_none_or(|length| length.trim().parse() == Ok(range.len()));
    (is_whole && !fields.has("content-encoding")).then_some((range, complete))
}

/// Whether versions can be told apart by these fields.
pub(super) fn has_version(fields: &Fields) -> bool {
    Version::of(fields).is_some()
}

/// The fields of a head that was validated, without losing what its slices are stored by: a 304 may name it by a weak
/// tag.
pub(super) fn keep_version(stored: &Fields, fresh: &mut Fields) {
    if has_version(fresh) {
        return;
    }
    for name in ["etag", "last-modified"] {
        fresh.remove(name);
        for value in stored.all(name) {
            fresh.append(name, value);
        }
    }
}

/// The request for these bytes, and for no others: the client's conditions are answered here, and its encodings are not
/// those of a part.
pub(super) fn ask(request: &mut OriginRequest, range: ByteRange) {
    let fields = &mut request.head.fields;
    fields.set("range", text!["bytes=", range.first, "-", range.last]);
    fields.set("accept-encoding", "identity");
}

/// What a body in slices is known by.
pub(super) struct Whole<'a> {
    /// The fields of the whole, as they came from the origin.
    pub(super) fields: &'a Fields,
    pub(super) slicing: Slicing,
    pub(super) tags: Vec<String>,
    /// The slice that was just fetched.
    pub(super) fetched: Option<u64>,
}

impl Whole<'_> {
    /// All of it, to be sent; `None` when nothing tells its versions apart.
    pub(super) fn of(self, context: &Context<'_>, base: CacheKey) -> Option<Sliced> {
        let class = context.class?;
        let mut request = context.origin_request(class);
        validate::strip_conditions(&mut request.head.fields);
        Some(Sliced {
            pieces: vec![Piece::Bytes(self.slicing.whole())],
            slicing: self.slicing,
            fetched: self.fetched,
            base,
            version: Version::of(self.fields)?,
            request,
            class: class.name.clone(),
            scope: class.scope,
            tier: context.rules.tier,
            tells_browsers: !context.rules.tier.is_shared() && storable::tells_browsers(class),
            retention: context.rules.lifetimes(class).retention(),
            tags: self.tags,
            own_tags: fill::own_tags(context, class),
            writes: context.writes.clone(),
        })
    }
}
