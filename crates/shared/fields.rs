//! The runtime's `Headers` ⇄ the core's `Fields`. They cross as one text: a crossing for every field takes
//! half as long again, and more code.

use tiercel_core::field::Fields;
use wasm_bindgen::prelude::*;
use web_sys::Headers;

#[wasm_bindgen(inline_js = r#"
export function textOf(headers) {
  let text = "";
  // Every Set-Cookie comes by itself.
  headers.forEach((value, name) => { text += `${name}\n${value}\n`; });
  return text;
}
export function headersOf(text) {
  const headers = new Headers();
  const parts = text.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.append(parts[at], parts[at + 1]);
  return headers;
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = textOf)]
    fn text_of(headers: &Headers) -> String;
    #[wasm_bindgen(catch, js_name = headersOf)]
    fn headers_of(text: &str) -> Result<Headers, JsValue>;
}

/// # Errors
/// A field that the runtime refuses.
pub(crate) fn to_headers(fields: &Fields) -> Result<Headers, JsValue> {
    headers_of(&fields.to_text())
}

pub(crate) fn from_headers(headers: &Headers) -> Fields {
    Fields::from_text(text_of(headers))
}
