//! A cache of one tier with its store in memory. What the shells do in workerd and in a browser, without them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tiercel_core::collection::Cut;
use tiercel_core::engine::Engine;
use tiercel_core::exchange::{
    Body, Conclusion, Delivery, Fetch, FetchFailure, Found, OriginRequest, Outcome, Piece, Received, Resolved,
    StoreAction,
};
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::{Epoch, Facts, Invalidation, TagEpochs};
use tiercel_core::principal::Credential;
use tiercel_core::time::Timestamp;

/// A response with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Status and fields.
    pub head: ResponseHead,
    /// The body.
    pub body: String,
}

/// What came of asking the next one on the way to the origin.
pub type Reply = Result<Message, FetchFailure>;

/// What happened to one request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was delivered.
    pub delivery: Delivery,
    /// The body that goes with it.
    pub body: String,
    /// What the next one on the way was asked, if it was.
    pub asked: Option<OriginRequest>,
    /// What became of its answer.
    pub conclusion: Option<Conclusion>,
}

impl Answer {
    /// Whether the body came from this tier's store.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        let is_put = self.conclusion.as_ref().is_some_and(|conclusion| matches!(conclusion.store, StoreAction::Put(_)));
        match self.delivery.body {
            Body::Stored | Body::StoredParts(_) => true,
            Body::Page(_) if !is_put => true,
            _ => self.delivery.status.hit,
        }
    }
}

/// What is stored: a list is no text.
#[derive(Clone, Debug)]
struct Stored {
    head: ResponseHead,
    body: Vec<u8>,
}

impl From<Message> for Stored {
    fn from(Message { head, body }: Message) -> Self {
        Self { head, body: body.into_bytes() }
    }
}

/// A cache of one tier.
#[derive(Debug)]
pub struct Cache {
    /// What decides.
    pub engine: Engine,
    store: RefCell<BTreeMap<String, Stored>>,
    epochs: RefCell<TagEpochs>,
}

