//! Ready answers: what was answered from memory, for the next requests with the same question to get without entering the
//! wasm. The core says which answers, to which questions and until when; tools/edge-ready.js compares and repeats.

use js_sys::{Array, Uint8Array};
use tiercel_core::consistency::{CONSISTENCY, SEEN_COOKIE};
use tiercel_core::exchange::DECIDING;
use tiercel_core::key::CacheKey;
use tiercel_core::policy::Memory;
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;
use web_sys::Headers;

#[wasm_bindgen(raw_module = "tiercel-ready")]
extern "C" {
    #[wasm_bindgen(js_name = begin)]
    fn tell(names: &Array, seen_field: &str, seen_cookie: &str, bytes: f64);
    #[wasm_bindgen(js_name = keep)]
    fn take(
        question: &str,
        key: &str,
        status: u16,
        headers: &Headers,
        body: &Uint8Array,
        since: f64,
        until: f64,
        counter: u32,
    );
    #[wasm_bindgen(js_name = forget)]
    fn drop_of(key: &str);
    /// Forgets every answer.
    #[wasm_bindgen(js_name = forgetAll)]
    pub(crate) fn forget_all();
}

/// There is something in memory from now on, so that requests ask questions.
pub(crate) fn begin(memory: &Memory) {
    let names: Array = DECIDING.iter().map(|name| JsValue::from_str(name)).collect();
    tell(&names, CONSISTENCY, SEEN_COOKIE, memory.ready() as f64);
}

/// An answer that is finished.
pub(crate) struct Answer<'a> {
    /// The entry that it was made of.
    pub(crate) key: &'a CacheKey,
    pub(crate) status: u16,
    pub(crate) headers: &'a Headers,
    pub(crate) body: &'a Uint8Array,
    /// Where it counts.
    pub(crate) counter: u32,
}

/// Keeps the answer to `question` that was given at `now`.
pub(crate) fn keep(question: &str, answer: &Answer<'_>, now: Timestamp, until: Timestamp) {
    let (since, until) = (now.as_millis() as f64, until.as_millis() as f64);
    take(question, answer.key.as_str(), answer.status, answer.headers, answer.body, since, until, answer.counter);
}

/// Forgets the answers that were made of what is stored under `key`.
pub(crate) fn forget(key: &CacheKey) {
    drop_of(key.as_str());
}
