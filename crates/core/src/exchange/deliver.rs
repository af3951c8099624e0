//! Last step: every field of an answer is written here, for every tier.

use super::entry::Entry;
use super::{Body, Context, Delivery, FetchFailure, Served};
use crate::field::Fields;
use crate::field::cache_control::CacheControl;
use crate::field::cache_groups::{self, CACHE_GROUPS};
use crate::field::cache_status::CacheStatus;
use crate::field::range::RangeAnswer;
use crate::field::targeted::CDN_CACHE_CONTROL;
use crate::head::ResponseHead;
use crate::policy::{Authority, ResourceClass, Scope};
use crate::principal::CredentialSource;
use crate::semantics::{condition, freshness};
use crate::time::Timestamp;

/// An answer from the store.
pub(super) fn stored(
    context: &Context<'_>,
    entry: &Entry,
    status: CacheStatus,
    served: Served,
    trust: Trust,
    now: Timestamp,
) -> Delivery {
    let mut head = entry.head.clone();
    default_etag(context, &mut head.fields, head.status, entry.meta.received);
    head.fields.set("age", freshness::current_age(&entry.meta, now).to_string());
    let body = conditions(context, &mut head, entry.length, AtHand::AnyPart);
    finish(context, head, body, status, served, trust)
}

/// An answer that was just fetched.
pub(super) fn fetched(context: &Context<'_>, mut head: ResponseHead, status: CacheStatus, trust: Trust) -> Delivery {
    // The product has an Age on every answer of a class that it keeps. Where the origin rules, RFC 9111 §5.1 does: an
    // Age says that the answer did not come from the origin.
    let by_policy = context.class.is_some_and(|class| class.authority == Authority::Policy);
    if by_policy && context.rules.tier.is_shared() && !head.fields.has("age") {
        head.fields.set("age", "0");
    }
    let length = head.fields.get("content-length").and_then(|l| l.parse().ok());
    let body = conditions(context, &mut head, length, AtHand::Whole);
    finish(context, head, body, status, Served::Fresh, trust)
}

/// An answer of a request that was not looked up.
pub(super) fn passed(context: &Context<'_>, head: ResponseHead, status: CacheStatus) -> Delivery {
    finish(context, head, Body::Fetched, status, Served::Fresh, Trust::Policy)
}

/// No answer came, and nothing stored can stand in.
pub(super) fn failure(context: &Context<'_>, failure: FetchFailure, status: CacheStatus) -> Delivery {
    let (code, text) = match failure {
        FetchFailure::Timeout => (504, "The origin did not answer in time, and nothing usable is stored."),
        FetchFailure::Network if context.rules.tier.is_shared() => {
            (502, "The origin cannot be reached, and nothing usable is stored.")
        }
        FetchFailure::Network => (504, "There is no connection, and nothing usable is stored."),
    };
    answer(context, code, status.because(failure.token()), text)
}

/// A request that is answered without looking or asking.
pub(super) fn refusal(context: &Context<'_>, code: u16, reason: &'static str, text: &str) -> Delivery {
    answer(context, code, CacheStatus::default().because(reason), text)
}

/// Gives a policy's answer a validator of its own when the origin gave none: the moment that it was received
/// tells apart what was fetched at different times.
pub(super) fn default_etag(context: &Context<'_>, fields: &mut Fields, status: u16, received: Timestamp) {
    let by_policy = context.class.is_some_and(|c| c.authority == Authority::Policy);
    if by_policy && context.rules.tier.is_shared() && status == 200 && !fields.has("etag") {
        fields.set("etag", format!("W/\"t{:x}\"", received.as_millis()));
    }
}

fn answer(context: &Context<'_>, code: u16, status: CacheStatus, text: &str) -> Delivery {
    let mut fields = Fields::new();
    fields.set("content-type", "text/plain; charset=utf-8");
    fields.set("cache-control", "no-store");
    if code == 401 {
        fields.set("www-authenticate", "Bearer");
    }
    let head = ResponseHead { status: code, fields };
    let mut delivery = finish(context, head, Body::Text(format!("{text}\n")), status, Served::Failed, Trust::Policy);
    delivery.body = without_body(context, delivery.body);
    delivery
}

/// Which parts of a body can be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtHand {
    /// It is stored: any.
    AnyPart,
    /// It is being fetched: only all of it.
    Whole,
}

