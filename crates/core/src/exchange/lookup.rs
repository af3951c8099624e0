//! Second step: may what was found be served?

use std::sync::Arc;

use super::deliver::{self, Trust};
use super::entry::{Found, StoredEntry};
use super::{Context, Fetch, Resolved, Served};
use crate::field::cache_control::CacheControl;
use crate::field::cache_status::{CacheStatus, Forward};
use crate::invalidation::{Purge, TagEpochs};
use crate::key::CacheKey;
use crate::meta;
use crate::policy::{Authority, ResourceClass, Scope};
use crate::semantics::freshness::{self, Freshness};
use crate::semantics::vary;
use crate::time::{DeltaSeconds, Timestamp};

/// A request that may have an answer in the store.
#[derive(Debug)]
pub struct Lookup<'e> {
    context: Context<'e>,
    class: &'e ResourceClass,
    /// The plain key, where a marker of variants would be.
    base: CacheKey,
    variant: Option<CacheKey>,
}

impl<'e> Lookup<'e> {
    pub(super) fn new(context: Context<'e>, class: &'e ResourceClass, key: CacheKey) -> Self {
        Self { context, class, base: key, variant: None }
    }

    /// Where to look.
    #[must_use]
    pub fn key(&self) -> &CacheKey {
        self.variant.as_ref().unwrap_or(&self.base)
    }

    /// The names under which an answer can be purged, as far as the request tells: the origin may add groups.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        let tags = self.class.tags.iter().filter_map(|tag| tag.render_tag(&self.context.params));
        meta::groups(self.base.name(), tags.collect())
    }

    /// The class, whose name names the cache on a device.
    #[must_use]
    pub fn class(&self) -> &'e ResourceClass {
        self.class
    }

    /// Judges what was found, with the purges that concern it ([`Found::groups`]), at `now`.
    #[must_use]
    pub fn resolve(self, found: &Found, epochs: &TagEpochs, now: Timestamp) -> Resolved<'e> {
        let entry = match found {
            Found::Nothing => {
                let fwd = if self.variant.is_none() { Forward::UriMiss } else { Forward::VaryMiss };
                return self.fetch(CacheStatus::forward(fwd), None);
            }
            Found::Entry(entry) if entry.meta.key == self.key().as_str() => entry,
            Found::Entry(_) | Found::Unreadable => {
                return self.fetch(CacheStatus::forward(Forward::UriMiss).because("unreadable-entry"), None);
            }
        };
        if epochs.are_unreadable() && self.class.scope == Scope::User {
            return self.fetch(CacheStatus::forward(Forward::Bypass).because("epochs-unreadable"), None);
        }
        let purged = epochs.hit(&entry.groups, entry.meta.requested);
        if purged == Some(Purge::Hard) {
            return self.fetch(CacheStatus::forward(Forward::UriMiss).because("purged"), None);
        }
        if !entry.meta.vary.is_empty() {
            return self.variant(&entry.meta.vary);
        }
        let lifetimes = self.context.rules.lifetimes(self.class);
        let (status, fields) = (entry.head.status, &entry.head.fields);
        let mut freshness = freshness::of_entry(&entry.meta, status, fields, self.class.authority, lifetimes, now);
        if purged == Some(Purge::Soft) {
            freshness.revalidate = true;
            freshness.usable_on_error = true;
        }
        match self.verdict(&freshness) {
            Verdict::Fresh => {
                let status = match self.context.waited {
                    None => CacheStatus::hit(freshness.ttl()),
                    Some(fwd) => {
                        CacheStatus { collapsed: true, ttl: Some(freshness.ttl()), ..CacheStatus::forward(fwd) }
                    }
                };
                Resolved::Deliver(deliver::stored(&self.context, entry, status, Served::Fresh, Trust::Policy, now))
            }
            Verdict::Stale { refresh } => {
                let detail = if refresh { "stale-while-revalidate" } else { "max-stale" };
                let status = CacheStatus::hit(freshness.ttl()).because(detail);
                let delivery = deliver::stored(&self.context, entry, status, Served::Stale, Trust::Policy, now);
                if refresh {
                    let mut context = self.context;
                    // What a HEAD finds stale is refreshed whole.
                    "GET".clone_into(&mut context.request.method);
                    let status = CacheStatus::forward(Forward::Stale);
                    let fetch =
                        Fetch::new(context, self.class, self.base, status, Some((Arc::clone(entry), freshness)));
                    Resolved::DeliverStale(delivery, fetch)
                } else {
                    Resolved::Deliver(delivery)
                }
            }
            Verdict::Forward(fwd) => {
                let status = CacheStatus::forward(fwd);
                let status = if purged.is_some() { status.because("soft-purged") } else { status };
                self.fetch(status, Some((Arc::clone(entry), freshness)))
            }
        }
    }

    fn verdict(&self, freshness: &Freshness) -> Verdict {
        let fresh = freshness.is_fresh();
        if self.class.authority == Authority::Origin {
            // The client's directives count where the origin's do (RFC 9111 §5.2.1).
            let text = self.context.fields().combined("cache-control");
            let asked = match &text {
                Some(text) => CacheControl::parse(text),
                // RFC 9111 §5.4: Pragma counts when there is no Cache-Control.
                None => CacheControl {
                    no_cache: self.context.fields().tokens("pragma").iter().any(|t| t == "no-cache"),
                    ..CacheControl::default()
                },
            };
            let too_old = asked.max_age.is_some_and(|max| freshness.age > max);
            let too_short = asked.min_fresh.is_some_and(|min| freshness.lifetimes.ttl.minus(freshness.age) < min);
            if asked.no_cache || too_old || too_short {
                return Verdict::Forward(Forward::Request);
            }
            let allowed = asked.max_stale.unwrap_or(DeltaSeconds::ZERO);
            let staleness = freshness.age.minus(freshness.lifetimes.ttl);
            if !fresh && !freshness.revalidate && !freshness.strict && asked.max_stale.is_some() && staleness <= allowed
            {
                return Verdict::Stale { refresh: false };
            }
        }
        if fresh {
            Verdict::Fresh
        } else if freshness.serves_while_revalidating() {
            Verdict::Stale { refresh: true }
        } else {
            Verdict::Forward(Forward::Stale)
        }
    }

    fn variant(mut self, names: &[String]) -> Resolved<'e> {
        if self.variant.is_some() {
            return self.fetch(CacheStatus::forward(Forward::VaryMiss).because("unreadable-entry"), None);
        }
        self.variant = Some(self.base.variant(&vary::selecting_values(names, self.context.fields())));
        Resolved::Variant(self)
    }

    fn fetch(self, status: CacheStatus, entry: Option<(Arc<StoredEntry>, Freshness)>) -> Resolved<'e> {
        let asked = self.context.fields().combined("cache-control").unwrap_or_default();
        if self.class.authority == Authority::Origin && CacheControl::parse(&asked).only_if_cached {
            // RFC 9111 §5.2.1.7
            return Resolved::Deliver(deliver::refusal(
                &self.context,
                504,
                "only-if-cached",
                "Nothing usable is stored.",
            ));
        }
        Resolved::Fetch(Fetch::new(self.context, self.class, self.base, status, entry))
    }
}

enum Verdict {
    Fresh,
    Stale { refresh: bool },
    Forward(Forward),
}
