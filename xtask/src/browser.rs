//! The browsers that the tests run in.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{command::Run, progress};

/// A browser, and where one may be.
pub(crate) struct Browser {
    name: &'static str,
    /// The variable that names its binary.
    variable: &'static str,
    /// What it is called on `PATH`.
    names: &'static [&'static str],
    /// Where it lives when it is not on `PATH`.
    places: &'static [&'static str],
    /// Debian's package.
    package: &'static str,
}

/// What every browser test runs in.
pub(crate) const CHROMIUM: Browser = Browser {
    name: "Chrome or Chromium",
    variable: "CHROME",
    names: &["google-chrome", "google-chrome-stable", "chromium", "chromium-browser"],
    places: &["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
    package: "chromium",
};

/// What the core of the Service Worker's tests runs in as well.
pub(crate) const FIREFOX: Browser = Browser {
    name: "Firefox",
    variable: "FIREFOX",
    names: &["firefox-esr", "firefox"],
    places: &["/Applications/Firefox.app/Contents/MacOS/firefox"],
    package: "firefox-esr",
};

impl Browser {
    /// The browser to test with: the one that the variable names, else one that is installed, else (on Debian, as root)
    /// one from apt.
    ///
    /// # Errors
    /// When there is none and none can be installed, with the cure.
    pub(crate) fn find(&self) -> Result<PathBuf> {
        if let Some(path) = env::var_os(self.variable).map(PathBuf::from) {
            if path.is_file() {
                return Ok(path);
            }
            bail!("{} is {}, and there is no such file; {}", self.variable, path.display(), self.cure());
        }
        if let Some(path) = self.installed() {
            return Ok(path);
        }
        self.install()?;
        self.installed()
            .with_context(|| format!("apt-get installed {}, yet it is not on PATH; {}", self.package, self.cure()))
    }

    fn installed(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        let on_path = env::split_paths(&path).flat_map(|dir| self.names.iter().map(move |name| dir.join(name)));
        on_path.chain(self.places.iter().map(PathBuf::from)).find(|candidate| candidate.is_file())
    }

    fn install(&self) -> Result<()> {
        let has_apt = Path::new("/usr/bin/apt-get").is_file();
        let is_root = has_apt && Run::new("id").arg("-u").output().is_ok_and(|id| id.trim() == "0");
        if !is_root {
            bail!("no {} found, and only root on Debian can be helped by apt-get here; {}", self.name, self.cure());
        }
        progress::step(&format!("browser: apt-get install {}", self.package), || {
            Run::new("apt-get").args(["-q", "update"]).output()?;
            Run::new("apt-get")
                .args(["-q", "install", "-y", "--no-install-recommends", self.package])
                .env("DEBIAN_FRONTEND", "noninteractive")
                .output()
                .with_context(|| self.cure())?;
            Ok(())
        })
    }

    fn cure(&self) -> String {
        format!("install {}, or set {} to the path of its binary", self.name, self.variable)
    }
}
