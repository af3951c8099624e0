//! Waiting for another request of this isolate that is fetching the same answer. Who waits is the core's matter.
//!
//! What is shared between requests is a promise without a value: the runtime forbids sharing responses and streams.
//! So a follower looks into the store when its leader is back.

use std::cell::RefCell;

use js_sys::{Function, Promise};
use tiercel_core::flights::{Flights, Role};
use tiercel_core::time::{DeltaSeconds, Timestamp};
use wasm_bindgen::JsValue;

use crate::now;
use crate::runtime::in_time;

/// Who leads, and tells when it is back. One that is dropped has failed.
pub(crate) struct Lead(Option<String>);

impl Lead {
    /// Under this key.
    pub(crate) const fn new(key: String) -> Self {
        Self(Some(key))
    }

    /// It is back. `stored`: whether its answer can be looked up; `None`, that nobody knows.
    pub(crate) fn land(mut self, stored: Option<bool>) {
        if let Some(key) = self.0.take() {
            land(&key, stored);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if let Some(key) = self.0.take() {
            land(&key, None);
        }
    }
}

/// A promise, and what settles it.
struct Landing {
    promise: Promise,
    settle: Option<Function>,
}

thread_local! {
    static FLIGHTS: RefCell<Flights> = RefCell::default();
    /// Few enough to be searched through: a map would be code for its type alone.
    static LANDINGS: RefCell<Vec<(String, Landing)>> = RefCell::default();
}

/// What a request for `key` is to do.
pub(crate) fn join(key: &str, remember: DeltaSeconds, now: Timestamp) -> Role {
    let role = FLIGHTS.with_borrow_mut(|flights| flights.join(key, remember, now));
    if role == Role::Lead {
        let mut settle = None;
        let promise = Promise::new(&mut |resolve, _| settle = Some(resolve));
        // Whoever still waits for a leader that was lost need not.
        take(key).iter().for_each(Landing::settle);
        LANDINGS.with_borrow_mut(|landings| landings.push((key.to_owned(), Landing { promise, settle })));
    }
    role
}

/// Waits for the leader of `key`, at most so long.
pub(crate) async fn wait(key: &str, longest: DeltaSeconds) {
    let promise = LANDINGS
        .with_borrow(|landings| landings.iter().find(|(of, _)| of == key).map(|(_, landing)| landing.promise.clone()));
    let Some(promise) = promise else { return };
    // Whether it came or not, the next step is to look.
    let _ = in_time(longest.get(), &promise).await;
}

fn land(key: &str, stored: Option<bool>) {
    FLIGHTS.with_borrow_mut(|flights| flights.land(key, stored, now()));
    take(key).iter().for_each(Landing::settle);
}

/// Takes the landing under `key` out.
fn take(key: &str) -> Option<Landing> {
    LANDINGS.with_borrow_mut(|landings| {
        let at = landings.iter().position(|(of, _)| of == key)?;
        Some(landings.swap_remove(at).1)
    })
}

impl Landing {
    fn settle(&self) {
        if let Some(settle) = &self.settle {
            // A resolver of a promise throws nothing.
            let _ = settle.call0(&JsValue::UNDEFINED);
        }
    }
}
