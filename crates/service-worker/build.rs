//! Compiles the policy into the Service Worker.

#[path = "../shared/embed_policy.rs"]
mod embed_policy;

use tiercel_core::policy::document::needs_origin_rules;

fn main() {
    let policy = embed_policy::embed();
    if needs_origin_rules(&policy) && std::env::var_os("CARGO_FEATURE_ORIGIN_RULES").is_none() {
        eprintln!(
            "the policy keeps a class on the device whose lifetimes the origin sets: build with `--features origin-rules`"
        );
        std::process::exit(1);
    }
}
