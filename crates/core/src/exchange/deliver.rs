//! Last step: every field of an answer is written here, for every tier.

use super::entry::{self, StoredEntry};
use super::sliced::{Piece, Sliced, Whole};
use super::{Body, Context, Delivery, FetchFailure, Served, list, ready};
use crate::collection::Page;
use crate::field::Fields;
use crate::field::cache_control::CacheControl;
use crate::field::cache_groups::{self, CACHE_GROUPS};
use crate::field::cache_status::CacheStatus;
use crate::field::range::{ByteRange, RangeAnswer};
use crate::field::targeted::{self, CDN_CACHE_CONTROL};
use crate::head::ResponseHead;
use crate::policy::{ResourceClass, Scope};
use crate::principal::{CredentialSource, Principal};
use crate::semantics::{condition, freshness, storable};
use crate::text;
use crate::tier::Tier;
use crate::time::Timestamp;

/// An answer from the store.
pub(super) fn stored(
    context: &Context<'_>,
    entry: &StoredEntry,
    status: CacheStatus,
    served: Served,
    trust: Trust,
    now: Timestamp,
) -> Delivery {
    let (fields, is_repeatable) = dressed(context, entry, trust);
    let mut head = ResponseHead { status: entry.head.status, fields };
    head.fields.set_number("age", freshness::current_age(&entry.meta, now).get());
    let page = list::page(context, true, served);
    if let Some(page) = &page {
        list::dress(page, &mut head.fields);
    }
    let length = entry.length.filter(|_| page.is_none());
    let selected = select(context, &mut head, length, AtHand::AnyPart, now);
    let whole = entry.meta.slicing().map(|slicing| {
        let about = Whole { fields: &entry.head.fields, slicing, tags: entry.meta.tags.clone(), fetched: None };
        about.of(context, entry.key())
    });
    let body = match (whole, selected) {
        (_, Selected::Nothing) | (Some(None), _) => Body::Empty,
        (None, Selected::Whole) => page.map_or(Body::Stored, |page| Body::Page(Box::new(page))),
        (None, Selected::Pieces(pieces)) => Body::StoredParts(pieces),
        (Some(Some(whole)), selected) => cut(whole, selected),
    };
    let is_repeatable = is_repeatable && body == Body::Stored;
    let delivery = close(context, head, body, status, served);
    let is_for_all = context.class.is_some_and(|class| class.scope == Scope::Public) && context.waited.is_none();
    let is_same = is_repeatable && is_for_all && delivery.body == Body::Stored && served == Served::Fresh;
    let same_until = is_same.then(|| ready::next_second(entry.meta.received, now));
    Delivery { is_repeatable, same_until, ..delivery }
}

/// An answer that was just fetched. Of a list that was just made a `page` goes out.
pub(super) fn fetched(
    context: &Context<'_>,
    mut head: ResponseHead,
    page: Option<Page>,
    status: CacheStatus,
    trust: Trust,
    now: Timestamp,
) -> Delivery {
    age_of_fetched(context, &mut head.fields);
    if let Some(page) = &page {
        list::dress(page, &mut head.fields);
    }
    let length = entry::whole_length(&head.fields).filter(|_| page.is_none());
    let body = match select(context, &mut head, length, AtHand::Whole, now) {
        Selected::Nothing => Body::Empty,
        Selected::Whole | Selected::Pieces(_) => page.map_or(Body::Fetched, |page| Body::Page(Box::new(page))),
    };
    dress(context, &mut head, trust);
    close(context, head, body, status, Served::Fresh)
}

/// An answer of which one slice was just fetched. `head` is that of the whole.
pub(super) fn sliced(
    context: &Context<'_>,
    mut head: ResponseHead,
    whole: Sliced,
    status: CacheStatus,
    trust: Trust,
    now: Timestamp,
) -> Delivery {
    age_of_fetched(context, &mut head.fields);
    dress(context, &mut head, trust);
    let body = match select(context, &mut head, Some(whole.complete()), AtHand::AnyPart, now) {
        Selected::Nothing => Body::Empty,
        selected => cut(whole, selected),
    };
    close(context, head, body, status, Served::Fresh)
}

