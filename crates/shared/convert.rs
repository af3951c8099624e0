//! The runtime's requests and responses ⇄ the core's heads, for the two tiers that have them. Nothing is decided here.

use tiercel_core::exchange::{Body, Delivery};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{ReadableStream, Request, Response, ResponseInit};

use crate::fields::{from_headers, to_headers};

#[wasm_bindgen(inline_js = r#"
export function requestText(request) {
  let text = request.method + "\n" + request.url + "\n";
  request.headers.forEach((value, name) => { text += name + "\n" + value + "\n"; });
  return text;
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = requestText)]
    fn request_text(request: &Request) -> String;
}

pub(crate) fn request_head(request: &Request) -> RequestHead {
    let text = request_text(request);
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
    let init = init(&delivery.head);
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
    Response::new_with_opt_readable_stream_and_init(body.as_ref(), &init(head))
}

pub(crate) fn init(head: &ResponseHead) -> ResponseInit {
    let init = ResponseInit::new();
    init.set_status(head.status);
    init.set_headers(&to_headers(&head.fields));
    init
}
