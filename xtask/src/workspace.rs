//! Where things are: the repository's root, cargo's target directory, the versions in Cargo.lock.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::Run;

/// The repository and what cargo knows of it.
pub(crate) struct Workspace {
    /// The directory that holds the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target directory, wherever the user has put it.
    pub(crate) target: PathBuf,
    metadata: Value,
}

impl Workspace {
    /// Asks `cargo metadata`.
    ///
    /// # Errors
    /// When cargo cannot read the workspace, for example because a manifest is broken.
    pub(crate) fn locate() -> Result<Self> {
        // CARGO_MANIFEST_DIR at run time, so that a binary built in one checkout and started in another by cargo
        // works on the latter.
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .parent()
            .context("the xtask crate has no parent directory: start it with `cargo xtask`")?
            .to_path_buf();
        let json = Run::new("cargo").args(["metadata", "--format-version", "1"]).dir(&root).output()?;
        let metadata: Value =
            serde_json::from_str(&json).context("`cargo metadata` printed something that is not JSON")?;
        let target =
            metadata["target_directory"].as_str().context("`cargo metadata` names no target directory")?.into();
        Ok(Self { root, target, metadata })
    }

    /// A path below the root.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// How a path is shown: from the root, where it is below it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Where intermediate files of the bundles live.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target.join("tiercel").join(name)
    }

    /// The version of a package in Cargo.lock.
    ///
    /// # Errors
    /// When the package is not in the lock file, or is there in several versions.
    pub(crate) fn locked_version(&self, package: &str) -> Result<&str> {
        let mut versions = self.metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|candidate| candidate["name"] == package)
            .filter_map(|candidate| candidate["version"].as_str());
        let Some(version) = versions.next() else {
            bail!("Cargo.lock has no package `{package}`");
        };
        if let Some(other) = versions.next() {
            bail!(
                "Cargo.lock has `{package}` twice, {version} and {other}; `cargo tree -i {package}@{other}` shows who asks for it"
            );
        }
        Ok(version)
    }

    /// The integration tests of a package, by name.
    pub(crate) fn test_targets(&self, package: &str) -> Vec<&str> {
        self.metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|candidate| candidate["name"] == package)
            .flat_map(|candidate| candidate["targets"].as_array().into_iter().flatten())
            .filter(|target| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test")))
            .filter_map(|target| target["name"].as_str())
            .collect()
    }
}

/// Every file below a directory.
///
/// # Errors
/// When one of its directories cannot be read.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
