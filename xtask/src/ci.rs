//! `cargo xtask ci`: everything but the tests that must hold before a change is merged.

use std::{fs, process::ExitCode};

use anyhow::{Result, ensure};

use crate::{
    build, check,
    command::Run,
    progress::{say, step},
    setup::{self, SHIPPED_TARGET},
    workspace::Workspace,
};

/// Crates that only exist on wasm.
const WASM_CRATES: [&str; 4] = ["tiercel-edge", "tiercel-sw", "tiercel-sdk", "videomi-origin"];

/// `cargo xtask ci`
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Format, lints, generated files, licences.
///
/// # Errors
/// The first check that fails.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    setup::wasm_target(SHIPPED_TARGET)?;
    step("format", || cargo(&workspace, &["fmt", "--all", "--check"]).status())?;
    step("clippy, host", || {
        let wasm_crates = WASM_CRATES.iter().flat_map(|name| ["--exclude", name]);
        let lints = cargo(&workspace, &["clippy", "--workspace", "--all-targets", "--all-features"]);
        lints.args(wasm_crates).args(["--", "-D", "warnings"]).status()
    })?;
    step("clippy, wasm", || {
        let wasm_crates = WASM_CRATES.iter().flat_map(|name| ["-p", name]);
        let lints = cargo(&workspace, &["clippy", "--target", SHIPPED_TARGET]);
        lints.args(wasm_crates).args(["--", "-D", "warnings"]).status()
    })?;
    step("generated files are fresh", || generated_files(&workspace))?;
    licences(&workspace)?;
    Ok(ExitCode::SUCCESS)
}

/// Compares every generated file with what would be generated now.
fn generated_files(workspace: &Workspace) -> Result<()> {
    for (file, text) in check::generated(workspace) {
        let stale = fs::read_to_string(&file).unwrap_or_default() != text;
        ensure!(!stale, "{} is stale: run `cargo xtask check --write-schema`", file.display());
    }
    Ok(())
}

/// cargo-deny is not part of Rust; a machine without it skips the check and says so.
fn licences(workspace: &Workspace) -> Result<()> {
    if cargo(workspace, &["deny", "--version"]).output().is_err() {
        say("– licences: not checked, cargo-deny is not installed (`cargo install cargo-deny`)");
        return Ok(());
    }
    step("licences: cargo deny", || cargo(workspace, &["deny", "check", "bans", "licenses", "sources"]).status())
}

fn cargo(workspace: &Workspace, args: &[&str]) -> Run {
    Run::new("cargo").args(args).env("TIERCEL_POLICY", workspace.path(build::DEFAULT_POLICY)).dir(&workspace.root)
}

#[cfg(test)]
mod tests {
    use crate::{command::Run, workspace::Workspace};

    /// The core is compiled into every tier and simulated in tests: it may know no runtime.
    #[test]
    fn the_core_depends_on_no_runtime() {
        const RUNTIMES: [&str; 8] =
            ["async-std", "futures", "js-sys", "tokio", "wasm-bindgen", "web-sys", "worker", "worker-sys"];
        let workspace = Workspace::locate().expect("cargo metadata answers");
        // `all`: a dependency that only some target has counts as well.
        let tree = ["tree", "-p", "tiercel-core", "--all-features", "-e", "normal,no-proc-macro", "--target", "all"];
        let listed =
            Run::new("cargo").args(tree).args(["--prefix", "none", "--format", "{p}"]).dir(&workspace.root).output();
        let listed = listed.expect("cargo tree answers");
        let packages: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(packages.contains(&"tiercel-core"), "cargo tree lists the core itself:\n{listed}");
        for runtime in RUNTIMES {
            assert!(!packages.contains(&runtime), "the core depends on {runtime}:\n{listed}");
        }
    }
}
