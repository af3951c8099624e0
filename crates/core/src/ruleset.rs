//! A policy made ready for one tier: its routes can be searched.

use crate::invalidation::{DomainEvent, Facts, Invalidation};
use crate::policy::route::{Pattern, Router};
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

    /// The class of a request, and the pattern that fits.
    pub(crate) fn class(&self, method: &str, path: &str) -> Option<(&ResourceClass, &Pattern)> {
        let (route, pattern) = self.classes.find(method, path)?;
        match self.policy.routes.get(route)?.leads_to {
            LeadsTo::Class(index) => Some((self.policy.classes.get(index)?, pattern)),
            LeadsTo::Event(_) => None,
        }
    }

    /// The place of a class among those of the policy.
    pub(crate) fn place(&self, class: &ResourceClass) -> Option<u16> {
        let place = self.policy.classes.iter().position(|known| core::ptr::eq(known, class))?;
        u16::try_from(place).ok()
    }

    /// The event that a request may cause, its index, and the pattern that fits.
    pub(crate) fn event(&self, method: &str, path: &str) -> Option<(usize, &Event, &Pattern)> {
        let (route, pattern) = self.events.find(method, path)?;
        match self.policy.routes.get(route)?.leads_to {
            LeadsTo::Event(index) => Some((index, self.policy.events.get(index)?, pattern)),
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
