//! The store: `caches.default` of the Workers Cache API, behind four functions, so that another engine can take
//! its place. A store that fails is a miss or a write that did not happen; never an error for the client.

use futures_util::future::try_join;
use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use tiercel_core::exchange::PutPlan;
use tiercel_core::field::range::ByteRange;
use tiercel_core::key::CacheKey;
use tiercel_core::policy::Policy;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, Headers, ReadableStream, Request, RequestInit, Response, WritableStream};
use worker::console_error;

use crate::convert;

/// Bodies up to this length are read before they are stored, in bytes.
const READ_FIRST: u64 = 1 << 20;

/// What is stored under `key`.
pub(crate) async fn get(key: &CacheKey, policy: &Policy) -> Option<Response> {
    find(&request(key, policy, None).ok()?).await
}

/// A part of what is stored under `key`. The runtime cuts it; where it does not, `whole` is read and cut here.
pub(crate) async fn part(
    key: &CacheKey,
    policy: &Policy,
    range: ByteRange,
    whole: Option<Response>,
) -> worker::Result<Option<ReadableStream>> {
    let response = find(&request(key, policy, Some(range))?).await;
    if let Some(part) = response.filter(|response| response.status() == 206) {
        return Ok(part.body());
    }
    let Some(whole) = whole else { return Err("the stored body is gone".into()) };
    let buffer = JsFuture::from(whole.array_buffer()?).await?;
    let (first, end) = (u32::try_from(range.first), u32::try_from(range.last + 1));
    let (Ok(first), Ok(end)) = (first, end) else { return Err("the part is past 4 GiB".into()) };
    let bytes = Uint8Array::new(&buffer).slice(first, end);
    Ok(Response::new_with_opt_buffer_source(Some(&bytes))?.body())
}

/// Stores the body of `response` as `plan` says.
pub(crate) async fn put(plan: &PutPlan, policy: &Policy, response: &Response) {
    let stored = async {
        if let Some((key, head)) = &plan.marker {
            let marker = convert::stored_response(head, None)?;
            JsFuture::from(cache()?.put_with_request(&request(key, policy, None)?, &marker)).await?;
        }
        let request = request(&plan.key, policy, None)?;
        match plan.length() {
            Some(length) if length <= READ_FIRST => put_read(&request, plan, response, length).await,
            Some(length) => put_streamed(&request, plan, response, length).await,
            None => {
                let entry = convert::stored_response(&plan.head, response.body())?;
                JsFuture::from(cache()?.put_with_request(&request, &entry)).await.map(drop)
            }
        }
    };
    if let Err(error) = stored.await {
        console_error!("tiercel: an answer of class {} was not stored: {error:?}", plan.class);
        // A store may have kept the part that came (Miniflare's does).
        remove(std::slice::from_ref(&plan.key), policy).await;
    }
}

/// A short body is read before it is stored: it has come whole, or nothing is stored. (Miniflare's store keeps what
/// came of a stream that broke off.)
async fn put_read(request: &Request, plan: &PutPlan, response: &Response, length: u64) -> Result<(), JsValue> {
    let body: ArrayBuffer = JsFuture::from(response.array_buffer()?).await?.unchecked_into();
    if u64::from(body.byte_length()) != length {
        return Err("the body is not as long as was announced".into());
    }
    let entry = Response::new_with_opt_buffer_source_and_init(Some(&body), &convert::init(&plan.head)?)?;
    JsFuture::from(cache()?.put_with_request(request, &entry)).await.map(drop)
}

/// A long body goes through a stream that fails when it breaks off, and never into this isolate's memory.
async fn put_streamed(request: &Request, plan: &PutPlan, response: &Response, length: u64) -> Result<(), JsValue> {
    let Some(body) = response.body() else { return Ok(()) };
    let whole = FixedLengthStream::new(length as f64);
    let arriving = JsFuture::from(body.pipe_to(&whole.writable()));
    let entry = convert::stored_response(&plan.head, Some(whole.readable()))?;
    let stored = JsFuture::from(cache()?.put_with_request(request, &entry));
    try_join(stored, arriving).await.map(drop)
}

#[wasm_bindgen]
extern "C" {
    /// A stream that fails when it does not get the bytes that were announced.
    type FixedLengthStream;
    #[wasm_bindgen(constructor)]
    fn new(length: f64) -> FixedLengthStream;
    #[wasm_bindgen(method, getter)]
    fn readable(this: &FixedLengthStream) -> ReadableStream;
    #[wasm_bindgen(method, getter)]
    fn writable(this: &FixedLengthStream) -> WritableStream;
}

/// Removes the entries of this data centre.
pub(crate) async fn remove(keys: &[CacheKey], policy: &Policy) {
    let removed = async {
        for key in keys {
            JsFuture::from(cache()?.delete_with_request(&request(key, policy, None)?)).await?;
        }
        Ok::<(), JsValue>(())
    };
    if let Err(error) = removed.await {
        console_error!("tiercel: an entry was not removed: {error:?}");
    }
}

async fn find(request: &Request) -> Option<Response> {
    let found = async { JsFuture::from(cache()?.match_with_request(request)).await };
    match found.await {
        Ok(response) => response.dyn_into().ok(),
        Err(error) => {
            console_error!("tiercel: the store could not be read: {error:?}");
            None
        }
    }
}

fn cache() -> Result<Cache, JsValue> {
    let caches = Reflect::get(&js_sys::global(), &"caches".into())?;
    Ok(Reflect::get(&caches, &"default".into())?.unchecked_into())
}

fn request(key: &CacheKey, policy: &Policy, range: Option<ByteRange>) -> Result<Request, JsValue> {
    let init = RequestInit::new();
    if let Some(range) = range {
        let headers = Headers::new()?;
        headers.set("range", &format!("bytes={}-{}", range.first, range.last))?;
        init.set_headers(&headers);
    }
    Request::new_with_str_and_init(&key.url(&policy.name), &init)
}
