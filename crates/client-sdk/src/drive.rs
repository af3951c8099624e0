//! A read: the one match over what the core decides.

use std::rc::Rc;

use js_sys::{Function, Promise};
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
/// `reload` asks the network whatever is stored.
///
/// # Errors
/// A `Failure` as a JavaScript value: no tier has an answer, or the session has ended.
pub(crate) async fn get(
    session: Rc<Session>,
    ask: Ask,
    reload: bool,
    on_update: Option<Function>,
) -> Result<JsValue, JsValue> {
    session.ensure_open()?;
    let path = ask.head.target.path.clone();
    match session.engine.receive(ask.head.clone(), session.credential(), session.moment()) {
        Received::Refuse(delivery) => Ok(answer::of(&delivery, None, None, &path)?),
        Received::Pass(fetch) => JsFuture::from(fly(&session, fetch, None, &ask)?).await,
        Received::Lookup(lookup) => {
            let (looked, record) = look(&session, lookup, reload).await;
            session.ensure_open()?;
            match looked {
                Looked::Answer(delivery, behind) => {
                    let answer = answer::of(&delivery, record.as_ref(), None, &path)?;
                    if let Some(fetch) = behind {
                        refresh(fly(&session, fetch, record, &ask)?, on_update);
                    }
                    Ok(answer)
                }
                Looked::Ask(fetch) => JsFuture::from(fly(&session, fetch, record, &ask)?).await,
            }
        }
    }
}

/// What is stored, without asking anybody: `None` when it cannot be served.
pub(crate) async fn peek(session: &Rc<Session>, ask: &Ask) -> Option<JsValue> {
    let received = session.engine.receive(ask.head.clone(), session.credential(), session.moment());
    let Received::Lookup(lookup) = received else { return None };
    let (looked, record) = look(session, lookup, false).await;
    let Looked::Answer(delivery, _) = looked else { return None };
    answer::of(&delivery, record.as_ref(), None, &ask.head.target.path).ok()
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

/// Lets the page know what a refresh behind a stale answer found. That it failed shows in the answer itself
/// ("offline"), or nothing has changed.
fn refresh(flight: Promise, on_update: Option<Function>) {
    js::spawn(Box::pin(async move {
        if let (Ok(answer), Some(listener)) = (JsFuture::from(flight).await, on_update) {
            js::call(&listener, &answer);
        }
    }));
}

/// Sends a request, or joins the one that is under way for the same key.
fn fly(session: &Rc<Session>, fetch: Fetch<'static>, kept: Option<Record>, ask: &Ask) -> Result<Promise, JsValue> {
    let key = fetch.key().map(|key| key.as_str().to_owned());
    if let Some(flight) = key.as_deref().and_then(|key| session.flights.find(key)) {
        return Ok(flight);
    }
    let abort = AbortController::new()?;
    let id = session.flights.id();
    let (of, signal, ask) = (Rc::clone(session), abort.clone(), ask.clone());
    let answer = js::promise(Box::pin(async move {
        let answer = flight(&of, fetch, kept, &ask, &signal).await;
        of.flights.ended(id);
        answer
    }));
    session.flights.begun(id, key, answer.clone(), abort);
    Ok(answer)
}

/// One request, from its sending to the store. What an invalidation overtook is asked once more.
async fn flight(
    session: &Rc<Session>,
    fetch: Fetch<'static>,
    kept: Option<Record>,
    ask: &Ask,
    abort: &AbortController,
) -> Result<JsValue, JsValue> {
    let Sent { outcome, arrived, body } = network::send(&fetch.request(), abort).await;
    session.ensure_open()?;
    let key = fetch.key().map(|key| key.as_str().to_owned());
    let conclusion = conclude(session, fetch, outcome, arrived);
    if conclusion.delivery.status.detail != Some(NoStoreReason::PurgedMeanwhile.token()) {
        return land(session, conclusion, kept, body, ask, key).await;
    }
    let received = session.engine.receive(ask.head.clone(), session.credential(), session.moment());
    let Received::Lookup(lookup) = received else { return land(session, conclusion, kept, body, ask, key).await };
    let resolved = lookup.resolve(&Found::Nothing, session.purges.borrow().epochs(), clock());
    let Resolved::Fetch(again) = resolved else { return land(session, conclusion, kept, body, ask, key).await };
    let Sent { outcome, arrived, body } = network::send(&again.request(), abort).await;
    session.ensure_open()?;
    let conclusion = conclude(session, again, outcome, arrived);
    land(session, conclusion, None, body, ask, key).await
}

fn conclude(session: &Session, fetch: Fetch<'static>, outcome: Outcome, arrived: Timestamp) -> Conclusion {
    // Facts are read from the answers to mutations; the SDK sends none.
    fetch.conclude(outcome, &Facts::default(), session.purges.borrow().epochs(), arrived)
}

/// Does with the store what was concluded, and tells who listens.
async fn land(
    session: &Rc<Session>,
    conclusion: Conclusion,
    mut kept: Option<Record>,
    body: Option<Fetched>,
    ask: &Ask,
    key: Option<String>,
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
    let answer = answer::of(&delivery, kept.as_ref(), body.as_ref(), &ask.head.target.path)?;
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
