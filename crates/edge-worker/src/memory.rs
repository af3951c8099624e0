//! The hottest short answers, in this isolate's memory: a hit there asks no store. The core says which and how long.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use tiercel_core::hot::Hot;
use tiercel_core::key::CacheKey;
use tiercel_core::time::Timestamp;
use wasm_bindgen_futures::JsFuture;

use crate::store::{Held, HeldBody};
use crate::{engine, now, ready};

thread_local! {
    static HOT: RefCell<Option<Hot<Held>>> = RefCell::new(engine().policy().edge.memory.map(Hot::new));
}

/// What memory has under `key`.
pub(crate) fn get(key: &CacheKey, now: Timestamp) -> Option<Held> {
    HOT.with_borrow_mut(|hot| hot.as_mut()?.get(key.as_str(), now).cloned())
}

/// When it will be too old.
pub(crate) fn until(key: &CacheKey) -> Timestamp {
    HOT.with_borrow(|hot| hot.as_ref().map(|hot| hot.until(key.as_str())).unwrap_or_default())
}

/// Takes what was found in the store into memory, if it is worth it: its body is then read here, once.
pub(crate) async fn keep(key: &CacheKey, held: Held) -> Held {
    let entry = held.found.entry().filter(|entry| entry.has_body());
    let Some((length, is_list)) = entry.and_then(|entry| Some((entry.length()?, entry.is_list()))) else {
        return held;
    };
    let HeldBody::Response(response) = &held.body else { return held };
    if !HOT.with_borrow_mut(|hot| hot.as_mut().is_some_and(|hot| hot.wants(key.as_str(), length, is_list))) {
        return held;
    }
    let Ok(reading) = response.array_buffer() else { return held };
    let Ok(buffer) = JsFuture::from(reading).await else { return Held::nothing() };
    let bytes = Uint8Array::new(&buffer);
    if u64::from(bytes.length()) != length {
        // A body that is not what its head says is no entry.
        return Held::unreadable();
    }
    let held = Held { found: held.found, body: HeldBody::Bytes(bytes, Rc::default()) };
    HOT.with_borrow_mut(|hot| {
        let (Some(hot), Some(limits)) = (hot, &engine().policy().edge.memory) else { return };
        if hot.is_empty() {
            ready::begin(limits);
        }
        hot.put(key.as_str(), held.clone(), length, now());
    });
    ready::forget(key);
    held
}

/// Forgets what memory has under `key`: the store has something else from now on.
pub(crate) fn forget(key: &CacheKey) {
    HOT.with_borrow_mut(|hot| {
        if let Some(hot) = hot {
            hot.forget(key.as_str());
        }
    });
    ready::forget(key);
}
