//! Compiles the policy into the Service Worker.

#[path = "../shared/embed_policy.rs"]
mod embed_policy;

use tiercel_core::engine::Tier;
use tiercel_core::policy::document::for_service_worker;

fn main() {
    embed_policy::embed(Tier::ServiceWorker, for_service_worker);
}
