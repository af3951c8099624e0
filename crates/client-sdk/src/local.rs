//! What only the device has: the stores of the policy's `local`. The values are the app's.
//!
//! Like records, they live on the disk, and in memory what the disk would not take.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function, Map};
use tiercel_core::key::escape;
use tiercel_core::policy::LocalStore;
use wasm_bindgen::prelude::*;

use crate::answer::Failure;
use crate::disk::{LOCAL, Unusable, Wanted};
use crate::js;
use crate::session::Session;
use crate::timer::clock;

/// The member that is the key of the object store.
pub(crate) const ID: &str = "id";
/// The member with the prefix of the store's ids and the moment of the write, as a text by which the newest come first.
pub(crate) const AT: &str = "at";

/// What several writes of one millisecond are apart, in milliseconds.
const APART: f64 = 1.0 / 1024.0;

/// Local entries that the disk would not take, and who listens.
#[derive(Default)]
pub(crate) struct Locals {
    last: Cell<f64>,
    /// How many changes have begun, here and in other tabs.
    turn: Cell<u32>,
    stores: RefCell<Vec<(String, Kept)>>,
    next: Cell<u32>,
    listeners: RefCell<Vec<(u32, String, Function)>>,
}

/// What is known of one store.
#[derive(Clone, Default)]
struct Kept {
    /// Id to record, the oldest first.
    held: Map,
    /// For how many more the disk surely has room. Every change by another tab makes it 0: then it is counted.
    room: Rc<Cell<usize>>,
}

impl Locals {
    /// Adds a listener for the store called `name`, and gives the number to remove it by.
    pub(crate) fn listen(&self, name: &str, listener: Function) -> u32 {
        let id = self.next.replace(self.next.get().wrapping_add(1));
        self.listeners.borrow_mut().push((id, name.to_owned(), listener));
        id
    }

    /// Removes a listener.
    pub(crate) fn forget(&self, id: u32) {
        self.listeners.borrow_mut().retain(|(known, ..)| *known != id);
    }

    /// Tells who listens that there is something else under `key`; everywhere, where that is `null`.
    pub(crate) fn changed(&self, name: &str, key: &JsValue) {
        self.tell(|of| of == name, key);
    }

    /// Tells everybody that nothing they know holds any longer.
    pub(crate) fn all_changed(&self) {
        self.tell(|_| true, &JsValue::NULL);
    }

    fn tell(&self, wanted: impl Fn(&str) -> bool, key: &JsValue) {
        let listeners = self.listeners.borrow();
        let told: Vec<Function> = listeners.iter().filter(|(_, of, _)| wanted(of)).map(|(.., it)| it.clone()).collect();
        // A listener may listen to more, or no longer.
        drop(listeners);
        for listener in told {
            js::call(&listener, key);
        }
    }

    /// Another tab has changed the store called `name` under `key`; see [`Self::changed`].
    pub(crate) fn changed_elsewhere(&self, name: &str, key: &JsValue) {
        self.turn();
        self.of(name).room.set(0);
        self.changed(name, key);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.stores.borrow_mut().clear();
        self.listeners.borrow_mut().clear();
    }

    /// Now, and later than every write before, for the first of `count` writes.
    fn moment(&self, count: u32) -> f64 {
        let at = (clock().as_millis() as f64).max(self.last.get() + APART);
        self.last.set(at + f64::from(count) * APART);
        at
    }

    /// A change begins. What is known after it holds only if none has begun meanwhile.
    fn turn(&self) -> u32 {
        self.turn.set(self.turn.get().wrapping_add(1));
        self.turn.get()
    }

    fn of(&self, name: &str) -> Kept {
        let mut stores = self.stores.borrow_mut();
        if let Some((_, kept)) = stores.iter().find(|(known, _)| known == name) {
            return kept.clone();
        }
        let kept = Kept::default();
        stores.push((name.to_owned(), kept.clone()));
        kept
    }
}

impl Kept {
    /// Holds `records` in memory, at most `most`.
    fn hold(&self, records: &Array, most: u32) {
        for record in records.iter() {
            let id = js::get(&record, ID);
            self.held.delete(&id);
            self.held.set(&id, &record);
        }
        let over = self.held.size().saturating_sub(most) as usize;
        for id in self.held.keys().into_iter().take(over).flatten().collect::<Vec<JsValue>>() {
            self.held.delete(&id);
        }
    }

    /// What is held now, the oldest first.
    fn records(&self) -> Array {
        Array::from(&self.held.values())
    }
}

/// The store of the policy called `name`.
///
/// # Errors
/// There is none of that name, or the session has ended.
pub(crate) fn find<'s>(session: &'s Session, name: &str) -> Result<&'s LocalStore, Failure> {
    session.ensure_open()?;
    let stores = &session.engine.policy().local;
    stores.iter().find(|store| store.name == name).ok_or_else(|| {
        let names: Vec<&str> = stores.iter().map(|store| store.name.as_str()).collect();
        let message = ["The policy has no local store `", name, "`; it has ", &names.join(", "), "."].concat();
        Failure::new("unknown-store", message)
    })
}

/// The values under `keys`, in their order; `undefined` where there is none.
///
/// # Errors
/// Those of [`find`]; `bad-params` for a key that is no string.
pub(crate) async fn get(session: Rc<Session>, name: String, keys: Array) -> Result<JsValue, JsValue> {
    let store = find(&session, &name)?;
    let ids = session.host.local_ids(&prefix(&store.name), &keys)?;
    let found = records(&session, store, &ids).await;
    session.ensure_open()?;
    Ok(session.host.local_values(&found, now()).into())
}

