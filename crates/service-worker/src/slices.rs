//! Bodies in slices: each is read from the store, or asked of the network and stored while it goes out. A stream is
//! written as fast as its reader reads, so that what nobody watches is not fetched.

use tiercel_core::engine::Tier;
use tiercel_core::exchange::{
    Body, Delivery, FetchFailure, Found, Outcome, Piece, PutPlan, SliceFailure, Sliced, StoreAction,
};
use tiercel_core::field::range::ByteRange;
use tiercel_core::key::CacheKey;
use tiercel_core::slice::SlicePart;

use crate::drive::{self, WasSliced, Way};
use crate::kernel::now;
use crate::{effect, network, store};

/// Up to so many slices are put together without a stream, where all of them are stored: no byte of them passes through
/// the script then.
const FEW: usize = 8;
/// How often a slice is asked for before the body breaks off.
const TRIES: usize = 2;
/// How long to wait for another request that fetches the same, and for the next bytes of a slice, in milliseconds.
const PATIENCE: &str = "30000";

/// Something of a body, in order.
enum Step<'a> {
    Text(&'a str),
    Part(SlicePart),
}

/// A slice that can be sent.
enum Had {
    AtHand,
    /// It is coming, and is stored where it may be.
    Coming(Option<PutPlan>),
}

/// Waits for the request that fetches the same, or becomes the one that others wait for, until it is stored.
pub(crate) async fn lead(way: &Way, key: &CacheKey) {
    effect::ask(&["lead", &way.cache, &store::url(key), PATIENCE]).await;
}

/// Does what was concluded where a slice came (`is_slice`), or where what is stored is in slices (`was_sliced`).
pub(crate) async fn concluded(
    way: &Way,
    delivery: Delivery,
    action: StoreAction,
    is_slice: bool,
    was_sliced: WasSliced,
) {
    let (slice, after) = match action {
        StoreAction::Put(plan) if is_slice => (begin(way, plan, was_sliced).await, StoreAction::Keep),
        // What is to go may be what is served, for the last time.
        StoreAction::Remove(keys) => (None, StoreAction::Remove(keys)),
        action => {
            way.act(action, "-", was_sliced).await;
            (None, StoreAction::Keep)
        }
    };
    if slice.is_none() {
        effect::ask(&["land"]).await;
    }
    match &delivery.body {
        Body::Sliced(_) => send(way, delivery, slice).await,
        _ => {
            way.respond(&delivery, "").await;
            keep(way, slice).await;
        }
    }
    way.act(after, "", was_sliced).await;
}

/// Reads the slice that has come behind an answer, and stores it.
pub(crate) async fn keep(way: &Way, slice: Option<PutPlan>) {
    if let Some(plan) = slice {
        take(way, plan.length().unwrap_or_default(), None, Some(plan)).await;
    }
}

/// Stores the head of the whole a slice of which has come, and removes the slices of other versions. What is left to
/// store is the slice.
pub(crate) async fn begin(way: &Way, mut plan: PutPlan, was_sliced: WasSliced) -> Option<PutPlan> {
    let marker = plan.marker.take();
    if let Some((key, head)) = &marker {
        // Who waits for the head goes on once it is written, and may want this slice.
        lead(way, &plan.key).await;
        if !store::put_head(way.user.as_deref(), &plan.class, key, head, &way.client).await {
            return None;
        }
    }
    let head = marker.as_ref().map_or(&plan.key, |(key, _)| key);
    if was_sliced.is_some() {
        let version = marker.as_ref().map(|_| plan.key.version());
        store::sweep(&plan.class, &head.slices(), version.as_ref()).await;
    }
    Some(plan)
}

