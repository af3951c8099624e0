//! Third step: what to ask the origin, and what its answer means for the store.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::deliver;
use super::entry::{self, Entry};
use super::receive::{self, normalised_query};
use super::{Conclusion, Context, Delivery, FetchFailure, Outcome, PutPlan, Served, StoreAction};
use crate::field::cache_groups::{self, CACHE_GROUP_INVALIDATION};
use crate::field::cache_status::{CacheStatus, Forward};
use crate::head::{RequestHead, ResponseHead};
use crate::invalidation::{Facts, Invalidation, Purge, TagEpochs};
use crate::key::CacheKey;
use crate::meta::EntryMeta;
use crate::policy::{Authority, ResourceClass, Scope, USER_ID};
use crate::principal::Credential;
use crate::semantics::freshness::Freshness;
use crate::semantics::storable::{self, NoStoreReason};
use crate::semantics::{freshness, validate};
use crate::time::{DeltaSeconds, Timestamp};

/// The verified user, percent-encoded, for the origin. Clients cannot forge it: the edge removes theirs.
pub const USER_FIELD: &str = "x-tiercel-user";
/// Request fields outside the key that some origins let change their answer.
const UNKEYED: [&str; 8] = [
    "forwarded",
    "x-forwarded-host",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Why a request goes past the cache. The names are stable: they go out in `Cache-Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassReason {
    /// The method is neither GET nor HEAD.
    Method,
    /// No class covers it.
    NoClass,
    /// The class is not stored in this tier.
    NeverStored,
    /// A user-scoped class, and no credential.
    NoCredential,
    /// A credential that could not be verified, and why.
    CredentialRejected(&'static str),
    /// The path can be read in more than one way.
    AmbiguousPath,
    /// The query can be read in more than one way.
    AmbiguousQuery,
    /// The URL or the fields are too long.
    TooLong,
    /// The connection is to be upgraded.
    Upgrade,
}

impl PassReason {
    /// The stable token.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::NoClass => "no-class",
            Self::NeverStored => "never-stored",
            Self::NoCredential => "no-credential",
            Self::CredentialRejected(reason) => reason,
            Self::AmbiguousPath => "ambiguous-path",
            Self::AmbiguousQuery => "ambiguous-query",
            Self::TooLong => "too-long",
            Self::Upgrade => "upgrade",
        }
    }
}

/// What to ask the origin.
#[derive(Debug, Clone)]
pub struct OriginRequest {
    /// Method, URL and every field.
    pub head: RequestHead,
    /// How long to wait for the head of the answer, in seconds. `None` for what is passed on: an upload takes the
    /// time it takes, and whoever sent it may give up at will.
    pub timeout: Option<DeltaSeconds>,
    /// On a device: ask past the browser's HTTP cache, whose lifetimes are not ours.
    pub revalidate: bool,
}

/// A request on its way to the origin.
#[derive(Debug)]
pub struct Fetch<'e> {
    context: Context<'e>,
    mode: Mode<'e>,
}

#[derive(Debug)]
enum Mode<'e> {
    Pass(PassReason),
    Fill(Box<Fill<'e>>),
}

#[derive(Debug)]
struct Fill<'e> {
    class: &'e ResourceClass,
    key: CacheKey,
    status: CacheStatus,
    entry: Option<(Entry, Freshness)>,
}

impl<'e> Fetch<'e> {
    pub(super) fn pass(context: Context<'e>, reason: PassReason) -> Self {
        Self { context, mode: Mode::Pass(reason) }
    }

    pub(super) fn new(
        context: Context<'e>,
        class: &'e ResourceClass,
        key: CacheKey,
        status: CacheStatus,
        entry: Option<(Entry, Freshness)>,
    ) -> Self {
        Self { context, mode: Mode::Fill(Box::new(Fill { class, key, status, entry })) }
    }

    /// The key that an answer would be stored under, for a tier that runs one refresh at a time.
    #[must_use]
    pub fn key(&self) -> Option<&CacheKey> {
        match &self.mode {
            Mode::Fill(fill) => Some(&fill.key),
            Mode::Pass(_) => None,
        }
    }

    /// The request to send.
    #[must_use]
    pub fn request(&self) -> OriginRequest {
        let mut head = self.context.request.clone();
        // The target names the host; a field of the client's must not.
        head.fields.retain(|name, _| !name.starts_with("x-tiercel-") && name != "host");
        if !matches!(self.mode, Mode::Pass(PassReason::Upgrade)) {
            head.fields.remove_hop_by_hop();
        }
        let shared = self.context.rules.tier.is_shared();
        if let (true, Some(principal)) = (shared, &self.context.principal) {
            head.fields.set(USER_FIELD, utf8_percent_encode(principal.id(), NON_ALPHANUMERIC).to_string());
        }
        let Mode::Fill(fill) = &self.mode else {
            return OriginRequest { head, timeout: None, revalidate: !shared };
        };
        if fill.class.authority == Authority::Policy {
            head.target.query = normalised_query(fill.class, &self.context.params, &head.target);
            for name in UNKEYED {
                head.fields.remove(name);
            }
            // The client's wishes would reach the origin's own caches.
            head.fields.remove("cache-control");
            head.fields.remove("pragma");
            if fill.class.scope == Scope::Public && shared {
                head.fields.remove("authorization");
                head.fields.remove("cookie");
                head.fields.remove(USER_FIELD);
            }
        }
        if !self.is_part() {
            validate::strip_conditions(&mut head.fields);
            if let Some((entry, _)) = &fill.entry {
                validate::add_validators(&mut head.fields, &entry.head.fields);
            }
        }
        OriginRequest { head, timeout: Some(fill.class.timeout), revalidate: !shared }
    }

    /// The JSON Pointers to look up in the body of an answer with this status, for [`Self::conclude`].
    #[must_use]
    pub fn facts_wanted(&self, status: u16) -> Vec<String> {
        match &self.context.event {
            Some(event) if (200..300).contains(&status) => self.context.rules.policy.facts_wanted(event),
            _ => Vec::new(),
        }
    }

    /// Judges what came back.
    #[must_use]
    pub fn conclude(self, outcome: Outcome, facts: &Facts, epochs: &TagEpochs, now: Timestamp) -> Conclusion {
        let Self { context, mode } = self;
        let part = is_part(&context, &mode);
        match (mode, outcome) {
            (Mode::Pass(reason), Outcome::Response(head)) => passed(&context, reason, head, facts),
            (Mode::Pass(reason), Outcome::Failed(failure)) => {
                let fwd = if reason == PassReason::Method { Forward::Method } else { Forward::Bypass };
                keep(deliver::failure(&context, failure, CacheStatus::forward(fwd)))
            }
            (Mode::Fill(fill), Outcome::Failed(failure)) => fill.failed(&context, failure, None, epochs, now),
            (Mode::Fill(fill), Outcome::Response(head)) => fill.answered(&context, head, part, epochs, now),
        }
    }

    fn is_part(&self) -> bool {
        is_part(&self.context, &self.mode)
    }
}

/// Whether the client's `Range` goes on to the origin. A range that is the whole (`bytes=0-`, as browsers ask
/// for media) is fetched as the whole, so that it can be stored; any other part of what is not stored is passed
/// through.
fn is_part(context: &Context<'_>, mode: &Mode<'_>) -> bool {
    let Mode::Fill(fill) = mode else { return false };
    let whole = context.fields().get("range").is_none_or(|range| range.trim() == "bytes=0-");
    !whole && fill.entry.is_none()
}

fn keep(delivery: Delivery) -> Conclusion {
    Conclusion { delivery, store: StoreAction::Keep, invalidation: None }
}

/// A request that was not looked up. A mutation that succeeded invalidates.
fn passed(context: &Context<'_>, reason: PassReason, head: ResponseHead, facts: &Facts) -> Conclusion {
    let fwd = if reason == PassReason::Method { Forward::Method } else { Forward::Bypass };
    let status = match reason {
        PassReason::Method => CacheStatus::forward(fwd),
        _ => CacheStatus::forward(fwd).because(reason.token()),
    };
    let invalidation = invalidation(context, &head, facts);
    let mut delivery = deliver::passed(context, head, status);
    if let Some(names) = invalidation.as_ref().map(|i| &i.names).filter(|n| !n.is_empty()) {
        delivery.head.fields.set(CACHE_GROUP_INVALIDATION, cache_groups::write(names.iter().map(String::as_str)));
    }
    Conclusion { delivery, store: StoreAction::Keep, invalidation }
}

fn invalidation(context: &Context<'_>, head: &ResponseHead, facts: &Facts) -> Option<Invalidation> {
    if context.is_read() {
        return None;
    }
    let mut found = match &context.event {
        Some(event) if (200..300).contains(&head.status) => context.rules.invalidate(event, facts),
        _ => Invalidation::default(),
    };
    // RFC 9875 §3: the field counts on the answer to an unsafe method.
    let unsafe_method = !matches!(context.request.method.as_str(), "OPTIONS" | "TRACE");
    if unsafe_method && (200..400).contains(&head.status) {
        let named = cache_groups::parse(&head.fields, CACHE_GROUP_INVALIDATION);
        found.names.extend(named);
        // RFC 9111 §4.4: what the target URI names has changed.
        found.names.extend(target_key(context));
    }
    found.names.sort_unstable();
    found.names.dedup();
    if !found.names.is_empty() && found.purge.is_none() {
        found.purge = Some(Purge::Hard);
    }
    (found.wipe || !found.names.is_empty()).then_some(found)
}

/// The key of a GET for the same URL, where the origin's word rules.
fn target_key(context: &Context<'_>) -> Option<String> {
    let class = context.rules.class("GET", &context.request.target.path)?.0;
    if class.authority != Authority::Origin {
        return None;
    }
    let get = RequestHead { method: "GET".into(), ..context.request.clone() };
    match receive::receive(context.rules, get, Credential::None, context.began) {
        super::Received::Lookup(lookup) => Some(lookup.key().name().to_owned()),
        _ => None,
    }
}

impl Fill<'_> {
    fn answered(
        self,
        context: &Context<'_>,
        mut head: ResponseHead,
        part: bool,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Conclusion {
        if names_another_user(context, self.class, &head) {
            let text = "The session belongs to another user by now.";
            return keep(deliver::refusal(context, 403, "another-user", text));
        }
        let asked = |(entry, _): &&(Entry, Freshness)| validate::has_validator(&entry.head.fields);
        if head.status == 304
            && let Some((entry, _)) = self.entry.as_ref().filter(asked)
        {
            return self.not_modified(context, entry.clone(), &head, epochs, now);
        }
        if is_passing_failure(head.status) && self.serves_on_error(epochs) {
            return self.failed(context, FetchFailure::Network, Some(head.status), epochs, now);
        }
        let verdict = if part { Err(NoStoreReason::Partial) } else { self.plan(context, &head, epochs, now) };
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
                let passing = is_passing_failure(head.status) || head.status == 408 || head.status >= 500;
                if reason.replaces() && !passing { self.remove() } else { StoreAction::Keep }
            }
        };
        deliver::default_etag(context, &mut head.fields, head.status, now);
        let delivery = deliver::fetched(context, head, status, trust);
        Conclusion { delivery, store, invalidation: None }
    }

    /// RFC 9111 §4.3.3: the stored response is still good, if it may still be stored under its new fields.
    fn not_modified(
        &self,
        context: &Context<'_>,
        mut entry: Entry,
        head: &ResponseHead,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Conclusion {
        let remove = StoreAction::Remove(self.keys(&entry));
        validate::freshen(&mut entry.head.fields, &head.fields, now);
        let mut status = CacheStatus { fwd_status: Some(304), ..self.status.clone() };
        let (store, trust) = match self.plan(context, &entry.head, epochs, now) {
            Ok((plan, ttl)) => {
                status.ttl = Some(ttl);
                status.stored = true;
                if let Some(meta) = EntryMeta::of(&plan.head.fields) {
                    entry.meta = meta;
                }
                (StoreAction::Freshen(plan), deliver::Trust::Policy)
            }
            Err(reason) => {
                status.ttl = Some(0);
                status.detail = Some(reason.token());
                entry.meta.received = now;
                let trust = if reason.is_doubt() { deliver::Trust::Nobody } else { deliver::Trust::Policy };
                (if reason.replaces() { remove } else { StoreAction::Keep }, trust)
            }
        };
        let delivery = deliver::stored(context, &entry, status, Served::Fresh, trust, now);
        Conclusion { delivery, store, invalidation: None }
    }

    /// How to store `head`, and its freshness left in seconds; or why not.
    fn plan(
        &self,
        context: &Context<'_>,
        head: &ResponseHead,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Result<(PutPlan, i64), NoStoreReason> {
        storable::judge(self.class, &context.request, head, context.rules.tier.is_shared())?;
        let plan = entry::plan(context, self.class, &self.key, head, now);
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
    fn keys(&self, entry: &Entry) -> Vec<CacheKey> {
        let mut keys = vec![self.key.clone(), CacheKey::stored(&entry.meta)];
        keys.dedup();
        keys
    }

    /// RFC 5861 §4, RFC 9111 §4.2.4: the origin failed.
    fn failed(
        self,
        context: &Context<'_>,
        failure: FetchFailure,
        status_code: Option<u16>,
        epochs: &TagEpochs,
        now: Timestamp,
    ) -> Conclusion {
        if !self.serves_on_error(epochs) {
            return keep(deliver::failure(context, failure, self.status));
        }
        let Some((entry, freshness)) = &self.entry else {
            return keep(deliver::failure(context, failure, self.status));
        };
        let on_device = !context.rules.tier.is_shared();
        let detail = match status_code {
            Some(_) => "stale-if-error",
            None if on_device && failure == FetchFailure::Network => "offline",
            None => failure.token(),
        };
        let status =
            CacheStatus { fwd_status: status_code, ttl: Some(freshness.ttl()), ..self.status.clone() }.because(detail);
        let served = if detail == "offline" { Served::Offline } else { Served::Stale };
        keep(deliver::stored(context, entry, status, served, deliver::Trust::Policy, now))
    }

    /// A purge may have come since the entry was found.
    fn serves_on_error(&self, epochs: &TagEpochs) -> bool {
        let usable = |entry: &Entry| epochs.purged(&entry.meta) != Some(Purge::Hard);
        self.entry.as_ref().is_some_and(|(entry, freshness)| usable(entry) && freshness.serves_on_error())
    }
}

/// Whether an answer for a user-scoped class says that it is for someone else than the device's user: the page of
/// one user asks with a cookie, and another tab may have signed in as another. The edge names the user in
/// `Cache-Groups`, by the class's own tags.
fn names_another_user(context: &Context<'_>, class: &ResourceClass, head: &ResponseHead) -> bool {
    if context.rules.tier.is_shared() || class.scope != Scope::User {
        return false;
    }
    let groups = cache_groups::parse(&head.fields, cache_groups::CACHE_GROUPS);
    let mut own = class.tags.iter().filter(|tag| tag.params().any(|p| p == USER_ID));
    !groups.is_empty() && own.any(|tag| tag.render_tag(&context.params).is_some_and(|tag| !groups.contains(&tag)))
}

/// The statuses that RFC 5861 §4 counts as errors, and 429: the origin will answer again later.
const fn is_passing_failure(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}
