//! What is stored, for people who look.

use std::rc::Rc;

use js_sys::Array;
use tiercel_core::engine::Tier;
use tiercel_core::meta::EntryMeta;
use tiercel_core::semantics::freshness;
use wasm_bindgen::prelude::*;

use crate::js;
use crate::record::Record;
use crate::session::Session;
use crate::timer::clock;

/// `{ key, class, age, fresh, expires, data }` of every record.
pub(crate) async fn list(session: &Session) -> JsValue {
    let records = session.store.all(clock()).await;
    records.iter().filter_map(|record| describe(session, record)).collect::<Array>().into()
}

fn describe(session: &Session, record: &Record) -> Option<JsValue> {
    let meta = EntryMeta::of(&record.head.fields)?;
    if !meta.vary.is_empty() {
        // The marker of its variants has no data.
        return None;
    }
    let (name, now) = (record.class(), clock());
    let class = session.engine.policy().class(&name);
    let is_fresh = class.is_some_and(|class| {
        let lifetimes = Tier::Sdk.lifetimes(class).unwrap_or_default();
        let head = &record.head;
        freshness::of_entry(&meta, head.status, &head.fields, class.authority, lifetimes, now).is_fresh()
    });
    Some(js::object([
        ("key", JsValue::from_str(&record.key)),
        ("class", JsValue::from_str(&name)),
        ("age", JsValue::from_f64(freshness::current_age(&meta, now).get() as f64)),
        ("fresh", JsValue::from_bool(is_fresh)),
        ("expires", JsValue::from_f64(record.expires.as_millis() as f64)),
        ("data", record.data()),
    ]))
}

/// Drops one record, here and in other tabs, and tells who watches it.
pub(crate) async fn remove(session: Rc<Session>, key: String) {
    session.flights.part();
    session.store.remove(&key).await;
    session.sync.removed(&session.scope, &key);
    session.watchers.purged(&[], &[key]);
}
