//! What goes on behind an answer: filling the store, and refreshing what is stale. It outlives the client that caused
//! it, because others wait for it.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use tiercel_core::engine::Engine;
use tiercel_core::exchange::{Conclusion, Fetch, StoreAction};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::drive::{Way, conclude};
use crate::origin::Answer;
use crate::runtime::{pause, wait_until};
use crate::store::{Held, HeldBody};
use crate::{epochs, flights, store};

/// How long the store is left alone after an answer has come, in milliseconds.
const AFTER: u64 = 1;

/// Asks the origin, and stores what is to be stored while the answer goes out. Those who wait under `lead` are told
/// when they can look. `None` when the runtime ended it.
pub(crate) async fn fill(
    way: &Way,
    fetch: Fetch<'static>,
    held: Held,
    lead: Option<String>,
) -> Option<(Conclusion, Option<Answer>)> {
    let slot: Rc<RefCell<Option<(Conclusion, Option<Answer>)>>> = Rc::default();
    let mut arrived = None;
    let arrival = Promise::new(&mut |resolve, _| arrived = Some(resolve));
    let (engine, env, filled) = (way.engine, way.env.clone(), Rc::clone(&slot));
    wait_until(&way.context, async move {
        let (conclusion, answer) = conclude(&env, fetch, None).await;
        let storing = act(engine, &conclusion, &held, answer.as_ref());
        let (shareable, names) = (conclusion.is_shareable(), conclusion.names_stored());
        *filled.borrow_mut() = Some((conclusion, answer));
        if let Some(arrived) = arrived {
            // A resolver of a promise throws nothing.
            let _ = arrived.call0(&JsValue::UNDEFINED);
        }
        let stored = storing.await;
        if let Some(key) = lead {
            flights::land(&key, shareable.filter(|_| stored));
        }
        epochs::introduce(&env, &names, engine.policy()).await;
    });
    let _ = JsFuture::from(arrival).await;
    slot.borrow_mut().take()
}

/// One refresh of what is stale.
pub(crate) fn refresh(way: &Way, fetch: Fetch<'static>, held: Held, key: String) {
    let (engine, env) = (way.engine, way.env.clone());
    wait_until(&way.context, async move {
        let (conclusion, answer) = conclude(&env, fetch, None).await;
        let stored = act(engine, &conclusion, &held, answer.as_ref()).await;
        flights::land(&key, conclusion.is_shareable().filter(|_| stored));
    });
}

/// Does to the store what the core says, and tells whether it worked. A fetched body is cloned at once, before anyone
/// reads it; a stored one is read from the store again.
fn act(
    engine: &'static Engine,
    conclusion: &Conclusion,
    held: &Held,
    answer: Option<&Answer>,
) -> impl Future<Output = bool> + 'static {
    let body = match (&conclusion.store, &held.body) {
        (StoreAction::Put(_), _) => answer.and_then(|answer| answer.response.clone().ok()).map(HeldBody::Response),
        (StoreAction::Freshen(_), HeldBody::Bytes(..)) => Some(held.body.clone()),
        _ => None,
    };
    let action = conclusion.store.clone();
    async move {
        // The answer goes out first: the store may keep this thread busy.
        pause(AFTER).await;
        let policy = engine.policy();
        match (action, body) {
            (StoreAction::Put(plan) | StoreAction::Freshen(plan), Some(body)) => store::put(&plan, policy, body).await,
            (StoreAction::Freshen(plan), None) => {
                let stored = store::get(&plan.key, policy).await;
                store::put(&plan, policy, stored.body).await
            }
            (StoreAction::Remove(keys), _) => {
                store::remove(&keys, policy).await;
                true
            }
            (StoreAction::Put(_), None) => false,
            (StoreAction::Keep, _) => true,
        }
    }
}