/// The product has an Age on every answer of a class that it keeps. Where the origin rules, RFC 9111 §5.1 does: an
/// Age says that the answer did not come from the origin.
fn age_of_fetched(context: &Context<'_>, fields: &mut Fields) {
    let by_policy = context.class.is_some_and(|class| !class.authority.is_origin());
    if by_policy && context.rules.tier.is_shared() && !fields.has("age") {
        fields.set("age", "0");
    }
}

fn cut(mut whole: Sliced, selected: Selected) -> Body {
    if let Selected::Pieces(pieces) = selected {
        whole.pieces = pieces;
    }
    Body::Sliced(Box::new(whole))
}

/// An answer of a request that was not looked up.
pub(super) fn passed(context: &Context<'_>, mut head: ResponseHead, status: CacheStatus, trust: Trust) -> Delivery {
    dress(context, &mut head, trust);
    close(context, head, Body::Fetched, status, Served::Fresh)
}

/// No answer came, and nothing stored can stand in.
pub(super) fn failure(context: &Context<'_>, failure: FetchFailure, status: CacheStatus) -> Delivery {
    let (code, text) = gateway(failure, context.rules.tier);
    answer(context, code, status.because(failure.token()), text)
}

/// The same in the middle of an answer that was found, where there is no context any more.
pub(super) fn failure_in_part(failure: FetchFailure, tier: Tier, status: CacheStatus) -> Delivery {
    let (code, text) = gateway(failure, tier);
    let mut head = ResponseHead { status: code, fields: plain_text() };
    head.fields.set("cache-status", status.member(tier.cache_name()));
    let body = Body::Text([text, "\n"].concat());
    Delivery { head, body, status, served: Served::Failed, class: None, is_repeatable: false, same_until: None }
}

const fn gateway(failure: FetchFailure, tier: Tier) -> (u16, &'static str) {
    match failure {
        FetchFailure::Network if !tier.is_shared() => (504, "There is no connection, and nothing usable is stored."),
        FetchFailure::Timeout => (504, "The origin did not answer in time, and nothing usable is stored."),
        FetchFailure::Network => (502, "The origin cannot be reached, and nothing usable is stored."),
    }
}

/// A request that is answered without looking or asking.
pub(super) fn refusal(context: &Context<'_>, code: u16, reason: &'static str, text: &str) -> Delivery {
    answer(context, code, CacheStatus::default().because(reason), text)
}

/// What was asked for is not for whoever is signed in by now.
pub(super) fn another_user(context: &Context<'_>) -> Delivery {
    refusal(context, 403, "another-user", "The session belongs to another user by now.")
}

/// Gives a policy's answer a validator of its own when the origin gave none: the moment that it was received
/// tells apart what was fetched at different times.
pub(super) fn default_etag(context: &Context<'_>, fields: &mut Fields, status: u16, received: Timestamp) {
    let by_policy = context.class.is_some_and(|c| !c.authority.is_origin());
    if by_policy && context.rules.tier.is_shared() && status == 200 && !fields.has("etag") {
        fields.set("etag", text!["W/\"t", received.as_millis(), "\""]);
    }
}

fn answer(context: &Context<'_>, code: u16, status: CacheStatus, text: &str) -> Delivery {
    let mut fields = plain_text();
    if code == 401 {
        fields.set("www-authenticate", "Bearer");
    }
    let mut head = ResponseHead { status: code, fields };
    dress(context, &mut head, Trust::Policy);
    close(context, head, Body::Text([text, "\n"].concat()), status, Served::Failed)
}

fn plain_text() -> Fields {
    [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")].into_iter().collect()
}

/// Which parts of a body can be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtHand {
    /// Any: it is stored, or can be had in slices.
    AnyPart,
    /// It is being fetched: only all of it.
    Whole,
}

/// What of a body is sent.
enum Selected {
    Whole,
    Pieces(Vec<Piece>),
    Nothing,
}

