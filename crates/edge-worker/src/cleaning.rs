//! Once an hour, what has outlived every use goes although nobody asks for it: lists that this isolate has stored. What
//! others stored goes when the time is over that their store was told.

use std::cell::RefCell;

use tiercel_core::exchange::PutPlan;
use tiercel_core::key::CacheKey;
use tiercel_core::policy::Policy;

use crate::{now, store, tally};

/// So many lists are watched; of more, the first ones are left to the store.
const MOST: usize = 10_000;

thread_local! {
    /// The keys of lists, and the places of their classes.
    static LISTS: RefCell<Vec<(CacheKey, u16)>> = const { RefCell::new(Vec::new()) };
}

/// Watches what was stored, if it is a list.
pub(crate) fn watch(plan: &PutPlan, policy: &Policy) {
    let place = policy.classes.iter().position(|class| class.name == plan.class && class.collection.is_some());
    if let Some(class) = place.and_then(|place| u16::try_from(place).ok()) {
        remember(plan.key.clone(), class);
    }
}

/// Removes the lists whose time is over.
pub(crate) async fn clean(policy: &'static Policy) {
    for (key, class) in LISTS.take() {
        let lifetimes = policy.classes.get(usize::from(class)).and_then(|class| class.edge).unwrap_or_default();
        let held = store::get(&key, policy).await;
        match held.found.entry() {
            Some(entry) if entry.is_over(lifetimes.retention(), now()) => {
                store::remove(&[key], policy).await;
                tally::removed(Some(class), entry);
            }
            // Another isolate may have stored it anew.
            Some(_) => remember(key, class),
            None => {}
        }
    }
}

fn remember(key: CacheKey, class: u16) {
    LISTS.with_borrow_mut(|lists| {
        if lists.iter().any(|(known, _)| *known == key) {
            return;
        }
        if lists.len() >= MOST {
            lists.remove(0);
        }
        lists.push((key, class));
    });
}
