//! `cargo xtask test`: the units, the edge in workerd, the Service Worker and the SDK in a browser.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::{
    browser::{CHROMIUM, FIREFOX},
    build::{self, Part},
    command::Run,
    node,
    precache::Manifest,
    progress::{paint, say, step},
    setup::{self, TESTED_TARGET},
    sizes,
    tally::Tally,
    workspace::{Workspace, files_below},
};

const E2E: &str = "tiercel-e2e";

/// What the live tests of the edge are called: `tests/tests/edge_*.rs`.
const EDGE_PREFIX: &str = "edge_";

/// `cargo xtask test`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The parts to run; none means all
    parts: Vec<Filter>,
}

/// A part of the tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Filter {
    /// The core on this machine and on wasm32, the tools, the simulated world
    Units,
    /// The built Workers, in workerd
    Edge,
    /// sw.js and the SDK, in Chromium
    Browser,
}

impl Filter {
    fn name(self) -> &'static str {
        match self {
            Self::Units => "units",
            Self::Edge => "edge",
            Self::Browser => "browser",
        }
    }
}

/// Runs the parts, then says what passed. Every part runs, whatever became of the ones before.
///
/// # Errors
/// When the machine cannot be prepared. Failing tests are no error but a failing exit code.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    let parts = match args.parts.as_slice() {
        [] => Filter::value_variants().to_vec(),
        some => some.to_vec(),
    };
    prepare(&workspace, &parts)?;
    let mut lines = Vec::new();
    let mut total = Tally::default();
    let mut broken = Vec::new();
    for part in parts {
        say(&format!("\n{}", paint(&format!("── {} ──", part.name()), "1")));
        let started = Instant::now();
        let mut tally = Tally::default();
        let outcome = match part {
            Filter::Units => units(&workspace, &mut tally),
            Filter::Edge => edge(&workspace, &mut tally),
            Filter::Browser => in_browser(&workspace, &mut tally),
        };
        let note = match &outcome {
            Ok(()) => String::new(),
            Err(error) => format!("  {}", paint(&format!("{error:#}"), "31")),
        };
        if outcome.is_err() {
            broken.push(part.name());
        }
        lines.push(format!("  {:8} {tally}, {:.0} s{note}", part.name(), started.elapsed().as_secs_f32()));
        total += tally;
    }
    say(&format!("\n{}\n", lines.join("\n")));
    if broken.is_empty() {
        say(&format!("{total}"));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{total}; {} did not succeed", broken.join(" and ")));
    Ok(ExitCode::FAILURE)
}

fn prepare(workspace: &Workspace, parts: &[Filter]) -> Result<()> {
    setup::for_build(workspace)?;
    if parts.contains(&Filter::Units) {
        setup::wasm_target(TESTED_TARGET)?;
    }
    if parts.contains(&Filter::Browser) {
        CHROMIUM.find()?;
    }
    Ok(())
}

fn units(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let simulated = workspace.test_targets(E2E).into_iter().filter(|name| !name.starts_with(EDGE_PREFIX));
    let simulated: Vec<&str> = simulated.flat_map(|name| ["--test", name]).collect();
    let runs = [
        ("core and tools", cargo(workspace, &["-p", "tiercel-core", "--all-features", "-p", "xtask"])),
        ("what runs anywhere of SDK and origin", cargo(workspace, &["-p", "tiercel-sdk", "-p", "videomi-origin"])),
        ("simulated world", cargo(workspace, &["-p", E2E, "--lib"]).args(simulated)),
        // wasip1 is the same machine as the shipped wasm32-unknown-unknown, with an exit status and a stderr, so that
        // the very same tests run on it. `--lib`: documentation tests have no runner.
        ("core on wasm32", on_wasm(workspace)),
    ];
    let mut worst = Ok(());
    for (name, run) in runs {
        worst = worst.and(tally.cargo(name, run));
    }
    let scripts = test_scripts(&workspace.path("demo/web/tests"));
    if !scripts.is_empty() {
        worst = worst.and(tally.node("page's units", node_tests(workspace, scripts)));
    }
    worst
}

fn on_wasm(workspace: &Workspace) -> Run {
    let runner =
        format!("{} --no-warnings {}", node::binary().display(), workspace.path("tools/run-wasi.mjs").display());
    cargo(workspace, &["-p", "tiercel-core", "--all-features", "--tests", "--target", TESTED_TARGET])
        .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner)
}

fn edge(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let dist = default_dist(workspace);
    build::build(workspace, &workspace.path(build::DEFAULT_POLICY), &dist, &[Part::Edge, Part::Origin])?;
    let accepted = step("wrangler deploy --dry-run accepts dist/edge", || deployable(workspace, &dist.join("edge")));
    let small = step("dist/edge is small", || sizes::at_most(&[dist.join("edge/index_bg.wasm")], LARGEST_EDGE));
    let http = dist.join("http");
    build::build(workspace, &workspace.path("policies/http.json"), &http, &[Part::Edge])?;
    let history = dist.join("history");
    build::build(workspace, &workspace.path("tests/policies/history.json"), &history, &[Part::Edge])?;
    let auth = dist.join("auth");
    for name in AUTH {
        let policy = workspace.path(format!("tests/cases/auth/{name}.json"));
        build::build(workspace, &policy, &auth.join(name), &[Part::Edge])?;
    }
    let origin = node_tests(workspace, test_scripts(&workspace.path("demo/origin/tests"))).env("TIERCEL_DIST", &dist);
    let worst = accepted.and(small).and(tally.node("the demo's origin", origin));
    ensure!(
        workspace.test_targets(E2E).iter().any(|name| name.starts_with(EDGE_PREFIX)),
        "{E2E} has no test called {EDGE_PREFIX}*"
    );
    let live = cargo(workspace, &["-p", E2E, "--test", &format!("{EDGE_PREFIX}*")]);
    let live = live.env("TIERCEL_DIST", &dist).env("TIERCEL_DIST_HTTP", &http);
    let live = live.env("TIERCEL_DIST_HISTORY", &history).env("TIERCEL_DIST_AUTH", &auth);
    worst.and(tally.cargo("the edge", live))
}

