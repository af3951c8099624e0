//! What the page's SDK says to the worker:
//!
//! - `{type: "tiercel:identify", user}`: this client is `user`'s (`null`: nobody's)
//! - `{type: "tiercel:purge", names}`: these names were invalidated
//! - `{type: "tiercel:warm", urls}`: the page loaded these before the worker controlled it
//!
//! A message that comes with a port is answered on it with `{ok: true}` when it is done.

use js_sys::{Array, Object, Reflect};
use tiercel_core::invalidation::{Epoch, Purge};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Client, ExtendableMessageEvent, MessagePort};

use crate::{covers, drive, identity, now, store};

pub(crate) async fn receive(event: ExtendableMessageEvent) -> Result<(), JsValue> {
    let data = event.data();
    let Some(kind) = get(&data, "type").as_string() else { return Ok(()) };
    let client = event.source().and_then(|source| source.dyn_into::<Client>().ok()).map(|c| c.id()).unwrap_or_default();
    match kind.as_str() {
        "tiercel:identify" => {
            let user = get(&data, "user").as_string().filter(|user| !user.is_empty());
            identity::set(&client, user).await?;
        }
        "tiercel:purge" => {
            let names = strings(&get(&data, "names"));
            let epoch = Epoch { at: now(), purge: Purge::Hard };
            drive::purge(|epochs| names.iter().for_each(|name| epochs.record(name, epoch)));
            store::purge(&names).await?;
        }
        "tiercel:warm" => {
            for url in strings(&get(&data, "urls")).iter().filter(|url| covers("GET", url)) {
                drive::warm(url, &client).await?;
            }
        }
        _ => return Ok(()),
    }
    if let Ok(port) = event.ports().get(0).dyn_into::<MessagePort>() {
        let done = Object::new();
        Reflect::set(&done, &"ok".into(), &true.into())?;
        port.post_message(&done)?;
    }
    Ok(())
}

fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap_or(JsValue::UNDEFINED)
}

fn strings(value: &JsValue) -> Vec<String> {
    value.dyn_ref::<Array>().map(|array| array.iter().filter_map(|item| item.as_string()).collect()).unwrap_or_default()
}
