//! Asking the network.

use js_sys::{JsString, Promise};
use tiercel_core::exchange::{FetchFailure, OriginRequest, Outcome};
use tiercel_core::head::ResponseHead;
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestCache, RequestCredentials, RequestInit, Response};

use crate::answer::Fetched;
use crate::fields::{from_headers, to_headers};
use crate::js;
use crate::timer::{clock, within};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = fetch)]
    fn fetch(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

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

/// Sends a request and reads the JSON that comes back. `abort` ends it early; it then counts as failed.
pub(crate) async fn send(request: &OriginRequest, abort: &AbortController) -> Sent {
    let limit = request.timeout.map_or(LONGEST_WAIT, |timeout| timeout.get() * 1000);
    let failed = |failure, body| Sent { outcome: Outcome::Failed(failure), arrived: clock(), body };
    let response = match wait(begin(request, abort), limit).await {
        Ok(response) => response.unchecked_into::<Response>(),
        Err(failure) => {
            abort.abort();
            return failed(failure, None);
        }
    };
    let arrived = clock();
    let head = ResponseHead { status: response.status(), fields: from_headers(&response.headers()) };
    if head.status == 304 {
        return Sent { outcome: Outcome::Response(head), arrived, body: None };
    }
    let text = match wait(response.text(), limit).await {
        Ok(text) => text.unchecked_into::<JsString>(),
        Err(failure) => {
            abort.abort();
            return failed(failure, None);
        }
    };
    let body = read(&text, response.ok());
    if body.not_json {
        // Whoever said this, it was not the origin's API.
        return failed(FetchFailure::Network, Some(body));
    }
    Sent { outcome: Outcome::Response(head), arrived, body: Some(body) }
}

fn begin(request: &OriginRequest, abort: &AbortController) -> Result<Promise, JsValue> {
    let init = RequestInit::new();
    init.set_method(&request.head.method);
    init.set_headers(&to_headers(&request.head.fields)?.into());
    init.set_credentials(RequestCredentials::SameOrigin);
    init.set_signal(Some(&abort.signal()));
    if request.revalidate {
        init.set_cache(RequestCache::NoCache);
    }
    fetch(&request.head.target.url(), &init)
}

async fn wait(promise: Result<Promise, JsValue>, limit: u64) -> Result<JsValue, FetchFailure> {
    let promise = promise.map_err(|_| FetchFailure::Network)?;
    match within(limit, Box::pin(JsFuture::from(promise))).await {
        Some(Ok(value)) => Ok(value),
        Some(Err(_)) => Err(FetchFailure::Network),
        None => Err(FetchFailure::Timeout),
    }
}

fn read(text: &JsString, success: bool) -> Fetched {
    let length = u64::from(text.length());
    if length == 0 {
        return Fetched { data: JsValue::NULL, length, not_json: false };
    }
    match js::parse(text) {
        Ok(data) => Fetched { data, length, not_json: false },
        Err(_) => Fetched { data: JsValue::UNDEFINED, length, not_json: success },
    }
}
