//! `cargo xtask explain`

use std::process::ExitCode;

use anyhow::{Result, bail};

/// `cargo xtask explain`
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Not wired yet.
///
/// # Errors
/// Always, until the policy core is there.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    bail!("`explain` is not wired yet")
}
