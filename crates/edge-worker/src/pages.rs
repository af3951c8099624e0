//! Lists that pages are cut from: the origin's answer is read and handed to the core, and what the core cuts is put together.

use js_sys::{Promise, Uint8Array};
use tiercel_core::collection::{Cut, Page};
use tiercel_core::exchange::{Fetch, FetchFailure};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::origin::Answer;
use crate::runtime::{Result, in_time, report_thrown};
use crate::store::{Held, HeldBody};

#[wasm_bindgen(inline_js = r#"
export async function readUpTo(response, longest) {
  const parts = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.byteLength;
    if (length > longest) return undefined;
    parts.push(part);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
"#)]
extern "C" {
    /// The whole body; `undefined` where it is longer than `longest` bytes.
    #[wasm_bindgen(js_name = readUpTo)]
    pub(crate) fn read_up_to(response: &Response, longest: f64) -> Promise;
}

/// Has the core make a list of an answer of at most `longest` bytes. `None`: it cannot, and the page itself has to be asked
/// for.
pub(crate) async fn made(
    fetch: &mut Fetch<'static>,
    mut answer: Answer,
    longest: u64,
) -> core::result::Result<Option<Answer>, FetchFailure> {
    let announced = answer.head.fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
    let bytes = if announced.is_some_and(|length| length > longest) {
        answer.response.body().map(|body| body.cancel());
        None
    } else {
        let limit = fetch.request().timeout.unwrap_or_default().get();
        match in_time(limit, &read_up_to(&answer.response, longest as f64)).await {
            Ok(read) => read.dyn_into::<Uint8Array>().ok(),
            Err(error) => {
                report_thrown("tiercel: a list broke off:", &error);
                return Err(FetchFailure::Network);
            }
        }
    };
    let bytes = bytes.map(|bytes| bytes.to_vec());
    let list = fetch.listed(&mut answer.head, bytes.as_deref());
    Ok(list.map(|list| Answer { list: Some(Uint8Array::from(list.as_slice())), ..answer }))
}

/// The bytes of a page. They are read from the store where memory has not got them.
pub(crate) async fn page(page: &Page, held: &Held) -> Result<Uint8Array> {
    let list = match &held.body {
        HeldBody::Bytes(list, _) => list.clone(),
        HeldBody::Response(response) => Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?),
        HeldBody::None => return Err("there is no list".into()),
    };
    cut(page, &list).ok_or_else(|| "what is stored is no list".into())
}

/// The bytes of a page of a list that is in memory; `None` where that is no list.
pub(crate) fn cut(page: &Page, list: &Uint8Array) -> Option<Uint8Array> {
    let Cut { before, items, behind } = page.cut(|from, to| list.subarray(from, to).to_vec())?;
    let (head, length) = (before.len() as u32, items.end.checked_sub(items.start)?);
    if items.end > list.length() {
        return None;
    }
    let bytes = Uint8Array::new_with_length(head + length + behind.len() as u32);
    bytes.subarray(0, head).copy_from(before.as_bytes());
    bytes.set(&list.subarray(items.start, items.end), head);
    bytes.subarray(head + length, bytes.length()).copy_from(behind.as_bytes());
    Some(bytes)
}