/// Answers the client's own conditions and range (RFC 9110 §13.2.2).
fn conditions(context: &Context<'_>, head: &mut ResponseHead, length: Option<u64>, at_hand: AtHand) -> Body {
    let body = if at_hand == AtHand::Whole { Body::Fetched } else { Body::Stored };
    if head.status != 200 {
        return body;
    }
    if condition::not_modified(context.fields(), &head.fields) {
        head.status = 304;
        // RFC 9110 §15.4.5: the fields that describe the body go, the validators stay.
        for name in ["content-length", "content-type", "content-encoding", "content-language"] {
            head.fields.remove(name);
        }
        return Body::Empty;
    }
    let Some(complete) = length.filter(|_| context.request.method == "GET") else { return body };
    match condition::range(context.fields(), &head.fields, complete) {
        RangeAnswer::Whole => body,
        // The whole is an answer too (RFC 9110 §14.2).
        RangeAnswer::Part(range) if at_hand == AtHand::Whole && range.len() < complete => body,
        RangeAnswer::Part(range) => {
            head.status = 206;
            head.fields.set("content-range", range.content_range(complete));
            head.fields.set("content-length", range.len().to_string());
            if at_hand == AtHand::Whole { body } else { Body::StoredPart(range) }
        }
        RangeAnswer::Unsatisfiable => {
            head.status = 416;
            // The stored lifetimes are those of the representation, not of this answer.
            head.fields.set("cache-control", "no-store");
            head.fields.set("content-range", format!("bytes */{complete}"));
            for name in ["content-length", "content-type", "content-encoding"] {
                head.fields.remove(name);
            }
            Body::Empty
        }
    }
}

/// Whether the policy's word on lifetimes goes out with an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It does.
    Policy,
    /// The answer was refused for the store because of what it may hold; nobody else shall keep it either.
    Nobody,
}

fn finish(
    context: &Context<'_>,
    mut head: ResponseHead,
    body: Body,
    status: CacheStatus,
    served: Served,
    trust: Trust,
) -> Delivery {
    let tier = context.rules.tier;
    head.fields.retain(|name, _| !name.starts_with("x-tiercel-") && name != "cache-tag");
    head.fields.remove_hop_by_hop();
    if tier.is_shared()
        && let Some(class) = context.class
    {
        if class.authority == Authority::Policy {
            policy_fields(context, class, &mut head, trust);
        }
        if context.is_read() && head.status < 400 {
            labels(context, class, &mut head.fields);
        }
    }
    let line = status.member(tier.cache_name());
    let line = match head.fields.combined("cache-status") {
        Some(upstream) => format!("{upstream}, {line}"),
        None => line,
    };
    head.fields.set("cache-status", line);
    Delivery { head, body: without_body(context, body), status, served }
}

/// What the policy writes over the origin's own word.
fn policy_fields(context: &Context<'_>, class: &ResourceClass, head: &mut ResponseHead, trust: Trust) {
    let Some(browser) = &class.browser else { return };
    let good = matches!(head.status, 200..=299 | 304);
    let keeps_nothing = CacheControl::parse(browser).no_store;
    let known = class.scope == Scope::Public || context.principal.is_some();
    let trusted = known && trust == Trust::Policy;
    if keeps_nothing || (good && trusted && context.is_read()) {
        for name in ["expires", "pragma"] {
            head.fields.remove(name);
        }
        head.fields.set("cache-control", browser.as_str());
        for (name, value) in &class.headers {
            head.fields.set(name, value.as_str());
        }
    } else if !good || !trusted {
        // An error is no copy of the resource, and what may be anybody's must not be kept at all.
        head.fields.set("cache-control", "no-store");
    }
    if class.scope == Scope::User {
        let mut vary = head.fields.tokens("vary");
        let by_cookie = context.principal.as_ref().is_some_and(|p| p.via() == CredentialSource::Cookie);
        let named = [Some("Authorization"), by_cookie.then_some("Cookie")];
        vary.retain(|v| !named.iter().flatten().any(|n| n.eq_ignore_ascii_case(v)));
        let all: Vec<String> = named.into_iter().flatten().map(str::to_owned).chain(vary).collect();
        head.fields.set("vary", all.join(", "));
        if !keeps_nothing {
            head.fields.set(CDN_CACHE_CONTROL, "no-store");
        }
    }
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

/// A HEAD has no body, whatever GET would have (RFC 9110 §9.3.2).
fn without_body(context: &Context<'_>, body: Body) -> Body {
    if context.request.method == "HEAD" { Body::Empty } else { body }
}
