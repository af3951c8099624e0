//! Compiles the policy into the Service Worker.

#[path = "../embed_policy.rs"]
mod embed_policy;

fn main() {
    embed_policy::embed();
}
