//! Shared by the build scripts of the tiers: compiles the policy file that `TIERCEL_POLICY` names (default
//! `policies/videomi.json`) into `$OUT_DIR/policy.bin`. A policy with errors refuses the build, and so does one that needs
//! what is not compiled in.

use std::path::PathBuf;
use std::{env, fs, process};

use tiercel_core::engine::Tier;
use tiercel_core::policy::Policy;
use tiercel_core::policy::document::{Level, features, read};

/// Compiles what `keep` leaves of the policy for `tier`, or ends the build with a list of what is wrong.
pub(crate) fn embed(tier: Tier, keep: impl Fn(Policy) -> Policy) {
    println!("cargo:rerun-if-env-changed=TIERCEL_POLICY");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    let file = env::var_os("TIERCEL_POLICY").map_or_else(|| root.join("policies/videomi.json"), PathBuf::from);
    println!("cargo:rerun-if-changed={}", file.display());
    let text = fs::read_to_string(&file).unwrap_or_else(|error| {
        eprintln!("cannot read the policy {}: {error}", file.display());
        process::exit(1);
    });
    let reading = read(&text);
    for found in reading.diagnostics.iter().filter(|d| d.level == Level::Error) {
        let (place, id) = (&found.place, found.id);
        eprintln!(
            "{}:{}:{}: error[{id}]: {} ({})",
            file.display(),
            place.line,
            place.column,
            found.message,
            found.help
        );
    }
    let Some(policy) = reading.policy else { process::exit(1) };
    for feature in features(&policy, tier) {
        let variable = format!("CARGO_FEATURE_{}", feature.to_uppercase().replace('-', "_"));
        if env::var_os(variable).is_none() {
            eprintln!("{}: this policy needs `--features {feature}`", file.display());
            process::exit(1);
        }
    }
    let policy = keep(policy);
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("policy.bin");
    if let Err(error) = fs::write(&out, policy.encode()) {
        eprintln!("cannot write {}: {error}", out.display());
        process::exit(1);
    }
}
