//! Whether a response may be stored (RFC 9111 §3, §3.5).

use super::freshness::{self, explicit_lifetime, heuristically_cacheable, lifetime};
use super::{validate, vary};
use crate::field::cache_control::{CacheControl, says_no_store};
use crate::field::{Fields, targeted};
use crate::head::{RequestHead, ResponseHead};
use crate::policy::{ResourceClass, Scope};
use crate::time::{DeltaSeconds, Timestamp};

/// Why a response was not stored. The names are stable: they go out in `Cache-Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStoreReason {
    /// Only answers to GET are stored.
    Method,
    /// The status is one that is not stored.
    Status,
    /// The status blames the request, which another client would not send like that.
    Refusal,
    /// 206: a part is no representation.
    Partial,
    /// The request says `no-store`.
    RequestNoStore,
    /// The response says `no-store`.
    ResponseNoStore,
    /// The response says `private`, and the store is shared.
    Private,
    /// The request carries `Authorization` and the response does not allow for it (§3.5).
    Authorization,
    /// The request carries a cookie, and only a guess says that the answer may be kept.
    Cookie,
    /// `Vary: *`, or one that cannot be read.
    VaryStar,
    /// The response sets a cookie.
    SetCookie,
    /// It could never be used: not fresh, no window, and nothing that could validate it.
    NoFreshness,
    /// The body is longer than the class allows.
    TooLarge,
    /// It is to be a list, and cannot be made one; and why.
    NoList(&'static str),
    /// What it holds was invalidated while it was under way.
    PurgedMeanwhile,
}

impl NoStoreReason {
    /// The stable token.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Method => "method-not-stored",
            Self::Status => "status-not-stored",
            Self::Refusal => "request-refused",
            Self::Partial => "partial-not-stored",
            Self::RequestNoStore => "request-no-store",
            Self::ResponseNoStore => "response-no-store",
            Self::Private => "response-private",
            Self::Authorization => "request-authorization",
            Self::Cookie => "request-cookie",
            Self::VaryStar => "vary-star",
            Self::SetCookie => "set-cookie",
            Self::NoFreshness => "no-freshness",
            Self::TooLarge => "too-large",
            Self::NoList(reason) => reason,
            Self::PurgedMeanwhile => "purged-meanwhile",
        }
    }
}

impl NoStoreReason {
    /// Whether the answer replaces what is stored although it cannot be stored itself. A HEAD, a part, or what
    /// one client's own request brought about or keeps out of a shared store says nothing of the entry.
    #[must_use]
    pub const fn replaces(self) -> bool {
        !matches!(
            self,
            Self::Method
                | Self::Refusal
                | Self::Partial
                | Self::RequestNoStore
                | Self::Authorization
                | Self::Cookie
                | Self::NoList(_)
        )
    }

    /// Whether the answer may be meant for one client only, so that nobody else may keep it either.
    #[must_use]
    pub const fn is_doubt(self) -> bool {
        matches!(self, Self::ResponseNoStore | Self::Private | Self::VaryStar | Self::SetCookie | Self::PurgedMeanwhile)
    }
}

/// Judges a response to `request` for the store of a class. `shared` is the edge, not a device.
///
/// # Errors
/// The reason why it must not be stored.
pub fn judge(
    class: &ResourceClass,
    request: &RequestHead,
    response: &ResponseHead,
    shared: bool,
) -> Result<(), NoStoreReason> {
    if request.method != "GET" {
        return Err(NoStoreReason::Method);
    }
    judge_stored(class, request, response, shared)
}

/// The same for what is stored already and was freshened, be it by the answer to a HEAD (RFC 9111 §4.3.5).
///
/// # Errors
/// The reason why it must not be stored any longer.
pub fn judge_stored(
    class: &ResourceClass,
    request: &RequestHead,
    response: &ResponseHead,
    shared: bool,
) -> Result<(), NoStoreReason> {
    if response.status == 206 {
        return Err(NoStoreReason::Partial);
    }
    if blames_the_request(response.status) {
        return Err(NoStoreReason::Refusal);
    }
    is_for_all(&response.fields)?;
    let length = response.fields.get("content-length").and_then(|l| l.parse::<u64>().ok());
    if length.is_some_and(|l| l > class.max_body) {
        return Err(NoStoreReason::TooLarge);
    }
    match class.authority.is_origin() {
        false => by_policy(class, response, shared),
        true => by_origin(request, response, shared),
    }
}

/// Judges a part of a body whose head is stored, for a class of this scope: the origin may have come to say otherwise
/// since. `shared` is the edge; `tells_browsers`, whether the class tells every browser `no-store`.
///
/// # Errors
/// The reason why it must not be stored.
pub fn judge_slice(scope: Scope, shared: bool, tells_browsers: bool, part: &Fields) -> Result<(), NoStoreReason> {
    match shared {
        true => judge_fields(scope, part),
        false => is_for_all(part).and_then(|()| past_the_edge(tells_browsers, part)),
    }
}

/// Judges what an answer says for a class of this scope where the policy rules, whatever else speaks against storing it:
/// whether anybody may keep it beside the client who asked.
///
/// # Errors
/// The reason why nobody may.
pub fn judge_fields(scope: Scope, fields: &Fields) -> Result<(), NoStoreReason> {
    is_for_all(fields)?;
    may_be_kept(scope, fields)
}