/// The policies in tests/cases/auth: each way to prove who asks, beside that of the built-in policy.
const AUTH: [&str; 4] = ["rs256", "es256", "eddsa", "introspection"];

/// The edge's wasm, as gzip sends it, in bytes.
const LARGEST_EDGE: usize = 120_000;

/// The Service Worker, as gzip sends it, in bytes: what has been reached on the way to 32 KB. It only goes down.
const LARGEST_SW: usize = 82_000;

/// What an app downloads of the SDK without React and the inspector, each file as gzip sends it, in bytes: what has been reached on
/// the way to 60 KB. It only goes down.
const LARGEST_SDK: usize = 140_000;

/// Holds the SDK to its size.
fn small_sdk(sdk: &Path) -> Result<()> {
    let mut files = files_below(sdk)?;
    files.retain(|file| {
        let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let is_optional = ["react.", "inspector", "policy."].iter().any(|optional| name.starts_with(optional));
        !is_optional && (name.ends_with(".js") || name.ends_with(".wasm"))
    });
    sizes::at_most(&files, LARGEST_SDK)
}

/// Whether Cloudflare's own tool takes the bundle as it is. It stays on this machine.
fn deployable(workspace: &Workspace, edge: &Path) -> Result<()> {
    let run = node::package(workspace, "wrangler/bin/wrangler.js").args(["deploy", "--dry-run", "--outdir"]);
    run.arg(workspace.scratch("dry-run"))
        .dir(edge)
        .env("WRANGLER_SEND_METRICS", "false")
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("CI", "1")
        .output()
        .map(drop)
}

fn in_browser(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let dist = default_dist(workspace);
    build::build(workspace, &workspace.path(build::DEFAULT_POLICY), &dist, &[Part::All])?;
    let scripts = test_scripts(&workspace.path("tests/browser"));
    ensure!(!scripts.is_empty(), "tests/browser holds no *.test.mjs");
    releases(workspace, &dist.join("lifecycle"))?;
    build::build(workspace, &workspace.path("tests/policies/opaque.json"), &dist.join("opaque"), &[Part::Sw])?;
    let small = step("dist/sw.js is small", || sizes::at_most(&[dist.join("sw.js")], LARGEST_SW));
    let small = small.and(step("dist/sdk is small", || small_sdk(&dist.join("sdk"))));
    let mut run = node_tests(workspace, scripts).env("TIERCEL_DIST", &dist).env("CHROME", CHROMIUM.find()?);
    match FIREFOX.find() {
        Ok(firefox) => run = run.env("FIREFOX", firefox),
        Err(error) => say(&format!("– Firefox: its tests are skipped: {error:#}")),
    }
    small.and(tally.node("the browsers", run))
}

/// Two releases of an app, each with its Service Worker: the second goes by another version of the policy.
fn releases(workspace: &Workspace, dist: &Path) -> Result<()> {
    let first = workspace.path("tests/policies/lifecycle.json");
    let text = fs::read_to_string(&first).with_context(|| format!("cannot read {}", first.display()))?;
    let second = workspace.scratch("lifecycle-2.json");
    fs::write(&second, text.replacen("\"version\": 1", "\"version\": 2", 1))
        .with_context(|| format!("cannot write {}", second.display()))?;
    for (name, policy) in [("1", first), ("2", second)] {
        let app = Manifest::of(&workspace.path("tests/browser/app").join(name))?;
        build::build_with(workspace, &policy, &dist.join(name), &[Part::Sw], &app)?;
    }
    Ok(())
}

fn default_dist(workspace: &Workspace) -> PathBuf {
    workspace.path("dist")
}

fn cargo(workspace: &Workspace, args: &[&str]) -> Run {
    Run::new("cargo").args(["test", "--no-fail-fast"]).args(args).dir(&workspace.root)
}

/// How long one file of JavaScript tests may take, in milliseconds. The longest takes a minute or two; one that hangs fails by its
/// name instead of holding up the run for ever.
const FILE_LIMIT: u32 = 600_000;

/// Files, not a directory: what `node --test DIR` means has changed between versions.
fn node_tests(workspace: &Workspace, scripts: Vec<PathBuf>) -> Run {
    // One at a time: each starts a workerd or a browser.
    Run::new(node::binary())
        .args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
        .arg(format!("--test-timeout={FILE_LIMIT}"))
        .args(scripts)
        .dir(&workspace.root)
}

fn test_scripts(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()));
    let files = entries.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let mut scripts: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    scripts.sort();
    scripts
}
