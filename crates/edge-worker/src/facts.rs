//! Looks facts up in the JSON answer of a mutation.

use js_sys::JSON;
use tiercel_core::invalidation::Facts;
use tiercel_core::text;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

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

/// One string, or the strings of an array; anything else is no fact.
pub(crate) fn strings_at(body: &JsValue, pointer: &str) -> Option<Vec<String>> {
    Some(lines_at(body, pointer)?.split('\n').map(str::to_owned).collect())
}

// A string with a line break, or with half a surrogate pair, is no name of anything.
#[wasm_bindgen(inline_js = r#"
export function linesAt(json, pointer) {
  let it = json;
  for (const step of pointer.split("/").slice(1)) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof it !== "object" || it === null || !Object.hasOwn(it, name)) return undefined;
    it = it[name];
  }
  const all = Array.isArray(it) ? it : [it];
  const isName = (text) => typeof text === "string" && text.isWellFormed() && !text.includes("\n");
  return all.every(isName) ? all.join("\n") : undefined;
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = linesAt)]
    fn lines_at(json: &JsValue, pointer: &str) -> Option<String>;
}
