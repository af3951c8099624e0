//! Deliveries become responses: where the body comes from, and how it is put together.

use std::cell::OnceCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use tiercel_core::exchange::{Body, CHANGING, Conclusion, Delivery, Piece};
use tiercel_core::field::Fields;
use tiercel_core::field::range::ByteRange;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, ReadableStream, Response};

use crate::drive::Way;
use crate::fields::to_headers;
use crate::origin::Answer;
use crate::runtime::{Result, wait_until};
use crate::sink::Sink;
use crate::store::{Held, HeldBody};
use crate::{convert, slices, store};

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
            Self::Again(bytes, made) => again(delivery, &bytes, &made),
            Self::Stream(body) => convert::response(delivery, Some(body)),
        }
    }
}

#[wasm_bindgen(inline_js = r#"
export function respondAgain(status, made, changes, body) {
  const headers = new Headers(made);
  const parts = changes.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) headers.set(parts[at], parts[at + 1]);
  return new Response(body, { status, headers });
}
"#)]
extern "C" {
    #[wasm_bindgen(catch, js_name = respondAgain)]
    fn respond_again(status: u16, made: &Headers, changes: &str, body: &Uint8Array) -> Result<Response>;
}

/// To copy the head that was made, and set what changes, takes a quarter of the time of making it.
fn again(delivery: &Delivery, bytes: &Uint8Array, made: &OnceCell<Headers>) -> Result<Response> {
    let Some(made) = made.get() else {
        let headers = to_headers(&delivery.head.fields)?;
        let response = convert::with_headers(delivery.head.status, &headers, bytes);
        // Whoever was faster has made the same.
        let _ = made.set(headers);
        return response;
    };
    let mut changes = Fields::new();
    for name in CHANGING {
        if let Some(value) = delivery.head.fields.get(name) {
            changes.append(name, value);
        }
    }
    respond_again(delivery.head.status, made, &changes.to_text(), bytes)
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
        (Body::StoredParts(_) | Body::Sliced(_) | Body::Fetched, _) => None,
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
    held: Held,
    answer: Option<Answer>,
) -> Result<Response> {
    send(way, conclusion.delivery, held, answer).await
}

async fn send(way: &Way, mut delivery: Delivery, held: Held, answer: Option<Answer>) -> Result<Response> {
    if let Some(body) = at_once(&delivery, &held) {
        way.timed(&mut delivery);
        return body.response(&delivery);
    }
    match delivery.body.clone() {
        Body::Sliced(sliced) => slices::send(way, delivery, *sliced, answer).await,
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

/// Parts of a stored body. A single one is cut by the store as it is read.
async fn parts(way: &Way, pieces: Vec<Piece>, held: Held) -> Result<ReadableStream> {
    let policy = way.engine.policy();
    let key = held.found.entry().map(|entry| entry.key()).ok_or("what was found has gone")?;
    if let [Piece::Bytes(range)] = pieces.as_slice()
        && let HeldBody::Response(part) = store::get_part(&key, policy, *range).await.body
        && part.status() == 206
        && let Some(body) = part.body()
    {
        return Ok(body);
    }
    let whole = match held.body {
        HeldBody::Bytes(bytes, _) => bytes,
        HeldBody::Response(response) => Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?),
        HeldBody::None => return Err("the stored body is gone".into()),
    };
    let (sink, body) = Sink::new(pieces.iter().map(Piece::length).sum());
    wait_until(&way.context, async move {
        for piece in &pieces {
            let written = match piece {
                Piece::Text(text) => sink.bytes(&Uint8Array::from(text.as_bytes())).await,
                Piece::Bytes(range) => match cut(&whole, *range) {
                    Some(bytes) => sink.bytes(&bytes).await,
                    None => Err("the stored body is shorter than its head says".into()),
                },
            };
            if let Err(error) = written {
                return sink.abort(&error).await;
            }
        }
        sink.close().await;
    });
    Ok(body)
}

/// `range` of a body that is in memory.
fn cut(bytes: &Uint8Array, range: ByteRange) -> Option<Uint8Array> {
    let (first, end) = (u32::try_from(range.first).ok()?, u32::try_from(range.last + 1).ok()?);
    (end <= bytes.length()).then(|| bytes.subarray(first, end))
}
