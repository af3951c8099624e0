//! Tiercel's edge tier: a Worker that caches in front of any origin.
//!
//! The core decides; this crate performs. `drive` follows a request, `behind` is what goes on when it is answered,
//! `send`, `slices` and `pages` put bodies together. `store` is the Workers Cache API, `memory` stands before it, and `ready`
//! before that; `cleaning` has lists go when their time is over; `flights` is where requests wait for one another, `origin` the way to the origin, `auth` verifies
//! credentials with `token` and `issuer`, `epochs` knows what was purged, `operator` has something purged, `convert` turns the runtime's objects
//! into the core's data and back.

#[path = "../../shared/allocator.rs"]
mod allocator;
mod auth;
mod behind;
mod cleaning;
mod convert;
mod drive;
mod epoch_object;
mod epochs;
mod facts;
#[path = "../../shared/fields.rs"]
mod fields;
mod flights;
mod issuer;
mod memory;
mod operator;
mod origin;
mod pages;
#[path = "../../shared/pointer.rs"]
mod pointer;
mod ready;
mod runtime;
mod send;
mod sink;
mod slices;
mod store;
mod token;

use std::sync::OnceLock;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::policy::Policy;
use tiercel_core::time::Timestamp;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::drive::Driven;
use crate::runtime::{Context, Env, promise};

/// Answers a request: a response, or a promise of one where it takes time. `question` is the part of it that decides
/// about an answer from memory, where it asks for nothing else.
///
/// # Errors
/// What no step has turned into a response; tools/edge-shim.js asks the origin then.
#[wasm_bindgen]
pub fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
    question: Option<String>,
) -> Result<JsValue, JsValue> {
    match drive::drive(engine(), request, env, context, question) {
        Driven::Ready(response) => Ok(response.into()),
        Driven::Later(response) => Ok(promise(Box::pin(async { response.await.map(Into::into) })).into()),
    }
}

/// Tidies up, once an hour: the Worker's cron trigger calls it.
#[wasm_bindgen]
pub fn scheduled() -> js_sys::Promise {
    promise(Box::pin(async {
        cleaning::clean(engine().policy()).await;
        Ok(JsValue::UNDEFINED)
    }))
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let policy = Policy::decode(include_bytes!(concat!(env!("OUT_DIR"), "/policy.bin")));
        Engine::new(policy.expect("the build script compiled this policy"), Tier::Edge)
    })
}

/// The runtime's clock. In production it stands still between I/O.
fn now() -> Timestamp {
    Timestamp::from_millis(js_sys::Date::now() as u64)
}
