//! `cargo xtask setup`: what building and testing need. Every other command calls the parts it wants.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{
    browser::{CHROMIUM, FIREFOX},
    command::Run,
    node, npm, progress,
    workspace::Workspace,
};

/// What the tiers are compiled for.
pub(crate) const SHIPPED_TARGET: &str = "wasm32-unknown-unknown";

/// What the core's own tests are compiled for, besides the host. The same 32-bit machine as
/// [`SHIPPED_TARGET`], but with an exit status and a stderr, so that the ordinary test harness runs on it.
pub(crate) const TESTED_TARGET: &str = "wasm32-wasip1";

/// `cargo xtask setup`
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Installs everything and says what is there.
///
/// # Errors
/// Names what is missing and the cure.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    for_build(&workspace)?;
    wasm_target(TESTED_TARGET)?;
    let chromium = CHROMIUM.find()?;
    let firefox = FIREFOX.find().map_or_else(|error| format!("none: {error:#}"), |path| path.display().to_string());
    progress::say(&format!("Node      {}", node::check()?));
    progress::say(&format!("browsers  {}", chromium.display()));
    progress::say(&format!("          {firefox}"));
    progress::say(&format!("targets   {SHIPPED_TARGET}, {TESTED_TARGET}"));
    progress::say("npm       packages as in package-lock.json");
    Ok(ExitCode::SUCCESS)
}

/// What `build` and `dev` need.
///
/// # Errors
/// Names what is missing and the cure.
pub(crate) fn for_build(workspace: &Workspace) -> Result<()> {
    node::check()?;
    npm::install(workspace)?;
    wasm_target(SHIPPED_TARGET)
}

/// Makes sure that a target's standard library is installed.
///
/// # Errors
/// When it is not, and rustup cannot install it.
pub(crate) fn wasm_target(target: &str) -> Result<()> {
    let library = Run::new("rustc").args(["--print", "target-libdir", "--target", target]).output()?;
    let has_core = std::fs::read_dir(library.trim()).is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore-")))
    });
    if has_core {
        return Ok(());
    }
    progress::step(&format!("Rust target {target}: rustup target add"), || {
        Run::new("rustup").args(["target", "add", target]).output().map(drop).with_context(|| {
            format!("the Rust target {target} is missing: install it with rustup (https://rustup.rs) or your distribution's packages")
        })
    })
}