impl Cache {
    /// An empty cache.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self { engine, store: RefCell::default(), epochs: RefCell::default() }
    }

    /// The keys of everything stored, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.store.borrow().keys().cloned().collect()
    }

    /// Makes a purge known.
    pub fn purge(&self, invalidation: &Invalidation, now: Timestamp) {
        if let Some(purge) = invalidation.purge {
            let mut epochs = self.epochs.borrow_mut();
            for name in &invalidation.names {
                epochs.record(name, Epoch { at: now, purge });
            }
        }
    }

    /// Sends a request through; `next` answers if it is asked, and may use this cache meanwhile. A refresh behind a
    /// stale answer runs at once.
    pub fn send(
        &self,
        request: RequestHead,
        credential: Credential,
        now: Timestamp,
        next: &mut dyn FnMut(&OriginRequest) -> Reply,
    ) -> Answer {
        let mut lookup = match self.engine.receive(request, credential, now) {
            Received::Refuse(delivery) => return only(delivery, None),
            Received::Pass(fetch) => return self.fill(fetch, None, now, next),
            Received::Lookup(lookup) => lookup,
        };
        loop {
            let stored = self.store.borrow().get(lookup.key().as_str()).cloned();
            let read = |m: Stored| Found::read(m.head, Some(m.body.len() as u64));
            let found = stored.clone().map_or(Found::Nothing, read);
            let epochs = self.epochs.borrow().clone();
            match lookup.resolve(&found, &epochs, now) {
                Resolved::Variant(one) => lookup = one,
                Resolved::Deliver(delivery) => return only(delivery, stored.as_ref()),
                Resolved::DeliverStale(delivery, fetch) => {
                    let refreshed = self.fill(fetch, stored.clone(), now, next);
                    return Answer {
                        asked: refreshed.asked,
                        conclusion: refreshed.conclusion,
                        ..only(delivery, stored.as_ref())
                    };
                }
                Resolved::Fetch(fetch) => return self.fill(fetch, stored, now, next),
            }
        }
    }

    fn fill(
        &self,
        mut fetch: Fetch<'_>,
        stored: Option<Stored>,
        now: Timestamp,
        next: &mut dyn FnMut(&OriginRequest) -> Reply,
    ) -> Answer {
        let mut asked = fetch.request();
        let mut reply = next(&asked);
        if reply.as_ref().is_ok_and(|message| fetch.wants_whole(&message.head)) {
            fetch = fetch.without_slices();
            asked = fetch.request();
            reply = next(&asked);
        }
        let mut fetched = reply.map(Stored::from);
        if let Ok(Stored { head, body }) = &mut fetched
            && let Some(longest) = fetch.wants_list(head)
        {
            let whole = Some(body.as_slice()).filter(|body| body.len() as u64 <= longest);
            match fetch.listed(head, whole) {
                Some(list) => *body = list,
                None => {
                    asked = fetch.request();
                    fetched = next(&asked).map(Stored::from);
                }
            }
        }
        let outcome = match &fetched {
            Ok(message) => Outcome::Response(message.head.clone()),
            Err(failure) => Outcome::Failed(*failure),
        };
        let fetched = fetched.ok();
        let mut facts = Facts::default();
        if let Some(message) = &fetched {
            for pointer in fetch.facts_wanted(message.head.status) {
                if let Some(values) = strings_at(&message.body, &pointer) {
                    facts.record(&pointer, values);
                }
            }
        }
        let epochs = self.epochs.borrow().clone();
        let mut conclusion = fetch.conclude(outcome, &facts, &epochs, now);
        if let Some(invalidation) = &conclusion.invalidation {
            self.purge(invalidation, now);
            conclusion.recorded(true, self.engine.policy());
        }
        let mut store = self.store.borrow_mut();
        match &conclusion.store {
            StoreAction::Put(plan) | StoreAction::Freshen(plan) => {
                let put = matches!(conclusion.store, StoreAction::Put(_));
                let body = if put { &fetched } else { &stored }.as_ref().map(|m| m.body.clone()).unwrap_or_default();
                if let Some((key, head)) = &plan.marker {
                    store.insert(key.as_str().to_owned(), Stored { head: head.clone(), body: Vec::new() });
                }
                store.insert(plan.key.as_str().to_owned(), Stored { head: plan.head.clone(), body });
            }
            StoreAction::Remove(keys) => {
                for key in keys {
                    store.remove(key.as_str());
                }
            }
            StoreAction::Keep => {}
        }
        let body = match conclusion.delivery.body {
            Body::Fetched | Body::Sliced(_) => fetched.as_ref(),
            // One that was just made comes before one that was found.
            Body::Page(_) if matches!(conclusion.store, StoreAction::Put(_)) || stored.is_none() => fetched.as_ref(),
            _ => stored.as_ref(),
        };
        let answer = only(conclusion.delivery.clone(), body);
        Answer { asked: Some(asked), conclusion: Some(conclusion), ..answer }
    }
}

fn only(delivery: Delivery, source: Option<&Stored>) -> Answer {
    let bytes = source.map(|m| m.body.as_slice()).unwrap_or_default();
    let whole = core::str::from_utf8(bytes).unwrap_or_default();
    let body = match &delivery.body {
        Body::Stored | Body::Fetched => whole.to_owned(),
        Body::StoredParts(pieces) => pieces.iter().map(|piece| part(whole, piece)).collect(),
        // The heads are what these tests are about; crates/core/tests/slices.rs puts bodies together.
        Body::Sliced(_) => whole.to_owned(),
        Body::Page(page) => {
            let read = |from: u32, to: u32| bytes.get(from as usize..to as usize).unwrap_or_default().to_vec();
            let Cut { before, items, behind } = page.cut(read).expect("what is stored is a list");
            let items = String::from_utf8(read(items.start, items.end)).expect("items are text");
            [before, items, behind].concat()
        }
        Body::Text(text) => text.clone(),
        Body::Empty => String::new(),
    };
    Answer { delivery, body, asked: None, conclusion: None }
}

fn part<'a>(whole: &'a str, piece: &'a Piece) -> &'a str {
    match piece {
        Piece::Text(text) => text,
        Piece::Bytes(range) => &whole[range.first as usize..=range.last as usize],
    }
}

/// One string, or the strings of an array, at a JSON Pointer; anything else is no fact.
#[must_use]
pub fn strings_at(body: &[u8], pointer: &str) -> Option<Vec<String>> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    match body.pointer(pointer)? {
        serde_json::Value::String(text) => Some(vec![text.clone()]),
        serde_json::Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
