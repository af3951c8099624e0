//! Bodies in slices: each is read from the store, or asked of the origin and stored while it goes out.

use std::pin::Pin;

use futures_util::future::join;
use tiercel_core::exchange::{Delivery, FetchFailure, Found, Piece, PutPlan, SliceFailure, Sliced};
use tiercel_core::field::server_timing::Phase;
use tiercel_core::flights::Role;
use tiercel_core::invalidation::TagEpochs;
use tiercel_core::slice::SlicePart;
use web_sys::{ReadableStream, Response};

use crate::drive::Way;
use crate::origin::Answer;
use crate::runtime::{Env, Result, report, wait_until};
use crate::sink::Sink;
use crate::store::HeldBody;
use crate::{convert, engine, epochs, flights, now, origin, store};

/// How often a slice is asked for before the body breaks off.
const TRIES: usize = 2;

/// A slice that is at hand.
enum Slice {
    /// Cut by the store to what is wanted of it.
    Cut(ReadableStream),
    /// Whole.
    Whole(ReadableStream),
    /// Whole, and to be stored while it goes out.
    Fetched(ReadableStream, Pin<Box<dyn Future<Output = ()>>>),
}

/// Sends the slices. The first one is had before anything goes out, so that its failure can still be told.
pub(crate) async fn send(
    way: &Way,
    mut delivery: Delivery,
    sliced: Sliced,
    answer: Option<Answer>,
) -> Result<Response> {
    let source = Source { env: way.env.clone(), sliced };
    let mut fetched = answer.and_then(|answer| answer.response.body());
    let mut first = None;
    if let Some(part) = source.first_part()
        && !source.sliced.is_fetched(part.index)
    {
        let since = now();
        first = source.stored(part).await;
        if first.is_none() {
            way.took(Phase::Store, since);
            first = match source.fetched(part).await {
                Ok(slice) => Some(slice),
                Err(failure) => {
                    let mut delivery = delivery.failed_in_part(failure);
                    way.timed(&mut delivery);
                    return convert::response(&delivery, None);
                }
            };
            if fetched.is_none() {
                delivery.fetched_in_part();
            }
        }
    }
    way.timed(&mut delivery);
    let (sink, body) = Sink::new(source.sliced.length());
    wait_until(&way.context, async move {
        match pump(&source, &sink, first, &mut fetched).await {
            Ok(()) => sink.close().await,
            Err(error) => sink.abort(&error).await,
        }
    });
    convert::response(&delivery, Some(body))
}

/// Writes piece after piece, as fast as the client reads.
async fn pump(
    source: &Source,
    sink: &Sink,
    mut first: Option<Slice>,
    fetched: &mut Option<ReadableStream>,
) -> Result<()> {
    for piece in &source.sliced.pieces {
        let range = match piece {
            Piece::Text(text) => {
                sink.bytes(&js_sys::Uint8Array::from(text.as_bytes())).await?;
                continue;
            }
            Piece::Bytes(range) => *range,
        };
        for part in source.sliced.parts(range) {
            let at_hand = match first.take() {
                Some(slice) => Some(slice),
                None if source.sliced.is_fetched(part.index) => fetched.take().map(Slice::Whole),
                None => None,
            };
            match source.slice(part, at_hand).await? {
                Slice::Cut(body) => sink.stream(&body).await?,
                Slice::Whole(body) => whole(source, sink, part, &body).await?,
                // Also when the client has gone: what has come is kept.
                Slice::Fetched(body, storing) => join(whole(source, sink, part, &body), storing).await.0?,
            }
        }
    }
    Ok(())
}

/// What is wanted of a whole slice. All of it stays inside the runtime.
async fn whole(source: &Source, sink: &Sink, part: SlicePart, body: &ReadableStream) -> Result<()> {
    if source.sliced.is_whole(part) { sink.stream(body).await } else { sink.part(body, part.take).await }
}

/// Where slices come from.
struct Source {
    env: Env,
    sliced: Sliced,
}

impl Source {
    fn first_part(&self) -> Option<SlicePart> {
        self.sliced.pieces.iter().find_map(|piece| match piece {
            Piece::Bytes(range) => self.sliced.parts(*range).next(),
            Piece::Text(_) => None,
        })
    }

    /// The slice, from wherever it is.
    async fn slice(&self, part: SlicePart, at_hand: Option<Slice>) -> Result<Slice> {
        if let Some(slice) = at_hand {
            return Ok(slice);
        }
        if let Some(slice) = self.stored(part).await {
            return Ok(slice);
        }
        self.fetched(part).await.map_err(|failure| failure.token().into())
    }

    /// The slice as the store has it.
    async fn stored(&self, part: SlicePart) -> Option<Slice> {
        let (policy, key) = (engine().policy(), self.sliced.key(part.index));
        let held = store::get_part(&key, policy, part.take).await;
        if !self.sliced.accepts(part.index, &held.found, &self.epochs(&held.found).await) {
            return None;
        }
        let HeldBody::Response(response) = held.body else { return None };
        let is_cut = response.status() == 206;
        response.body().map(|body| if is_cut { Slice::Cut(body) } else { Slice::Whole(body) })
    }

    /// The slice from the origin; it is stored while it goes out. Who needs it too waits for it.
    async fn fetched(&self, part: SlicePart) -> core::result::Result<Slice, FetchFailure> {
        let settings = engine().policy().edge;
        let key = self.sliced.key(part.index);
        let role = flights::join(key.as_str(), settings.remember_uncacheable, now());
        if role == Role::Follow {
            flights::wait(key.as_str(), settings.collapse).await;
            if let Some(slice) = self.stored(part).await {
                return Ok(slice);
            }
        }
        let lead = (role == Role::Lead).then(|| key.as_str().to_owned());
        match self.ask(part.index).await {
            Ok((body, plan, copy)) => {
                let storing = async move {
                    let stored = match (plan, copy) {
                        (Some(plan), Some(copy)) => {
                            store::put(&plan, engine().policy(), HeldBody::Response(copy)).await
                        }
                        _ => false,
                    };
                    if let Some(key) = lead {
                        flights::land(&key, stored.then_some(true));
                    }
                };
                Ok(Slice::Fetched(body, Box::pin(storing)))
            }
            Err(failure) => {
                if let Some(key) = lead {
                    flights::land(&key, None);
                }
                Err(failure)
            }
        }
    }

    /// The body of a slice, how to store it, and a copy for that.
    async fn ask(
        &self,
        index: u64,
    ) -> core::result::Result<(ReadableStream, Option<PutPlan>, Option<Response>), FetchFailure> {
        let mut failure = FetchFailure::Network;
        for _ in 0..TRIES {
            let requested = now();
            let answer = match origin::fetch(&self.env, &self.sliced.request(index), None).await {
                Ok(answer) => answer,
                Err(failed) => {
                    failure = failed;
                    continue;
                }
            };
            let epochs = epochs::since_slice(&self.sliced, requested);
            match self.sliced.conclude(index, &answer.head, &epochs, requested, now()) {
                Ok(plan) => {
                    let copy = answer.response.clone().ok();
                    return answer.response.body().map(|body| (body, plan, copy)).ok_or(FetchFailure::Network);
                }
                Err(failed) => {
                    answer.cancel();
                    if failed == SliceFailure::Changed {
                        report("tiercel: the origin has another version by now; this body breaks off");
                        store::remove(std::slice::from_ref(self.sliced.head_key()), engine().policy()).await;
                        break;
                    }
                }
            }
        }
        Err(failure)
    }

    async fn epochs(&self, found: &Found) -> TagEpochs {
        epochs::read(&self.env, None, found, engine().policy()).await
    }
}
