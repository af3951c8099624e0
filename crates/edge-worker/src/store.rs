//! The store: `caches.default` of the Workers Cache API, behind four functions, so that another engine can take
//! its place. A store that fails is a miss or a write that did not happen, and one that hangs is a miss after the
//! policy's `store-timeout`; never an error for the client.

use std::cell::OnceCell;
use std::rc::Rc;

use js_sys::{Array, Promise, Reflect, Uint8Array};
use tiercel_core::exchange::{Found, PutPlan};
use tiercel_core::field::range::ByteRange;
use tiercel_core::key::CacheKey;
use tiercel_core::policy::Policy;
use tiercel_core::text;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, Headers, ReadableStream, Request, RequestInit, Response, WritableStream};

use crate::runtime::{Result, in_time, report_thrown};
use crate::{cleaning, convert, memory, tally};

/// Bodies up to this length are read before they are stored, in bytes: as long as a slice usually is.
const READ_FIRST: u64 = 2 << 20;
/// A write may take so many times as long as a look, before nobody waits for it any more.
const WRITES_TAKE: u64 = 5;

/// What is held of a stored answer.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) found: Found,
    pub(crate) body: HeldBody,
}

/// The body of a stored answer.
#[derive(Clone)]
pub(crate) enum HeldBody {
    /// There is none.
    None,
    /// In memory, with the head that was made of it for the first delivery.
    Bytes(Uint8Array, Rc<OnceCell<Headers>>),
    /// In the store, to be read once.
    Response(Response),
}

impl Held {
    /// Nothing was found.
    pub(crate) const fn nothing() -> Self {
        Self { found: Found::Nothing, body: HeldBody::None }
    }

    /// What was found is no entry.
    pub(crate) const fn unreadable() -> Self {
        Self { found: Found::Unreadable, body: HeldBody::None }
    }
}

/// What is stored under `key`.
pub(crate) async fn get(key: &CacheKey, policy: &Policy) -> Held {
    match find(policy, |cache| Ok(cache.match_with_str(&key.url(&policy.name)))).await {
        Some(response) => {
            Held { found: Found::read(convert::response_head(&response), None), body: HeldBody::Response(response) }
        }
        None => Held::nothing(),
    }
}

/// The same with only a part of the body. The runtime cuts it, if its status is 206.
pub(crate) async fn get_part(key: &CacheKey, policy: &Policy, range: ByteRange) -> Held {
    match find(policy, |cache| Ok(cache.match_with_request(&part_of(key, policy, range)?))).await {
        Some(response) => {
            Held { found: Found::read(convert::response_head(&response), None), body: HeldBody::Response(response) }
        }
        None => Held::nothing(),
    }
}

/// Stores `body` as `plan` says, and tells whether it worked. `replaces`: there is something under that key.
pub(crate) async fn put(plan: &PutPlan, policy: &Policy, body: HeldBody, replaces: bool) -> bool {
    memory::forget(&plan.key);
    // What is stored stays where nothing came to take its place.
    let body = match (body, plan.length()) {
        (HeldBody::Response(response), Some(length)) if length <= READ_FIRST => match read(&response, length).await {
            Ok(bytes) => HeldBody::Bytes(bytes, Rc::default()),
            Err(error) => return failed(plan, &error),
        },
        (body, _) => body,
    };
    let stored = async {
        if let Some((key, head)) = &plan.marker {
            memory::forget(key);
            write(policy, key, &convert::stored_response(head, None)?).await?;
        }
        match (body, plan.length()) {
            (HeldBody::None, _) => Err("there is no body".into()),
            (HeldBody::Bytes(bytes, _), _) => write(policy, &plan.key, &convert::with_body(&plan.head, &bytes)?).await,
            (HeldBody::Response(response), Some(length)) => put_streamed(plan, policy, &response, length).await,
            (HeldBody::Response(response), None) => {
                let body = response.body().map(|body| at_most(&body, plan.max_body as f64));
                let entry = convert::stored_response(&plan.head, body)?;
                JsFuture::from(cache()?.put_with_str(&plan.key.url(&policy.name), &entry)).await.map(drop)
            }
        }
    };
    let stored = stored.await;
    // Who looked meanwhile found what was there before.
    memory::forget(&plan.key);
    match stored {
        Ok(()) => {
            cleaning::watch(plan, policy);
            if !replaces {
                tally::put(&plan.class, plan.length().unwrap_or_default());
            }
            true
        }
        Err(error) => {
            // A store may have kept the part that came (Miniflare's does).
            remove(std::slice::from_ref(&plan.key), policy).await;
            failed(plan, &error)
        }
    }
}

