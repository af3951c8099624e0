//! A cache that follows the core's decisions as the edge does, with bodies.

use std::collections::HashMap;
use std::fmt;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{
    Body, Delivery, Fetch, FetchFailure, Found, OriginRequest, Outcome, Piece, PutPlan, Received, Resolved,
    SliceFailure, Sliced, StoreAction,
};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::{Epoch, Facts, Purge, TagEpochs};
use tiercel_core::key::CacheKey;
use tiercel_core::principal::Credential;
use tiercel_core::time::{DeltaSeconds, Timestamp};

use super::film::{Film, Origin, Reply, START, URL};
use super::{engine, fields};

/// How often the edge asks for a slice.
const TRIES: usize = 2;

/// What a client got.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    /// The body ended before it was whole.
    pub(crate) broken: bool,
    /// What the origin was asked for it.
    pub(crate) asked: Vec<OriginRequest>,
}

impl fmt::Debug for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = if self.broken { "broken" } else { "whole" };
        writeln!(f, "{} {:?}, {} bytes, {ends}, for", self.status, self.fields, self.body.len())?;
        self.asked.iter().try_for_each(|asked| writeln!(f, "  {} {:?}", asked.head.method, asked.head.fields))
    }
}

impl Got {
    /// Our member of `Cache-Status`, without the name.
    pub(crate) fn cache(&self) -> &str {
        self.fields.get("cache-status").and_then(|line| line.split_once("; ")).map_or("", |(_, rest)| rest)
    }
}

#[derive(Clone)]
struct Stored {
    head: ResponseHead,
    body: Vec<u8>,
    until: Timestamp,
}

/// A cache in front of an origin. Every request takes a millisecond.
pub(crate) struct Edge {
    engine: Engine,
    store: HashMap<String, Stored>,
    pub(crate) epochs: TagEpochs,
    pub(crate) now: Timestamp,
    pub(crate) origin: Origin,
}

impl Edge {
    pub(crate) fn new(policy: &str, film: Film) -> Self {
        Self::at(Tier::Edge, policy, film)
    }

    /// The same in another tier.
    pub(crate) fn at(tier: Tier, policy: &str, film: Film) -> Self {
        let (engine, origin) = (engine(policy, tier), Origin::new(film));
        Self { engine, store: HashMap::new(), epochs: TagEpochs::new(), now: START, origin }
    }

    /// What the origin does with its honest answers from now on.
    pub(crate) fn mood(&mut self, mood: impl FnMut(&OriginRequest, Reply) -> Result<Reply, FetchFailure> + 'static) {
        self.origin.mood(mood);
    }

    /// The origin is honest from now on.
    pub(crate) fn calm(&mut self) {
        self.mood(|_, honest| Ok(honest));
    }

    /// The origin cannot be reached from now on.
    pub(crate) fn down(&mut self) {
        self.mood(|_, _| Err(FetchFailure::Network));
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        self.now = self.now + DeltaSeconds::new(seconds);
    }

    pub(crate) fn purge(&mut self, name: &str, purge: Purge) {
        self.tick();
        self.epochs.record(name, Epoch { at: self.now, purge });
    }

    /// What is stored: the numbers of slices, `head` for what has no body of its own, `whole` and `variant` for what
    /// has.
    pub(crate) fn kept(&self) -> String {
        let name = |(key, stored): (&String, &Stored)| match key.split_once("!s") {
            Some((_, slice)) => slice.rsplit('-').next().unwrap_or_default().to_owned(),
            None if key.contains('!') => "variant".to_owned(),
            None if found(Some(stored)).entry().is_some_and(|entry| entry.has_body()) => "whole".to_owned(),
            None => "head".to_owned(),
        };
        let mut names: Vec<String> = self.store.iter().map(name).collect();
        names.sort_unstable();
        names.join(" ")
    }

    pub(crate) fn get<S: AsRef<str>>(&mut self, lines: &[S]) -> Got {
        self.send("GET", lines)
    }

    pub(crate) fn send<S: AsRef<str>>(&mut self, method: &str, lines: &[S]) -> Got {
        self.tick();
        self.origin.log.clear();
        let engine = self.engine.clone();
        let request = RequestHead::new(method, URL, fields(lines));
        let mut lookup = match engine.receive(request, Credential::None, self.now) {
            Received::Lookup(lookup) => lookup,
            Received::Pass(fetch) => return self.fill(fetch, None),
            Received::Refuse(delivery) => return self.deliver(delivery, None, None),
        };
        loop {
            let held = self.held(lookup.key());
            match lookup.resolve(&found(held.as_ref()), &self.epochs, self.now) {
                Resolved::Variant(next) => lookup = next,
                Resolved::Deliver(delivery) => return self.deliver(delivery, held, None),
                Resolved::DeliverStale(delivery, fetch) => {
                    self.fill(fetch, held.clone());
                    return self.deliver(delivery, held, None);
                }
                Resolved::Fetch(fetch) => return self.fill(fetch, held),
            }
        }
    }

    fn tick(&mut self) {
        self.now = Timestamp::from_millis(self.now.as_millis() + 1);
    }

    fn held(&self, key: &CacheKey) -> Option<Stored> {
        self.store.get(key.as_str()).filter(|stored| stored.until > self.now).cloned()
    }

