//! A read: the one match over what the core decides.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise};
use tiercel_core::exchange::{Conclusion, Delivery, Fetch, Found, Lookup, Outcome, Received, Resolved, StoreAction};
use tiercel_core::invalidation::Facts;
use tiercel_core::meta::EntryMeta;
use tiercel_core::semantics::storable::NoStoreReason;
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use crate::answer::{self, Fetched};
use crate::disk::Wanted;
use crate::js;
use crate::network::{self, Sent};
use crate::record::Record;
use crate::session::{Ask, Session};
use crate::timer::clock;

/// Reads. A stored answer comes at once; when it is stale, `on_update` hears what the refresh behind it found.
/// `reload` asks the network whatever is stored. `reader` is the signal of who waits, or `null`.
///
/// # Errors
/// A `Failure` as a JavaScript value: no tier has an answer, or the session has ended.
pub(crate) async fn get(
    session: Rc<Session>,
    ask: Ask,
    reload: bool,
    on_update: Option<Function>,
    reader: JsValue,
) -> Result<JsValue, JsValue> {
    session.ensure_open()?;
    let path = ask.head.target.path.clone();
    let began = session.moment();
    match session.engine.receive(ask.head.clone(), session.credential(), began) {
        Received::Refuse(delivery) => Ok(answer::of(&delivery, None, None, &path, began)?),
        Received::Pass(fetch) => JsFuture::from(fly(&session, fetch, None, &ask, began, &reader)?).await,
        Received::Lookup(lookup) => {
            let (looked, record) = look(&session, lookup, reload).await;
            session.ensure_open()?;
            match looked {
                Looked::Answer(delivery, behind) => {
                    let answer = answer::of(&delivery, record.as_ref(), None, &path, began)?;
                    if let Some(fetch) = behind {
                        refresh(fly(&session, fetch, record, &ask, began, &JsValue::NULL)?, on_update, &answer);
                    }
                    Ok(answer)
                }
                Looked::Ask(fetch) => JsFuture::from(fly(&session, fetch, record, &ask, began, &reader)?).await,
            }
        }
    }
}

/// What is stored, without asking anybody: `None` when it cannot be served.
pub(crate) async fn peek(session: &Rc<Session>, ask: &Ask) -> Option<JsValue> {
    let began = session.moment();
    let received = session.engine.receive(ask.head.clone(), session.credential(), began);
    let Received::Lookup(lookup) = received else { return None };
    let (looked, record) = look(session, lookup, false).await;
    let Looked::Answer(delivery, _) = looked else { return None };
    answer::of(&delivery, record.as_ref(), None, &ask.head.target.path, began).ok()
}

