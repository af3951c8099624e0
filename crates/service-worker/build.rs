//! Compiles the policy into the Service Worker.

#[path = "../shared/embed_on_device.rs"]
mod embed_on_device;

use tiercel_core::engine::Tier;
use tiercel_core::policy::document::for_service_worker;

fn main() {
    embed_on_device::embed(Tier::ServiceWorker, for_service_worker);
}
