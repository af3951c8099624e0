//! Asking the network. How, is the host's matter; for how long, the policy's.

use js_sys::{Array, Promise};
use tiercel_core::exchange::{FetchFailure, OriginRequest, Outcome};
use tiercel_core::field::Fields;
use tiercel_core::head::ResponseHead;
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use crate::answer::Fetched;
use crate::host::{Content, Head, Host};
use crate::js;
use crate::timer::{clock, within};

/// What came of a request.
pub(crate) struct Sent {
    /// For the core.
    pub(crate) outcome: Outcome,
    /// When the head of the answer came.
    pub(crate) arrived: Timestamp,
    /// The body, when one came.
    pub(crate) body: Option<Fetched>,
}

/// How long a read may take for which the policy sets no time, in milliseconds.
const LONGEST_WAIT: u64 = 60_000;
/// And what changes something, in milliseconds: an upload takes the time it takes.
const LONGEST_UPLOAD: u64 = 3_600_000;

/// Sends a read, shared by `readers`, and reads the JSON that comes back. `abort` ends it early; it then counts as failed.
pub(crate) async fn read(host: &Host, request: &OriginRequest, readers: &Array, abort: &AbortController) -> Sent {
    let limit = request.timeout.map_or(LONGEST_WAIT, |timeout| timeout.get() * 1000);
    send(host, request, &JsValue::UNDEFINED, Some(readers), limit, abort).await
}

/// Sends a mutation with its body, once.
pub(crate) async fn write(host: &Host, request: &OriginRequest, body: &JsValue, abort: &AbortController) -> Sent {
    send(host, request, body, None, LONGEST_UPLOAD, abort).await
}

async fn send(
    host: &Host,
    request: &OriginRequest,
    body: &JsValue,
    readers: Option<&Array>,
    limit: u64,
    abort: &AbortController,
) -> Sent {
    let failed = |failure, body| Sent { outcome: Outcome::Failed(failure), arrived: clock(), body };
    let wanted = js::object([
        ("method", JsValue::from_str(&request.head.method)),
        ("url", JsValue::from_str(&request.head.target.url())),
        ("fields", JsValue::from_str(&request.head.fields.to_text())),
        ("body", body.clone()),
        ("limit", JsValue::from_f64(limit as f64)),
        ("revalidate", JsValue::from_bool(request.revalidate)),
    ]);
    let head = match wait(host.send(&wanted, readers, &abort.signal()), limit, abort).await {
        Ok(head) => head.unchecked_into::<Head>(),
        Err(failure) => return failed(failure, None),
    };
    let arrived = clock();
    let outcome = Outcome::Response(ResponseHead { status: head.status(), fields: Fields::from_text(head.fields()) });
    if head.status() == 304 {
        return Sent { outcome, arrived, body: None };
    }
    let content = match wait(head.body(), limit, abort).await {
        Ok(content) => content.unchecked_into::<Content>(),
        Err(failure) => return failed(failure, None),
    };
    let body = Fetched { data: content.data(), length: content.length() as u64, not_json: content.not_json() };
    if body.not_json {
        // Whoever said this, it was not the origin's API.
        return failed(FetchFailure::Network, Some(body));
    }
    Sent { outcome, arrived, body: Some(body) }
}

async fn wait(promise: Promise, limit: u64, abort: &AbortController) -> Result<JsValue, FetchFailure> {
    let failure = match within(limit, Box::pin(JsFuture::from(promise))).await {
        Some(Ok(value)) => return Ok(value),
        Some(Err(_)) => FetchFailure::Network,
        None => FetchFailure::Timeout,
    };
    abort.abort();
    Err(failure)
}
