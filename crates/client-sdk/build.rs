//! Compiles the policy into the SDK.

#[path = "../shared/embed_policy.rs"]
mod embed_policy;

use tiercel_core::engine::Tier;
use tiercel_core::policy::document::for_sdk;

fn main() {
    embed_policy::embed(Tier::Sdk, for_sdk);
}
