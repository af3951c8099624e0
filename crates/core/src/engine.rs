//! The entry points: a policy and a tier decide.
//!
//! ```text
//!  RequestHead + Credential ── receive ──┬─▶ Refuse(Delivery)
//!                                        ├─▶ Fetch            (passed on, nothing is looked up)
//!                                        └─▶ Lookup ── resolve ──┬─▶ Deliver(Delivery)
//!                                              ▲                 ├─▶ DeliverStale(Delivery, Fetch)
//!                                              └── Variant ◀─────┤
//!                                                                └─▶ Fetch
//!  Fetch ── conclude ──▶ Conclusion { delivery, store, invalidation }
//! ```
//!
//! Each state is a type that the next step consumes: a wrong order of calls does not compile.
//!
//! ```
//! # #[cfg(feature = "document")] {
//! use tiercel_core::engine::{Engine, Tier};
//! use tiercel_core::exchange::{Outcome, Received, Resolved, StoreAction};
//! use tiercel_core::field::Fields;
//! use tiercel_core::head::{RequestHead, ResponseHead};
//! use tiercel_core::invalidation::{Facts, TagEpochs};
//! use tiercel_core::principal::Credential;
//! use tiercel_core::time::Timestamp;
//!
//! let text = r#"{ "name": "shop", "version": 1, "classes": { "photo": {
//!   "match": "GET /photos/:id", "scope": "public", "key": "photo:{id}",
//!   "browser": "public, max-age=60", "edge": { "ttl": "5m" }, "device": "never" } } }"#;
//! let engine = Engine::new(tiercel_core::policy::document::read(text).policy.unwrap(), Tier::Edge);
//! let (none, now) = (TagEpochs::new(), Timestamp::from_secs(1_000));
//!
//! let request = RequestHead::new("GET", "https://shop.example/photos/7", Fields::new());
//! let Received::Lookup(lookup) = engine.receive(request, Credential::None, now) else { panic!() };
//! assert_eq!(lookup.key().as_str(), "v1/photo:7");
//! let Resolved::Fetch(fetch) = lookup.resolve(None, &none, now) else { panic!() };
//! let answer = ResponseHead { status: 200, fields: Fields::new() };
//! let conclusion = fetch.conclude(Outcome::Response(answer), &Facts::default(), &none, now);
//! assert!(matches!(conclusion.store, StoreAction::Put(_)));
//! assert_eq!(conclusion.delivery.head.fields.get("cache-status"), Some("tiercel-edge; fwd=uri-miss; stored; ttl=300"));
//! # }
//! ```

use crate::exchange::{Received, receive};
use crate::head::{RequestHead, Target};
use crate::invalidation::{DomainEvent, Facts, Invalidation};
use crate::key::{Namespace, Params};
use crate::policy::route::Router;
use crate::policy::{LeadsTo, Lifetimes, Policy, Query, ResourceClass, Scope, Store};
use crate::principal::Credential;
use crate::time::Timestamp;

/// Where the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The Worker in front of the origin: a shared cache.
    Edge,
    /// The browser's Service Worker: Cache Storage.
    ServiceWorker,
    /// The client SDK: IndexedDB.
    Sdk,
}

impl Tier {
    /// The cache's name in `Cache-Status`.
    #[must_use]
    pub const fn cache_name(self) -> &'static str {
        match self {
            Self::Edge => "tiercel-edge",
            Self::ServiceWorker => "tiercel-sw",
            Self::Sdk => "tiercel-sdk",
        }
    }

    /// Whether several users share the store.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        matches!(self, Self::Edge)
    }

    /// The lifetimes of a class here; `None` when this tier does not store it.
    #[must_use]
    pub fn lifetimes(self, class: &ResourceClass) -> Option<Lifetimes> {
        let store = match self {
            Self::Edge => return class.edge,
            Self::ServiceWorker => Store::CacheStorage,
            Self::Sdk => Store::IndexedDb,
        };
        class.device.filter(|d| d.store == store).map(|d| d.lifetimes)
    }
}

/// A policy at work in one tier.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) policy: Policy,
    pub(crate) tier: Tier,
    pub(crate) classes: Router,
    pub(crate) events: Router,
}

impl Engine {
    /// An engine for `tier`.
    #[must_use]
    pub fn new(policy: Policy, tier: Tier) -> Self {
        let (classes, events) = (policy.class_router(), policy.event_router());
        Self { policy, tier, classes, events }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The tier.
    #[must_use]
    pub const fn tier(&self) -> Tier {
        self.tier
    }

    /// The first step: what kind of request is this, and whose?
    #[must_use]
    pub fn receive(&self, request: RequestHead, credential: Credential, now: Timestamp) -> Received<'_> {
        receive::receive(self, request, credential, now)
    }

    /// Whether this tier stores the class that a request belongs to. A Service Worker does not intercept others.
    #[must_use]
    pub fn covers(&self, method: &str, target: &Target) -> bool {
        method == "GET" && self.class_of(method, &target.path).is_some_and(|c| self.tier.lifetimes(c).is_some())
    }

    /// Whether the answer to a request depends on who asks, so that its credential must be verified first.
    #[must_use]
    pub fn asks_who(&self, method: &str, target: &Target) -> bool {
        let user_scoped = self.class_of(method, &target.path).is_some_and(|c| c.scope == Scope::User);
        user_scoped || self.events.find(method, &target.path).is_some()
    }

    /// The class of a request.
    #[must_use]
    pub fn class_of(&self, method: &str, path: &str) -> Option<&ResourceClass> {
        match self.policy.routes.get(self.classes.find(method, path)?.route)?.leads_to {
            LeadsTo::Class(index) => self.policy.classes.get(index),
            LeadsTo::Event(_) => None,
        }
    }

    /// Path and query of the request for `class` with `params`, for a client that starts from names; `None`
    /// when there is no such class, or a parameter of its path is missing.
    #[must_use]
    pub fn locate(&self, class: &str, params: &Params) -> Option<String> {
        let index = self.policy.classes.iter().position(|c| c.name == class)?;
        let routes = self.policy.routes.iter().filter(|r| r.leads_to == LeadsTo::Class(index));
        let path = routes.filter_map(|r| Some((r.pattern.params().count(), r.pattern.path(params)?))).max()?.1;
        let query = match &self.policy.classes.get(index)?.query {
            Query::Listed(names) => receive::write_query(names, params),
            Query::All => params.get(crate::policy::QUERY).map(str::to_owned),
        };
        Some(match query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        })
    }

    /// The names of `user`'s local stores.
    #[must_use]
    pub fn namespace(&self, user: Option<&str>) -> Namespace {
        Namespace::new(&self.policy.name, user)
    }

    /// What an event invalidates in this tier.
    #[must_use]
    pub fn invalidate(&self, event: &DomainEvent, facts: &Facts) -> Invalidation {
        self.policy.invalidate(event, facts, !self.tier.is_shared())
    }
}
