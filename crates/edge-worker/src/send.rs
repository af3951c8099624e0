//! Deliveries become responses: where the body comes from, and how it is put together.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use js_sys::Uint8Array;
use tiercel_core::exchange::{Body, CHANGING, Conclusion, Delivery, Piece, StoredEntry};
use tiercel_core::field::Fields;
use tiercel_core::field::range::ByteRange;
use wasm_bindgen::prelude::*;
use web_sys::{Headers, ReadableStream, Response};

use crate::drive::Way;
use crate::fields::to_headers;
use crate::origin::Answer;
use crate::runtime::{Result, wait_until};
use crate::sink::Sink;
use crate::store::{Held, HeldBody};
use crate::{convert, engine, pages, slices, store};

/// A body that nobody has to wait for.
pub(crate) enum AtHand {
    /// None, or a text of ours.
    Nothing,
    /// In memory.
    Bytes(Uint8Array),
    /// In memory, and whole: other deliveries have the same head, but for a few fields.
    Again(Uint8Array, Rc<OnceCell<Headers>>),
    /// A stream that the runtime passes on.
    Stream(ReadableStream),
}

impl AtHand {
    /// The finished response.
    pub(crate) fn response(self, delivery: &Delivery) -> Result<Response> {
        match self {
            Self::Nothing => convert::response(delivery, None),
            Self::Bytes(bytes) => convert::with_body(&delivery.head, &bytes),
            Self::Again(bytes, made) => {
                convert::with_headers(delivery.head.status, &headers_again(delivery, &made)?, &bytes)
            }
            Self::Stream(body) => convert::response(delivery, Some(body)),
        }
    }
}

#[wasm_bindgen(inline_js = r#"
export function changed(made, changes) {
  const headers = new Headers(made);
  const parts = changes.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.set(parts[at], parts[at + 1]);
  return headers;
}
"#)]
extern "C" {
    #[wasm_bindgen(catch)]
    fn changed(made: &Headers, changes: &str) -> Result<Headers>;
}

/// The fields of a delivery that is made again. To copy the head that was made, and set what changes, takes a quarter of
/// the time of making it.
pub(crate) fn headers_again(delivery: &Delivery, made: &OnceCell<Headers>) -> Result<Headers> {
    let Some(made) = made.get() else {
        let headers = to_headers(&delivery.head.fields)?;
        // Whoever was faster has made the same.
        let _ = made.set(headers.clone());
        return Ok(headers);
    };
    let mut changes = Fields::new();
    for name in CHANGING {
        if let Some(value) = delivery.head.fields.combined(name) {
            changes.append(name, value);
        }
    }
    changed(made, &changes.to_text())
}

/// The body of a stored answer, where it is at hand.
pub(crate) fn at_once(delivery: &Delivery, held: &Held) -> Option<AtHand> {
    match (&delivery.body, &held.body) {
        (Body::Empty | Body::Text(_), _) => Some(AtHand::Nothing),
        (Body::Stored, HeldBody::Bytes(bytes, made)) if delivery.is_repeatable => {
            Some(AtHand::Again(bytes.clone(), Rc::clone(made)))
        }
        (Body::Stored, HeldBody::Bytes(bytes, _)) => Some(AtHand::Bytes(bytes.clone())),
        (Body::Stored, HeldBody::Response(response)) => Some(response.body().map_or(AtHand::Nothing, AtHand::Stream)),
        (Body::Stored, HeldBody::None) => Some(AtHand::Nothing),
        (Body::StoredParts(pieces), HeldBody::Bytes(bytes, _)) => match pieces.as_slice() {
            [Piece::Bytes(range)] => Some(AtHand::Bytes(cut(bytes, *range)?)),
            _ => None,
        },
        (Body::Page(page), HeldBody::Bytes(list, _)) => pages::cut(page, list).map(AtHand::Bytes),
        (Body::StoredParts(_) | Body::Sliced(_) | Body::Page(_) | Body::Fetched, _) => None,
    }
}

/// A stored answer whose body has to be fetched or put together.
pub(crate) async fn stored(way: &Way, delivery: Delivery, held: Held) -> Result<Response> {
    send(way, delivery, held, None).await
}

