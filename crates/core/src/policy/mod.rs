//! The policy: what a team wrote, validated and compiled.
//!
//! `document` (feature `document`) reads and checks the JSON file; what it yields is the [`Policy`] here. The
//! tiers carry it in compact form ([`Policy::encode`]) and never see JSON.

#[cfg(feature = "document")]
pub mod document;

mod collection;
pub mod route;
mod settings;
mod wire;

use crate::invalidation::{DomainEvent, Fact, Facts, Invalidation, Purge, PurgeRule};
use crate::key::{Params, Template};
use crate::principal::Identity;
use crate::sorted;
use crate::time::DeltaSeconds;
use route::{Pattern, Router};
use wire::{Reader, Wire};

pub use collection::{Collection, Envelope, FailsWith, Failure};
pub use settings::{EdgeSettings, Memory};

/// First byte of the compiled form; a tier refuses another one.
const FORM: u8 = 7;

/// A validated policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The namespace of every key, database and cache name.
    pub name: String,
    /// Part of every key: raising it makes every tier miss.
    pub version: u32,
    /// How credentials are verified; `None` when the policy knows no users.
    pub identity: Option<Identity>,
    /// How long others may still see what was purged, in seconds.
    pub bound: DeltaSeconds,
    /// How the edge sees to it that whoever changed something reads it.
    pub token: Token,
    /// How long a mutation's answer waits for its purge to be recorded, in seconds.
    pub record_timeout: DeltaSeconds,
    /// Below which path operators ask something of the edge itself; `None` is nowhere.
    pub operators: Option<String>,
    /// How the edge works.
    pub edge: EdgeSettings,
    /// The path of the page that stands in, offline, for navigations that no class and no event covers.
    pub shell: Option<String>,
    /// The classes, in order of their names.
    pub classes: Vec<ResourceClass>,
    /// The events, in order of their names.
    pub events: Vec<Event>,
    /// Which request belongs to which class or event.
    pub routes: Vec<Route>,
    /// Stores that only the device has.
    pub local: Vec<LocalStore>,
}

/// One row of the policy: requests that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceClass {
    /// Its name.
    pub name: String,
    /// Whose data it is.
    pub scope: Scope,
    /// Who sets lifetimes.
    pub authority: Authority,
    /// Query parameters that enter the key.
    pub query: Query,
    /// The key.
    pub key: Template,
    /// The tags.
    pub tags: Vec<Template>,
    /// The exact `Cache-Control` for browsers; `None` leaves the origin's.
    pub browser: Option<String>,
    /// Further response fields, name in lower case.
    pub headers: Vec<(String, String)>,
    /// Lifetimes at the edge; `None` is never stored there.
    pub edge: Option<Lifetimes>,
    /// Store and lifetimes on the device; `None` is never stored there.
    pub device: Option<Device>,
    /// What a request without a credential gets.
    pub anonymous: Anonymous,
    /// How long the origin may take for the head of its answer, in seconds.
    pub timeout: DeltaSeconds,
    /// Longest body that is stored, in bytes; of a sliced class, the limit of the whole.
    pub max_body: u64,
    /// Bodies longer than this many bytes are fetched and stored in parts of this length; `None` is never.
    pub slice: Option<u64>,
    /// How it is cut into pages, where it is a list that is stored whole.
    pub collection: Option<Collection>,
}

/// The parameter that is always the verified user, never what a URL says.
pub const USER_ID: &str = "userId";
/// The parameter that is the scheme and authority of the URL.
pub const ORIGIN: &str = "origin";
/// The parameter that is the path of the URL.
pub const PATH: &str = "path";
/// The parameter that is the whole query.
pub const QUERY: &str = "query";

/// Whose data a class holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The same for everybody: fetched without credentials.
    Public,
    /// One user's: needs a verified principal, whose id is in the key.
    User,
}

/// Who sets the lifetimes of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The policy; the origin's and the client's cache directives do not matter.
    Policy,
    /// The origin's response and the client's request, by RFC 9111.
    Origin,
}

impl Authority {
    /// Whether the origin rules.
    #[must_use]
    pub const fn is_origin(self) -> bool {
        cfg!(feature = "origin-rules") && matches!(self, Self::Origin)
    }
}

/// Which query parameters enter the key. Others never reach the origin of a cached class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// These, by name.
    Listed(Vec<String>),
    /// The query as it stands.
    All,
}

/// What a request without a credential gets from a user-scoped class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// The origin's own answer, uncached.
    Pass,
    /// 401.
    Refuse,
}

/// How long a tier may use what it stored, in seconds. The windows follow one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// Fresh for this long.
    pub ttl: DeltaSeconds,
    /// Then served at once while one refresh runs (RFC 5861 §3).
    pub stale_while_revalidate: DeltaSeconds,
    /// From the end of `ttl`: served when the origin fails (RFC 5861 §4).
    pub stale_if_error: DeltaSeconds,
    /// From the end of `ttl`: kept in the store, to be revalidated or served on a declared failure.
    pub keep: DeltaSeconds,
}

impl Lifetimes {
    /// How long the store is told to keep an entry, in seconds.
    #[must_use]
    pub fn retention(&self) -> DeltaSeconds {
        self.ttl.plus(self.stale_while_revalidate.max(self.stale_if_error).max(self.keep))
    }
}

/// Where and how long the device keeps a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which store.
    pub store: Store,
    /// How long.
    pub lifetimes: Lifetimes,
    /// How long the network may take to begin its answer before a stored one is served, in seconds.
    pub network_timeout: Option<DeltaSeconds>,
    /// The path of what stands in where neither the network nor the store has an answer.
    pub fallback: Option<String>,
    /// How much.
    pub budget: Budget,
    /// Whether answers that nobody may read are stored, and shown to whom cannot read them either.
    pub opaque: bool,
}

