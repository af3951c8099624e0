//! The runtime's requests and responses ⇄ the core's heads, for the two tiers that have them. Nothing is decided here.

use js_sys::Uint8Array;
use tiercel_core::exchange::{Body, Delivery};
use tiercel_core::head::{RequestHead, ResponseHead};
use wasm_bindgen::JsValue;
use web_sys::{ReadableStream, Request, Response, ResponseInit};

use crate::fields::{from_headers, to_headers};

pub(crate) fn request_head(request: &Request) -> RequestHead {
    RequestHead::new(&request.method(), &request.url(), from_headers(&request.headers()))
}

pub(crate) fn response_head(response: &Response) -> ResponseHead {
    ResponseHead { status: response.status(), fields: from_headers(&response.headers()) }
}

/// The answer to the client. `body` is what the delivery calls stored or fetched.
pub(crate) fn response(delivery: &Delivery, body: Option<ReadableStream>) -> Result<Response, JsValue> {
    let init = init(&delivery.head)?;
    Ok(match &delivery.body {
        Body::Text(text) => Response::new_with_opt_str_and_init(Some(text), &init)?,
        Body::Empty => Response::new_with_opt_str_and_init(None, &init)?,
        Body::Stored | Body::StoredParts(_) | Body::Sliced(_) | Body::Fetched => {
            Response::new_with_opt_readable_stream_and_init(body.as_ref(), &init)?
        }
    })
}

/// A response for the store.
pub(crate) fn stored_response(head: &ResponseHead, body: Option<ReadableStream>) -> Result<Response, JsValue> {
    Response::new_with_opt_readable_stream_and_init(body.as_ref(), &init(head)?)
}

/// A response whose body is in memory.
pub(crate) fn from_bytes(head: &ResponseHead, bytes: &Uint8Array) -> Result<Response, JsValue> {
    Response::new_with_opt_buffer_source_and_init(Some(bytes), &init(head)?)
}

pub(crate) fn init(head: &ResponseHead) -> Result<ResponseInit, JsValue> {
    let init = ResponseInit::new();
    init.set_status(head.status);
    init.set_headers(&to_headers(&head.fields)?.into());
    Ok(init)
}
