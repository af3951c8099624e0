//! Third step: what to ask the origin. What its answer means for the store stands in `fill`.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::deliver::Trust;
use super::entry::{self, StoredEntry};
use super::fill::{self, Fill, List};
use super::receive::{self, normalised_query};
use super::{
    Conclusion, Context, Delivery, FetchFailure, Lookup, Outcome, PutPlan, StoreAction, deliver, list, sliced, unkeyed,
};
use crate::collection::{Listing, Unlisted};
use crate::field::Fields;
use crate::field::cache_groups::{self, CACHE_GROUP_INVALIDATION};
use crate::field::cache_status::{CacheStatus, Forward};
use crate::field::range::ByteRange;
use crate::head::{RequestHead, ResponseHead, Target};
use crate::invalidation::{Facts, Invalidation, Purge, TagEpochs};
use crate::key::CacheKey;
use crate::meta;
use crate::policy::{ResourceClass, Scope};
use crate::principal::Credential;
use crate::semantics::freshness::Freshness;
use crate::semantics::located::located;
use crate::semantics::{storable, validate};
use crate::sorted;
use crate::time::{DeltaSeconds, Timestamp};

/// The verified user, percent-encoded, for the origin. Clients cannot forge it: the edge removes theirs.
pub const USER_FIELD: &str = "x-tiercel-user";
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
    /// `If-Match` or `If-Unmodified-Since`: only the origin can tell (RFC 9111 §4.3.2).
    Precondition,
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
            Self::Precondition => "precondition",
        }
    }

    /// Whether the origin may understand another request than its class is for. It goes on as it came, with the client's
    /// credentials, so that nobody else may keep the answer.
    const fn is_doubt(self) -> bool {
        matches!(self, Self::AmbiguousPath | Self::AmbiguousQuery | Self::TooLong | Self::Upgrade)
    }
}

