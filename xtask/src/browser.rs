//! A Chromium for the tests.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{command::Run, progress};

const NAMES: [&str; 4] = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser"];

/// Where Chrome lives when it is not on `PATH`.
const PLACES: [&str; 1] = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

const CURE: &str = "install Chrome or Chromium, or set CHROME to the path of its binary";

/// The browser to test with: `CHROME`, else one that is installed, else (on Debian, as root) one from apt.
///
/// # Errors
/// When there is none and none can be installed, with the cure.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(path) = env::var_os("CHROME").map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        bail!("CHROME is {}, and there is no such file; {CURE}", path.display());
    }
    if let Some(path) = installed() {
        return Ok(path);
    }
    install()?;
    installed().with_context(|| format!("apt-get installed chromium, yet no browser is on PATH; {CURE}"))
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).flat_map(|dir| NAMES.map(|name| dir.join(name)));
    on_path.chain(PLACES.map(PathBuf::from)).find(|candidate| candidate.is_file())
}

fn install() -> Result<()> {
    let has_apt = Path::new("/usr/bin/apt-get").is_file();
    let is_root = has_apt && Run::new("id").arg("-u").output().is_ok_and(|id| id.trim() == "0");
    if !is_root {
        bail!("no Chrome or Chromium found, and only root on Debian can be helped by apt-get here; {CURE}");
    }
    progress::step("browser: apt-get install chromium", || {
        Run::new("apt-get").args(["-q", "update"]).output()?;
        Run::new("apt-get")
            .args(["-q", "install", "-y", "--no-install-recommends", "chromium"])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output()
            .context(CURE)?;
        Ok(())
    })
}
