//! What the origin's answer to a request for a class means for the store.

use std::sync::Arc;

use super::deliver;
use super::entry::{self, OPAQUE, StoredEntry};
use super::fetch::keep;
use super::sliced::{self, Whole};
use super::{Conclusion, Context, Delivery, FetchFailure, PutPlan, Served, StoreAction, list};
use crate::field::Fields;
use crate::field::cache_groups;
use crate::field::cache_status::CacheStatus;
use crate::field::http_date;
use crate::field::range::ByteRange;
use crate::head::ResponseHead;
use crate::invalidation::{Purge, TagEpochs};
use crate::key::CacheKey;
use crate::meta::EntryMeta;
use crate::policy::{ResourceClass, Scope, USER_ID};
use crate::semantics::freshness::{self, Freshness};
use crate::semantics::storable::{self, NoStoreReason};
use crate::semantics::validate::{self, HeadSays};
use crate::slice::Slicing;
use crate::time::Timestamp;

/// Longest body that is stored in one piece, in bytes: what the Workers Cache API takes.
const LONGEST_WHOLE: u64 = 512 << 20;

/// A request whose answer may be stored, and what is stored so far.
#[derive(Debug)]
pub(super) struct Fill<'e> {
    pub(super) class: &'e ResourceClass,
    pub(super) key: CacheKey,
    pub(super) status: CacheStatus,
    pub(super) entry: Option<(Arc<StoredEntry>, Freshness)>,
    /// Whether the class's slices are asked for.
    pub(super) slices: bool,
    /// Where the class is one: what became of the list.
    pub(super) list: List,
}

/// What became of a list that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// It is asked for whole.
    Wanted,
    /// It was made.
    Made,
    /// It cannot be made, and why: the origin is asked for the page.
    Refused(&'static str),
}

