//! `cargo xtask bench sw`: the Service Worker beside one written by hand and Workbox, in one browser, round by round.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::report::{Row, median};
use super::rounds::{self, Found, row};
use crate::{
    browser::CHROMIUM,
    build::{self, Part},
    precache::Manifest,
    setup,
    workspace::Workspace,
};

/// `cargo xtask bench sw`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fewer rounds: good for a look, not for a claim
    #[arg(long)]
    quick: bool,
    /// Measure this built script instead of building one
    #[arg(long, value_name = "FILE")]
    sw: Option<PathBuf>,
}

/// Measures and publishes.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::locate()?;
    let (sw, routed) = match &args.sw {
        Some(file) => (file.canonicalize().with_context(|| format!("there is no {}", file.display()))?, None),
        None => {
            // Not into dist/: what is there may be another policy's.
            let dist = workspace.scratch("bench");
            build::build(&workspace, &workspace.path(build::DEFAULT_POLICY), &dist, &[Part::Sw])?;
            (dist.join("sw.js"), Some(routed(&workspace)?))
        }
    };
    setup::for_build(&workspace)?;
    let (rounds, hits, films) = if args.quick { (7, 30, 5) } else { (31, 100, 11) };
    let effort = json!({ "rounds": rounds, "hits": hits, "films": films });
    let order = json!({ "sw": sw, "routed": routed, "chrome": CHROMIUM.find()?, "effort": effort });
    let found = Found::of(&workspace, "bench/sw.mjs", &order, "three Service Workers in Chromium")?;
    rounds::publish(&rows(&found), "sw", args.quick, &effort, &workspace.target)
}

/// A Service Worker that keeps one file of 2 KB, as `tools/bench/sw.mjs` serves it.
fn routed(workspace: &Workspace) -> Result<PathBuf> {
    let app = workspace.scratch("bench-app");
    let file = app.join("shell/asset.webp");
    fs::create_dir_all(app.join("shell")).with_context(|| format!("cannot make {}", app.display()))?;
    fs::write(&file, "x".repeat(2048)).with_context(|| format!("cannot write {}", file.display()))?;
    let dist = workspace.scratch("bench-routed");
    let policy = workspace.path(build::DEFAULT_POLICY);
    build::build_with(workspace, &policy, &dist, &[Part::Sw], &Manifest::of(&app)?)?;
    Ok(dist.join("sw.js"))
}

fn rows(found: &Found) -> Vec<Row> {
    let size = |who: &str| found.0[who]["size"].as_f64().unwrap_or(f64::NAN) / 1000.0;
    let sizes = format!("by hand {:.1} KB, Workbox {:.1} KB", size("hand"), size("workbox"));
    let mut rows = vec![row("size", "sw.js, gzip", (size("ours"), "KB"), Some(32.0), sizes)];
    for (id, what, who, measure, peer, most) in [
        ("warm-hand", "stored body of 2 KB, beside one by hand", "ours", "warm", "hand", Some(1.05)),
        ("warm-workbox", "  beside Workbox", "ours", "warm", "workbox", Some(0.65)),
        ("warm95-hand", "  95th percentile, beside one by hand", "ours", "warm95", "hand", None),
        ("warm95-workbox", "  95th percentile, beside Workbox", "ours", "warm95", "workbox", None),
        ("cold-hand", "first answer of a stopped worker, beside one by hand", "ours", "cold", "hand", Some(1.15)),
        ("cold-workbox", "  beside Workbox", "ours", "cold", "workbox", None),
        ("cold-routed", "  of a file of the app, by static routing", "routed", "cold", "hand", Some(0.5)),
        ("page-hand", "200 thumbnails at once, beside one by hand", "ours", "page", "hand", Some(1.0)),
        ("page-workbox", "  beside Workbox", "ours", "page", "workbox", None),
        ("range-hand", "1 MiB out of 64 MiB, beside one by hand", "ours", "range", "hand", None),
        ("range-workbox", "  beside Workbox", "ours", "range", "workbox", None),
    ] {
        if !found.0[who].is_null() {
            rows.push(found.ratio(id, what, (who, peer), measure, most));
        }
    }
    let mebibytes = |who: &str| median(found.all(who, "read")) / f64::from(1 << 20);
    if mebibytes("ours").is_finite() {
        let of = format!("by hand {:.2} MiB, Workbox {:.2} MiB", mebibytes("hand"), mebibytes("workbox"));
        rows.push(row("range-read", "read from files for it", (mebibytes("ours"), "MiB"), Some(4.0), of));
    }
    rows
}
