//! The store: Cache Storage, one cache for each user and class. A store that fails is a miss or a write that did
//! not happen; never an error for the page.

use js_sys::Array;
use tiercel_core::exchange::{Delivery, Piece, PutPlan};
use tiercel_core::key::CacheKey;
use tiercel_core::meta::EntryMeta;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Cache, Request, Response, console};

use crate::{convert, engine, global};

/// What is stored for `user` under `key`.
pub(crate) async fn get(user: Option<&str>, class: &str, key: &CacheKey) -> Option<Response> {
    let found = async {
        let cache = open(&name(user, class)).await?;
        JsFuture::from(cache.match_with_str(&url(key))).await
    };
    found.await.ok()?.dyn_into().ok()
}

/// The answer with parts of the stored body. A slice of a blob is read alone, however large the whole is.
pub(crate) async fn parts(delivery: &Delivery, stored: &Response, pieces: &[Piece]) -> Result<Response, JsValue> {
    let blob: Blob = JsFuture::from(stored.blob()?).await?.unchecked_into();
    let parts = Array::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => parts.push(&text.into()),
            Piece::Bytes(range) => {
                let end = (range.last + 1) as f64;
                parts.push(&blob.slice_with_f64_and_f64(range.first as f64, end)?.into())
            }
        };
    }
    let body = Blob::new_with_blob_sequence(&parts)?;
    convert::with_body(&delivery.head, &body)
}

/// Stores the body of `response` as `plan` says.
pub(crate) async fn put(user: Option<&str>, plan: &PutPlan, response: &Response) {
    let stored = async {
        let cache = open(&name(user, &plan.class)).await?;
        if let Some((key, head)) = &plan.marker {
            let marker = convert::stored_response(head, None)?;
            JsFuture::from(cache.put_with_str(&url(key), &marker)).await?;
        }
        let entry = convert::stored_response(&plan.head, response.body())?;
        JsFuture::from(cache.put_with_str(&url(&plan.key), &entry)).await
    };
    if let Err(error) = stored.await {
        console::warn_2(&format!("Tiercel: an answer of class {} was not stored.", plan.class).into(), &error);
    }
}

/// Removes the entries from every user's caches: what the origin no longer has, nobody has.
pub(crate) async fn remove(keys: &[CacheKey]) {
    let removed = async {
        for cache in all().await? {
            for key in keys {
                JsFuture::from(cache.delete_with_str(&url(key))).await?;
            }
        }
        Ok::<(), JsValue>(())
    };
    if let Err(error) = removed.await {
        console::warn_2(&"Tiercel: an entry was not removed.".into(), &error);
    }
}

/// Removes every entry that one of `names` purges.
pub(crate) async fn purge(names: &[String]) -> Result<(), JsValue> {
    for cache in all().await? {
        let requests: Array = JsFuture::from(cache.keys()).await?.unchecked_into();
        for request in requests {
            let request: Request = request.unchecked_into();
            let Ok(entry) = JsFuture::from(cache.match_with_request(&request)).await?.dyn_into::<Response>() else {
                continue;
            };
            let meta = EntryMeta::of(&convert::response_head(&entry).fields);
            // What cannot be read cannot be told apart, and goes too.
            if meta.is_none_or(|meta| meta.groups().iter().any(|group| names.contains(group))) {
                JsFuture::from(cache.delete_with_request(&request)).await?;
            }
        }
    }
    Ok(())
}

/// Opens a cache by its whole name.
pub(crate) async fn open(name: &str) -> Result<Cache, JsValue> {
    Ok(JsFuture::from(global().caches()?.open(name)).await?.unchecked_into())
}

async fn all() -> Result<Vec<Cache>, JsValue> {
    let names: Array = JsFuture::from(global().caches()?.keys()).await?.unchecked_into();
    let suffix = format!("_v{}", engine().policy().version);
    let prefix = format!("{}_", tiercel_core::key::escape(&engine().policy().name));
    let mut caches = Vec::new();
    for name in names.iter().filter_map(|n| n.as_string()) {
        if name.starts_with(&prefix) && name.ends_with(&suffix) {
            caches.push(open(&name).await?);
        }
    }
    Ok(caches)
}

fn name(user: Option<&str>, class: &str) -> String {
    engine().namespace(user).cache(class, engine().policy().version)
}

fn url(key: &CacheKey) -> String {
    key.url(&engine().policy().name)
}
