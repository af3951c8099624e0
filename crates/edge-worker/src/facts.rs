//! Looks facts up in the JSON answer of a mutation.

use js_sys::JSON;
use tiercel_core::invalidation::Facts;
use tiercel_core::text;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::pointer::strings_at;

/// Longest answer that is read for facts, in bytes. What is not read is unknown, which widens the purge.
const LONGEST: u64 = 64 << 10;

/// The strings at `pointers` (RFC 6901) in the body of `response`, which stays unread.
pub(crate) async fn look_up(pointers: &[String], response: &Response) -> Facts {
    let mut facts = Facts::default();
    if pointers.is_empty() {
        return facts;
    }
    let length = response.headers().get("content-length").ok().flatten().and_then(|l| l.parse::<u64>().ok());
    let json = response.headers().get("content-type").ok().flatten().is_some_and(|t| text::contains(&t, "json"));
    if !json || length.is_none_or(|l| l > LONGEST) {
        return facts;
    }
    let body = async {
        let text = JsFuture::from(response.clone()?.text()?).await?;
        JSON::parse(&text.as_string().unwrap_or_default())
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
