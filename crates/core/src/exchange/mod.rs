//! One request's life, a file per step: receive, lookup, fetch (and fill, what comes of it), deliver.

mod deliver;
mod entry;
mod fetch;
mod fill;
mod list;
mod lookup;
mod ready;
pub(crate) mod receive;
mod sliced;
mod unkeyed;

use crate::collection::{Page, Paging};
use crate::consistency::Writes;
use crate::field::Fields;
use crate::field::cache_status::{CacheStatus, Forward};
use crate::field::server_timing::{SERVER_TIMING, ServerTiming};
use crate::head::{RequestHead, ResponseHead};
use crate::invalidation::{DomainEvent, Invalidation};
use crate::key::{CacheKey, Params};
use crate::meta::EntryMeta;
use crate::policy::{Collection, OPAQUE_LENGTH, Policy, ResourceClass};
use crate::principal::Principal;
use crate::ruleset::Ruleset;
use crate::semantics::storable::NoStoreReason;
use crate::text;
use crate::tier::Tier;
use crate::time::{DeltaSeconds, Timestamp};

pub use entry::{Found, StoredEntry};
pub use fetch::{Fetch, OriginRequest, PassReason, USER_FIELD};
pub use lookup::Lookup;
pub use sliced::{Piece, SliceFailure, Sliced};

/// What [`Engine::receive`](crate::engine::Engine::receive) says.
#[derive(Debug)]
pub enum Received<'e> {
    /// Look in the store under [`Lookup::key`].
    Lookup(Lookup<'e>),
    /// Send it on; nothing is looked up.
    Pass(Fetch<'e>),
    /// Answer without looking or asking.
    Refuse(Delivery),
}

/// What [`Lookup::resolve`] says.
#[derive(Debug)]
pub enum Resolved<'e> {
    /// Serve this.
    Deliver(Delivery),
    /// Serve this at once, and let the fetch go on behind it.
    DeliverStale(Delivery, Fetch<'e>),
    /// Look again: the response has variants, and this is the key of the one that fits.
    Variant(Lookup<'e>),
    /// Ask the origin. The tier keeps what it found: a 304 or a failure may need its body.
    Fetch(Fetch<'e>),
}

/// What came of asking the origin (or, on a device, the network).
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A response.
    Response(ResponseHead),
    /// None.
    Failed(FetchFailure),
}

/// Why no response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFailure {
    /// No connection, or one that broke.
    Network,
    /// Not in time.
    Timeout,
}

impl FetchFailure {
    /// The stable token.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Network => "network-failure",
            Self::Timeout => "timeout",
        }
    }
}

/// What [`Fetch::conclude`] says: what to serve, what to do with the store, what became untrue.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// What to serve. (Behind a stale delivery nobody waits for it.)
    pub delivery: Delivery,
    /// What to do with the store.
    pub store: StoreAction,
    /// What a mutation made untrue.
    pub invalidation: Option<Invalidation>,
}

impl Conclusion {
    /// Completes the answer to a mutation once its purge was recorded, before it goes out. `is_told`: everybody will know
    /// of it within the policy's bound. Whoever made the change is told what not to take older answers for, wherever.
    pub fn recorded(&mut self, is_told: bool, policy: &Policy) {
        if !is_told {
            self.delivery.purge_pending();
        }
        if let Some(Invalidation { names, receipt: Some(receipt), .. }) = &self.invalidation {
            receipt.1.written(names, receipt.0, is_told, policy, &mut self.delivery.head.fields);
        }
    }

    /// The names whose purges will concern what is put into the store.
    #[must_use]
    pub fn names_stored(&self) -> Vec<String> {
        match &self.store {
            StoreAction::Put(plan) => EntryMeta::of(&plan.head.fields).map(|meta| meta.groups()).unwrap_or_default(),
            StoreAction::Freshen(_) | StoreAction::Keep | StoreAction::Remove(_) => Vec::new(),
        }
    }

