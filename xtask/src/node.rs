//! Node: found, new enough, and how scripts of `tools/` are run.

use std::{env, ffi::OsString, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{command::Run, workspace::Workspace};

/// The oldest Node that all npm packages of package-lock.json accept.
const OLDEST: Version = (20, 18, 1);

/// Major, minor, patch.
type Version = (u32, u32, u32);

/// Checks that Node is there and new enough; `NODE` names another binary than the one on `PATH`.
///
/// # Errors
/// When it is missing or too old, with the cure.
pub(crate) fn check() -> Result<String> {
    let (major, minor, patch) = OLDEST;
    let cure = format!("install Node {major}.{minor}.{patch} or newer (https://nodejs.org), or point NODE to it");
    let version = Run::new(binary()).arg("--version").output().with_context(|| cure.clone())?;
    let version = version.trim();
    let Some(found) = numbers(version) else {
        bail!("`node --version` says `{version}`, which is no version; {cure}");
    };
    if found < OLDEST {
        bail!("Node {version} is too old; {cure}");
    }
    Ok(version.to_owned())
}

/// `v20.18.1`; what is left out is zero, and what stands behind the numbers (`-nightly…`) is left out.
fn numbers(version: &str) -> Option<Version> {
    let plain = version.trim_start_matches('v').split(['-', '+']).next()?;
    let mut parts = plain.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next().unwrap_or(Some(0))?, parts.next().unwrap_or(Some(0))?))
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

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::{OLDEST, numbers};
    use crate::workspace::Workspace;

    #[test]
    fn versions_are_read() {
        let cases = [
            ("v20.18.1", Some((20, 18, 1))),
            ("20.10", Some((20, 10, 0))),
            ("24", Some((24, 0, 0))),
            ("v23.0.0-nightly20240601abc", Some((23, 0, 0))),
            ("", None),
            ("v20.x.1", None),
            ("unknown", None),
        ];
        for (version, expected) in cases {
            assert_eq!(numbers(version), expected, "{version}");
        }
    }

    /// What the documents ask for is what is checked, and enough for every package that is installed everywhere.
    #[test]
    fn the_oldest_node_is_said_everywhere_and_is_enough() {
        let workspace = Workspace::locate().expect("cargo metadata answers");
        let read = |file: &str| fs::read_to_string(workspace.path(file)).expect(file);
        let json = |file: &str| serde_json::from_str::<Value>(&read(file)).expect(file);
        let (major, minor, patch) = OLDEST;
        let oldest = format!("{major}.{minor}.{patch}");
        for file in ["README.md", "CONTRIBUTING.md", ".ci/run", "xtask/src/main.rs"] {
            assert!(read(file).contains(&format!("{oldest} or newer")), "{file} asks for another Node than {oldest}");
        }
        let lock = json("package-lock.json");
        let packages = lock["packages"].as_object().expect("packages");
        for engines in [&json("package.json")["engines"], &packages[""]["engines"]] {
            assert_eq!(engines["node"], format!(">={oldest}"));
        }
        for (path, package) in packages.iter().filter(|(_, package)| package["optional"] != true) {
            let Some(range) = package["engines"]["node"].as_str() else { continue };
            assert!(range.split("||").any(accepts), "{path} is for Node {range}");
        }
    }

    /// Whether [`OLDEST`] is in a range: `>=20.3.0`, `>= 10.*`, `>=0.8.x`, `^20.0.0`, `20.*` or `*`.
    fn accepts(range: &str) -> bool {
        let range = range.trim();
        let from =
            |text: &str| numbers(text.trim().trim_end_matches(['.', 'x', '*'])).is_some_and(|from| from <= OLDEST);
        let is_of = |major: Option<&str>| major.is_some_and(|major| major.trim().parse() == Ok(OLDEST.0));
        match (range.strip_prefix(">="), range.strip_prefix('^')) {
            _ if range == "*" => true,
            (Some(version), _) => from(version),
            (_, Some(version)) => is_of(version.split('.').next()) && from(version),
            _ => is_of(range.strip_suffix(".*")),
        }
    }
}
