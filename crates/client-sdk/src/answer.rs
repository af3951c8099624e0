//! What JavaScript gets: a delivery of the core as a `Result`, or why there is none.

use tiercel_core::exchange::{Body, Delivery, Served};
use tiercel_core::field::cache_status::Forward;
use tiercel_core::head::ResponseHead;
use tiercel_core::meta::EntryMeta;
use tiercel_core::text;
use tiercel_core::time::{DeltaSeconds, Timestamp};
use wasm_bindgen::prelude::*;

use crate::js;
use crate::record::Record;

/// Why there is no answer. The facade makes a `TiercelError` of it.
#[derive(Debug)]
pub(crate) struct Failure {
    code: &'static str,
    message: String,
    status: Option<u16>,
    body: JsValue,
}

impl Failure {
    /// A failure with a stable `code` and a message that says what to do.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: None, body: JsValue::UNDEFINED }
    }

    /// What went wrong and what to do, for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        js::object([
            ("code", JsValue::from_str(failure.code)),
            ("message", JsValue::from_str(&failure.message)),
            ("status", failure.status.map_or(Self::NULL, Self::from)),
            ("body", failure.body),
        ])
    }
}

/// A fetched body.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// The JSON, `null` when there was none, `undefined` when it was no JSON.
    pub(crate) data: JsValue,
    /// Its length, never more than that in bytes.
    pub(crate) length: u64,
    /// A success whose body is no JSON: a captive portal, a sign-in page, a misrouted request.
    pub(crate) not_json: bool,
}

/// The answer for the page; what it was fetched for was asked for at `began`.
///
/// # Errors
/// The delivery is a refusal, a failure, or an error of the origin.
pub(crate) fn of(
    delivery: &Delivery,
    stored: Option<&Record>,
    fetched: Option<&Fetched>,
    path: &str,
    began: Timestamp,
) -> Result<JsValue, Failure> {
    if let Some(failure) = failed(delivery, fetched, "GET", path) {
        return Err(failure);
    }
    let from_store = matches!(delivery.body, Body::Stored | Body::StoredParts(_));
    let data = match (&delivery.body, stored, fetched) {
        (Body::Stored | Body::StoredParts(_), Some(record), _) => record.data(),
        (Body::Fetched, _, Some(fetched)) => fetched.data.clone(),
        _ => JsValue::NULL,
    };
    let requested = match stored.filter(|_| from_store) {
        Some(record) => EntryMeta::of(&record.head.fields).map_or(began, |meta| meta.requested),
        None => began,
    };
    let fields = &delivery.head.fields;
    let cache_status = fields.get("cache-status");
    let source = if from_store { "device" } else { answered_by(cache_status.unwrap_or_default()) };
    let age = fields.get("age").and_then(DeltaSeconds::parse).unwrap_or_default();
    Ok(js::object([
        ("data", data),
        ("status", JsValue::from_str(delivery.served.word())),
        ("age", JsValue::from_f64(age.get() as f64)),
        ("source", JsValue::from_str(source)),
        ("reason", JsValue::from_str(reason(delivery))),
        ("cacheStatus", cache_status.map_or(JsValue::NULL, JsValue::from_str)),
        ("requested", JsValue::from_f64(requested.as_millis() as f64)),
    ]))
}

/// Why this is no answer, if it is none.
pub(crate) fn failed(delivery: &Delivery, fetched: Option<&Fetched>, method: &str, path: &str) -> Option<Failure> {
    let status = delivery.head.status;
    if delivery.served != Served::Failed && status < 400 {
        return None;
    }
    let detail = delivery.status.detail.unwrap_or("no-answer");
    let (code, message) = match (&delivery.body, fetched) {
        (Body::Text(_), Some(fetched)) if fetched.not_json => (
            "not-json",
            text![
                method,
                " ",
                path,
                " was answered with something that is no JSON; is a proxy or a sign-in page in between?"
            ],
        ),
        (Body::Text(text), _) => (detail, text![method, " ", path, ": ", text.trim_end()]),
        _ => (
            "http-error",
            text![
                method,
                " ",
                path,
                " was answered with status ",
                u64::from(status),
                "; `body` holds what the server says."
            ],
        ),
    };
    let body = fetched.map_or(JsValue::UNDEFINED, |fetched| fetched.data.clone());
    Some(Failure { code, message, status: Some(status), body })
}

/// Whether the Service Worker answered in the origin's place, because the mutation waits for a network.
pub(crate) fn is_queued(head: &ResponseHead) -> bool {
    let members = head.fields.get("cache-status").unwrap_or_default();
    let own = members.rsplit(',').next().unwrap_or_default();
    let mut parts = own.split(';').map(str::trim);
    head.status == 202 && parts.next() == Some("tiercel-sw") && parts.any(|part| part == "detail=\"queued\"")
}

/// Why the answer is what it is, in one stable word.
fn reason(delivery: &Delivery) -> &'static str {
    let status = &delivery.status;
    match (status.detail, status.fwd) {
        (Some(detail), _) => detail,
        (None, _) if status.hit => "fresh",
        (None, _) if status.fwd_status == Some(304) => "revalidated",
        (None, Some(Forward::Stale)) => "stale",
        (None, Some(Forward::UriMiss | Forward::VaryMiss)) => "miss",
        (None, Some(Forward::Request)) => "request",
        (None, Some(Forward::Method)) => "method",
        (None, Some(Forward::Partial)) => "partial",
        (None, Some(Forward::Bypass) | None) => "bypass",
    }
}

/// Who answered a request that left the SDK, by its `Cache-Status`: members stand in the order of the caches, the
/// one nearest the origin first, and the hit nearest to us is the one that counts (RFC 9211 §2).
fn answered_by(cache_status: &str) -> &'static str {
    let hit = cache_status.split(',').rev().find_map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let cache = parts.next()?;
        parts.any(|part| part == "hit").then_some(cache)
    });
    match hit {
        None => "origin",
        Some("tiercel-sw") => "service-worker",
        // Tiercel's own, or another cache in the network before it.
        Some(_) => "edge",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_hit_answered() {
        for (cache_status, expected) in [
            ("", "origin"),
            ("tiercel-edge; fwd=uri-miss; stored; ttl=300, tiercel-sdk; fwd=uri-miss; stored", "origin"),
            ("tiercel-edge; hit; ttl=290, tiercel-sdk; fwd=uri-miss; stored", "edge"),
            ("tiercel-edge;hit", "edge"),
            ("tiercel-edge; hit; ttl=2, tiercel-sw; hit; ttl=9, tiercel-sdk; fwd=stale", "service-worker"),
            ("tiercel-edge; fwd=miss; detail=\"hit\"", "origin"),
        ] {
            assert_eq!(answered_by(cache_status), expected, "{cache_status}");
        }
    }

    #[test]
    fn only_the_service_worker_queues() {
        for (status, cache_status, expected) in [
            (202, "tiercel-sw; fwd=method; detail=\"queued\"", true),
            (200, "tiercel-sw; fwd=method; detail=\"queued\"", false),
            (202, "tiercel-edge; fwd=method; detail=\"queued\"", false),
            (202, "tiercel-sw; fwd=method; detail=\"queued\", other; fwd=miss", false),
            (202, "tiercel-sw; fwd=method", false),
            (202, "", false),
        ] {
            let fields = [("cache-status", cache_status)].into_iter().collect();
            assert_eq!(is_queued(&ResponseHead { status, fields }), expected, "{status} {cache_status}");
        }
    }
}