    /// Whether those who wait for the same answer can look it up once it is stored: `None` when that cannot be told
    /// of the next answer either, because the origin failed, a purge came between, or it was this request that was
    /// refused.
    #[must_use]
    pub fn is_shareable(&self) -> Option<bool> {
        let Delivery { head, status, served, .. } = &self.delivery;
        let passing = head.status >= 500 || *served != Served::Fresh;
        let says_nothing = [NoStoreReason::PurgedMeanwhile, NoStoreReason::Refusal, NoStoreReason::RequestNoStore];
        match self.store {
            StoreAction::Put(_) | StoreAction::Freshen(_) => Some(true),
            _ if passing || says_nothing.iter().any(|reason| status.detail == Some(reason.token())) => None,
            StoreAction::Keep | StoreAction::Remove(_) => Some(false),
        }
    }
}

/// A finished answer. Tiers add nothing to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Status and every field.
    pub head: ResponseHead,
    /// Where the body comes from.
    pub body: Body,
    /// What `Cache-Status` says, for counters.
    pub status: CacheStatus,
    /// The same in one word, for people.
    pub served: Served,
    /// The place of its class among those of the policy, for counters: at the edge, where there is one.
    pub class: Option<u16>,
    /// Whether every other delivery of the same entry has the same head, but for the fields in [`CHANGING`]. A tier may
    /// keep what it made of it.
    pub is_repeatable: bool,
    /// When the answer to the same question is next another one, where it is the same for all until then; see
    /// [`Self::good_until`].
    pub(crate) same_until: Option<Timestamp>,
}

/// The fields that change from one delivery of an entry to the next.
pub const CHANGING: [&str; 3] = ["age", "cache-status", SERVER_TIMING];

/// The request fields that decide about an answer from memory, beside the credential. A tier that has a request without
/// a credential may come with these alone, and with all of them where nothing comes of it.
pub const DECIDING: [&str; 10] = [
    "cache-control",
    "connection",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "pragma",
    "range",
    "upgrade",
];

impl Delivery {
    /// Says where the time went.
    pub fn timed(&mut self, timing: &ServerTiming) {
        if let Some(value) = timing.write() {
            self.head.fields.append(SERVER_TIMING, value);
        }
    }

    /// Says that what a mutation made untrue is not known everywhere yet.
    pub fn purge_pending(&mut self) {
        let (upstream, name) = self.members();
        let (upstream, name) = (upstream.to_owned(), name.to_owned());
        self.status = self.status.clone().because("purge-pending");
        self.head.fields.set("cache-status", text![upstream, self.status.member(&name)]);
    }

    /// Says that of this hit the part that goes out first had to be fetched (RFC 9211 §2.2, `partial`).
    pub fn fetched_in_part(&mut self) {
        let (upstream, name) = self.members();
        let (upstream, name) = (upstream.to_owned(), name.to_owned());
        self.status = CacheStatus { ttl: self.status.ttl, ..CacheStatus::forward(Forward::Partial) };
        self.head.fields.set("cache-status", text![upstream, self.status.member(&name)]);
    }

    /// Has a failure show what its class has for it: the head and the body of `fallback` under the status of the failure,
    /// so that people see a picture or a page, and whoever asks by script what it is.
    pub fn shows(&mut self, fallback: ResponseHead) {
        let (upstream, name) = self.members();
        let (upstream, name) = (upstream.to_owned(), name.to_owned());
        self.status = self.status.clone().because("fallback");
        self.head.fields = fallback.fields;
        self.head.fields.set("cache-control", "no-store");
        self.head.fields.set("cache-status", [&*upstream, &*self.status.member(&name)].concat());
        self.body = Body::Stored;
    }

    /// What goes out instead when the part that goes out first cannot be had.
    #[must_use]
    pub fn failed_in_part(failure: FetchFailure, tier: Tier) -> Self {
        deliver::failure_in_part(failure, tier, CacheStatus::forward(Forward::Partial).because(failure.token()))
    }