/// Sends a body in slices. `slice` is how the one that has come with the head is stored. The first one is had before
/// anything goes out, so that its failure can still be told.
pub(crate) async fn send(way: &Way, mut delivery: Delivery, slice: Option<PutPlan>) {
    let Body::Sliced(sliced) = std::mem::replace(&mut delivery.body, Body::Empty) else { return };
    let is_hit = !sliced.has_fetched();
    let source = Source { way, sliced: &sliced };
    let mut few = Vec::new();
    let mut cursor = Cursor::new(&sliced);
    while let Some(step) = cursor.next().filter(|_| few.len() <= FEW) {
        few.push(step);
    }
    if is_hit && few.len() <= FEW && source.together(&delivery, &few).await {
        return;
    }
    let Some(part) = few.iter().find_map(Step::part) else { return way.respond(&delivery, "").await };
    drop(few);
    let had = if sliced.is_fetched(part.index) {
        Had::Coming(slice)
    } else {
        if !is_hit {
            // It goes out later or not at all: nobody may have to wait for it.
            effect::ask(&["drop"]).await;
        }
        match source.have(part.index).await {
            Ok(had) => had,
            Err(None) if is_hit && !way.is_again => {
                effect::ask(&["again"]).await;
                return;
            }
            Err(failure) => {
                let failure = failure.unwrap_or(FetchFailure::Network);
                return way.respond(&Delivery::failed_in_part(failure, Tier::ServiceWorker), "").await;
            }
        }
    };
    if is_hit && matches!(had, Had::Coming(_)) {
        delivery.fetched_in_part();
    }
    way.reply(&delivery, "stream", "", "").await;
    if source.pump(had).await {
        effect::ask(&["close"]).await;
    }
}

/// Goes through a body from its beginning.
struct Cursor<'a> {
    sliced: &'a Sliced,
    piece: usize,
    /// How many bytes of the piece are behind.
    passed: u64,
}

impl<'a> Cursor<'a> {
    const fn new(sliced: &'a Sliced) -> Self {
        Self { sliced, piece: 0, passed: 0 }
    }

    fn next(&mut self) -> Option<Step<'a>> {
        let bytes = match self.sliced.pieces.get(self.piece)? {
            Piece::Text(text) => {
                self.piece += 1;
                return Some(Step::Text(text));
            }
            Piece::Bytes(bytes) => *bytes,
        };
        let part = self.sliced.first_part(ByteRange { first: bytes.first + self.passed, last: bytes.last })?;
        self.passed += part.take.len();
        if self.passed >= bytes.len() {
            (self.piece, self.passed) = (self.piece + 1, 0);
        }
        Some(Step::Part(part))
    }
}

impl Step<'_> {
    fn part(&self) -> Option<SlicePart> {
        match self {
            Self::Part(part) => Some(*part),
            Self::Text(_) => None,
        }
    }
}

/// Where the slices of a body come from.
struct Source<'a> {
    way: &'a Way,
    sliced: &'a Sliced,
}

