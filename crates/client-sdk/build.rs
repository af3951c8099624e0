//! Compiles the policy into the SDK.

#[path = "../shared/embed_on_device.rs"]
mod embed_on_device;

use tiercel_core::engine::Tier;
use tiercel_core::policy::document::for_sdk;

fn main() {
    embed_on_device::embed(Tier::Sdk, for_sdk);
}
