//! What the tests of the core share: the shipped policies, requests, and a store in memory.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod answers;
pub(crate) mod edge;
pub(crate) mod film;

use std::collections::HashMap;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{
    Conclusion, Delivery, Fetch, Found, Lookup, OriginRequest, Outcome, Received, Resolved, StoreAction,
};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::policy::Policy;
use tiercel_core::policy::document::read;
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use tiercel_core::time::Timestamp;

/// The built-in policy.
pub(crate) const VIDEOMI: &str = include_str!("../../../../policies/videomi.json");
/// The plain RFC 9111 cache.
pub(crate) const HTTP: &str = include_str!("../../../../policies/http.json");

/// The policy in `text`, which must be without errors.
pub(crate) fn policy(text: &str) -> Policy {
    let reading = read(text);
    let diagnostics = reading.diagnostics;
    reading.policy.unwrap_or_else(|| panic!("the policy of a test has errors: {diagnostics:?}"))
}

/// An engine for `tier` of the policy in `text`.
pub(crate) fn engine(text: &str, tier: Tier) -> Engine {
    Engine::new(policy(text), tier)
}

/// `id`, verified. Empty ids are no users.
pub(crate) fn user(id: &str) -> Credential {
    Principal::new(id, CredentialSource::Authorization).map_or(Credential::None, Credential::Verified)
}

/// Field lines written as `Name: value`.
pub(crate) fn fields<S: AsRef<str>>(lines: &[S]) -> Fields {
    let split = |line: &S| {
        let (name, value) = line.as_ref().split_once(':').expect("a field line is `Name: value`");
        (name.to_owned(), value.trim().to_owned())
    };
    lines.iter().map(split).collect()
}

/// `GET url` without fields.
pub(crate) fn get(url: &str) -> RequestHead {
    RequestHead::new("GET", url, Fields::new())
}

/// The number of cases of a property: `PROPTEST_CASES`, or `usual`.
pub(crate) fn cases(usual: u32) -> proptest::test_runner::Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    // A failure is reported with its shrunk input, which belongs into the tests as a case of its own.
    proptest::test_runner::Config {
        cases: asked.unwrap_or(usual),
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    }
}

/// What happened to one request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) delivery: Delivery,
    /// What the origin was asked, if it was.
    pub(crate) asked: Option<OriginRequest>,
    /// What became of its answer.
    pub(crate) conclusion: Option<Conclusion>,
}

/// One cache: an engine with a store in memory. Time is the caller's.
pub(crate) struct Cache {
    pub(crate) engine: Engine,
    pub(crate) store: HashMap<String, ResponseHead>,
    pub(crate) epochs: TagEpochs,
}

impl Cache {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, store: HashMap::new(), epochs: TagEpochs::new() }
    }

    /// Sends a request through; `origin` answers if it is asked. A refresh behind a stale answer runs at once.
    pub(crate) fn send(
        &mut self,
        request: RequestHead,
        credential: Credential,
        now: Timestamp,
        origin: &mut dyn FnMut(&OriginRequest) -> Outcome,
    ) -> Answer {
        let engine = self.engine.clone();
        let mut lookup: Lookup<'_> = match engine.receive(request, credential, now) {
            Received::Refuse(delivery) => return Answer { delivery, asked: None, conclusion: None },
            Received::Pass(fetch) => return self.fill(fetch, now, origin),
            Received::Lookup(lookup) => lookup,
        };
        loop {
            let head = self.store.get(lookup.key().as_str()).cloned();
            let found = head.map_or(Found::Nothing, |head| Found::read(head, None));
            match lookup.resolve(&found, &self.epochs, now) {
                Resolved::Variant(next) => lookup = next,
                Resolved::Deliver(delivery) => return Answer { delivery, asked: None, conclusion: None },
                Resolved::DeliverStale(delivery, fetch) => {
                    let refreshed = self.fill(fetch, now, origin);
                    return Answer { delivery, ..refreshed };
                }
                Resolved::Fetch(fetch) => return self.fill(fetch, now, origin),
            }
        }
    }

    fn fill(&mut self, fetch: Fetch<'_>, now: Timestamp, origin: &mut dyn FnMut(&OriginRequest) -> Outcome) -> Answer {
        let asked = fetch.request();
        let outcome = origin(&asked);
        let conclusion = fetch.conclude(outcome, &Facts::default(), &self.epochs, now);
        match &conclusion.store {
            StoreAction::Put(plan) | StoreAction::Freshen(plan) => {
                if let Some((key, head)) = &plan.marker {
                    self.store.insert(key.as_str().to_owned(), head.clone());
                }
                self.store.insert(plan.key.as_str().to_owned(), plan.head.clone());
            }
            StoreAction::Remove(keys) => {
                for key in keys {
                    self.store.remove(key.as_str());
                }
            }
            StoreAction::Keep => {}
        }
        if let Some(invalidation) = &conclusion.invalidation
            && let Some(purge) = invalidation.purge
        {
            for name in &invalidation.names {
                self.epochs.record(name, tiercel_core::invalidation::Epoch { at: now, purge });
            }
        }
        Answer { delivery: conclusion.delivery.clone(), asked: Some(asked), conclusion: Some(conclusion) }
    }
}
