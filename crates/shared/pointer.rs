//! What a JSON Pointer (RFC 6901) finds in a JavaScript value, for the tiers that read answers to mutations.

use wasm_bindgen::prelude::*;

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