/// What to ask the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl<'e> Fetch<'e> {
    pub(super) fn pass(context: Context<'e>, reason: PassReason) -> Self {
        Self { context, mode: Mode::Pass(reason) }
    }

    pub(super) fn new(
        context: Context<'e>,
        class: &'e ResourceClass,
        key: CacheKey,
        status: CacheStatus,
        entry: Option<(Arc<StoredEntry>, Freshness)>,
    ) -> Self {
        Self {
            context,
            mode: Mode::Fill(Box::new(Fill { class, key, status, entry, slices: true, list: List::Wanted })),
        }
    }

    /// The key that an answer would be stored under.
    #[must_use]
    pub fn key(&self) -> Option<&CacheKey> {
        match &self.mode {
            Mode::Fill(fill) => Some(&fill.key),
            Mode::Pass(_) => None,
        }
    }

    /// The key under which others may wait for what comes of this; `None` when it will not be stored: a HEAD, a part,
    /// what is passed on.
    #[must_use]
    pub fn shared_key(&self) -> Option<&CacheKey> {
        self.key().filter(|_| self.context.request.method == "GET" && !self.is_part())
    }

    /// Whether a slice is asked for, so that others may have it from the store before all that this client wants has come.
    #[must_use]
    pub fn wants_slice(&self) -> bool {
        self.slice().is_some()
    }

    /// Looks again instead, after waiting for another request for [`Self::shared_key`]; `None` for what is passed on.
    #[must_use]
    pub fn look_again(self) -> Option<Lookup<'e>> {
        let Self { mut context, mode: Mode::Fill(fill) } = self else { return None };
        context.waited = Some(fill.status.fwd.unwrap_or(Forward::UriMiss));
        Some(Lookup::new(context, fill.class, fill.key))
    }

    /// Whether it has waited for another request already, in vain.
    #[must_use]
    pub fn has_waited(&self) -> bool {
        self.context.waited.is_some()
    }

    /// Whether it may change something at the origin, so that what it makes untrue must be made known.
    #[must_use]
    pub fn is_mutation(&self) -> bool {
        matches!(self.mode, Mode::Pass(PassReason::Method))
    }

    /// The request to send.
    #[must_use]
    pub fn request(&self) -> OriginRequest {
        let Mode::Fill(fill) = &self.mode else {
            let upgrades = matches!(self.mode, Mode::Pass(PassReason::Upgrade));
            let (head, revalidate) = (self.context.forwarded(upgrades), !self.context.rules.tier.is_shared());
            return OriginRequest { head, timeout: None, revalidate };
        };
        let mut request = self.context.origin_request(fill.class);
        if let List::Refused(_) = fill.list {
            validate::strip_conditions(&mut request.head.fields);
            request.head.target.query = list::own_query(&self.context, request.head.target.query.take());
            return request;
        }
        if !self.is_part() {
            let fields = &mut request.head.fields;
            validate::strip_conditions(fields);
            if let Some((entry, _)) = &fill.entry {
                validate::add_validators(fields, &entry.head.fields);
            }
            if let Some(slice) = self.slice() {
                sliced::ask(&mut request, slice);
            }
        }
        request
    }

    /// Whether this answer to a request for a slice is none, so that [`Self::without_slices`] must be sent instead:
    /// the origin's answer has no strong validator, must not be stored, or is not what was asked for.
    #[must_use]
    pub fn wants_whole(&self, answer: &ResponseHead) -> bool {
        let (Mode::Fill(fill), Some(wanted)) = (&self.mode, self.slice()) else { return false };
        match answer.status {
            206 => sliced::whole_of(fill.class, answer, wanted).is_none_or(|(whole, _)| {
                storable::judge(fill.class, &self.context.request, &whole, self.context.rules.tier.is_shared()).is_err()
            }),
            // Not the client's mistake: it asked for no range, or on a condition that comes first.
            416 => wanted.first == 0 || is_conditional(self.context.fields()),
            _ => false,
        }
    }

    /// The same without slices: the client's own range goes on.
    #[must_use]
    pub fn without_slices(mut self) -> Self {
        if let Mode::Fill(fill) = &mut self.mode {
            fill.slices = false;
        }
        self
    }

    /// Most bytes of an answer with this head that are read to make a list of ([`Self::listed`]); `None` where none is to be
    /// made.
    #[must_use]
    pub fn wants_list(&self, answer: &ResponseHead) -> Option<u64> {
        let Mode::Fill(fill) = &self.mode else { return None };
        let is_wanted = fill.list == List::Wanted && answer.status == 200 && self.context.request.method == "GET";
        self.context.collection().filter(|_| is_wanted).map(|_| fill.class.max_body)
    }

    /// Makes the stored form of a list of the origin's whole `answer`, in whose `head` it then has the length. `None`: it has
    /// broken off, or was not read because it is too long. Where that cannot be, the answer is the origin's own to this very
    /// page, which has to be asked for ([`Self::request`]), and nothing is stored.
    pub fn listed(&mut self, head: &mut ResponseHead, answer: Option<&[u8]>) -> Option<Vec<u8>> {
        let collection = self.context.collection()?;
        let Mode::Fill(fill) = &mut self.mode else { return None };
        let made = answer.ok_or(Unlisted::TooLarge).and_then(|answer| Listing::of(collection, answer));
        match made {
            Ok(list) if list.len() as u64 <= fill.class.max_body => {
                fill.list = List::Made;
                list::describe(head, list.len());
                Some(list)
            }
            made => {
                fill.list = List::Refused(made.err().unwrap_or(Unlisted::TooLarge).token());
                None
            }
        }
    }

    /// The JSON Pointers to look up in the body of an answer with this status, for [`Self::conclude`].
    #[must_use]
    pub fn facts_wanted(&self, status: u16) -> Vec<String> {
        if let Some(collection) = self.context.collection().filter(|_| status >= 400) {
            return vec![collection.code_at.clone()];
        }
        match &self.context.event {
            Some(event) if (200..300).contains(&status) => self.context.rules.policy.facts_wanted(event),
            _ => Vec::new(),
        }
    }

    /// When this request began, or the one for what was found: what was purged before concerns neither.
    #[must_use]
    pub fn oldest(&self) -> Timestamp {
        match &self.mode {
            Mode::Fill(fill) => {
                fill.entry.iter().map(|(entry, _)| entry.meta.requested).fold(self.context.began, Ord::min)
            }
            Mode::Pass(_) => self.context.began,
        }
    }

    /// [`Lookup::for_another_user`], when the answer has come.
    #[must_use]
    pub fn for_another_user(&self) -> Option<Delivery> {
        let Mode::Fill(fill) = &self.mode else { return None };
        (fill.class.scope == Scope::User).then(|| deliver::another_user(&self.context))
    }

    /// The names whose purges concern what comes of this, for [`Self::conclude`]: those of the `answer`, and those of
    /// what was found.
    #[must_use]
    pub fn groups(&self, answer: Option<&ResponseHead>) -> Vec<String> {
        let Mode::Fill(fill) = &self.mode else { return Vec::new() };
        let found = fill.entry.iter().flat_map(|(entry, _)| entry.groups.iter().cloned());
        let tags = answer.map(|head| entry::tags(&self.context, fill.class, head)).unwrap_or_default();
        meta::groups(fill.key.name(), found.chain(tags).collect())
    }

    /// On a device, how long the network may take to begin its answer before what is stored goes out in its place
    /// ([`Self::meanwhile`]), in seconds; `None` where nothing may.
    #[must_use]
    pub fn patience(&self, epochs: &TagEpochs) -> Option<DeltaSeconds> {
        let Mode::Fill(fill) = &self.mode else { return None };
        fill.class.device.as_ref()?.network_timeout.filter(|_| fill.serves_on_error(epochs))
    }

    /// What goes out while the network takes longer than [`Self::patience`]; the request goes on behind it. `None`: a
    /// purge came between, and the answer must be waited for.
    #[must_use]
    pub fn meanwhile(&self, epochs: &TagEpochs, now: Timestamp) -> Option<Delivery> {
        let Mode::Fill(fill) = &self.mode else { return None };
        fill.stands_in(&self.context, FetchFailure::Timeout, None, epochs, now)
    }

    /// On a device, whether the network always comes first: then an answer that the browser asked for ahead is as good
    /// as the one of [`Self::request`].
    #[must_use]
    pub fn is_network_first(&self) -> bool {
        let Mode::Fill(fill) = &self.mode else { return false };
        !self.is_part() && self.context.rules.lifetimes(fill.class).ttl == DeltaSeconds::ZERO
    }

    /// On a device, how to store what came where nobody may read it (Fetch, "opaque filtered response"): whether it is an error,
    /// how long it is good, and for whom. `None` where the class does not ask for that. Only for a client that may not read
    /// the answer either (mode `no-cors`) and wants all of it.
    #[must_use]
    pub fn opaque(&self, epochs: &TagEpochs, now: Timestamp) -> Option<PutPlan> {
        let Mode::Fill(fill) = &self.mode else { return None };
        fill.opaque(&self.context, epochs, now)
    }

    /// On a device, the path of what stands in where this fails and nothing stored does ([`Delivery::shows`]).
    #[must_use]
    pub fn fallback(&self) -> Option<&'e str> {
        let Mode::Fill(fill) = &self.mode else { return None };
        fill.class.device.as_ref()?.fallback.as_deref()
    }

    /// Judges what came back.
    #[must_use]
    pub fn conclude(self, outcome: Outcome, facts: &Facts, epochs: &TagEpochs, now: Timestamp) -> Conclusion {
        let (part, slice) = (self.is_part(), self.slice());
        let Self { context, mode } = self;
        let came = match &outcome {
            Outcome::Response(head) => Ok(head.status),
            Outcome::Failed(failure) => Err(*failure),
        };
        let mode = match (mode, list::declared(&context, came, facts)) {
            (Mode::Fill(fill), Some(failure)) => match fill.falls_back(&context, failure, came.ok(), epochs, now) {
                Some(conclusion) => return conclusion,
                None => Mode::Fill(fill),
            },
            (mode, _) => mode,
        };
        match (mode, outcome) {
            (Mode::Pass(reason), Outcome::Response(head)) => passed(&context, reason, head, facts, now),
            (Mode::Pass(reason), Outcome::Failed(failure)) => {
                let fwd = if reason == PassReason::Method { Forward::Method } else { Forward::Bypass };
                let delivery = deliver::failure(&context, failure, CacheStatus::forward(fwd));
                Conclusion { delivery, store: StoreAction::Keep, invalidation: perhaps_done(&context) }
            }
            (Mode::Fill(fill), Outcome::Failed(failure)) => fill.failed(&context, failure, None, epochs, now),
            (Mode::Fill(fill), Outcome::Response(head))
                if fill::names_another(&fill::own_tags(&context, fill.class), &head.fields) =>
            {
                keep(deliver::another_user(&context))
            }
            (Mode::Fill(fill), Outcome::Response(head)) => match slice.filter(|_| head.status == 206) {
                Some(wanted) => fill.answered_in_slices(&context, &head, wanted, epochs, now),
                None => fill.answered(&context, head, part, epochs, now),
            },
        }
    }

    /// Whether the client's `Range` goes on to the origin. A range that is the whole (`bytes=0-`, as browsers ask
    /// for media) is fetched as the whole, so that it can be stored; any other part of what is not stored, and is not
    /// kept in slices, is passed through.
    fn is_part(&self) -> bool {
        let Mode::Fill(fill) = &self.mode else { return false };
        let whole = !cfg!(feature = "client-fields")
            || self.context.fields().get("range").is_none_or(|range| range.trim() == "bytes=0-");
        !whole && fill.entry.is_none() && self.slice().is_none() && self.context.page.is_none()
    }

    /// The slice to ask for, where the class is kept in slices.
    fn slice(&self) -> Option<ByteRange> {
        let Mode::Fill(fill) = &self.mode else { return None };
        sliced::first_wanted(fill.class, &self.context).filter(|_| fill.slices)
    }
}