/// What was concluded from the origin's answer.
pub(crate) async fn concluded(
    way: &Way,
    conclusion: Conclusion,
    mut held: Held,
    answer: Option<Answer>,
) -> Result<Response> {
    if let Some(list) = answer.as_ref().and_then(|answer| answer.list.as_ref()) {
        // What was found is another list.
        held.body = HeldBody::Bytes(list.clone(), Rc::default());
    }
    send(way, conclusion.delivery, held, answer).await
}

async fn send(way: &Way, mut delivery: Delivery, held: Held, answer: Option<Answer>) -> Result<Response> {
    if let Some(body) = at_once(&delivery, &held) {
        if let Some(unused) = answer {
            // Also where it is being stored: a body that nobody reads would pile up.
            unused.cancel();
        }
        way.timed(&mut delivery);
        return body.response(&delivery);
    }
    match delivery.body.clone() {
        Body::Sliced(sliced) => slices::send(way, delivery, *sliced, answer).await,
        Body::Page(page) => {
            way.timed(&mut delivery);
            let bytes = pages::page(&page, &held).await?;
            convert::with_body(&delivery.head, &bytes)
        }
        Body::StoredParts(pieces) => {
            way.timed(&mut delivery);
            let body = parts(way, pieces, held).await?;
            convert::response(&delivery, Some(body))
        }
        _ => {
            way.timed(&mut delivery);
            convert::response(&delivery, answer.and_then(|answer| answer.response.body()))
        }
    }
}

/// Parts of a stored body. Those of a long one are cut by the store as they are read, and pass by this isolate's memory.
async fn parts(way: &Way, pieces: Vec<Piece>, held: Held) -> Result<ReadableStream> {
    let mut stored =
        Stored { entry: Arc::clone(held.found.entry().ok_or("what was found has gone")?), body: held.body };
    if let [Piece::Bytes(range)] = pieces.as_slice()
        && let Some(body) = stored.cut(*range).await
    {
        return Ok(body);
    }
    let (sink, body) = Sink::new(pieces.iter().map(Piece::length).sum());
    wait_until(&way.context, async move {
        for piece in &pieces {
            let written = match piece {
                Piece::Text(text) => sink.bytes(&Uint8Array::from(text.as_bytes())).await,
                Piece::Bytes(range) => stored.write(*range, &sink).await,
            };
            if let Err(error) = written {
                return sink.abort(&error).await;
            }
        }
        sink.close().await;
    });
    Ok(body)
}

/// A stored body, of which parts are wanted.
struct Stored {
    entry: Arc<StoredEntry>,
    body: HeldBody,
}

impl Stored {
    async fn write(&mut self, range: ByteRange, sink: &Sink) -> Result<()> {
        if let HeldBody::Bytes(bytes, _) = &self.body {
            return sink.bytes(&cut(bytes, range).ok_or("the stored body is shorter than its head says")?).await;
        }
        if let Some(part) = self.cut(range).await {
            return sink.stream(&part).await;
        }
        // The store does not cut, or has another one by now. What was found can be read once.
        match std::mem::replace(&mut self.body, HeldBody::None) {
            HeldBody::Response(response) => {
                let body = response.body().ok_or("the stored body is empty")?;
                sink.part(&body, range, self.entry.length().unwrap_or_default()).await
            }
            _ => Err("the stored body cannot be cut".into()),
        }
    }

    /// The part as the store cuts it; `None` where it does not, or has another body by now.
    async fn cut(&self, range: ByteRange) -> Option<ReadableStream> {
        let HeldBody::Response(_) = &self.body else { return None };
        let part = store::get_part(&self.entry.key(), engine().policy(), range).await;
        let is_same = part.found.entry().is_some_and(|entry| entry.is_same(&self.entry));
        match part.body {
            HeldBody::Response(part) if is_same && part.status() == 206 => part.body(),
            _ => None,
        }
    }
}

/// `range` of a body that is in memory.
fn cut(bytes: &Uint8Array, range: ByteRange) -> Option<Uint8Array> {
    let (first, end) = (u32::try_from(range.first).ok()?, u32::try_from(range.last + 1).ok()?);
    (end <= bytes.length()).then(|| bytes.subarray(first, end))
}
