//! Tiercel's edge tier: a Worker that caches in front of any origin.
//!
//! The core decides; this crate performs. `drive` follows a request, `store` is the Workers Cache API, `origin`
//! the way to the origin, `auth` verifies credentials, `epochs` knows what was purged, `convert` turns the
//! runtime's objects into the core's data and back.

mod auth;
#[path = "../../shared/convert.rs"]
mod convert;
mod drive;
mod epoch_object;
mod epochs;
mod facts;
#[path = "../../shared/fields.rs"]
mod fields;
mod origin;
#[path = "../../shared/refreshing.rs"]
mod refreshing;
mod store;

use std::sync::OnceLock;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::policy::Policy;
use tiercel_core::time::Timestamp;
use worker::{Context, Env, event};

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
    drive::drive(engine(), request, env, context).await
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
