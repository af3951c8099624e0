//! Requests under way. Readers of one key share one.

use std::cell::{Cell, RefCell};

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

struct Flight {
    id: u64,
    /// `None` for a request that is not shared: what is not stored, or what an invalidation overtook.
    key: Option<String>,
    answer: Promise,
    abort: AbortController,
    /// Who waits: a signal for each, `null` for one who cannot leave.
    readers: Array,
}

/// The requests of one session.
#[derive(Default)]
pub(crate) struct Flights {
    next: Cell<u64>,
    flying: RefCell<Vec<Flight>>,
}

impl Flights {
    /// The answer that a request for `key` will give, when one is under way. `reader` waits for it from now on.
    pub(crate) fn join(&self, key: &str, reader: &JsValue) -> Option<Promise> {
        let flying = self.flying.borrow();
        let flight = flying.iter().find(|flight| flight.key.as_deref() == Some(key))?;
        flight.readers.push(reader);
        Some(flight.answer.clone())
    }

    /// A number for the next request.
    pub(crate) fn id(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    /// A request has begun.
    pub(crate) fn begun(&self, id: u64, key: Option<String>, answer: Promise, abort: AbortController, readers: Array) {
        self.flying.borrow_mut().push(Flight { id, key, answer, abort, readers });
    }

    /// A request has ended.
    pub(crate) fn ended(&self, id: u64) {
        self.flying.borrow_mut().retain(|flight| flight.id != id);
    }

    /// Something was invalidated: who asks from now on must not share what began before.
    pub(crate) fn part(&self) {
        for flight in self.flying.borrow_mut().iter_mut() {
            flight.key = None;
        }
    }

    /// Ends them all.
    pub(crate) fn abort(&self) {
        // Out of the cell first: ending one may call back here.
        let flying = self.flying.take();
        for flight in flying {
            flight.abort.abort();
        }
    }
}