impl Context<'_> {
    /// The client's request as it may go on.
    fn forwarded(&self, upgrades: bool) -> RequestHead {
        let mut head = self.request.clone();
        // What is ours, between tier and origin. The target names the host; a field of the client's must not.
        head.fields.retain(|name, _| !unkeyed::begins(name, "x-tiercel") && name != "host");
        if !upgrades {
            head.fields.remove_hop_by_hop();
        }
        if let (true, Some(principal)) = (self.rules.tier.is_shared(), &self.principal) {
            head.fields.set(USER_FIELD, utf8_percent_encode(principal.id(), NON_ALPHANUMERIC).collect::<String>());
        }
        head
    }

    /// The request for what a class holds, with the client's conditions and range still on it: its answer is a
    /// function of the key.
    pub(super) fn origin_request(&self, class: &ResourceClass) -> OriginRequest {
        let mut head = self.forwarded(false);
        let shared = self.rules.tier.is_shared();
        unkeyed::remove(&mut head, shared);
        if !class.authority.is_origin() {
            head.target.query = normalised_query(class, &self.params, &head.target);
            // The client's wishes would reach the origin's own caches.
            head.fields.remove("cache-control");
            head.fields.remove("pragma");
            if class.scope == Scope::Public && shared {
                head.fields.remove("authorization");
                head.fields.remove("cookie");
            }
        }
        if class.scope == Scope::Public {
            head.fields.remove(USER_FIELD);
        }
        OriginRequest { head, timeout: Some(class.timeout), revalidate: !shared }
    }
}