    fn fill(&mut self, mut fetch: Fetch<'_>, held: Option<Stored>) -> Got {
        let mut reply = self.origin.answer(&fetch.request(), self.now);
        if reply.as_ref().is_ok_and(|reply| fetch.wants_whole(&reply.head)) {
            fetch = fetch.without_slices();
            reply = self.origin.answer(&fetch.request(), self.now);
        }
        let outcome = match &reply {
            Ok(reply) => Outcome::Response(reply.head.clone()),
            Err(failure) => Outcome::Failed(*failure),
        };
        let conclusion = fetch.conclude(outcome, &Facts::default(), &self.epochs, self.now);
        match conclusion.store {
            StoreAction::Put(plan) => {
                let reply = reply.as_ref().expect("what is put was fetched");
                self.put(&plan, &reply.body, reply.breaks);
            }
            StoreAction::Freshen(plan) => {
                let body = self.held(&plan.key).expect("what is freshened is stored").body;
                self.put(&plan, &body, false);
            }
            StoreAction::Remove(keys) => keys.iter().for_each(|key| drop(self.store.remove(key.as_str()))),
            StoreAction::Keep => {}
        }
        self.deliver(conclusion.delivery, held, reply.ok())
    }

    /// A transfer that broke off, or has another length than it announced, is not stored.
    fn put(&mut self, plan: &PutPlan, body: &[u8], breaks: bool) {
        assert!(!plan.head.fields.has("set-cookie") && !plan.head.fields.has("content-range"), "{plan:?}");
        let until = self.now + plan.retention;
        if let Some((key, head)) = &plan.marker {
            let marker = Stored { head: head.clone(), body: Vec::new(), until };
            self.store.insert(key.as_str().to_owned(), marker);
        }
        if breaks || plan.length().is_some_and(|length| length != body.len() as u64) {
            self.store.remove(plan.key.as_str());
        } else {
            let stored = Stored { head: plan.head.clone(), body: body.to_vec(), until };
            self.store.insert(plan.key.as_str().to_owned(), stored);
        }
    }

    fn deliver(&mut self, mut delivery: Delivery, held: Option<Stored>, reply: Option<Reply>) -> Got {
        let stored = held.map(|stored| stored.body).unwrap_or_default();
        let (body, broken) = match delivery.body.clone() {
            Body::Stored => (stored, false),
            Body::StoredParts(pieces) => {
                let bytes = |piece: &Piece| match piece {
                    Piece::Text(text) => text.clone().into_bytes(),
                    Piece::Bytes(range) => stored[range.first as usize..=range.last as usize].to_vec(),
                };
                (pieces.iter().flat_map(bytes).collect(), false)
            }
            Body::Sliced(sliced) => match self.pump(&mut delivery, &sliced, reply) {
                Ok(sent) => sent,
                Err(failure) => {
                    delivery = Delivery::failed_in_part(failure, self.engine.tier());
                    (Vec::new(), false)
                }
            },
            Body::Fetched => reply.map_or((Vec::new(), true), |reply| (reply.body, reply.breaks)),
            Body::Page(_) => unreachable!("a film is no list"),
            Body::Text(text) => (text.into_bytes(), false),
            Body::Empty => (Vec::new(), false),
        };
        let head = delivery.head;
        Got { status: head.status, fields: head.fields, body, broken, asked: self.origin.log.clone() }
    }

    /// The body, and whether it broke off; a failure when nothing has gone out.
    fn pump(
        &mut self,
        delivery: &mut Delivery,
        sliced: &Sliced,
        reply: Option<Reply>,
    ) -> Result<(Vec<u8>, bool), FetchFailure> {
        let (mut out, mut began, was_fetched) = (Vec::new(), false, reply.is_some());
        let mut fetched = reply;
        for piece in &sliced.pieces {
            let range = match piece {
                Piece::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                Piece::Bytes(range) => *range,
            };
            for part in sliced.parts(range) {
                let at_hand = fetched.take_if(|_| sliced.is_fetched(part.index));
                let slice = match at_hand.map(Ok).or_else(|| self.slice(sliced, part.index).map(Ok)) {
                    Some(slice) => slice,
                    None => self.ask(sliced, part.index).inspect(|_| {
                        if !began && !was_fetched {
                            delivery.fetched_in_part();
                        }
                    }),
                };
                let slice = match slice {
                    Ok(slice) => slice,
                    Err(failure) if !began => return Err(failure),
                    Err(_) => return Ok((out, true)),
                };
                began = true;
                let (first, end) = (part.take.first as usize, part.take.last as usize + 1);
                out.extend_from_slice(&slice.body[first.min(slice.body.len())..end.min(slice.body.len())]);
                if slice.body.len() < end || slice.breaks {
                    return Ok((out, true));
                }
            }
        }
        Ok((out, false))
    }

    /// The slice that is stored.
    fn slice(&self, sliced: &Sliced, index: u64) -> Option<Reply> {
        let held = self.held(&sliced.key(index));
        let accepted = sliced.accepts(index, &found(held.as_ref()), &self.epochs);
        held.filter(|_| accepted).map(|stored| Reply { head: stored.head, body: stored.body, breaks: false })
    }

    /// The slice, asked of the origin.
    fn ask(&mut self, sliced: &Sliced, index: u64) -> Result<Reply, FetchFailure> {
        let mut failure = FetchFailure::Network;
        for _ in 0..TRIES {
            let requested = self.now;
            self.tick();
            let reply = match self.origin.answer(&sliced.request(index), self.now) {
                Ok(reply) => reply,
                Err(failed) => {
                    failure = failed;
                    continue;
                }
            };
            match sliced.conclude(index, &reply.head, &self.epochs, requested, self.now) {
                Ok(plan) => {
                    if let Some(plan) = plan {
                        self.put(&plan, &reply.body, reply.breaks);
                    }
                    return Ok(reply);
                }
                Err(SliceFailure::Changed) => {
                    self.store.remove(sliced.head_key().as_str());
                    break;
                }
                Err(SliceFailure::Failed) => {}
            }
        }
        Err(failure)
    }
}

fn found(held: Option<&Stored>) -> Found {
    held.map_or(Found::Nothing, |stored| Found::read(stored.head.clone(), Some(stored.body.len() as u64)))
}
