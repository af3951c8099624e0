//! The runtime's `Headers` ⇄ the core's `Fields`, for every tier. They cross as one text: a crossing for every field takes
//! half as long again, and more code.

use js_sys::Array;
use tiercel_core::field::Fields;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Headers;

#[wasm_bindgen(inline_js = r#"
export function textOf(headers) {
  let text = "";
  // Every Set-Cookie comes by itself.
  headers.forEach((value, name) => { text += `${name}\n${value}\n`; });
  return text;
}
export function pairsOf(text) {
  const parts = text.split("\n");
  const pairs = [];
  for (let at = 0; at + 1 < parts.length; at += 2) pairs.push([parts[at], parts[at + 1]]);
  return pairs;
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = textOf)]
    fn text_of(headers: &Headers) -> String;
    #[wasm_bindgen(js_name = pairsOf)]
    fn pairs_of(text: &str) -> Array;
}

/// What `RequestInit` and `ResponseInit` take for headers.
pub(crate) fn to_headers(fields: &Fields) -> Array {
    pairs_of(&fields.to_text())
}

pub(crate) fn from_headers(headers: &Headers) -> Fields {
    Fields::from_text(text_of(headers))
}