/// Whether a client's range counts only where its own condition holds (RFC 9110 §13.2.2).
fn is_conditional(fields: &Fields) -> bool {
    ["if-range", "if-none-match", "if-modified-since"].iter().any(|name| fields.has(name))
}

pub(super) fn keep(delivery: Delivery) -> Conclusion {
    Conclusion { delivery, store: StoreAction::Keep, invalidation: None }
}

/// A request that was not looked up. A mutation that succeeded invalidates.
fn passed(context: &Context<'_>, reason: PassReason, head: ResponseHead, facts: &Facts, now: Timestamp) -> Conclusion {
    let fwd = if reason == PassReason::Method { Forward::Method } else { Forward::Bypass };
    let status = match reason {
        PassReason::Method => CacheStatus::forward(fwd),
        _ => CacheStatus::forward(fwd).because(reason.token()),
    };
    let mut invalidation = invalidation(context, &head, facts);
    let trust = if reason.is_doubt() { Trust::Nobody } else { Trust::Policy };
    let mut delivery = deliver::passed(context, head, status, trust);
    if let Some(names) = invalidation.as_ref().map(|i| &i.names).filter(|n| !n.is_empty()) {
        delivery.head.fields.set(CACHE_GROUP_INVALIDATION, cache_groups::write(names.iter().map(String::as_str)));
    }
    if let (true, Some(invalidation)) = (context.rules.tier.is_shared(), &mut invalidation) {
        invalidation.receipt = Some(Box::new((now, context.writes.clone())));
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
    found.names.extend(cache_groups::invalidated(&context.request.method, head.status, &head.fields));
    let unsafe_method = !matches!(&*context.request.method, "OPTIONS" | "TRACE");
    if unsafe_method && (200..400).contains(&head.status) {
        // RFC 9111 §4.4: what the target URI names has changed, and what the answer says is the same or new.
        let target = &context.request.target;
        found.names.extend(target_key(context, target));
        found.names.extend(located(target, &head.fields).filter_map(|target| target_key(context, &target)));
    }
    found.names = sorted::set(found.names);
    if !found.names.is_empty() && found.purge.is_none() {
        found.purge = Some(Purge::Hard);
    }
    (found.wipe || !found.names.is_empty()).then_some(found)
}

/// What a mutation makes untrue if it was done, though no answer came: that is asked for anew, and served meanwhile where
/// the origin still fails. A device asks the edge.
fn perhaps_done(context: &Context<'_>) -> Option<Invalidation> {
    let event = context.event.as_ref().filter(|_| context.rules.tier.is_shared())?;
    let Invalidation { names, .. } = context.rules.invalidate(event, &Facts::default());
    (!names.is_empty()).then_some(Invalidation { names, purge: Some(Purge::Soft), ..Invalidation::default() })
}

/// The key of a GET for this URL by whoever asks, where the origin's word rules.
fn target_key(context: &Context<'_>, target: &Target) -> Option<String> {
    let class = context.rules.class("GET", &target.path)?.0;
    if !class.authority.is_origin() {
        return None;
    }
    let get = RequestHead { method: "GET".into(), target: target.clone(), fields: Fields::new() };
    let credential = context.principal.clone().map_or(Credential::None, Credential::Verified);
    match receive::receive(context.rules, get, credential, context.began) {
        super::Received::Lookup(lookup) => Some(lookup.key().name().to_owned()),
        _ => None,
    }
}
