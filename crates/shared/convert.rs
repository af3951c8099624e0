//! The runtime's requests and responses ⇄ the core's heads, for the two tiers that have them. Nothing is decided here.

use js_sys::{Array, Iterator};
use tiercel_core::exchange::{Body, Delivery, Found};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Headers, ReadableStream, Request, Response, ResponseInit};

pub(crate) fn request_head(request: &Request) -> RequestHead {
    RequestHead::new(&request.method(), &request.url(), fields(&request.headers()))
}

pub(crate) fn response_head(response: &Response) -> ResponseHead {
    ResponseHead { status: response.status(), fields: fields(&response.headers()) }
}

pub(crate) fn found(response: &Response) -> Found {
    Found { head: response_head(response), length: None }
}

/// The answer to the client. `body` is what the delivery calls stored or fetched.
pub(crate) fn response(delivery: &Delivery, body: Option<ReadableStream>) -> Result<Response, JsValue> {
    let init = init(&delivery.head)?;
    Ok(match &delivery.body {
        Body::Text(text) => Response::new_with_opt_str_and_init(Some(text), &init)?,
        Body::Empty => Response::new_with_opt_str_and_init(None, &init)?,
        Body::Stored | Body::StoredPart(_) | Body::Fetched => {
            Response::new_with_opt_readable_stream_and_init(body.as_ref(), &init)?
        }
    })
}

/// A response for the store.
pub(crate) fn stored_response(head: &ResponseHead, body: Option<ReadableStream>) -> Result<Response, JsValue> {
    Response::new_with_opt_readable_stream_and_init(body.as_ref(), &init(head)?)
}

pub(crate) fn headers(fields: &Fields) -> Result<Headers, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in fields.iter() {
        headers.append(name, value)?;
    }
    Ok(headers)
}

pub(crate) fn init(head: &ResponseHead) -> Result<ResponseInit, JsValue> {
    let init = ResponseInit::new();
    init.set_status(head.status);
    init.set_headers(&headers(&head.fields)?.into());
    Ok(init)
}

fn fields(headers: &Headers) -> Fields {
    let mut fields = Fields::new();
    let entries: Iterator = headers.entries();
    for entry in &entries {
        let Ok(entry) = entry else { break };
        let pair: Array = entry.unchecked_into();
        if let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) {
            fields.append(&name, value);
        }
    }
    fields
}
