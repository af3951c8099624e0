//! Who wants to hear of changes to a key.

use std::cell::{Cell, RefCell};

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::js;
use crate::session::Ask;

struct Watcher {
    id: u32,
    /// `None` when what is watched is never stored, so that nothing can be heard of it.
    key: Option<String>,
    /// Names under which the key can be purged, as far as they are known.
    groups: Vec<String>,
    ask: Ask,
    listener: Function,
}

/// The listeners of one session.
#[derive(Default)]
pub(crate) struct Watchers {
    next: Cell<u32>,
    watching: RefCell<Vec<Watcher>>,
}

impl Watchers {
    /// Adds a listener, and gives the number to remove it by.
    pub(crate) fn add(&self, ask: Ask, key: Option<String>, groups: Vec<String>, listener: Function) -> u32 {
        let id = self.next.replace(self.next.get().wrapping_add(1));
        self.watching.borrow_mut().push(Watcher { id, key, groups, ask, listener });
        id
    }

    /// Removes a listener.
    pub(crate) fn remove(&self, id: u32) {
        self.watching.borrow_mut().retain(|watcher| watcher.id != id);
    }

    /// Removes all.
    pub(crate) fn clear(&self) {
        self.watching.borrow_mut().clear();
    }

    /// How to ask for what is watched under `key`; `None` when nobody watches it.
    pub(crate) fn ask(&self, key: &str) -> Option<Ask> {
        self.watching.borrow().iter().find(|w| w.key.as_deref() == Some(key)).map(|w| w.ask.clone())
    }

    /// An entry with these groups was stored under `key`.
    pub(crate) fn learn(&self, key: &str, groups: &[String]) {
        for watcher in self.watching.borrow_mut().iter_mut().filter(|w| w.key.as_deref() == Some(key)) {
            watcher.groups = groups.to_vec();
        }
    }

    /// Tells the listeners of `key` its new answer.
    pub(crate) fn tell(&self, key: &str, answer: &JsValue) {
        self.each(|watcher| watcher.key.as_deref() == Some(key), answer);
    }

    /// Tells the listeners that what they watch was invalidated: by its names, or because its entry was removed.
    pub(crate) fn purged(&self, names: &[String], removed: &[String]) {
        let hit = |watcher: &Watcher| {
            watcher.groups.iter().any(|group| names.contains(group))
                || watcher.key.as_ref().is_some_and(|key| removed.contains(key))
        };
        self.each(hit, &JsValue::NULL);
    }

    /// Tells everybody that nothing they know holds any longer.
    pub(crate) fn all_purged(&self) {
        self.each(|_| true, &JsValue::NULL);
    }

    fn each(&self, wanted: impl Fn(&Watcher) -> bool, argument: &JsValue) {
        let watching = self.watching.borrow();
        let listeners: Vec<Function> = watching.iter().filter(|w| wanted(w)).map(|w| w.listener.clone()).collect();
        // A listener may subscribe and unsubscribe.
        drop(watching);
        for listener in listeners {
            js::call(&listener, argument);
        }
    }
}
