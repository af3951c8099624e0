//! What goes on behind an answer: filling the store, and refreshing what is stale. It outlives the client that caused
//! it, because others wait for it.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Promise};
use tiercel_core::engine::Engine;
use tiercel_core::exchange::{Conclusion, Fetch, StoreAction};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::drive::{Way, conclude};
use crate::flights::Lead;
use crate::origin::Answer;
use crate::runtime::{Context, pause, wait_until};
use crate::store::{Held, HeldBody};
use crate::{epochs, store};

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
    let (engine, env, lead) = (way.engine, way.env.clone(), lead.map(Lead::new));
    hand_over(&way.context, |hand| async move {
        let (conclusion, answer) = conclude(&env, fetch, None).await;
        let storing = act(engine, &conclusion, &held, answer.as_ref());
        let (shareable, names) = (conclusion.is_shareable(), conclusion.names_stored());
        hand.over((conclusion, answer));
        let stored = storing.await;
        if let Some(lead) = lead {
            lead.land(shareable.filter(|_| stored));
        }
        epochs::introduce(&env, &names, engine.policy()).await;
    })
    .await
}

/// Lets `work` go on behind the answer, also when the client has gone, and waits for what it hands over on its way.
/// `None` when it ended without.
pub(crate) async fn hand_over<T: 'static, W: Future<Output = ()> + 'static>(
    context: &Context,
    work: impl FnOnce(Hand<T>) -> W,
) -> Option<T> {
    let slot = Rc::default();
    let mut arrived = None;
    let arrival = Promise::new(&mut |resolve, _| arrived = Some(resolve));
    wait_until(context, work(Hand { slot: Rc::clone(&slot), arrived }));
    let _ = JsFuture::from(arrival).await;
    slot.take()
}

/// What [`hand_over`] waits for.
pub(crate) struct Hand<T> {
    slot: Rc<RefCell<Option<T>>>,
    arrived: Option<Function>,
}

impl<T> Hand<T> {
    pub(crate) fn over(self, value: T) {
        self.slot.replace(Some(value));
    }
}

impl<T> Drop for Hand<T> {
    fn drop(&mut self) {
        if let Some(arrived) = &self.arrived {
            // A resolver of a promise throws nothing.
            let _ = arrived.call0(&JsValue::UNDEFINED);
        }
    }
}

/// One refresh of what is stale.
pub(crate) fn refresh(way: &Way, fetch: Fetch<'static>, held: Held, key: String) {
    let (engine, env, lead) = (way.engine, way.env.clone(), Lead::new(key));
    wait_until(&way.context, async move {
        let (conclusion, answer) = conclude(&env, fetch, None).await;
        let stored = act(engine, &conclusion, &held, answer.as_ref()).await;
        lead.land(conclusion.is_shareable().filter(|_| stored));
    });
}

/// Does to the store what the core says, and tells whether it worked. A fetched body is cloned at once, before anyone
/// reads it; a stored one is read from the store again, unless another one has come there meanwhile.
fn act(
    engine: &'static Engine,
    conclusion: &Conclusion,
    held: &Held,
    answer: Option<&Answer>,
) -> impl Future<Output = bool> + 'static {
    let body = match (&conclusion.store, &held.body) {
        (StoreAction::Put(_), _) => answer.and_then(|answer| match &answer.list {
            Some(list) => Some(HeldBody::Bytes(list.clone(), Rc::default())),
            None => answer.response.clone().ok().map(HeldBody::Response),
        }),
        (StoreAction::Freshen(_), HeldBody::Bytes(..)) => Some(held.body.clone()),
        _ => None,
    };
    let (action, found) = (conclusion.store.clone(), held.found.clone());
    async move {
        // The answer goes out first: the store may keep this thread busy.
        pause(AFTER).await;
        let policy = engine.policy();
        match (action, body) {
            (StoreAction::Put(plan) | StoreAction::Freshen(plan), Some(body)) => store::put(&plan, policy, body).await,
            (StoreAction::Freshen(plan), None) => {
                let stored = store::get(&plan.key, policy).await;
                match (found.entry(), stored.found.entry()) {
                    (Some(known), Some(now)) if now.is_same(known) => store::put(&plan, policy, stored.body).await,
                    _ => false,
                }
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
