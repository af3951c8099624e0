//! One stored response. The body stays a JavaScript value: it is stored and read back as it is, and never
//! passes through Rust.

use js_sys::{Array, Object};
use tiercel_core::exchange::PutPlan;
use tiercel_core::field::Fields;
use tiercel_core::head::ResponseHead;
use tiercel_core::meta::{EntryMeta, META};
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::js;

/// The member that is the key of the object store.
pub(crate) const KEY: &str = "key";
/// The member with every name under which the entry can be purged.
pub(crate) const GROUPS: &str = "groups";
/// The member with the end of retention, in milliseconds since the Unix epoch.
pub(crate) const EXPIRES: &str = "expires";

#[wasm_bindgen]
extern "C" {
    /// `{ key, class, status, fields: [[name, value]…], data, groups: [name…], expires }`
    #[derive(Clone)]
    pub(crate) type Raw;

    #[wasm_bindgen(method, getter, structural)]
    fn key(this: &Raw) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_key(this: &Raw, key: &str);
    #[wasm_bindgen(method, setter, structural)]
    fn set_class(this: &Raw, class: &str);
    #[wasm_bindgen(method, getter, structural)]
    fn class(this: &Raw) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn status(this: &Raw) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_status(this: &Raw, status: u16);
    #[wasm_bindgen(method, getter, structural)]
    fn fields(this: &Raw) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_fields(this: &Raw, fields: &Array);
    #[wasm_bindgen(method, getter, structural)]
    fn data(this: &Raw) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_data(this: &Raw, data: &JsValue);
    #[wasm_bindgen(method, setter, structural)]
    fn set_groups(this: &Raw, groups: &JsValue);
    #[wasm_bindgen(method, getter, structural)]
    fn expires(this: &Raw) -> JsValue;
    #[wasm_bindgen(method, setter, structural)]
    fn set_expires(this: &Raw, expires: f64);
}

/// A stored response with its head read.
#[derive(Clone)]
pub(crate) struct Record {
    /// Its key.
    pub(crate) key: String,
    /// The stored head, private fields included.
    pub(crate) head: ResponseHead,
    /// Every name under which it can be purged.
    pub(crate) groups: Vec<String>,
    /// When the store drops it.
    pub(crate) expires: Timestamp,
    raw: Raw,
}

impl Record {
    /// What to store of `data` by `plan`; `None` when the plan carries no meta, which none of the core's does.
    pub(crate) fn new(plan: &PutPlan, data: &JsValue, now: Timestamp) -> Option<Self> {
        Self::build(plan.key.as_str(), plan, &plan.head, data, now)
    }

    /// The marker that names the fields which select a variant, when the response has variants.
    pub(crate) fn marker(plan: &PutPlan, now: Timestamp) -> Option<Self> {
        let (key, head) = plan.marker.as_ref()?;
        Self::build(key.as_str(), plan, head, &JsValue::NULL, now)
    }

    fn build(key: &str, plan: &PutPlan, head: &ResponseHead, data: &JsValue, now: Timestamp) -> Option<Self> {
        let groups = EntryMeta::of(&head.fields)?.groups();
        let expires = now + plan.retention;
        let raw: Raw = Object::new().unchecked_into();
        raw.set_key(key);
        raw.set_class(&plan.class);
        raw.set_status(head.status);
        raw.set_fields(&write_fields(&head.fields));
        raw.set_data(data);
        raw.set_groups(&js::strings(&groups));
        raw.set_expires(expires.as_millis() as f64);
        Some(Self { key: key.to_owned(), head: head.clone(), groups, expires, raw })
    }

    /// Reads what a store gave for `key`; `None` for what this release did not write.
    pub(crate) fn read(value: JsValue, key: &str) -> Option<Self> {
        if !value.is_object() {
            return None;
        }
        let raw: Raw = value.unchecked_into();
        if raw.key().as_string().as_deref() != Some(key) {
            return None;
        }
        let status = raw.status().as_f64().filter(|s| (100.0..600.0).contains(s))? as u16;
        let fields = read_fields(&raw.fields())?;
        let groups = EntryMeta::of(&fields)?.groups();
        let expires = raw.expires().as_f64().filter(|ms| *ms >= 0.0)? as u64;
        let head = ResponseHead { status, fields };
        Some(Self { key: key.to_owned(), head, groups, expires: Timestamp::from_millis(expires), raw })
    }

    /// The name of its class.
    pub(crate) fn class(&self) -> String {
        self.raw.class().as_string().unwrap_or_default()
    }

    /// The JSON body.
    pub(crate) fn data(&self) -> JsValue {
        self.raw.data()
    }

    /// As the store wants it.
    pub(crate) fn value(&self) -> &JsValue {
        self.raw.as_ref()
    }

    /// Whether the two are one and the same entry, neither fetched nor freshened since.
    pub(crate) fn is_same_entry(&self, other: &Self) -> bool {
        self.key == other.key && self.head.fields.get(META) == other.head.fields.get(META)
    }
}

fn write_fields(fields: &Fields) -> Array {
    fields.iter().map(|(name, value)| Array::of2(&JsValue::from_str(name), &JsValue::from_str(value))).collect()
}

fn read_fields(value: &JsValue) -> Option<Fields> {
    let mut fields = Fields::new();
    for pair in Array::is_array(value).then(|| Array::from(value))?.iter() {
        let pair = Array::is_array(&pair).then(|| Array::from(&pair))?;
        fields.append(&pair.get(0).as_string()?, pair.get(1).as_string()?);
    }
    Some(fields)
}
