//! Node: found, new enough, and how scripts of `tools/` are run.

use std::{env, ffi::OsString, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{command::Run, workspace::Workspace};

/// The oldest Node that the npm packages accept (`engines` in package.json).
const OLDEST: (u32, u32) = (20, 3);

/// Checks that Node is there and new enough; `NODE` names another binary than the one on `PATH`.
///
/// # Errors
/// When it is missing or too old, with the cure.
pub(crate) fn check() -> Result<String> {
    let cure = format!("install Node {}.{} or newer (https://nodejs.org), or point NODE to it", OLDEST.0, OLDEST.1);
    let version = Run::new(binary()).arg("--version").output().with_context(|| cure.clone())?;
    let version = version.trim();
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        bail!("`node --version` says `{version}`, which is no version; {cure}");
    };
    if (major, minor) < OLDEST {
        bail!("Node {version} is too old; {cure}");
    }
    Ok(version.to_owned())
}

/// Node with a script of `tools/`.
pub(crate) fn tool(workspace: &Workspace, script: &str) -> Run {
    Run::new(binary()).arg(workspace.path("tools").join(script)).dir(&workspace.root)
}

/// Node with the entry point of an npm package, for example `binaryen/bin/wasm-opt`.
pub(crate) fn package(workspace: &Workspace, entry: &str) -> Run {
    Run::new(binary()).arg(workspace.path("node_modules").join(entry)).dir(&workspace.root)
}

/// The Node binary to run.
pub(crate) fn binary() -> PathBuf {
    env::var_os("NODE").unwrap_or_else(|| OsString::from("node")).into()
}