impl Source<'_> {
    /// Answers at once where all that is wanted is stored.
    async fn together(&self, delivery: &Delivery, steps: &[Step<'_>]) -> bool {
        let indices: Vec<u64> = steps.iter().filter_map(Step::part).map(|part| part.index).collect();
        if !self.stored(&indices).await {
            return false;
        }
        let parts = steps.iter().map(|step| match step {
            Step::Text(text) => ["=", text].concat(),
            Step::Part(part) => drive::span(part.take),
        });
        self.way.reply(delivery, "slices", "", &parts.collect::<Vec<_>>().join("\0")).await;
        true
    }

    /// Writes the stream, the first slice of which is had. Whether all of it is written; if not, it breaks off when this
    /// task ends.
    async fn pump(&self, first: Had) -> bool {
        let (mut first, mut at_hand) = (Some(first), None);
        let mut cursor = Cursor::new(self.sliced);
        while let Some(step) = cursor.next() {
            let part = match step {
                Step::Text(text) => {
                    effect::ask(&["write", text]).await;
                    continue;
                }
                Step::Part(part) => part,
            };
            let had = match first.take() {
                Some(had) => had,
                None if at_hand == Some(part.index) => Had::AtHand,
                None => {
                    if !effect::ask(&["ready"]).await.is_empty() {
                        return false;
                    }
                    let Ok(had) = self.have(part.index).await else { return false };
                    had
                }
            };
            let is_sent = match had {
                Had::AtHand => {
                    effect::want(&["pass", &part.take.first.to_string(), &(part.take.last + 1).to_string()]);
                    effect::came().await.is_empty()
                }
                Had::Coming(plan) => take(self.way, self.sliced.slice_length(part.index), Some(part.take), plan).await,
            };
            if !is_sent {
                return false;
            }
            at_hand = Some(part.index);
        }
        true
    }

    /// Whether these slices are stored. They are at hand then.
    async fn stored(&self, indices: &[u64]) -> bool {
        let urls: Vec<String> = indices.iter().map(|index| store::url(&self.sliced.key(*index))).collect();
        let came = effect::ask(&["slices", &self.way.cache, &urls.join("\0")]);
        drop(urls);
        self.accepts(indices, &came.await)
    }

    /// Whether what was found is these slices.
    fn accepts(&self, indices: &[u64], found: &str) -> bool {
        let mut found = found.split(effect::SEPARATOR);
        indices.iter().all(|index| {
            let found = found.next().and_then(|text| text.split_once('\n')).and_then(|(size, head)| {
                // As long as it is, and not as it says it is.
                Some(Found::read(effect::head(head)?, Some(size.parse().ok()?)))
            });
            found.is_some_and(|found| drive::purges(|epochs| self.sliced.accepts(*index, &found, epochs)))
        })
    }

    /// The slice, from wherever it is; `None` as the failure when the origin has another version by now.
    async fn have(&self, index: u64) -> Result<Had, Option<FetchFailure>> {
        let found = effect::ask(&["have", PATIENCE, &self.way.cache, &store::url(&self.sliced.key(index))]).await;
        if self.accepts(&[index], &found) { Ok(Had::AtHand) } else { self.asked(index).await }
    }

    async fn asked(&self, index: u64) -> Result<Had, Option<FetchFailure>> {
        for _ in 0..TRIES {
            let requested = now();
            match network::part(self.sliced.request(index)).await {
                Outcome::Response(head) => {
                    let judge = |epochs: &_| self.sliced.conclude(index, &head, epochs, requested, now());
                    match drive::purges(judge) {
                        Ok(plan) => return Ok(Had::Coming(plan)),
                        Err(failed) => {
                            effect::ask(&["drop"]).await;
                            if failed == SliceFailure::Changed {
                                self.forget().await;
                                return Err(None);
                            }
                        }
                    }
                }
                Outcome::Failed(FetchFailure::Timeout) => return Err(Some(FetchFailure::Timeout)),
                Outcome::Failed(FetchFailure::Network) => {}
            }
        }
        Err(Some(FetchFailure::Network))
    }

    /// The origin has another version: removes this one, unless the other one has taken its place already.
    async fn forget(&self) {
        let (class, key) = (self.sliced.class(), self.sliced.head_key());
        let found = store::get(&self.way.cache, key).await;
        if self.sliced.is_of(&found) {
            store::remove(std::slice::from_ref(key)).await;
            store::sweep(class, &key.slices(), None).await;
        } else {
            store::sweep(class, &self.sliced.key(0).version(), None).await;
        }
    }
}

/// Reads the slice that is coming to its end, though its reader may have gone, sends `part` of it on, and stores it. Whether
/// it has come whole.
async fn take(way: &Way, length: u64, part: Option<ByteRange>, plan: Option<PutPlan>) -> bool {
    let (from, to) = part.map_or((0, 0), |part| (part.first, part.last + 1));
    effect::want(&["take", &length.to_string(), PATIENCE, &from.to_string(), &to.to_string()]);
    let is_whole = effect::came().await.is_empty();
    if let Some(plan) = plan.filter(|_| is_whole) {
        store::put(way.user.as_deref(), &plan, "slice", &way.client).await;
    }
    is_whole
}
