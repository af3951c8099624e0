//! One refresh of a key at a time, in this isolate or worker.

use std::cell::RefCell;
use std::collections::HashMap;

use tiercel_core::time::{DeltaSeconds, Timestamp};

/// After this time a refresh counts as lost: the runtime may end what goes on behind an answer, and tells nobody.
const LOST_AFTER: DeltaSeconds = DeltaSeconds::new(60);

thread_local! {
    static STARTED: RefCell<HashMap<String, Timestamp>> = RefCell::default();
}

/// Whether a refresh of `key` may start now; it then counts as under way until [`end`].
pub(crate) fn begin(key: &str, now: Timestamp) -> bool {
    STARTED.with_borrow_mut(|started| match started.get(key) {
        Some(at) if now.seconds_since(*at) < LOST_AFTER => false,
        _ => {
            started.insert(key.to_owned(), now);
            true
        }
    })
}

/// The refresh of `key` has ended.
pub(crate) fn end(key: &str) {
    STARTED.with_borrow_mut(|started| started.remove(key));
}
