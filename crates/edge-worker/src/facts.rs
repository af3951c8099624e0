//! Looks facts up in the JSON answer to a mutation, and what a failure is in that of a list's.

use js_sys::{JSON, Uint8Array};
use tiercel_core::invalidation::Facts;
use tiercel_core::text;
use wasm_bindgen::JsCast;
use web_sys::Response;

use crate::pages::read_up_to;
use crate::pointer::strings_at;
use crate::runtime::in_time;

/// Longest answer that is read for facts, in bytes. What is not read is unknown, which widens the purge.
const LONGEST: u64 = 64 << 10;
/// Longest time that it is read, in seconds.
const AT_MOST: u64 = 5;

/// The strings at `pointers` (RFC 6901) in the body of `response`, which stays unread.
pub(crate) async fn look_up(pointers: &[String], response: &Response) -> Facts {
    let mut facts = Facts::default();
    if pointers.is_empty() {
        return facts;
    }
    let json = response.headers().get("content-type").ok().flatten().is_some_and(|t| text::contains(&t, "json"));
    let length = response.headers().get("content-length").ok().flatten().and_then(|l| l.parse::<u64>().ok());
    // A mutation's answer may be a stream that its client waits for; an error is no such thing.
    let is_short = length.map_or(response.status() >= 400, |length| length <= LONGEST);
    if !json || !is_short {
        return facts;
    }
    let body = async {
        let read = in_time(AT_MOST, &read_up_to(&response.clone()?, LONGEST as f64)).await?;
        let bytes = read.dyn_into::<Uint8Array>()?.to_vec();
        JSON::parse(&String::from_utf8(bytes).unwrap_or_default())
    };
    if let Ok(body) = body.await {
        for pointer in pointers {
            if let Some(values) = strings_at(&body, pointer) {
                facts.record(pointer, values);
            }
        }
    }
    facts
}
