//! `cargo xtask build`: a policy and five crates become what can be deployed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tiercel_core::policy::document::describe;

use crate::{bundle, check, precache::Manifest, progress, setup, sizes, workspace::Workspace};

/// The policy that is compiled in when none is named.
pub(crate) const DEFAULT_POLICY: &str = "policies/videomi.json";

/// `cargo xtask build`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The policy to compile in
    #[arg(long, value_name = "FILE", default_value = DEFAULT_POLICY)]
    pub(crate) policy: PathBuf,
    /// Where the bundles go
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub(crate) out: PathBuf,
    /// The built app (index.html, assets) that the Service Worker fetches when it is installed, and answers from then on
    #[arg(long, value_name = "DIR")]
    pub(crate) precache: Option<PathBuf>,
    /// Build this part alone, with what it needs (may be repeated)
    #[arg(long, value_name = "PART", default_value = "all")]
    pub(crate) only: Vec<Part>,
}

/// A bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Part {
    /// The edge Worker: dist/edge, for `wrangler deploy`
    Edge,
    /// The Service Worker: dist/sw.js
    Sw,
    /// The client SDK: dist/sdk, an npm package
    Sdk,
    /// The demo's origin Worker: dist/demo/origin
    Origin,
    /// The demo's page: dist/demo/web (needs and builds sw and sdk)
    Web,
    /// Everything, and the policy's documentation: dist/policy.md (the demo only with its own policy)
    All,
}

/// Builds and prints the sizes.
///
/// # Errors
/// Those of the tools, and a policy that cannot be read.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    let policy = policy_path(&workspace, &args.policy)?;
    let app = args.precache.as_deref().map_or_else(|| Ok(Manifest::default()), Manifest::of)?;
    build_with(&workspace, &policy, &workspace.path(&args.out), &args.only, &app)?;
    Ok(ExitCode::SUCCESS)
}

/// Where a policy named on the command line is: the default one in the repository, any other where the user is.
///
/// # Errors
/// When there is no such file.
pub(crate) fn policy_path(workspace: &Workspace, named: &Path) -> Result<PathBuf> {
    let base = match named == Path::new(DEFAULT_POLICY) {
        true => workspace.root.clone(),
        false => std::env::current_dir().context("the current directory is gone")?,
    };
    let path = base.join(named);
    path.canonicalize().with_context(|| format!("there is no policy {}", path.display()))
}

/// Whether this is the built-in policy: that file, and no other of its name.
pub(crate) fn is_default(workspace: &Workspace, policy: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    real(policy).is_some_and(|policy| real(&workspace.path(DEFAULT_POLICY)) == Some(policy))
}

/// Builds the parts into `out`.
///
/// # Errors
/// Those of the tools, and a policy that cannot be read.
pub(crate) fn build(workspace: &Workspace, policy: &Path, out: &Path, parts: &[Part]) -> Result<()> {
    build_with(workspace, policy, out, parts, &Manifest::default())
}

/// The same with a Service Worker that keeps `app`. (The demo's page always has one that keeps it.)
///
/// # Errors
/// Those of the tools, and a policy that cannot be read.
pub(crate) fn build_with(
    workspace: &Workspace,
    policy: &Path,
    out: &Path,
    parts: &[Part],
    app: &Manifest,
) -> Result<()> {
    let started = Instant::now();
    let Some(compiled) = check::read_and_report(workspace, policy)?.policy else {
        bail!("the policy has errors, nothing was built");
    };
    setup::for_build(workspace)?;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;

    // The demo is Videomi's: under another policy it would show nothing.
    let is_demo = is_default(workspace, policy);
    let all = |part| parts.contains(&Part::All) && (is_demo || !matches!(part, Part::Origin | Part::Web));
    let wants = |part| parts.contains(&part) || all(part);
    let mut made = Vec::new();
    if parts.contains(&Part::All) {
        let file = out.join("policy.md");
        fs::write(&file, describe(&compiled)).with_context(|| format!("cannot write {}", file.display()))?;
        made.push(file);
    }
    if wants(Part::Edge) {
        made.extend(bundle::edge(workspace, policy, &compiled, &out.join("edge"))?);
    }
    let mut wasm = None;
    if wants(Part::Sw) || wants(Part::Web) {
        let built = wasm.insert(bundle::service_worker_wasm(workspace, policy, &compiled)?);
        made.extend(bundle::service_worker(workspace, built, &compiled, app, &out.join("sw.js"))?);
    }
    if wants(Part::Sdk) || wants(Part::Web) {
        made.extend(bundle::sdk(workspace, policy, &compiled, &out.join("sdk"))?);
    }
    if wants(Part::Origin) {
        made.extend(bundle::origin(workspace, policy, &out.join("demo/origin"))?);
    }
    if let Some(wasm) = wasm.filter(|_| wants(Part::Web)) {
        made.extend(bundle::web(workspace, &wasm, &compiled, out)?);
    }
    sizes::print(&workspace.root, &made)?;
    progress::say(&format!("\n  {} → {} in {:.1} s", policy.display(), out.display(), started.elapsed().as_secs_f32()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{DEFAULT_POLICY, is_default};
    use crate::workspace::Workspace;

    #[test]
    fn the_built_in_policy_is_a_file_and_no_name() {
        let workspace = Workspace::locate().expect("cargo metadata answers");
        let app = workspace.scratch("another-app");
        let theirs = app.join(DEFAULT_POLICY);
        fs::create_dir_all(theirs.parent().expect("policies/")).expect("a directory");
        fs::copy(workspace.path(DEFAULT_POLICY), &theirs).expect("a copy");
        let cases = [
            (workspace.path(DEFAULT_POLICY), true),
            (workspace.path("tests/../policies/videomi.json"), true),
            (workspace.path("policies/http.json"), false),
            (theirs, false),
            (app.join("nothing.json"), false),
        ];
        for (policy, expected) in cases {
            assert_eq!(is_default(&workspace, &policy), expected, "{}", policy.display());
        }
        fs::remove_dir_all(&app).expect("the copy goes");
    }
}
