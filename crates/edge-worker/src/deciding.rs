//! The part of a request that decides about an answer from memory.

use js_sys::Array;
use tiercel_core::exchange::DECIDING;
use tiercel_core::head::RequestHead;
use wasm_bindgen::prelude::*;
use web_sys::Request;

thread_local! {
    static NAMES: Array = DECIDING.iter().map(|name| JsValue::from_str(name)).collect();
}

#[wasm_bindgen(inline_js = r#"
export function decidingText(request, names) {
  const { headers } = request;
  let text = `${request.method}\n${request.url}\n`;
  for (const name of names) {
    const value = headers.get(name);
    if (value !== null) text += `${name}\n${value}\n`;
  }
  return text;
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = decidingText)]
    fn deciding_text(request: &Request, names: &Array) -> String;
}

/// Method, URL, and the fields that decide.
pub(crate) fn head(request: &Request) -> RequestHead {
    NAMES.with(|names| crate::convert::head_of(&deciding_text(request, names)))
}
