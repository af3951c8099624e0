//! Bodies in slices: each is read from the store, or asked of the origin and stored while it goes out.

use std::cell::RefCell;
use std::pin::Pin;

use tiercel_core::engine::Tier;
use tiercel_core::exchange::{Delivery, FetchFailure, Found, Piece, PutPlan, SliceFailure, Sliced};
use tiercel_core::field::server_timing::Phase;
use tiercel_core::flights::Role;
use tiercel_core::invalidation::TagEpochs;
use tiercel_core::slice::SlicePart;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, Response};

use crate::behind::hand_over;
use crate::drive::Way;
use crate::flights::Lead;
use crate::origin::Answer;
use crate::runtime::{Env, Result, promise, report};
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
    /// Whole, if it keeps its word, and to be stored while it goes out.
    Fetched(ReadableStream, Storing),
}

type Storing = Pin<Box<dyn Future<Output = ()>>>;

/// Sends the slices. The first one is had before anything goes out, so that its failure can still be told.
pub(crate) async fn send(
    way: &Way,
    mut delivery: Delivery,
    sliced: Sliced,
    answer: Option<Answer>,
) -> Result<Response> {
    let is_hit = answer.is_none();
    let (sink, body) = Sink::new(sliced.length());
    let source = Source {
        env: way.env.clone(),
        sliced,
        fetched: RefCell::new(answer.and_then(|answer| answer.response.body())),
    };
    let since = now();
    let begins = hand_over(&way.context, |hand| async move {
        let first = match source.first().await {
            Ok(first) => first,
            Err(failure) => return hand.over(Err(failure)),
        };
        hand.over(Ok(match &first {
            Some(Slice::Fetched(..)) => Some(Phase::Origin),
            Some(_) => Some(Phase::Store),
            None => None,
        }));
        match pump(&source, &sink, first).await {
            Ok(()) => sink.close().await,
            Err(error) => sink.abort(&error).await,
        }
    });
    match begins.await.unwrap_or(Err(FetchFailure::Network)) {
        Ok(phase) => {
            if let Some(phase) = phase {
                way.took(phase, since);
            }
            if is_hit && phase == Some(Phase::Origin) {
                delivery.fetched_in_part();
            }
            way.timed(&mut delivery);
            convert::response(&delivery, Some(body))
        }
        Err(failure) => {
            let class = delivery.class;
            let mut delivery = Delivery::failed_in_part(failure, Tier::Edge);
            delivery.class = class;
            way.took(Phase::Origin, since);
            way.timed(&mut delivery);
            convert::response(&delivery, None)
        }
    }
}

/// Writes piece after piece, as fast as the client reads.
async fn pump(source: &Source, sink: &Sink, mut first: Option<Slice>) -> Result<()> {
    for piece in &source.sliced.pieces {
        let range = match piece {
            Piece::Text(text) => {
                sink.bytes(&js_sys::Uint8Array::from(text.as_bytes())).await?;
                continue;
            }
            Piece::Bytes(range) => *range,
        };
        for part in source.sliced.parts(range) {
            let slice = match first.take() {
                Some(slice) => slice,
                None => source.slice(part).await.map_err(FetchFailure::token)?,
            };
            match slice {
                Slice::Cut(body) => sink.stream(&body).await?,
                Slice::Whole(body) => sink.part(&body, part.take, source.sliced.slice_length(part.index)).await?,
                Slice::Fetched(body, storing) => {
                    let sending = sink.part(&body, part.take, source.sliced.slice_length(part.index));
                    // At the same time, and also when the client has gone: what has come is kept.
                    let stored = promise(Box::pin(async {
                        storing.await;
                        Ok(JsValue::UNDEFINED)
                    }));
                    let sent = sending.await;
                    // That promise is never rejected.
                    let _ = JsFuture::from(stored).await;
                    sent?;
                }
            }
        }
    }
    Ok(())
}

/// Where slices come from.
struct Source {
    env: Env,
    sliced: Sliced,
    /// The slice that came with the head of the whole.
    fetched: RefCell<Option<ReadableStream>>,
}