impl Fill<'_> {
    /// The origin answered. `part`: with what the client's own range asked for.
    pub(super) fn answered(
        self,
        context: &Context<'_>,
        mut head: ResponseHead,
        part: bool,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Conclusion {
        let asked = |(entry, _): &&(Arc<StoredEntry>, Freshness)| validate::has_validator(&entry.head.fields);
        if head.status == 304
            && let Some((entry, _)) = self.entry.as_ref().filter(asked)
        {
            return self.not_modified(context, entry, &head, epochs, now);
        }
        let by_origin = self.class.authority.is_origin();
        if by_origin && !head.fields.has("date") {
            // RFC 9110 §6.6.1: who receives an answer without a Date gives it one.
            head.fields.set("date", http_date::write(now));
        }
        if by_origin
            && head.status == 200
            && context.request.method == "HEAD"
            && let Some((entry, freshness)) = &self.entry
            && entry.head.status == 200
        {
            // RFC 9111 §4.3.5. What was stale already stays as it is: it may still be served on a failure.
            let store = match validate::by_head(&entry.head.fields, entry.length, &head.fields) {
                HeadSays::Same => return self.not_modified(context, entry, &head, epochs, now),
                HeadSays::Other if freshness.is_fresh() => self.remove(),
                HeadSays::Other | HeadSays::Nothing => StoreAction::Keep,
            };
            let ttl = Some(freshness.ttl());
            let status = CacheStatus { ttl, ..self.status.clone() }.because(NoStoreReason::Method.token());
            let delivery = deliver::fetched(context, head, None, status, deliver::Trust::Policy, now);
            return Conclusion { delivery, store, invalidation: None };
        }
        let is_refused = matches!(self.list, List::Refused(_));
        if (is_refused || self.is_passing_failure(head.status)) && self.serves_on_error(epochs) {
            return self.failed(context, FetchFailure::Network, Some(head.status), epochs, now);
        }
        if context.request.method == "HEAD" && context.page.is_some() {
            // Those of the whole list; a page has others.
            head.fields.remove("content-length");
            head.fields.remove("etag");
        }
        let verdict = match (self.list, part) {
            (List::Refused(reason), _) => Err(NoStoreReason::NoList(reason)),
            (_, true) => Err(NoStoreReason::Partial),
            _ => self.judge(context, &head).and_then(|()| self.plan(context, &head, None, epochs, now)),
        };
        let mut status = self.status.clone();
        let mut trust = deliver::Trust::Policy;
        let store = match verdict {
            Ok((plan, ttl)) => {
                status.stored = true;
                status.ttl = Some(ttl);
                StoreAction::Put(plan)
            }
            Err(reason) => {
                status.detail = Some(reason.token());
                status.ttl = self.entry.as_ref().map(|(_, freshness)| freshness.ttl());
                if reason.is_doubt() {
                    trust = deliver::Trust::Nobody;
                }
                // A passing refusal (408, 429, 5xx) changes nothing; any other answer is what the origin has now.
                let passing = self.is_passing_failure(head.status) || head.status == 408 || head.status >= 500;
                let is_over = passing && self.is_over();
                if (reason.replaces() && !passing) || is_over { self.remove() } else { StoreAction::Keep }
            }
        };
        deliver::default_etag(context, &mut head.fields, head.status, now);
        let page = list::page(context, false, Served::Fresh).filter(|_| self.list == List::Made);
        let delivery = deliver::fetched(context, head, page, status, trust, now);
        Conclusion { delivery, store, invalidation: None }
    }

    /// A slice came, and with it the head of the whole.
    pub(super) fn answered_in_slices(
        self,
        context: &Context<'_>,
        head: &ResponseHead,
        wanted: ByteRange,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Conclusion {
        let Some((mut whole, slicing)) = sliced::whole_of(self.class, head, wanted) else {
            return self.failed(context, FetchFailure::Network, Some(head.status), epochs, now);
        };
        let index = wanted.first / wanted.len();
        let cut = (slicing.count() > 1).then_some(slicing);
        let verdict = self.judge(context, &whole).and_then(|()| self.plan(context, &whole, cut, epochs, now));
        deliver::default_etag(context, &mut whole.fields, whole.status, now);
        let mut status = CacheStatus { fwd_status: Some(206), ..self.status.clone() };
        let mut trust = deliver::Trust::Policy;
        match &verdict {
            Ok((_, ttl)) => (status.stored, status.ttl) = (true, Some(*ttl)),
            Err(reason) => {
                status.detail = Some(reason.token());
                if reason.is_doubt() {
                    trust = deliver::Trust::Nobody;
                }
            }
        }
        let tags = entry::tags(context, self.class, head);
        let about = Whole { fields: &head.fields, slicing, tags, fetched: Some(index) };
        let Some(sliced) = about.of(context, self.key.clone()) else {
            return self.failed(context, FetchFailure::Network, Some(head.status), epochs, now);
        };
        let store = match verdict {
            // The body is one slice, and stored as any other.
            Ok((plan, _)) if cut.is_none() => StoreAction::Put(plan),
            Ok((plan, _)) => {
                let mut slice = sliced.plan(index, context.began, now);
                slice.marker = Some((plan.key, plan.head));
                StoreAction::Put(slice)
            }
            Err(reason) if reason.replaces() => self.remove(),
            Err(_) => StoreAction::Keep,
        };
        let delivery = deliver::sliced(context, whole, sliced, status, trust, now);
        Conclusion { delivery, store, invalidation: None }
    }

    /// RFC 9111 §4.3.3: the stored response is still good, if it may still be stored under its new fields.
    fn not_modified(
        &self,
        context: &Context<'_>,
        entry: &StoredEntry,
        head: &ResponseHead,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Conclusion {
        let fwd_status = (head.status != 200).then_some(head.status);
        let mut meta = entry.meta.clone();
        if head.status == 304 && !validate::identifies(&entry.head.fields, &head.fields) {
            // RFC 9111 §4.3.4: it must not update what it does not name. The next request asks for the whole.
            meta.received = now;
            let status = CacheStatus { fwd_status, ttl: Some(0), ..self.status.clone() }.because("another-validator");
            let store = StoreAction::Remove(self.keys(entry));
            let entry = entry.freshened(meta, entry.head.fields.clone());
            let delivery = deliver::stored(context, &entry, status, Served::Fresh, deliver::Trust::Policy, now);
            return Conclusion { delivery, store, invalidation: None };
        }
        let mut fresh = entry.head.clone();
        validate::freshen(&mut fresh.fields, &head.fields, now);
        if entry.meta.slicing().is_some() {
            sliced::keep_version(&entry.head.fields, &mut fresh.fields);
        }
        let mut status = CacheStatus { fwd_status, ..self.status.clone() };
        let verdict = storable::judge_stored(self.class, &context.request, &fresh, context.rules.tier.is_shared());
        let verdict = verdict.and_then(|()| self.plan(context, &fresh, entry.meta.slicing(), epochs, now));
        let (store, trust) = match verdict {
            Ok((plan, ttl)) => {
                status.ttl = Some(ttl);
                status.stored = true;
                if let Some(planned) = EntryMeta::of(&plan.head.fields) {
                    meta = planned;
                }
                (StoreAction::Freshen(plan), deliver::Trust::Policy)
            }
            Err(reason) => {
                status.ttl = Some(0);
                status.detail = Some(reason.token());
                meta.received = now;
                let trust = if reason.is_doubt() { deliver::Trust::Nobody } else { deliver::Trust::Policy };
                (if reason.replaces() { StoreAction::Remove(self.keys(entry)) } else { StoreAction::Keep }, trust)
            }
        };
        let entry = entry.freshened(meta, fresh.fields);
        let delivery = deliver::stored(context, &entry, status, Served::Fresh, trust, now);
        Conclusion { delivery, store, invalidation: None }
    }

    /// How to store an answer that nobody may read; `None` where the class does not ask for it.
    pub(super) fn opaque(&self, context: &Context<'_>, epochs: &TagEpochs, now: Timestamp) -> Option<PutPlan> {
        let is_asked = self.class.device.as_ref()?.opaque;
        let head = ResponseHead { status: OPAQUE, fields: Fields::new() };
        let (plan, _) = self.plan(context, &head, None, epochs, now).ok().filter(|_| is_asked)?;
        Some(plan)
    }

    fn judge(&self, context: &Context<'_>, head: &ResponseHead) -> Result<(), NoStoreReason> {
        storable::judge(self.class, &context.request, head, context.rules.tier.is_shared())
    }

    /// How to store `head`, and its freshness left in seconds; or why not. With `slices` it has no body of its own.
    fn plan(
        &self,
        context: &Context<'_>,
        head: &ResponseHead,
        slices: Option<Slicing>,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Result<(PutPlan, i64), NoStoreReason> {
        let length = entry::whole_length(&head.fields);
        if slices.is_none() && length.is_some_and(|length| length > LONGEST_WHOLE) {
            return Err(NoStoreReason::TooLarge);
        }
        let plan = entry::plan(context, self.class, &self.key, head, slices, now);
        // What was purged since the request began is old, however fresh it looks.
        let meta = EntryMeta::of(&plan.head.fields).filter(|meta| epochs.purged(meta).is_none());
        let meta = meta.ok_or(NoStoreReason::PurgedMeanwhile)?;
        let lifetimes = context.rules.lifetimes(self.class);
        let by = freshness::of_entry(&meta, head.status, &head.fields, self.class.authority, lifetimes, now);
        Ok((plan, by.ttl()))
    }

    /// Removes what is stored, where something is.
    fn remove(&self) -> StoreAction {
        match &self.entry {
            Some((entry, _)) => StoreAction::Remove(self.keys(entry)),
            None => StoreAction::Keep,
        }
    }

    /// The plain key, and that of the variant that was found.
    fn keys(&self, entry: &StoredEntry) -> Vec<CacheKey> {
        let mut keys = vec![self.key.clone(), entry.key()];
        keys.dedup();
        keys
    }

    /// RFC 5861 §4, RFC 9111 §4.2.4: the origin failed.
    pub(super) fn failed(
        self,
        context: &Context<'_>,
        failure: FetchFailure,
        status_code: Option<u16>,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Conclusion {
        match self.stands_in(context, failure, status_code, epochs, now) {
            Some(delivery) => keep(delivery),
            None => {
                let store = if self.is_over() { self.remove() } else { StoreAction::Keep };
                Conclusion { delivery: deliver::failure(context, failure, self.status), store, invalidation: None }
            }
        }
    }

    /// What is stored, where it may be served in the place of the answer that did not come.
    pub(super) fn stands_in(
        &self,
        context: &Context<'_>,
        failure: FetchFailure,
        status_code: Option<u16>,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Option<Delivery> {
        let (entry, freshness) = self.entry.as_ref().filter(|_| self.serves_on_error(epochs))?;
        let on_device = !context.rules.tier.is_shared();
        let detail = match status_code {
            Some(_) => "stale-if-error",
            None if on_device && failure == FetchFailure::Network => "offline",
            None => failure.token(),
        };
        let status =
            CacheStatus { fwd_status: status_code, ttl: Some(freshness.ttl()), ..self.status.clone() }.because(detail);
        let served = if detail == "offline" { Served::Offline } else { Served::Stale };
        Some(deliver::stored(context, entry, status, served, deliver::Trust::Policy, now))
    }

    /// The origin failed with `failure` of the collection's: the stored list goes out and is marked, so that the origin is left
    /// alone for a while. It gets no older and no younger by that. `None` where there is none to stand in.
    pub(super) fn falls_back(
        &self,
        context: &Context<'_>,
        failure: usize,
        status_code: Option<u16>,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Option<Conclusion> {
        let (entry, freshness) = self.unpurged(epochs).filter(|(_, freshness)| !freshness.is_over())?;
        let status = CacheStatus { fwd_status: status_code, ttl: Some(freshness.ttl()), ..self.status.clone() }
            .because(list::DECLARED);
        let delivery = deliver::stored(context, entry, status, Served::Fallback(failure), deliver::Trust::Policy, now);
        let store = StoreAction::Freshen(list::marked(context, self.class, entry, freshness, failure, now)?);
        Some(Conclusion { delivery, store, invalidation: None })
    }

    /// Whether a list is stored that has outlived every use: it goes although nothing comes in its place.
    fn is_over(&self) -> bool {
        self.entry.as_ref().is_some_and(|(entry, freshness)| entry.is_list() && freshness.is_over())
    }

    /// The statuses that RFC 5861 §4 counts as errors. Where the policy rules also 429: the origin will answer again
    /// later.
    fn is_passing_failure(&self, status: u16) -> bool {
        matches!(status, 500 | 502 | 503 | 504) || (status == 429 && !self.class.authority.is_origin())
    }

    pub(super) fn serves_on_error(&self, epochs: &TagEpochs) -> bool {
        self.unpurged(epochs).is_some_and(|(_, freshness)| freshness.serves_on_error())
    }

    /// What is stored: a purge may have come since it was found.
    fn unpurged(&self, epochs: &TagEpochs) -> Option<&(Arc<StoredEntry>, Freshness)> {
        self.entry.as_ref().filter(|(entry, _)| epochs.purged(&entry.meta) != Some(Purge::Hard))
    }
}

/// On a device, the tags of a user-scoped class that name its user.
pub(super) fn own_tags(context: &Context<'_>, class: &ResourceClass) -> Vec<String> {
    if context.rules.tier.is_shared() || class.scope != Scope::User {
        return Vec::new();
    }
    let own = class.tags.iter().filter(|tag| tag.params().any(|p| p == USER_ID));
    own.filter_map(|tag| tag.render_tag(&context.params)).collect()
}

/// Whether an answer says that it is for someone else than the user of these tags: the page of one user asks with a cookie,
/// and another tab may have signed in as another. The edge names the user in `Cache-Groups`, by the class's own tags.
pub(super) fn names_another(own: &[String], fields: &Fields) -> bool {
    if own.is_empty() {
        return false;
    }
    let groups = cache_groups::parse(fields, cache_groups::CACHE_GROUPS);
    !groups.is_empty() && own.iter().any(|tag| !groups.contains(tag))
}
