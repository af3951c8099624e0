//! Compiles the policy into the Service Worker.

#[path = "../shared/embed_policy.rs"]
mod embed_policy;

use tiercel_core::policy::document::{for_service_worker, needs_origin_rules};

fn main() {
    embed_policy::embed(|policy| {
        if needs_origin_rules(&policy) && std::env::var_os("CARGO_FEATURE_ORIGIN_RULES").is_none() {
            eprintln!(
                "the policy keeps a class on the device whose lifetimes the origin sets: it needs `--features origin-rules`"
            );
            std::process::exit(1);
        }
        for_service_worker(policy)
    });
}