/// Answers the client's own conditions and range (RFC 9110 §13.2.2).
fn select(
    context: &Context<'_>,
    head: &mut ResponseHead,
    length: Option<u64>,
    at_hand: AtHand,
    now: Timestamp,
) -> Selected {
    if !cfg!(feature = "client-fields") || head.status != 200 {
        return Selected::Whole;
    }
    if condition::not_modified(context.fields(), &head.fields) {
        head.status = 304;
        // RFC 9110 §15.4.5: the fields that describe the body go, the validators stay.
        for name in ["content-length", "content-type", "content-encoding", "content-language"] {
            head.fields.remove(name);
        }
        return Selected::Nothing;
    }
    let Some(complete) = length.filter(|_| context.request.method == "GET") else { return Selected::Whole };
    match condition::range(context.fields(), &head.fields, complete) {
        RangeAnswer::Whole => Selected::Whole,
        RangeAnswer::Parts(parts) => match parts.as_slice() {
            [part] if at_hand == AtHand::AnyPart || part.len() == complete => {
                head.status = 206;
                head.fields.set("content-range", part.content_range(complete));
                head.fields.set_number("content-length", part.len());
                Selected::Pieces(vec![Piece::Bytes(*part)])
            }
            parts if at_hand == AtHand::AnyPart => Selected::Pieces(multipart(head, parts, complete, now)),
            // The whole is an answer too (RFC 9110 §14.2).
            _ => Selected::Whole,
        },
        RangeAnswer::Unsatisfiable => {
            head.status = 416;
            // What is stored of the representation does not hold for this answer.
            for name in ["content-length", "content-type", "content-encoding", "cache-tags", CACHE_GROUPS] {
                head.fields.remove(name);
            }
            no_store(&mut head.fields);
            head.fields.set("content-range", text!["bytes */", complete]);
            Selected::Nothing
        }
    }
}

/// Several parts in one body (RFC 9110 §14.6). Nobody who wrote the content can know the moment of a later request,
/// so the boundary does not occur in it.
fn multipart(head: &mut ResponseHead, parts: &[ByteRange], complete: u64, now: Timestamp) -> Vec<Piece> {
    let boundary = text!["tiercel-", now.as_millis(), "-", complete];
    let kind =
        head.fields.get("content-type").map(|kind| ["Content-Type: ", kind, "\r\n"].concat()).unwrap_or_default();
    let mut pieces = Vec::new();
    for part in parts {
        let at = part.content_range(complete);
        pieces.push(Piece::Text(["\r\n--", &boundary, "\r\n", &kind, "Content-Range: ", &at, "\r\n\r\n"].concat()));
        pieces.push(Piece::Bytes(*part));
    }
    pieces.push(Piece::Text(["\r\n--", &boundary, "--\r\n"].concat()));
    head.status = 206;
    head.fields.set("content-type", ["multipart/byteranges; boundary=", &boundary].concat());
    head.fields.set_number("content-length", pieces.iter().map(Piece::length).sum());
    pieces
}

/// Whether the policy's word on lifetimes goes out with an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It does.
    Policy,
    /// The answer was refused for the store because of what it may hold, or was asked for past it, with the client's
    /// credentials; nobody else shall keep it either.
    Nobody,
}

/// The fields of a stored answer as they go out, but for those that change with each delivery. They are made once.
/// `true`: they are those that were made, and every time the same.
fn dressed(context: &Context<'_>, entry: &StoredEntry, trust: Trust) -> (Fields, bool) {
    let via = context.principal.as_ref().map(Principal::via);
    let make = || {
        let mut head = entry.head.clone();
        if entry::is_decoded(&head.fields) {
            decode(&mut head.fields);
        }
        default_etag(context, &mut head.fields, head.status, entry.meta.received);
        dress(context, &mut head, trust);
        head.fields
    };
    if trust != Trust::Policy || !context.is_read() {
        return (make(), false);
    }
    let (known, fields) = entry.dressed.get_or_init(|| (via, make()));
    if *known == via { (fields.clone(), true) } else { (make(), false) }
}

/// What came encoded is stored decoded: another representation, for which a strong tag does not hold (RFC 9110 §8.8.3).
fn decode(fields: &mut Fields) {
    fields.remove("content-encoding");
    let weak = fields.get("etag").filter(|tag| tag.trim().starts_with('"')).map(|tag| ["W/", tag.trim()].concat());
    if let Some(weak) = weak {
        fields.set("etag", weak);
    }
}

