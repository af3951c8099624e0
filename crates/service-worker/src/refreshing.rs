//! One refresh of a key at a time, in this worker.

use std::cell::RefCell;

use tiercel_core::time::{DeltaSeconds, Timestamp};

/// After this time a refresh counts as lost: the runtime may end what goes on behind an answer, and tells nobody.
const LOST_AFTER: DeltaSeconds = DeltaSeconds::new(60);

thread_local! {
    /// There are never many: a list is as fast as a map, and less code.
    static STARTED: RefCell<Vec<(String, Timestamp)>> = const { RefCell::new(Vec::new()) };
}

/// Whether a refresh of `key` may start now; it then counts as under way until [`end`].
pub(crate) fn begin(key: &str, now: Timestamp) -> bool {
    STARTED.with_borrow_mut(|started| {
        started.retain(|(_, at)| now.seconds_since(*at) < LOST_AFTER);
        if started.iter().any(|(known, _)| known == key) {
            return false;
        }
        started.push((key.to_owned(), now));
        true
    })
}

/// The refresh of `key` has ended.
pub(crate) fn end(key: &str) {
    STARTED.with_borrow_mut(|started| started.retain(|(known, _)| known != key));
}
