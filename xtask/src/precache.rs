//! The app that a Service Worker keeps: a directory of built files becomes a manifest with their revisions.

use std::{
    fs,
    path::{Component, Path},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tiercel_core::policy::{
    Policy,
    document::{Lifecycle, Rule, Source, lifecycle},
};

use crate::{progress::say, workspace::files_below};

/// What a URL's path escapes (WHATWG URL, "path percent-encode set"), and `%` itself: here it is part of a file's name.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// The files of an app.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// For each content: its SHA-256 in base64, and the paths that show it, the one to ask for first.
    files: Vec<(String, Vec<String>)>,
}

impl Manifest {
    /// Reads `dir`, the built app. Its files are pages and what they load: neither what begins with a dot, nor source
    /// maps, nor `sw.js` at its root.
    ///
    /// # Errors
    /// When it cannot be read, or holds nothing.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        ensure!(dir.is_dir(), "--precache: {} is no directory; build the app first", dir.display());
        let mut files = Vec::new();
        for file in files_below(dir)? {
            let below = file.strip_prefix(dir)?;
            let Some(path) = path_of(below) else { continue };
            let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let mut paths = vec![path];
            if let Some(directory) = paths[0].strip_suffix("index.html").filter(|directory| directory.ends_with('/')) {
                // First: some servers send whoever asks for the file there.
                paths.insert(0, directory.to_owned());
            }
            files.push((BASE64_STANDARD.encode(Sha256::digest(&content)), paths));
        }
        ensure!(!files.is_empty(), "--precache: {} holds no file", dir.display());
        files.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(Self { files })
    }

    /// Tells apart what the app consists of, in hexadecimal.
    pub(crate) fn revision(&self) -> String {
        let mut digest = Sha256::new();
        for (hash, paths) in &self.files {
            digest.update(format!("{hash} {}\n", paths.join(" ")));
        }
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What `tools/bundle-sw.mjs` writes into the Service Worker of `policy`.
    pub(crate) fn written(&self, policy: &Policy) -> Value {
        let paths: Vec<String> = self.files.iter().flat_map(|(_, paths)| paths.clone()).collect();
        let Lifecycle { precache, identity, ours, current, fallbacks, shell, named, preload, status, shown, rules } =
            lifecycle(policy, &paths, &self.revision());
        if let (Some(wanted), None) = (&policy.shell, &shell) {
            say(&format!("  no app shell: {wanted} is no file of --precache"));
        }
        let mut files: Vec<Value> = self.files.iter().map(|(hash, paths)| json!([hash, paths])).collect();
        files.extend(fallbacks.iter().map(|path| json!(["", [path]])));
        json!({
            "cache": precache, "identity": identity, "ours": ours, "current": current, "files": files, "shell": shell, "named": named,
            "preload": preload, "status": status, "shown": shown, "rules": rules.iter().map(rule).collect::<Vec<_>>(),
        })
    }
}

/// As `js/lifecycle.js` reads it: who answers, the path, a further condition.
fn rule(Rule { source, pathname, condition }: &Rule) -> Value {
    let source = match source {
        Source::Network => 0,
        Source::Worker => 1,
        Source::Precache => 2,
    };
    match condition {
        Some((name, value)) => json!([source, pathname.as_deref().unwrap_or(""), { *name: value }]),
        None => json!([source, pathname.as_deref().unwrap_or("")]),
    }
}

/// Where a file below the app's directory is found as a URL; `None` for what is no part of the app.
fn path_of(below: &Path) -> Option<String> {
    let mut path = String::new();
    for part in below.components() {
        let Component::Normal(name) = part else { return None };
        let name = name.to_str().filter(|name| !name.starts_with('.'))?;
        path.push('/');
        path.extend(utf8_percent_encode(name, PATH));
    }
    (!path.ends_with(".map") && path != "/sw.js").then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(files: &[(&str, &str)]) -> Manifest {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("tiercel-precache-{}-{number}", std::process::id()));
        for (name, content) in files {
            let file = dir.join(name);
            fs::create_dir_all(file.parent().expect("a directory")).expect("a directory is made");
            fs::write(file, content).expect("a file is written");
        }
        let manifest = Manifest::of(&dir);
        fs::remove_dir_all(&dir).expect("the directory is removed");
        manifest.expect("a manifest")
    }

    #[test]
    fn each_file_has_its_paths_and_its_hash() {
        let manifest = app(&[
            ("index.html", "<p>"),
            ("help/index.html", "<p>"),
            ("not-index.html", "x"),
            ("assets/a b%é.js", "x"),
            ("assets/a.js.map", "{}"),
            (".well-known/x", "x"),
            ("sw.js", "x"),
            ("lib/sw.js", "x"),
        ]);
        let paths: Vec<_> = manifest.files.iter().map(|(_, paths)| paths.join(" ")).collect();
        assert_eq!(
            paths,
            ["/ /index.html", "/assets/a%20b%25%C3%A9.js", "/help/ /help/index.html", "/lib/sw.js", "/not-index.html"]
        );
        // printf '<p>' | openssl dgst -sha256 -binary | base64
        assert_eq!(manifest.files[0].0, "M/J5lGcXcoeikmB4ChB6yY6mPdYWX2f8wNdHZ9CoIJA=");
    }

    #[test]
    fn a_revision_changes_with_names_and_contents_alone() {
        let first = app(&[("a.js", "1"), ("b.js", "2")]).revision();
        assert_eq!(first, app(&[("b.js", "2"), ("a.js", "1"), ("a.js.map", "{}")]).revision());
        for other in [app(&[("a.js", "1"), ("b.js", "3")]), app(&[("a.js", "2"), ("b.js", "1")]), app(&[("a.js", "1")])]
        {
            assert_ne!(first, other.revision());
        }
        assert!(first.bytes().all(|byte| byte.is_ascii_hexdigit()) && first.len() == 12);
    }
}