fn failed(plan: &PutPlan, error: &JsValue) -> bool {
    report_thrown(&["tiercel: an answer of class ", &plan.class, " was not stored:"].concat(), error);
    false
}

/// A short body is read before it is stored: it has come whole, or nothing is stored. (Miniflare's store keeps what
/// came of a stream that broke off.)
async fn read(response: &Response, length: u64) -> Result<Uint8Array> {
    let body = Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?);
    if u64::from(body.length()) != length {
        return Err("the body is not as long as was announced".into());
    }
    Ok(body)
}

/// A long body goes through a stream that fails when it breaks off, and never into this isolate's memory.
async fn put_streamed(plan: &PutPlan, policy: &Policy, response: &Response, length: u64) -> Result<()> {
    let Some(body) = response.body() else { return Ok(()) };
    let whole = FixedLengthStream::new(length as f64);
    let arriving = body.pipe_to(&whole.writable());
    let entry = convert::stored_response(&plan.head, Some(whole.readable()))?;
    let stored = cache()?.put_with_str(&plan.key.url(&policy.name), &entry);
    JsFuture::from(Promise::all(&Array::of2(&stored, &arriving))).await.map(drop)
}

#[wasm_bindgen(inline_js = r#"
export function at_most(body, most) {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const pass = async () => {
    let passed = 0;
    for await (const chunk of body) {
      passed += chunk.byteLength;
      if (passed > most) throw new Error("the body is longer than `max-body`");
      await writer.write(chunk);
    }
    await writer.close();
  };
  pass().catch((error) => writer.abort(error).catch(() => {}));
  return readable;
}
"#)]
extern "C" {
    /// A body that did not say how long it is: it fails when it gets longer than that.
    fn at_most(body: &ReadableStream, most: f64) -> ReadableStream;
}

#[wasm_bindgen]
extern "C" {
    /// A stream that fails when it does not get the bytes that were announced.
    pub(crate) type FixedLengthStream;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new(length: f64) -> FixedLengthStream;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn readable(this: &FixedLengthStream) -> ReadableStream;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn writable(this: &FixedLengthStream) -> WritableStream;
}

/// Removes the entries of this data centre.
pub(crate) async fn remove(keys: &[CacheKey], policy: &Policy) {
    let removed = async {
        for key in keys {
            memory::forget(key);
            let deleting = cache()?.delete_with_str(&key.url(&policy.name));
            in_time(policy.edge.store_timeout.get() * WRITES_TAKE, &deleting).await?;
        }
        Ok::<(), JsValue>(())
    };
    if let Err(error) = removed.await {
        report_thrown("tiercel: an entry was not removed:", &error);
    }
}

async fn find(policy: &Policy, looking: impl FnOnce(&Cache) -> Result<Promise>) -> Option<Response> {
    let found = async { in_time(policy.edge.store_timeout.get(), &looking(&cache()?)?).await };
    match found.await {
        Ok(response) => response.dyn_into().ok(),
        Err(error) => {
            report_thrown("tiercel: the store could not be read:", &error);
            None
        }
    }
}

/// Writes a body that is at hand.
async fn write(policy: &Policy, key: &CacheKey, entry: &Response) -> Result<()> {
    let writing = cache()?.put_with_str(&key.url(&policy.name), entry);
    in_time(policy.edge.store_timeout.get() * WRITES_TAKE, &writing).await.map(drop)
}

fn cache() -> Result<Cache> {
    let caches = Reflect::get(&js_sys::global(), &"caches".into())?;
    Ok(Reflect::get(&caches, &"default".into())?.unchecked_into())
}

fn part_of(key: &CacheKey, policy: &Policy, range: ByteRange) -> Result<Request> {
    let init = RequestInit::new();
    let headers = Headers::new()?;
    headers.set("range", &text!["bytes=", range.first, "-", range.last])?;
    init.set_headers(&headers);
    Request::new_with_str_and_init(&key.url(&policy.name), &init)
}
