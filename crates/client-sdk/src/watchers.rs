//! Who wants to hear of changes to a key.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::js;
use crate::session::Ask;
use crate::timer::sleep;

struct Watcher {
    id: u32,
    /// `None` when what is watched is never stored, so that nothing can be heard of it.
    key: Option<String>,
    /// Names under which the key can be purged, as far as they are known.
    groups: Vec<String>,
    ask: Ask,
    listener: Function,
}

/// A change is often heard of twice: from the Service Worker that passed it on, and from whoever made it. Listeners are told
/// once of what comes within this time, in milliseconds, because each time they ask the network.
const TOGETHER: u64 = 40;

/// The listeners of one session.
#[derive(Default)]
pub(crate) struct Watchers {
    next: Cell<u32>,
    watching: RefCell<Vec<Watcher>>,
    /// Those for whom something was purged, and who have not been told yet.
    untold: RefCell<Vec<u32>>,
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

    /// Tells the listeners of `key` its new answer. What was purged before need not be told any more.
    pub(crate) fn tell(&self, key: &str, answer: &JsValue) {
        let hit = |watcher: &Watcher| watcher.key.as_deref() == Some(key);
        let ids = self.ids(hit);
        self.untold.borrow_mut().retain(|id| !ids.contains(id));
        self.each(hit, answer);
    }

    /// Tells the listeners that what they watch was invalidated: by its names, or because its entry was removed.
    pub(crate) fn purged(&self, names: &[String], removed: &[String]) {
        self.each(hit_by(names, removed), &JsValue::NULL);
    }

    /// The same, a little later and once for several purges. Reads know at once.
    pub(crate) fn purged_soon(self: &Rc<Self>, names: &[String], removed: &[String]) {
        let ids = self.ids(hit_by(names, removed));
        if ids.is_empty() {
            return;
        }
        let mut untold = self.untold.borrow_mut();
        let is_first = untold.is_empty();
        untold.extend(ids);
        if is_first {
            let watchers = Rc::clone(self);
            js::spawn(Box::pin(async move {
                sleep(TOGETHER).await;
                let untold = watchers.untold.take();
                watchers.each(|watcher| untold.contains(&watcher.id), &JsValue::NULL);
            }));
        }
    }

    fn ids(&self, wanted: impl Fn(&Watcher) -> bool) -> Vec<u32> {
        self.watching.borrow().iter().filter(|watcher| wanted(watcher)).map(|watcher| watcher.id).collect()
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

/// Whether something purged concerns a watcher.
fn hit_by(names: &[String], removed: &[String]) -> impl Fn(&Watcher) -> bool {
    |watcher| {
        watcher.groups.iter().any(|group| names.contains(group))
            || watcher.key.as_ref().is_some_and(|key| removed.contains(key))
    }
}