    /// The members of `Cache-Status` before ours, and the name in ours.
    fn members(&self) -> (&str, &str) {
        let line = self.head.fields.get("cache-status").unwrap_or_default();
        let at = text::rfind(line, ", ").map_or(0, |at| at + 2);
        let (upstream, own) = (text::upto(line, at), text::from(line, at));
        (upstream, own.split(';').next().unwrap_or_default())
    }
}

/// Where the body of a delivery comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The stored one, whole.
    Stored,
    /// Parts of the stored one, with text between them where they are several.
    StoredParts(Vec<Piece>),
    /// One whose slices are stored, each as far as it was asked for.
    Sliced(Box<Sliced>),
    /// A page of the stored list, or of the one that was just made.
    Page(Box<Page>),
    /// The one that was just fetched.
    Fetched,
    /// None.
    Empty,
    /// This text.
    Text(String),
}

/// How good a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// From the store and fresh, or just fetched.
    Fresh,
    /// From the store and stale.
    Stale,
    /// From the store, in the place of a failure that the policy expects: which of the collection's failures.
    Fallback(usize),
    /// From a device's store because the network failed.
    Offline,
    /// No answer: refused or failed.
    Failed,
}

impl Served {
    /// The word that clients see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Fallback(_) => "fallback",
            Self::Offline => "offline",
            Self::Failed => "failed",
        }
    }
}

/// What to do with the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAction {
    /// Store the fetched response.
    Put(PutPlan),
    /// Store the stored body again under these fields.
    Freshen(PutPlan),
    /// Leave it as it is.
    Keep,
    /// Remove the entries under these keys.
    Remove(Vec<CacheKey>),
}

/// How to store a response. Freshness is the core's and travels in the fields; retention is what the store is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutPlan {
    /// Where.
    pub key: CacheKey,
    /// Name of the class, which names the cache on a device.
    pub class: String,
    /// The stored head. `Cache-Control` in it is the retention.
    pub head: ResponseHead,
    /// How long the store keeps it, in seconds.
    pub retention: DeltaSeconds,
    /// When the response has variants: an entry without body to put under the plain key.
    pub marker: Option<(CacheKey, ResponseHead)>,
    /// Longest body, in bytes.
    pub max_body: u64,
}

impl PutPlan {
    /// Length of the body as the origin announced it, in bytes. A transfer that ends earlier has broken off and must
    /// not be stored. What nobody may read counts as [`OPAQUE_LENGTH`].
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        if self.head.status == entry::OPAQUE {
            return Some(OPAQUE_LENGTH);
        }
        entry::whole_length(&self.head.fields)
    }
}

/// What every step knows of a request.
#[derive(Debug, Clone)]
pub(crate) struct Context<'e> {
    pub(crate) rules: &'e Ruleset,
    pub(crate) request: RequestHead,
    pub(crate) class: Option<&'e ResourceClass>,
    pub(crate) params: Params,
    /// Which page of a list is asked for, where the class is one and pages are cut here.
    pub(crate) page: Option<Paging>,
    pub(crate) principal: Option<Principal>,
    pub(crate) event: Option<DomainEvent>,
    /// Why another request, which this one has waited for, went forward.
    pub(crate) waited: Option<Forward>,
    /// What the answer must not be older than.
    pub(crate) writes: Writes,
    /// When the request began.
    pub(crate) began: Timestamp,
}

impl<'e> Context<'e> {
    /// The list that pages are cut from here.
    pub(crate) fn collection(&self) -> Option<&'e Collection> {
        // Whoever cuts no pages does without the code.
        self.page.filter(|_| cfg!(feature = "collections")).and(self.class?.collection.as_ref())
    }

    pub(crate) fn is_read(&self) -> bool {
        !cfg!(feature = "mutations") || matches!(&*self.request.method, "GET" | "HEAD")
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.request.fields
    }
}
