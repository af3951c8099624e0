//! The runtime's requests and responses ⇄ the core's heads. Nothing is decided here.

use tiercel_core::exchange::{Body, Delivery};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use wasm_bindgen::prelude::*;
use web_sys::{Headers, ReadableStream, Request, Response};

use crate::fields::{from_headers, to_headers};

#[wasm_bindgen(inline_js = r#"
export function requestText(request) {
  let text = `${request.method}\n${new URL(request.url).href}\n`;
  request.headers.forEach((value, name) => { text += `${name}\n${value}\n`; });
  return text;
}
export function respond(status, headers, body) {
  return new Response(body, { status, headers });
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = requestText)]
    fn request_text(request: &Request) -> String;
    #[wasm_bindgen(catch)]
    fn respond(status: u16, headers: &Headers, body: &JsValue) -> Result<Response, JsValue>;
}

/// workerd gives the URL as it was sent, and asks the origin for what a parser makes of it (`/a/%2e%2e/b` is `/b`). What is
/// judged is what the origin will see.
pub(crate) fn request_head(request: &Request) -> RequestHead {
    head_of(&request_text(request))
}

/// Reads a method, a URL and fields, a line each.
pub(crate) fn head_of(text: &str) -> RequestHead {
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, url) = (line(), line());
    RequestHead::new(method, url, Fields::from_text(line().to_owned()))
}

pub(crate) fn response_head(response: &Response) -> ResponseHead {
    ResponseHead { status: response.status(), fields: from_headers(&response.headers()) }
}

/// The answer to the client. `body` is what the delivery calls stored or fetched.
pub(crate) fn response(delivery: &Delivery, body: Option<ReadableStream>) -> Result<Response, JsValue> {
    let body = match &delivery.body {
        Body::Text(text) => JsValue::from_str(text),
        Body::Empty => JsValue::NULL,
        Body::Stored | Body::StoredParts(_) | Body::Sliced(_) | Body::Page(_) | Body::Fetched => {
            body.map_or(JsValue::NULL, JsValue::from)
        }
    };
    with_body(&delivery.head, &body)
}

/// A response for the store.
pub(crate) fn stored_response(head: &ResponseHead, body: Option<ReadableStream>) -> Result<Response, JsValue> {
    with_body(head, &body.map_or(JsValue::NULL, JsValue::from))
}

/// A response with any body that the runtime knows; `null` is none.
pub(crate) fn with_body(head: &ResponseHead, body: &JsValue) -> Result<Response, JsValue> {
    with_headers(head.status, &to_headers(&head.fields)?, body)
}

/// The same with headers that are made already.
pub(crate) fn with_headers(status: u16, headers: &Headers, body: &JsValue) -> Result<Response, JsValue> {
    respond(status, headers, body)
}
