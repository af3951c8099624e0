//! Tiercel's Service Worker tier: Cache Storage for what the policy keeps there.
//!
//! The core decides; this crate performs. `drive` follows a request, `store` is Cache Storage, `network` the way
//! to the edge, `identity` knows whose page is asking, `messages` listens to the SDK, `convert` turns the browser's
//! objects into the core's data and back. The listeners themselves are in `js/sw.js`.

#[path = "../../shared/allocator.rs"]
mod allocator;
#[path = "../../shared/convert.rs"]
mod convert;
mod drive;
#[path = "../../shared/fields.rs"]
mod fields;
mod identity;
mod messages;
mod network;
#[path = "../../shared/refreshing.rs"]
mod refreshing;
mod store;

use std::sync::OnceLock;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::head::Target;
use tiercel_core::policy::Policy;
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;
use web_sys::{ExtendableMessageEvent, FetchEvent, Response, ServiceWorkerGlobalScope};

/// Whether this worker answers a request. One that no class covers is left to the browser, at no cost.
#[wasm_bindgen]
#[must_use]
pub fn covers(method: &str, url: &str) -> bool {
    let target = Target::parse(url);
    target.origin == global().location().origin() && engine().covers(method, &target)
}

/// Answers a request that is covered.
///
/// # Errors
/// When not even a failure can be put into a response; the listener then asks the network.
#[wasm_bindgen]
pub async fn answer(event: FetchEvent) -> Result<Response, JsValue> {
    drive::answer(event).await
}

/// Does what the page's SDK asks for.
///
/// # Errors
/// When the browser refuses a step; the message is then not acknowledged.
#[wasm_bindgen]
pub async fn message(event: ExtendableMessageEvent) -> Result<(), JsValue> {
    messages::receive(event).await
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let policy = Policy::decode(include_bytes!(concat!(env!("OUT_DIR"), "/policy.bin")));
        Engine::new(policy.expect("the build script compiled this policy"), Tier::ServiceWorker)
    })
}

fn global() -> ServiceWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

fn now() -> Timestamp {
    Timestamp::from_millis(js_sys::Date::now() as u64)
}