/// How much of a class a device keeps for one user. What was not used for longest makes room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Most bytes of bodies; `None` is what the browser allows.
    pub bytes: Option<u64>,
    /// Most entries; of a body in slices, each slice is one. `None` is no limit.
    pub entries: Option<u64>,
}

/// What an answer that nobody may read counts as, in bytes: its length is nobody's to know either, and Chromium adds up to 14 MB
/// to what it counts of it, so that nobody learns it from the quota.
pub const OPAQUE_LENGTH: u64 = 7 << 20;

impl Budget {
    /// Whether an entry of `bytes` can be kept at all.
    #[must_use]
    pub fn admits(&self, bytes: u64) -> bool {
        self.bytes.is_none_or(|most| bytes <= most)
    }
}

/// The stores of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Responses, in the Service Worker's Cache Storage.
    CacheStorage,
    /// JSON, in the SDK's IndexedDB.
    IndexedDb,
}

/// A store that only the device has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalStore {
    /// Its name.
    pub name: String,
    /// Most entries; the oldest go first.
    pub max_entries: u32,
    /// How long an entry is kept, in seconds; `None` is until logout.
    pub ttl: Option<DeltaSeconds>,
}

/// How whoever changed something is told what it must read from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// By a cookie and a field.
    Cookie,
    /// By a field.
    Header,
    /// Not at all.
    Never,
}

/// A domain event: a mutation and what it invalidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Query parameters of the trigger that are parameters of the event.
    pub query: Vec<String>,
    /// Parameters found in the mutation's answer.
    pub facts: Vec<Fact>,
    /// What is purged at the edge.
    pub edge: Vec<PurgeRule>,
    /// What is purged on the device.
    pub device: Vec<PurgeRule>,
    /// On the device everything of the user goes.
    pub wipe: bool,
    /// How the edge purges; the device always purges hard.
    pub purge: Purge,
    /// While there is no network, the Service Worker keeps the mutation and sends it later.
    pub queued: bool,
}

/// A pattern of requests and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method; `None` is any.
    pub method: Option<String>,
    /// The path.
    pub pattern: Pattern,
    /// What it leads to.
    pub leads_to: LeadsTo,
}

/// What a route leads to: an index into the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadsTo {
    /// A class.
    Class(usize),
    /// An event.
    Event(usize),
}

/// A compiled policy that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPolicy;

impl core::fmt::Display for BadPolicy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the compiled policy is of another release of Tiercel; run `cargo xtask build` again")
    }
}

impl core::error::Error for BadPolicy {}

impl Policy {
    /// The compact form that the tiers carry.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        self.write(&mut bytes);
        bytes
    }

    /// Reads the compact form.
    ///
    /// # Errors
    /// [`BadPolicy`] when the bytes are not of this release.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadPolicy> {
        let Some((&FORM, rest)) = bytes.split_first() else { return Err(BadPolicy) };
        let mut from = Reader::new(rest);
        let policy = Self::read(&mut from);
        if from.is_done() { Ok(policy) } else { Err(BadPolicy) }
    }

    /// The class called `name`.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<&ResourceClass> {
        self.classes.iter().find(|c| c.name == name)
    }

    pub(crate) fn class_router(&self) -> Router {
        self.router(|leads_to| matches!(leads_to, LeadsTo::Class(_)))
    }

    pub(crate) fn event_router(&self) -> Router {
        self.router(|leads_to| matches!(leads_to, LeadsTo::Event(_)))
    }

    fn router(&self, wanted: fn(LeadsTo) -> bool) -> Router {
        let routes = self.routes.iter().enumerate().filter(|(_, r)| wanted(r.leads_to));
        Router::new(routes.map(|(index, r)| (index, r.method.as_deref(), &r.pattern)))
    }

    /// The event called `name` with what is known of it; `None` when the policy has none of that name.
    #[must_use]
    pub fn event(&self, name: &str, params: Params) -> Option<DomainEvent> {
        let index = self.events.iter().position(|e| e.name == name)?;
        Some(DomainEvent { index, name: name.to_owned(), params })
    }

    /// What `event` invalidates at the edge or on the device.
    #[must_use]
    pub fn invalidate(&self, event: &DomainEvent, facts: &Facts, on_device: bool) -> Invalidation {
        let Some(rule) = self.events.get(event.index) else { return Invalidation::default() };
        let mut params = event.params.clone();
        for fact in &rule.facts {
            if let Some([value]) = facts.get(&fact.pointer) {
                params.set(&fact.name, Some(value));
            }
        }
        let (rules, purge) = if on_device { (&rule.device, Purge::Hard) } else { (&rule.edge, rule.purge) };
        let names = sorted::set(rules.iter().filter_map(|r| r.apply(&params, facts)).collect());
        Invalidation {
            purge: (!names.is_empty()).then_some(purge),
            names,
            wipe: on_device && rule.wipe,
            ..Invalidation::default()
        }
    }

    /// The JSON Pointers that the event wants looked up in the mutation's answer.
    #[must_use]
    pub fn facts_wanted(&self, event: &DomainEvent) -> Vec<String> {
        let Some(rule) = self.events.get(event.index) else { return Vec::new() };
        let conditions = rule.edge.iter().chain(&rule.device).filter_map(|r| Some(&r.when.as_ref()?.pointer));
        sorted::set(rule.facts.iter().map(|f| &f.pointer).chain(conditions).cloned().collect())
    }
}