/// What looking into the store came to.
enum Looked {
    /// An answer, and for a stale one the refresh behind it.
    Answer(Delivery, Option<Fetch<'static>>),
    /// Ask the network.
    Ask(Fetch<'static>),
}

async fn look(session: &Session, mut lookup: Lookup<'static>, reload: bool) -> (Looked, Option<Record>) {
    loop {
        let record = match reload {
            true => None,
            false => session.store.get(lookup.key().as_str(), clock()).await,
        };
        let found = record.as_ref().map_or(Found::Nothing, |record| Found::read(record.head.clone(), None));
        let looked = match lookup.resolve(&found, session.purges.borrow().epochs(), clock()) {
            Resolved::Variant(next) => {
                lookup = next;
                continue;
            }
            Resolved::Deliver(delivery) => Looked::Answer(delivery, None),
            Resolved::DeliverStale(delivery, fetch) => Looked::Answer(delivery, Some(fetch)),
            Resolved::Fetch(fetch) => Looked::Ask(fetch),
        };
        return (looked, record);
    }
}

/// Lets the page know what a refresh behind a stale `answer` found. Where there is none in its place, that is the answer
/// still, and has an `error`.
fn refresh(flight: Promise, on_update: Option<Function>, answer: &JsValue) {
    let Some(listener) = on_update else { return };
    let still = Object::assign(&Object::new(), answer.unchecked_ref());
    js::spawn(Box::pin(async move {
        let told = JsFuture::from(flight).await.unwrap_or_else(|error| {
            js::set(&still, "error", &error);
            still.into()
        });
        js::call(&listener, &told);
    }));
}

/// Sends a request, or joins the one that is under way for the same key.
fn fly(
    session: &Rc<Session>,
    fetch: Fetch<'static>,
    kept: Option<Record>,
    ask: &Ask,
    began: Timestamp,
    reader: &JsValue,
) -> Result<Promise, JsValue> {
    let key = fetch.key().map(|key| key.as_str().to_owned());
    if let Some(flight) = key.as_deref().and_then(|key| session.flights.join(key, reader)) {
        return Ok(flight);
    }
    let abort = AbortController::new()?;
    let id = session.flights.id();
    let readers = Array::of1(reader);
    let (of, signal, ask, waiting) = (Rc::clone(session), abort.clone(), ask.clone(), readers.clone());
    let answer = js::promise(Box::pin(async move {
        let answer = flight(&of, fetch, kept, &ask, began, (&waiting, &signal)).await;
        of.flights.ended(id);
        answer
    }));
    session.flights.begun(id, key, answer.clone(), abort, readers);
    Ok(answer)
}

/// One request, from its sending to the store. What an invalidation overtook is asked once more.
async fn flight(
    session: &Rc<Session>,
    fetch: Fetch<'static>,
    kept: Option<Record>,
    ask: &Ask,
    began: Timestamp,
    (readers, abort): (&Array, &AbortController),
) -> Result<JsValue, JsValue> {
    let Sent { outcome, arrived, body } = network::read(&session.host, &fetch.request(), readers, abort).await;
    session.ensure_open()?;
    let key = fetch.key().map(|key| key.as_str().to_owned());
    let conclusion = conclude(session, fetch, outcome, arrived);
    if conclusion.delivery.status.detail != Some(NoStoreReason::PurgedMeanwhile.token()) {
        return land(session, conclusion, kept, body, ask, (key, began)).await;
    }
    let again = session.moment();
    let received = session.engine.receive(ask.head.clone(), session.credential(), again);
    let fetch = match received {
        Received::Lookup(lookup) => match lookup.resolve(&Found::Nothing, session.purges.borrow().epochs(), clock()) {
            Resolved::Fetch(fetch) => Some(fetch),
            _ => None,
        },
        _ => None,
    };
    let Some(fetch) = fetch else { return land(session, conclusion, kept, body, ask, (key, began)).await };
    let Sent { outcome, arrived, body } = network::read(&session.host, &fetch.request(), readers, abort).await;
    session.ensure_open()?;
    let conclusion = conclude(session, fetch, outcome, arrived);
    land(session, conclusion, None, body, ask, (key, again)).await
}

fn conclude(session: &Session, fetch: Fetch<'static>, outcome: Outcome, arrived: Timestamp) -> Conclusion {
    // Facts are read from the answers to mutations.
    fetch.conclude(outcome, &Facts::default(), session.purges.borrow().epochs(), arrived)
}

/// Does with the store what was concluded, and tells who listens.
async fn land(
    session: &Rc<Session>,
    conclusion: Conclusion,
    mut kept: Option<Record>,
    body: Option<Fetched>,
    ask: &Ask,
    (key, began): (Option<String>, Timestamp),
) -> Result<JsValue, JsValue> {
    let Conclusion { delivery, store, invalidation } = conclusion;
    let mut changed = None;
    match store {
        StoreAction::Put(plan) => {
            let fits = body.as_ref().filter(|body| body.length <= plan.max_body);
            if let (Some(body), Some(meta)) = (fits, EntryMeta::of(&plan.head.fields)) {
                session.watchers.learn(plan.key.as_str(), &meta.groups());
                session.store.put(&plan, &body.data, clock(), wanted(session, meta)).await;
                changed = Some(plan.key);
            }
        }
        StoreAction::Freshen(plan) => {
            if let (Some(record), Some(meta)) = (&kept, EntryMeta::of(&plan.head.fields)) {
                let fresh = session.store.freshen(&plan, record, clock(), wanted(session, meta)).await;
                // Its body is of its own; the page has had the other one, and may have changed it.
                kept = fresh.or(kept);
                changed = Some(plan.key);
            }
        }
        StoreAction::Remove(keys) => {
            for key in keys {
                session.store.remove(key.as_str()).await;
                session.watchers.purged(&[], &[key.as_str().to_owned()]);
            }
        }
        StoreAction::Keep => {}
    }
    if let Some(invalidation) = invalidation {
        Rc::clone(session).apply(None, invalidation).await;
    }
    session.ensure_open()?;
    let answer = answer::of(&delivery, kept.as_ref(), body.as_ref(), &ask.head.target.path, began)?;
    if let Some(key) = changed {
        session.sync.stored(&session.scope, key.as_str());
    }
    if let Some(key) = key {
        session.watchers.tell(&key, &answer);
    }
    Ok(answer)
}

/// Whether a write is still wanted when its turn comes: not after the end of the session, nor when something
/// purged it while it waited.
fn wanted(session: &Rc<Session>, meta: EntryMeta) -> Wanted {
    let session = Rc::clone(session);
    Rc::new(move || session.is_open() && session.purges.borrow().epochs().purged(&meta).is_none())
}
