//! Shared by the build scripts of the tiers on the device: what `keep` leaves of the policy, and whether the core is compiled
//! with what the policy takes.

#[path = "embed_policy.rs"]
mod embed_policy;

use std::{env, process};

use tiercel_core::engine::Tier;
use tiercel_core::policy::Policy;
use tiercel_core::policy::document::needs_origin_rules;

/// Compiles the policy for `tier`, or ends the build and says what is missing.
pub(crate) fn embed(tier: Tier, keep: impl Fn(Policy) -> Policy) {
    embed_policy::embed(|policy| {
        if needs_origin_rules(&policy, tier) && env::var_os("CARGO_FEATURE_ORIGIN_RULES").is_none() {
            eprintln!(
                "the policy keeps a class on the device whose lifetimes the origin sets: it needs `--features origin-rules`"
            );
            process::exit(1);
        }
        keep(policy)
    });
}
