//! Second step: may what was found be served?

use std::sync::Arc;

use super::deliver::{self, Trust};
use super::entry::{Found, StoredEntry};
use super::{Context, Delivery, Fetch, Resolved, Served, list, sliced};
use crate::field::cache_control::CacheControl;
use crate::field::cache_status::{self, CacheStatus, Forward};
use crate::invalidation::{Purge, TagEpochs};
use crate::key::CacheKey;
use crate::meta;
use crate::policy::{ResourceClass, Scope};
use crate::semantics::asked::{self, Verdict};
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

    /// The answer where whoever asked has meanwhile become another user; `None` for what is everybody's. Only a device has
    /// such clients: what was asked for as one user is not another's.
    #[must_use]
    pub fn for_another_user(&self) -> Option<Delivery> {
        (self.class.scope == Scope::User).then(|| deliver::another_user(&self.context))
    }

    /// What of `found` this request can be answered with. What nobody may read is there for a client that may not read it
    /// either (mode `no-cors`) and wants all of it (`is_blind`), as long as the class asks for that.
    #[must_use]
    pub fn visible(&self, found: Found, is_blind: bool) -> Found {
        let is_shown = is_blind && self.class.device.as_ref().is_some_and(|device| device.opaque);
        match &found {
            Found::Entry(entry) if entry.is_opaque() && !is_shown => Found::Nothing,
            _ => found,
        }
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
        if self.context.writes.hit(&entry.groups, entry.meta.requested) {
            // Without what was found: a date of the origin may call it good for a second after it changed, and an
            // error is more honest than it.
            return self.fetch(CacheStatus::forward(Forward::Request).because("written-since"), None);
        }
        let is_list = self.context.page.is_some();
        if is_list != entry.meta.list.is_some()
            || (entry.meta.slicing().is_some() && !sliced::has_version(&entry.head.fields))
        {
            return self.fetch(CacheStatus::forward(Forward::UriMiss).because("unreadable-entry"), None);
        }
        if !entry.meta.vary.is_empty() {
            return self.variant(&entry.meta.vary);
        }
        let mut lifetimes = self.context.rules.lifetimes(self.class);
        if !self.context.rules.tier.is_shared() && cache_status::was_stale(&entry.head.fields) {
            // What the edge had to serve stale is no better for being stored again.
            lifetimes.ttl = DeltaSeconds::ZERO;
        }
        let (status, fields) = (entry.head.status, &entry.head.fields);
        let mut freshness = freshness::of_entry(&entry.meta, status, fields, self.class.authority, lifetimes, now);
        let in_doubt = purged.is_none() && epochs.are_unreadable();
        if purged == Some(Purge::Soft) || in_doubt {
            freshness.revalidate = true;
            freshness.usable_on_error = true;
        }
        if let Some(delivery) = list::still_failing(&self.context, entry, &freshness, purged, now) {
            return Resolved::Deliver(delivery);
        }
        let asked = self.asked();
        asked::allow_on_error(&asked, &mut freshness);
        match asked::verdict(&asked, &freshness) {
            Verdict::Fresh => {
                let status = match self.context.waited {
                    None => CacheStatus::hit(freshness.ttl()),
                    Some(fwd) => {
                        CacheStatus { collapsed: true, ttl: Some(freshness.ttl()), ..CacheStatus::forward(fwd) }
                    }
                };
                Resolved::Deliver(deliver::stored(&self.context, entry, status, Served::Fresh, Trust::Policy, now))
            }
            verdict @ (Verdict::StaleWhileRevalidate | Verdict::MaxStale) => {
                let refresh = verdict == Verdict::StaleWhileRevalidate;
                let detail = if refresh { "stale-while-revalidate" } else { "max-stale" };
                let status = CacheStatus::hit(freshness.ttl()).because(detail);
                let delivery = deliver::stored(&self.context, entry, status, Served::Stale, Trust::Policy, now);
                if refresh {
                    let mut context = self.context;
                    // What a HEAD finds stale is refreshed whole.
                    context.request.method = "GET".into();
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
                let status = match purged {
                    Some(_) => status.because("soft-purged"),
                    None if in_doubt => status.because("epochs-unreadable"),
                    None => status,
                };
                self.fetch(status, Some((Arc::clone(entry), freshness)))
            }
        }
    }

    /// What the client asks of the cache, which counts where the origin's word rules (RFC 9111 §5.2.1).
    fn asked(&self) -> CacheControl {
        match self.class.authority.is_origin() {
            true => CacheControl::asked(self.context.fields()),
            false => CacheControl::default(),
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
        if self.asked().only_if_cached {
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
