//! Once an hour, what has outlived every use goes although nobody asks for it: lists that this isolate has stored. What
//! others stored goes when the time is over that their store was told.

use std::cell::RefCell;

use tiercel_core::exchange::PutPlan;
use tiercel_core::key::CacheKey;
use tiercel_core::policy::Policy;
use tiercel_core::time::DeltaSeconds;

use crate::{now, store};

/// So many lists are watched; of more, the first ones are left to the store.
const MOST: usize = 10_000;

thread_local! {
    /// The keys of lists, and how long each is kept.
    static LISTS: RefCell<Vec<(CacheKey, DeltaSeconds)>> = const { RefCell::new(Vec::new()) };
}

/// Watches what was stored, if it is a list.
pub(crate) fn watch(plan: &PutPlan, policy: &Policy) {
    let Some(class) = policy.class(&plan.class).filter(|class| class.collection.is_some()) else { return };
    let retention = class.edge.unwrap_or_default().retention();
    LISTS.with_borrow_mut(|lists| {
        if !lists.iter().any(|(key, _)| *key == plan.key) {
            if lists.len() >= MOST {
                lists.remove(0);
            }
            lists.push((plan.key.clone(), retention));
        }
    });
}

/// Removes the lists whose time is over.
pub(crate) async fn clean(policy: &'static Policy) {
    for (key, retention) in LISTS.take() {
        let held = store::get(&key, policy).await;
        match held.found.entry() {
            Some(entry) if entry.is_over(retention, now()) => store::remove(&[key], policy).await,
            // Another isolate may have stored it anew.
            Some(_) => LISTS.with_borrow_mut(|lists| lists.push((key, retention))),
            None => {}
        }
    }
}
