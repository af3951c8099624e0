//! The npm packages, installed exactly as package-lock.json says.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{command::Run, progress, workspace::Workspace};

/// Runs `npm ci` when `node_modules` is missing or was installed from another lock file.
///
/// # Errors
/// When the lock file cannot be read or npm fails, with the cure.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let lock_path = workspace.path("package-lock.json");
    let lock = fs::read(&lock_path).with_context(|| format!("cannot read {}", lock_path.display()))?;
    let wanted = hex(&Sha256::digest(&lock));
    if fs::read_to_string(stamp(workspace)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    progress::step("npm packages: npm ci", || {
        Run::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .dir(&workspace.root)
            .status()
            .context("the npm packages could not be installed: npm comes with Node, and needs the npm registry the first time")?;
        fs::write(stamp(workspace), &wanted).context("cannot write the stamp into node_modules")
    })
}

/// Holds the hash of the lock file that `node_modules` was installed from. Inside it, so that removing the one
/// removes the other.
fn stamp(workspace: &Workspace) -> PathBuf {
    workspace.path("node_modules/.tiercel-lock-sha256")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