/// Every `[key, value]`, the newest first: at most `limit`, and only what comes after the one called `after`.
///
/// # Errors
/// Those of [`find`]; `unknown-key` where there is nothing under `after`.
pub(crate) async fn entries(
    session: Rc<Session>,
    name: String,
    limit: Option<u32>,
    after: JsValue,
) -> Result<JsValue, JsValue> {
    let store = find(&session, &name)?;
    let mut from = None;
    if !after.is_undefined() {
        let ids = session.host.local_ids(&prefix(&store.name), &Array::of1(&after))?;
        let found = records(&session, store, &ids).await.get(0);
        from = js::get(&found, AT).as_string();
        if from.is_none() {
            let message = ["`", &name, "` has nothing under the key that `after` names; begin anew."].concat();
            return Err(Failure::new("unknown-key", message).into());
        }
    }
    let held = session.locals.of(&store.name).records();
    // All of them are there sooner without a limit.
    let most = limit.filter(|limit| *limit < store.max_entries).map(|limit| limit.saturating_add(held.length()));
    let limit = limit.unwrap_or(store.max_entries).min(store.max_entries);
    let prefix = prefix(&store.name);
    let found = session.store.disk.local(&prefix, from.as_deref(), most).await.unwrap_or_default();
    session.ensure_open()?;
    Ok(session.host.local_entries(&prefix, &found, &held, from, limit, now()).into())
}

/// Puts each value of `[key, value]` pairs under its key. The oldest entries go where there are too many.
///
/// # Errors
/// Those of [`find`]; `bad-params` for what is no such pair, `bad-value` for what cannot be stored, such as a function.
pub(crate) async fn set(session: Rc<Session>, name: String, entries: Array) -> Result<JsValue, JsValue> {
    let store = find(&session, &name)?;
    let (at, most) = (session.locals.moment(entries.length()), store.max_entries);
    let prefix = prefix(&store.name);
    let like = js::object([
        ("prefix", JsValue::from_str(&prefix)),
        (AT, JsValue::from_f64(at)),
        ("apart", JsValue::from_f64(APART)),
        ("ttl", store.ttl.map_or(JsValue::UNDEFINED, |ttl| JsValue::from_f64(ttl.get() as f64 * 1000.0))),
        ("most", JsValue::from(most)),
    ]);
    let records = session.host.local_records(&entries, &like)?;
    let count = records.length();
    if count == 0 {
        return Ok(JsValue::UNDEFINED);
    }
    let of = Rc::clone(&session);
    let wanted: Wanted = Rc::new(move || of.is_open());
    let kept = session.locals.of(&store.name);
    let turn = session.locals.turn();
    let left = kept.room.replace(0).checked_sub(count as usize);
    let limit = if left.is_some() { None } else { Some(most as usize) };
    let on_disk = session.store.disk.put_local(&prefix, &records, limit, &wanted).await;
    session.ensure_open()?;
    match on_disk {
        Ok(counted) => {
            if turn == session.locals.turn.get() {
                kept.room.set(counted.or(left).unwrap_or_default());
            }
            if kept.held.size() > 0 {
                for record in records.iter() {
                    kept.held.delete(&js::get(&record, ID));
                }
            }
        }
        Err(Unusable) => kept.hold(&session.host.local_copies(&records)?, most),
    }
    let only = if count == 1 { entries.get(entries.length() - 1) } else { JsValue::NULL };
    tell(&session, &name, &only.dyn_ref::<Array>().map_or(JsValue::NULL, |pair| pair.get(0)));
    Ok(JsValue::UNDEFINED)
}

/// Removes what stands under `key`; everything, where that is `None`.
///
/// # Errors
/// Those of [`find`]; `bad-params` for a key that is no string.
pub(crate) async fn remove(session: Rc<Session>, name: String, key: Option<JsValue>) -> Result<JsValue, JsValue> {
    let store = find(&session, &name)?;
    let prefix = prefix(&store.name);
    let kept = session.locals.of(&store.name);
    // What the disk does not do, it does not have.
    match &key {
        Some(key) => {
            let id = session.host.local_ids(&prefix, &Array::of1(key))?.get(0);
            kept.held.delete(&id);
            let _ = session.store.disk.remove(LOCAL, &id.as_string().unwrap_or_default()).await;
        }
        None => {
            kept.held.clear();
            let turn = session.locals.turn();
            kept.room.set(0);
            if session.store.disk.clear_local(&prefix).await.is_ok() && turn == session.locals.turn.get() {
                kept.room.set(store.max_entries as usize);
            }
        }
    }
    session.ensure_open()?;
    tell(&session, &name, &key.unwrap_or(JsValue::NULL));
    Ok(JsValue::UNDEFINED)
}

/// The records under `ids`, with values of their own; `undefined` where there is none.
async fn records(session: &Session, store: &LocalStore, ids: &Array) -> Array {
    let held = session.locals.of(&store.name).held;
    // Before the disk is read: it is newer than what stands there.
    let newer: Vec<JsValue> = if held.size() == 0 { Vec::new() } else { ids.iter().map(|id| held.get(&id)).collect() };
    let found = session.store.disk.get_local(ids).await.unwrap_or_default();
    for (at, record) in (0..).zip(&newer).filter(|(_, record)| !record.is_undefined()) {
        found.set(at, js::structured_clone(record).unwrap_or_default());
    }
    found
}

fn tell(session: &Session, name: &str, key: &JsValue) {
    session.sync.local(&session.scope, name, key);
    session.locals.changed(name, key);
}

/// What ids begin with. An escaped name holds no slash.
fn prefix(store: &str) -> String {
    [&escape(store), "/"].concat()
}

fn now() -> f64 {
    clock().as_millis() as f64
}