/// Everything that an answer's fields have from the policy, and nothing that they must not have.
fn dress(context: &Context<'_>, head: &mut ResponseHead, trust: Trust) {
    head.fields.retain(|name, _| !name.starts_with("x-tiercel-") && name != "cache-tag");
    head.fields.remove_hop_by_hop();
    if context.rules.tier.is_shared()
        && let Some(class) = context.class
    {
        if !class.authority.is_origin() {
            policy_fields(context, class, head, trust);
        }
        if context.is_read() && head.status < 400 {
            labels(context, class, &mut head.fields);
        }
    }
}

/// Says what happened, and sends no body where none belongs: a HEAD has none, whatever GET would have
/// (RFC 9110 §9.3.2).
fn close(context: &Context<'_>, mut head: ResponseHead, body: Body, status: CacheStatus, served: Served) -> Delivery {
    let upstream = head.fields.combined("cache-status");
    head.fields.remove("cache-status");
    head.fields.append_with("cache-status", |line| {
        for part in upstream.iter().flat_map(|upstream| [upstream, ", "]) {
            line.push_str(part);
        }
        status.write(line, context.rules.tier.cache_name());
    });
    let body = if context.request.method == "HEAD" { Body::Empty } else { body };
    let class = context.class.filter(|_| context.rules.tier.is_shared()).and_then(|class| context.rules.place(class));
    Delivery { head, body, status, served, class, is_repeatable: false, same_until: None }
}

/// What the policy writes over the origin's own word.
fn policy_fields(context: &Context<'_>, class: &ResourceClass, head: &mut ResponseHead, trust: Trust) {
    let Some(browser) = &class.browser else { return };
    let good = matches!(head.status, 200..=299 | 304);
    let keeps_nothing = CacheControl::parse(browser).no_store;
    let known = class.scope == Scope::Public || context.principal.is_some();
    // Judged here, because another reason may have come first, or the answer was never judged. Of a mutation's the origin's
    // word goes out.
    let is_read = context.is_read();
    let is_for_one = || is_read && storable::judge_fields(class.scope, &head.fields).is_err();
    let trusted = known && trust == Trust::Policy && !is_for_one();
    if keeps_nothing || !good || !trusted {
        // An error is no copy of the resource, and what may be anybody's must not be kept at all.
        no_store(&mut head.fields);
    }
    if keeps_nothing || (good && trusted && is_read) {
        for name in ["expires", "pragma"] {
            head.fields.remove(name);
        }
        head.fields.set("cache-control", browser.as_str());
        for (name, value) in &class.headers {
            head.fields.set(name, value.as_str());
        }
    }
    if class.scope == Scope::User {
        let mut vary = head.fields.tokens("vary");
        let by_cookie = context.principal.as_ref().is_some_and(|p| p.via() == CredentialSource::Cookie);
        let named = [Some("Authorization"), by_cookie.then_some("Cookie")];
        vary.retain(|v| !named.iter().flatten().any(|n| n.eq_ignore_ascii_case(v)));
        let all: Vec<String> = named.into_iter().flatten().map(str::to_owned).chain(vary).collect();
        head.fields.set("vary", all.join(", "));
        if !keeps_nothing {
            untarget(&mut head.fields);
            head.fields.set(CDN_CACHE_CONTROL, "no-store");
        }
    }
}

/// Nobody may keep it.
fn no_store(fields: &mut Fields) {
    untarget(fields);
    fields.set("cache-control", "no-store");
}

/// Takes away what the origin says to CDNs: it would overrule `Cache-Control` there (RFC 9213 §2.2).
fn untarget(fields: &mut Fields) {
    fields.retain(|name, _| !targeted::is_targeted(name));
}

/// `Cache-Tags` and `Cache-Groups`: the class's own names. Those that the origin gave stay in `Cache-Groups`.
fn labels(context: &Context<'_>, class: &ResourceClass, fields: &mut Fields) {
    let tags: Vec<String> = class.tags.iter().filter_map(|t| t.render_tag(&context.params)).collect();
    if tags.is_empty() {
        return;
    }
    fields.set("cache-tags", tags.join(", "));
    let mut groups = tags;
    for group in cache_groups::parse(fields, CACHE_GROUPS) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    fields.set(CACHE_GROUPS, cache_groups::write(groups.iter().map(String::as_str)));
}
