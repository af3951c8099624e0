//! The store: `caches.default` of the Workers Cache API, behind four functions, so that another engine can take
//! its place. A store that fails is a miss or a write that did not happen; never an error for the client.

use js_sys::{Reflect, Uint8Array};
use tiercel_core::exchange::PutPlan;
use tiercel_core::field::range::ByteRange;
use tiercel_core::key::CacheKey;
use tiercel_core::policy::Policy;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, Headers, ReadableStream, Request, RequestInit, Response};
use worker::{Result, console_error};

use crate::convert;

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
) -> Result<Option<ReadableStream>> {
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
        let entry = convert::stored_response(&plan.head, response.body())?;
        JsFuture::from(cache()?.put_with_request(&request(&plan.key, policy, None)?, &entry)).await
    };
    if let Err(error) = stored.await {
        console_error!("tiercel: an answer of class {} was not stored: {error:?}", plan.class);
    }
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

fn cache() -> core::result::Result<Cache, JsValue> {
    let caches = Reflect::get(&js_sys::global(), &"caches".into())?;
    Ok(Reflect::get(&caches, &"default".into())?.unchecked_into())
}

fn request(key: &CacheKey, policy: &Policy, range: Option<ByteRange>) -> core::result::Result<Request, JsValue> {
    let init = RequestInit::new();
    if let Some(range) = range {
        let headers = Headers::new()?;
        headers.set("range", &format!("bytes={}-{}", range.first, range.last))?;
        init.set_headers(&headers);
    }
    Request::new_with_str_and_init(&key.url(&policy.name), &init)
}
