//! `cargo xtask bench sw`: the Service Worker beside one written by hand and Workbox, in one browser, round by round.

use std::{fs, path::PathBuf, thread};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::report::{self, Row, Target, median};
use crate::{
    browser::CHROMIUM,
    build::{self, Part},
    node,
    precache::Manifest,
    progress::{say, step},
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
    let order = json!({ "sw": sw, "routed": routed, "chrome": CHROMIUM.find()?, "effort": effort }).to_string();
    let told =
        step("three Service Workers in Chromium", || node::tool(&workspace, "bench/sw.mjs").arg(order).output())?;
    let found: Value = serde_json::from_str(&told).context("tools/bench/sw.mjs did not print JSON")?;
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let about = json!({ "bench": "sw", "quick": args.quick, "cores": cores, "effort": effort });
    if args.quick {
        say("--quick: a look, not a claim");
    }
    report::publish(&Found(&found).rows(), about, &workspace.target.join("bench/sw.json"))
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

/// What the script prints.
struct Found<'a>(&'a Value);

impl Found<'_> {
    fn rows(&self) -> Vec<Row> {
        let size = |who: &str| self.0[who]["size"].as_f64().unwrap_or(f64::NAN) / 1000.0;
        let row = |id: &str, what: &str, value, unit, most: Option<f64>, of| Row {
            id: id.into(),
            what: what.into(),
            value,
            unit,
            target: most.map(Target::AtMost),
            of,
        };
        let sizes = format!("by hand {:.1} KB, Workbox {:.1} KB", size("hand"), size("workbox"));
        let mut rows = vec![row("size", "sw.js, gzip", size("ours"), "KB", Some(32.0), sizes)];
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
            if self.0[who].is_null() {
                continue;
            }
            let (own, theirs) = (self.all(who, measure), self.all(peer, measure));
            // Round by round, so that what slowed a round slowed both.
            let ratio = median(own.iter().zip(&theirs).map(|(own, theirs)| own / theirs));
            let of = format!("{:.2} ms, {:.2} ms", median(own), median(theirs));
            rows.push(row(id, what, ratio, "×", most, of));
        }
        let mebibytes = |who: &str| median(self.all(who, "read")) / f64::from(1 << 20);
        if mebibytes("ours").is_finite() {
            let of = format!("by hand {:.2} MiB, Workbox {:.2} MiB", mebibytes("hand"), mebibytes("workbox"));
            rows.push(row("range-read", "read from files for it", mebibytes("ours"), "MiB", Some(4.0), of));
        }
        rows
    }

    fn all(&self, who: &str, measure: &str) -> Vec<f64> {
        self.0[who][measure].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    }
}
