//! A policy made ready for one tier: its routes can be searched.

use crate::invalidation::{DomainEvent, Facts, Invalidation};
use crate::policy::route::{Pattern, Routed, Router};
use crate::policy::{Event, LeadsTo, Lifetimes, Policy, ResourceClass};
use crate::tier::Tier;

/// What every step of an exchange goes by.
#[derive(Debug, Clone)]
pub(crate) struct Ruleset {
    pub(crate) policy: Policy,
    pub(crate) tier: Tier,
    classes: Router,
    events: Router,
}

impl Ruleset {
    pub(crate) fn new(policy: Policy, tier: Tier) -> Self {
        let (classes, events) = (policy.class_router(), policy.event_router());
        Self { policy, tier, classes, events }
    }

    /// The class of a request, the pattern that fits and the raw values of its parameters.
    pub(crate) fn class<'p>(&self, method: &str, path: &'p str) -> Option<(&ResourceClass, &Pattern, Vec<&'p str>)> {
        let Routed { route, values } = self.classes.find(method, path)?;
        let route = self.policy.routes.get(route)?;
        match route.leads_to {
            LeadsTo::Class(index) => Some((self.policy.classes.get(index)?, &route.pattern, values)),
            LeadsTo::Event(_) => None,
        }
    }

    /// The event that a request may cause, its index, the pattern that fits and the raw values of its parameters.
    pub(crate) fn event<'p>(&self, method: &str, path: &'p str) -> Option<(usize, &Event, &Pattern, Vec<&'p str>)> {
        let Routed { route, values } = self.events.find(method, path)?;
        let route = self.policy.routes.get(route)?;
        match route.leads_to {
            LeadsTo::Event(index) => Some((index, self.policy.events.get(index)?, &route.pattern, values)),
            LeadsTo::Class(_) => None,
        }
    }

    /// The lifetimes of a class in this tier; none where it is not stored.
    pub(crate) fn lifetimes(&self, class: &ResourceClass) -> Lifetimes {
        self.tier.lifetimes(class).unwrap_or_default()
    }

    /// What an event invalidates in this tier.
    pub(crate) fn invalidate(&self, event: &DomainEvent, facts: &Facts) -> Invalidation {
        self.policy.invalidate(event, facts, !self.tier.is_shared())
    }
}
