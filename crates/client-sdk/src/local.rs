//! What only the device has: the stores of the policy's `local`. The values are the app's.
//!
//! Like records, they live on the disk, and in memory what the disk would not take.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function};
use tiercel_core::key::escape;
use tiercel_core::policy::LocalStore;
use wasm_bindgen::prelude::*;

use crate::answer::Failure;
use crate::disk::{LOCAL, Wanted};
use crate::js;
use crate::record::EXPIRES;
use crate::session::Session;
use crate::timer::clock;

/// The member that is the key of the object store.
pub(crate) const ID: &str = "id";
/// The member with the name of the local store.
pub(crate) const STORE: &str = "store";
/// The member with the moment of the write, in milliseconds since the Unix epoch.
pub(crate) const AT: &str = "at";

/// What several writes of one millisecond are apart, in milliseconds.
const APART: f64 = 1.0 / 1024.0;

/// Local entries that the disk would not take, and who listens.
#[derive(Default)]
pub(crate) struct Locals {
    last: Cell<f64>,
    /// The oldest first.
    held: RefCell<Vec<JsValue>>,
    next: Cell<u32>,
    listeners: RefCell<Vec<(u32, String, Function)>>,
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
        let listeners = self.listeners.borrow();
        let told: Vec<Function> = listeners.iter().filter(|(_, of, _)| of == name).map(|(.., it)| it.clone()).collect();
        // A listener may listen to more, or no longer.
        drop(listeners);
        for listener in told {
            js::call(&listener, key);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.held.borrow_mut().clear();
        self.listeners.borrow_mut().clear();
    }

    /// Now, and later than every write before.
    fn moment(&self) -> f64 {
        let at = (clock().as_millis() as f64).max(self.last.get() + APART);
        self.last.set(at);
        at
    }

    fn find(&self, id: &str) -> Option<JsValue> {
        self.held.borrow().iter().find(|record| is(record, ID, id)).cloned()
    }

    fn drop_held(&self, member: &str, text: &str) {
        self.held.borrow_mut().retain(|record| !is(record, member, text));
    }

    fn hold(&self, store: &LocalStore, record: JsValue) {
        let mut held = self.held.borrow_mut();
        held.push(record);
        let of = held.iter().filter(|record| is(record, STORE, &store.name)).count();
        if of > store.max_entries as usize
            && let Some(first) = held.iter().position(|record| is(record, STORE, &store.name))
        {
            held.remove(first);
        }
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

/// The value under `key`; `undefined` when there is none.
///
/// # Errors
/// Those of [`find`]; `bad-params` for a key that is no string.
pub(crate) async fn get(session: Rc<Session>, name: String, key: JsValue) -> Result<JsValue, JsValue> {
    let id = id_of(&find(&session, &name)?.name, &text(&key)?);
    let record = match session.locals.find(&id) {
        Some(record) => js::structured_clone(&record).unwrap_or_default(),
        None => session.store.disk.get(LOCAL, &id).await.unwrap_or_default(),
    };
    session.ensure_open()?;
    Ok(if is(&record, ID, &id) && is_valid(&record) { js::get(&record, "value") } else { JsValue::UNDEFINED })
}

/// Every `[key, value]`, the newest first; at most `limit`.
///
/// # Errors
/// Those of [`find`].
pub(crate) async fn entries(session: Rc<Session>, name: String, limit: Option<u32>) -> Result<JsValue, JsValue> {
    let store = find(&session, &name)?;
    let mut records: Vec<JsValue> = session.store.disk.local(&store.name).await.unwrap_or_default().iter().collect();
    session.ensure_open()?;
    for held in session.locals.held.borrow().iter().filter(|record| is(record, STORE, &store.name)) {
        let id = js::get(held, ID);
        records.retain(|record| js::get(record, ID) != id);
        records.extend(js::structured_clone(held));
    }
    // Those in memory are newer than those on the disk, or as new.
    records.retain(is_valid);
    let limit = limit.unwrap_or(store.max_entries).min(store.max_entries) as usize;
    let pairs =
        records.iter().rev().take(limit).map(|record| Array::of2(&js::get(record, "key"), &js::get(record, "value")));
    Ok(pairs.collect::<Array>().into())
}

/// Puts `value` under `key`. The oldest entries go where there are too many.
///
/// # Errors
/// Those of [`find`]; `bad-value` for what cannot be stored, such as a function.
pub(crate) async fn set(session: Rc<Session>, name: String, key: JsValue, value: JsValue) -> Result<JsValue, JsValue> {
    let (store, key) = (find(&session, &name)?, text(&key)?);
    let value = js::structured_clone(&value).map_err(|_| {
        Failure::new(
            "bad-value",
            ["The value for `", &key, "` cannot be copied; functions and elements cannot."].concat(),
        )
    })?;
    let (id, at) = (id_of(&store.name, &key), session.locals.moment());
    let record = js::object([
        (ID, JsValue::from_str(&id)),
        (STORE, JsValue::from_str(&store.name)),
        ("key", JsValue::from_str(&key)),
        ("value", value),
        (AT, JsValue::from_f64(at)),
    ]);
    if let Some(ttl) = store.ttl {
        js::set(&record, EXPIRES, &JsValue::from_f64(at + ttl.get() as f64 * 1000.0));
    }
    let of = Rc::clone(&session);
    let wanted: Wanted = Rc::new(move || of.is_open());
    let on_disk = session.store.disk.put_local(&store.name, &record, store.max_entries as usize, &wanted).await;
    session.ensure_open()?;
    session.locals.drop_held(ID, &id);
    if on_disk.is_err() {
        session.locals.hold(store, record);
    }
    tell(&session, &name, &JsValue::from_str(&key));
    Ok(JsValue::UNDEFINED)
}

/// Removes what stands under `key`; everything, where that is `None`.
///
/// # Errors
/// Those of [`find`].
pub(crate) async fn remove(session: Rc<Session>, name: String, key: Option<JsValue>) -> Result<JsValue, JsValue> {
    let store = find(&session, &name)?;
    let key = key.map(|key| text(&key)).transpose()?;
    // What the disk does not do, it does not have.
    match &key {
        Some(key) => {
            let id = id_of(&store.name, key);
            session.locals.drop_held(ID, &id);
            let _ = session.store.disk.remove(LOCAL, &id).await;
        }
        None => {
            session.locals.drop_held(STORE, &store.name);
            let _ = session.store.disk.clear_local(&store.name).await;
        }
    }
    session.ensure_open()?;
    tell(&session, &name, &key.map_or(JsValue::NULL, |key| JsValue::from_str(&key)));
    Ok(JsValue::UNDEFINED)
}

fn tell(session: &Session, name: &str, key: &JsValue) {
    session.sync.local(&session.scope, name, key);
    session.locals.changed(name, key);
}

fn text(key: &JsValue) -> Result<String, Failure> {
    let message = "The key must be a string of well-formed Unicode.";
    js::text(key).ok_or_else(|| Failure::new("bad-params", message))
}

/// An escaped name holds no slash.
fn id_of(store: &str, key: &str) -> String {
    [&escape(store), "/", key].concat()
}

fn is(record: &JsValue, member: &str, text: &str) -> bool {
    js::get(record, member).as_string().as_deref() == Some(text)
}

/// Whether it is ours, and not expired.
fn is_valid(record: &JsValue) -> bool {
    js::get(record, "key").is_string()
        && js::get(record, EXPIRES).as_f64().is_none_or(|expires| expires > clock().as_millis() as f64)
}
