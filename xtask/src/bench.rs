//! `cargo xtask bench`: where benchmarks are listed and run.

use std::process::ExitCode;

use anyhow::Result;

use crate::progress::say;

/// The benchmarks, each a name and what it measures.
const BENCHES: [(&str, &str); 0] = [];

/// `cargo xtask bench`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The benchmark to run; none lists them
    name: Option<String>,
}

/// Lists the benchmarks. Exits with 2 where the one asked for does not exist.
///
/// # Errors
/// None yet.
#[expect(clippy::unnecessary_wraps, reason = "every command returns a result")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(name) = &args.name {
        say(&format!("there is no benchmark `{name}`"));
    }
    if BENCHES.is_empty() {
        say("There are no benchmarks yet. They will be listed here.");
    }
    for (name, measures) in BENCHES {
        say(&format!("  {name:12} {measures}"));
    }
    Ok(ExitCode::from(2))
}
