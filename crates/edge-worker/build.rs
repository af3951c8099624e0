//! Compiles the policy into the Worker.

#[path = "../shared/embed_policy.rs"]
mod embed_policy;

use tiercel_core::engine::Tier;

fn main() {
    embed_policy::embed(Tier::Edge, |policy| policy);
}
