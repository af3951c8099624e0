//! Tiercel's Service Worker tier: Cache Storage for what the policy keeps there.
//!
//! The core decides; this crate says what to do with the browser, and `js/effects.js` does it. Between the two there is
//! nothing but text: no object of the browser's enters the wasm. `kernel` holds the way in and out, `effect` what can
//! be asked of the browser, `drive` follows a request, `store` is Cache Storage, `ledger` what is in it, `slices` a long body in parts, `network` the way to
//! the edge, `identity` knows whose page is asking. `mutation` hears what was changed, `queue` keeps what could not be sent,
//! `reports` tells the pages what became of it. `blocks` gives all
//! of them room.

#[cfg(target_family = "wasm")]
#[path = "../../shared/blocks.rs"]
mod blocks;
mod drive;
mod effect;
mod identity;
mod kernel;
mod ledger;
mod mutation;
mod network;
mod queue;
mod refreshing;
mod reports;
mod slices;
mod store;

use std::sync::OnceLock;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::policy::Policy;

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let policy = Policy::decode(include_bytes!(concat!(env!("OUT_DIR"), "/policy.bin")));
        Engine::new(policy.expect("the build script compiled this policy"), Tier::ServiceWorker)
    })
}