/// Whether the class tells every browser `no-store`.
pub fn tells_browsers(class: &ResourceClass) -> bool {
    says_no_store(class.browser.as_deref().unwrap_or(""))
}

/// What came through the edge has the policy's own header on it, or `no-store` where the edge had a doubt: an expired
/// session, a cookie in the answer. Only a class that tells all browsers so means the device.
fn past_the_edge(tells_browsers: bool, fields: &Fields) -> Result<(), NoStoreReason> {
    let is_doubt = fields.all("cache-control").any(says_no_store) && !tells_browsers;
    if is_doubt { Err(NoStoreReason::ResponseNoStore) } else { Ok(()) }
}

/// The policy says that the class is cacheable. An origin that says `no-store`, or `private` on what the
/// policy takes for public, raises a doubt, and a doubt means no cache.
fn by_policy(class: &ResourceClass, response: &ResponseHead, shared: bool) -> Result<(), NoStoreReason> {
    if response.status != 200 {
        return Err(NoStoreReason::Status);
    }
    if !shared {
        return past_the_edge(tells_browsers(class), &response.fields);
    }
    may_be_kept(class.scope, &response.fields)
}

/// An answer that makes a cookie, or is selected by what no key can hold, is meant for one client.
fn is_for_all(fields: &Fields) -> Result<(), NoStoreReason> {
    if fields.has("set-cookie") {
        return Err(NoStoreReason::SetCookie);
    }
    if fields.list("vary").any(|name| !vary::is_field_name(name)) {
        return Err(NoStoreReason::VaryStar);
    }
    Ok(())
}

/// What an origin says against keeping, to whatever cache, where the policy is for it.
fn may_be_kept(scope: Scope, fields: &Fields) -> Result<(), NoStoreReason> {
    let cc = CacheControl::of_any(fields);
    if cc.no_store {
        return Err(NoStoreReason::ResponseNoStore);
    }
    if scope == Scope::Public && (cc.private || cc.private_fields) {
        return Err(NoStoreReason::Private);
    }
    Ok(())
}

/// RFC 9111 §3: "A cache MUST NOT store a response to a request unless: …", in that order.
fn by_origin(request: &RequestHead, response: &ResponseHead, shared: bool) -> Result<(), NoStoreReason> {
    let cc = targeted::effective(&response.fields);
    let asked = CacheControl::of(&request.fields);
    // "the response status code is final" — and not 304, which freshens instead. A 401 is about who asked.
    if !(200..=599).contains(&response.status) || matches!(response.status, 304 | 401) {
        return Err(NoStoreReason::Status);
    }
    // "if … the must-understand cache directive is present: the cache understands the response status code"
    if cc.must_understand && !heuristically_cacheable(response.status) {
        return Err(NoStoreReason::Status);
    }
    // "the no-store cache directive is not present in the response", nor in the request (§5.2.1.5).
    if cc.no_store && !cc.must_understand {
        return Err(NoStoreReason::ResponseNoStore);
    }
    if asked.no_store {
        return Err(NoStoreReason::RequestNoStore);
    }
    if shared {
        // "the private response directive is not present or allows a shared cache to store a modified response":
        // leaving the named fields out is allowed, not required, so both forms are refused.
        if cc.private || cc.private_fields {
            return Err(NoStoreReason::Private);
        }
        // §3.5
        let allows = cc.public || cc.s_maxage.is_some() || cc.must_revalidate;
        if request.fields.has("authorization") && !allows {
            return Err(NoStoreReason::Authorization);
        }
        // The RFC allows it; but a guess is no ground to share what a session may have shaped.
        if request.fields.has("cookie") && !cc.public && !states_lifetime(&cc, &response.fields) {
            return Err(NoStoreReason::Cookie);
        }
    }
    // "the response contains at least one of …"
    let worth = cc.public || states_lifetime(&cc, &response.fields) || heuristically_cacheable(response.status);
    if !worth {
        return Err(NoStoreReason::Status);
    }
    let is_some_time = |span: Option<DeltaSeconds>| span.is_some_and(|span| span > DeltaSeconds::ZERO);
    let fresh = is_some_time(lifetime(&cc, response.status, &response.fields, ARRIVAL));
    let stale = is_some_time(cc.stale_while_revalidate.max(cc.stale_if_error)) && !freshness::is_strict(&cc);
    let unasked = (fresh || stale) && !freshness::is_validated_always(&cc);
    if !unasked && !validate::has_validator(&response.fields) {
        return Err(NoStoreReason::NoFreshness);
    }
    Ok(())
}

/// An `Expires` without a `Date` counts from the arrival, which only the entry knows. Here any moment does.
const ARRIVAL: Timestamp = Timestamp::from_secs(0);

fn states_lifetime(cc: &CacheControl, fields: &Fields) -> bool {
    explicit_lifetime(cc, fields, ARRIVAL).is_some()
}

/// Whether a status says that this very request was wrong: too long, malformed, on a condition, too early or too
/// often. RFC 9111 would let them be stored with a lifetime; then anybody could have the next one refused.
const fn blames_the_request(status: u16) -> bool {
    matches!(status, 400 | 406..=408 | 411..=413 | 415..=417 | 421 | 425 | 426 | 428 | 429 | 431)
}
