//! Compiles the policy into the Service Worker.

#[path = "../shared/embed_policy.rs"]
mod embed_policy;

fn main() {
    embed_policy::embed();
}