impl Source {
    /// The slice that goes out first, where there is one.
    async fn first(&self) -> core::result::Result<Option<Slice>, FetchFailure> {
        let mut parts = self.sliced.pieces.iter().filter_map(|piece| match piece {
            Piece::Bytes(range) => Some(self.sliced.parts(*range)),
            Piece::Text(_) => None,
        });
        let first = parts.next().and_then(|mut parts| parts.next());
        if let Some(unread) = self.fetched.borrow_mut().take_if(|_| first.is_none_or(|part| !self.is_fetched(part))) {
            // It goes out later or not at all, and is stored as fast as it is read: nobody may have to wait for that.
            let _ = unread.cancel();
        }
        match first {
            Some(part) => self.slice(part).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether a part is of the slice that came with the head of the whole.
    fn is_fetched(&self, part: SlicePart) -> bool {
        self.sliced.is_fetched(part.index)
    }

    /// The slice, from wherever it is.
    async fn slice(&self, part: SlicePart) -> core::result::Result<Slice, FetchFailure> {
        let is_fetched = self.is_fetched(part);
        if is_fetched && let Some(body) = self.fetched.take() {
            return Ok(Slice::Fetched(body, Box::pin(async {})));
        }
        if let Some(slice) = self.stored(part).await {
            return Ok(slice);
        }
        if is_fetched {
            // Wanted again, while it is being stored with the head of the whole.
            flights::wait(self.sliced.head_key().as_str(), engine().policy().edge.collapse).await;
            if let Some(slice) = self.stored(part).await {
                return Ok(slice);
            }
        }
        self.asked(part).await
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
    async fn asked(&self, part: SlicePart) -> core::result::Result<Slice, FetchFailure> {
        let settings = engine().policy().edge;
        let key = self.sliced.key(part.index);
        let role = flights::join(key.as_str(), settings.remember_uncacheable, now());
        if role == Role::Follow {
            flights::wait(key.as_str(), settings.collapse).await;
            if let Some(slice) = self.stored(part).await {
                return Ok(slice);
            }
        }
        let lead = (role == Role::Lead).then(|| Lead::new(key.as_str().to_owned()));
        let (answer, plan) = self.ask(part.index).await?;
        let copy = plan.and_then(|plan| Some((plan, answer.response.clone().ok()?)));
        let storing = async move {
            let stored = match copy {
                Some((plan, copy)) => store::put(&plan, engine().policy(), HeldBody::Response(copy), false).await,
                None => false,
            };
            if let Some(lead) = lead {
                lead.land(stored.then_some(true));
            }
        };
        answer
            .response
            .body()
            .map(|body| Slice::Fetched(body, Box::pin(storing) as Storing))
            .ok_or(FetchFailure::Network)
    }

    /// An answer that is the slice, and how to store it.
    async fn ask(&self, index: u64) -> core::result::Result<(Answer, Option<PutPlan>), FetchFailure> {
        for _ in 0..TRIES {
            let requested = now();
            let answer = match origin::fetch(&self.env, &self.sliced.request(index), None).await {
                Ok(answer) => answer,
                // Its time is up.
                Err(FetchFailure::Timeout) => return Err(FetchFailure::Timeout),
                Err(FetchFailure::Network) => continue,
            };
            let epochs = epochs::since_slice(&self.sliced, requested);
            match self.sliced.conclude(index, &answer.head, &epochs, requested, now()) {
                Ok(plan) => return Ok((answer, plan)),
                Err(failed) => {
                    answer.cancel();
                    if failed == SliceFailure::Changed {
                        report("tiercel: the origin has another version by now; this body breaks off");
                        // What is being stored under the key would come after its removal.
                        let (head, policy) = (self.sliced.head_key(), engine().policy());
                        flights::wait(head.as_str(), policy.edge.collapse).await;
                        store::remove(std::slice::from_ref(head), policy).await;
                        break;
                    }
                }
            }
        }
        Err(FetchFailure::Network)
    }

    async fn epochs(&self, found: &Found) -> TagEpochs {
        epochs::read(&self.env, None, found, engine().policy()).await
    }
}
