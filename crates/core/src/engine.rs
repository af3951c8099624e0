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
//! use tiercel_core::exchange::{Found, Outcome, Received, Resolved, StoreAction};
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
//! let Resolved::Fetch(fetch) = lookup.resolve(&Found::Nothing, &none, now) else { panic!() };
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
use crate::policy::{Authority, LeadsTo, Policy, QUERY, Query, ResourceClass, Scope};
use crate::principal::{Credential, Principal};
use crate::ruleset::Ruleset;
use crate::time::Timestamp;

pub use crate::tier::Tier;

/// A policy at work in one tier.
#[derive(Debug, Clone)]
pub struct Engine(Ruleset);

impl Engine {
    /// An engine for `tier`.
    #[must_use]
    pub fn new(policy: Policy, tier: Tier) -> Self {
        Self(Ruleset::new(policy, tier))
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The tier.
    #[must_use]
    pub const fn tier(&self) -> Tier {
        self.0.tier
    }

    /// The first step: what kind of request is this, and whose?
    #[must_use]
    pub fn receive(&self, request: RequestHead, credential: Credential, now: Timestamp) -> Received<'_> {
        receive::receive(&self.0, request, credential, now)
    }

    /// Whether this tier stores the class that a request belongs to. A Service Worker does not intercept others.
    #[must_use]
    pub fn covers(&self, method: &str, target: &Target) -> bool {
        method == "GET" && self.class_of(method, &target.path).is_some_and(|c| self.tier().lifetimes(c).is_some())
    }

    /// Whether the answer to a request depends on who asks, or what it makes untrue, so that its credential must be verified
    /// first.
    #[must_use]
    pub fn asks_who(&self, method: &str, target: &Target) -> bool {
        let user_scoped = |method| self.class_of(method, &target.path).filter(|c| c.scope == Scope::User);
        user_scoped(method).is_some()
            || self.0.event(method, &target.path).is_some()
            // RFC 9111 §4.4: where the origin rules, what is stored of the target belongs to whoever changes it. First of all
            // whether it can rule here, so that a tier without such classes does not look for one.
            || Authority::Origin.is_origin()
                && !matches!(method, "GET" | "HEAD")
                && user_scoped("GET").is_some_and(|c| c.authority.is_origin())
    }

    /// The class of a request.
    #[must_use]
    pub fn class_of(&self, method: &str, path: &str) -> Option<&ResourceClass> {
        Some(self.0.class(method, path)?.0)
    }

    /// The event that a request causes if it succeeds, with what its head says of it.
    #[must_use]
    pub fn event_of(&self, request: &RequestHead, principal: Option<&Principal>) -> Option<DomainEvent> {
        receive::event(&self.0, request, principal)
    }

    /// Path and query of the request for `class` with `params`, for a client that starts from names; `None`
    /// when there is no such class, or a parameter of its path is missing.
    #[must_use]
    pub fn locate(&self, class: &str, params: &Params) -> Option<String> {
        let policy = self.policy();
        let index = policy.classes.iter().position(|c| c.name == class)?;
        let routes = policy.routes.iter().filter(|r| r.leads_to == LeadsTo::Class(index));
        let path = routes.filter_map(|r| Some((r.pattern.params().count(), r.pattern.path(params)?))).max()?.1;
        let query = match &policy.classes.get(index)?.query {
            Query::Listed(names) => receive::write_query(names, params),
            Query::All => params.get(QUERY).map(str::to_owned),
        };
        Some(with_query(path, query))
    }

    /// Method, path and query of the request that causes `event` with `params`; `None` when there is no such event, a
    /// parameter of its path is missing, or its trigger is any method.
    #[must_use]
    pub fn locate_event(&self, event: &str, params: &Params) -> Option<(&str, String)> {
        let policy = self.policy();
        let index = policy.events.iter().position(|e| e.name == event)?;
        let routes = policy.routes.iter().filter(|r| r.leads_to == LeadsTo::Event(index));
        let ways =
            routes.filter_map(|r| Some((r.pattern.params().count(), r.method.as_deref()?, r.pattern.path(params)?)));
        let (_, method, path) = ways.max()?;
        let query = receive::write_query(&policy.events.get(index)?.query, params);
        Some((method, with_query(path, query)))
    }

    /// The names of `user`'s local stores.
    #[must_use]
    pub fn namespace(&self, user: Option<&str>) -> Namespace {
        Namespace::new(&self.policy().name, user)
    }

    /// What an event invalidates in this tier.
    #[must_use]
    pub fn invalidate(&self, event: &DomainEvent, facts: &Facts) -> Invalidation {
        self.0.invalidate(event, facts)
    }
}

fn with_query(path: String, query: Option<String>) -> String {
    match query {
        Some(query) => [path, query].join("?"),
        None => path,
    }
}
