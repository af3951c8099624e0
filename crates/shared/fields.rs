//! The runtime's `Headers` ⇄ the core's `Fields`, for every tier.

use js_sys::Array;
use tiercel_core::field::Fields;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Headers;

pub(crate) fn to_headers(fields: &Fields) -> Result<Headers, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in fields.iter() {
        headers.append(name, value)?;
    }
    Ok(headers)
}

pub(crate) fn from_headers(headers: &Headers) -> Fields {
    let mut fields = Fields::new();
    for entry in &headers.entries() {
        let Ok(entry) = entry else { break };
        let pair: Array = entry.unchecked_into();
        if let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) {
            fields.append(&name, value);
        }
    }
    fields
}
