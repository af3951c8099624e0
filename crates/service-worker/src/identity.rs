//! Whose page is asking. The SDK tells; the worker remembers across its own restarts, in a cache of nobody's.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Object, Reflect};
use tiercel_core::key::escape;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Client, Response};

use crate::{engine, global, store};

thread_local! {
    /// What is known of each client (a tab or window), by its id.
    static KNOWN: RefCell<HashMap<String, Option<String>>> = RefCell::default();
}

/// In the place of a client's id: whoever was named last. No browser gives a client such an id.
const LAST: &str = "last";

/// The user of a client; `None` is nobody. A page asks for its first pictures before it can say whose it is (and a
/// reload makes a new client of it): until then it counts as the user's who was named last.
pub(crate) async fn of(client: &str) -> Option<String> {
    if let Some(known) = KNOWN.with_borrow(|known| known.get(client).cloned()) {
        return known;
    }
    match remembered(client).await {
        Some(user) => KNOWN.with_borrow_mut(|known| known.entry(client.to_owned()).or_insert(Some(user)).clone()),
        None => match KNOWN.with_borrow(|known| known.get(LAST).cloned()) {
            Some(last) => last,
            None => remembered(LAST).await,
        },
    }
}

async fn remembered(client: &str) -> Option<String> {
    let text = async {
        let cache = store::open(&state()).await?;
        let entry: Response = JsFuture::from(cache.match_with_str(&url(client))).await?.dyn_into()?;
        JsFuture::from(entry.text()?).await
    };
    text.await.ok()?.as_string().filter(|user| !user.is_empty())
}

/// Notes that `client` is `user`'s from now on.
pub(crate) async fn set(client: &str, user: Option<String>) -> Result<(), JsValue> {
    // At once, before the first wait: what is under way looks here before it stores.
    KNOWN.with_borrow_mut(|known| {
        for slot in [client, LAST] {
            known.insert(slot.to_owned(), user.clone());
        }
    });
    let cache = store::open(&state()).await?;
    for slot in [client, LAST] {
        match &user {
            Some(user) => {
                let entry = Response::new_with_opt_str(Some(user))?;
                JsFuture::from(cache.put_with_str(&url(slot), &entry)).await?;
            }
            None => {
                JsFuture::from(cache.delete_with_str(&url(slot))).await?;
            }
        }
    }
    forget_closed(&cache).await
}

/// Tells a page what a media element of its got.
pub(crate) async fn report(client: &str, request: &str, response: &Response) {
    let told = async {
        let client: Client = JsFuture::from(global().clients().get(client)).await?.dyn_into()?;
        let message = Object::new();
        Reflect::set(&message, &"type".into(), &"tiercel:answered".into())?;
        Reflect::set(&message, &"url".into(), &request.into())?;
        for (key, field) in [("cacheStatus", "cache-status"), ("range", "content-range")] {
            if let Some(value) = response.headers().get(field)? {
                Reflect::set(&message, &key.into(), &value.into())?;
            }
        }
        if let Some(age) = response.headers().get("age")?.and_then(|age| age.parse::<u32>().ok()) {
            Reflect::set(&message, &"age".into(), &age.into())?;
        }
        client.post_message(&message)
    };
    // A page that has gone needs no report.
    let _: Result<(), JsValue> = told.await;
}

/// Clients come and go; what is known of those that went is of no more use.
async fn forget_closed(cache: &web_sys::Cache) -> Result<(), JsValue> {
    let requests: js_sys::Array = JsFuture::from(cache.keys()).await?.unchecked_into();
    for request in requests {
        let request: web_sys::Request = request.unchecked_into();
        let id = request.url().rsplit('/').next().unwrap_or_default().to_owned();
        if id != LAST && JsFuture::from(global().clients().get(&id)).await?.is_undefined() {
            JsFuture::from(cache.delete_with_request(&request)).await?;
        }
    }
    Ok(())
}

fn state() -> String {
    format!("{}identity", engine().namespace(None).cache_prefix())
}

fn url(client: &str) -> String {
    format!("https://tiercel.invalid/client/{}", escape(client))
}
