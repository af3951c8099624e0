//! `cargo xtask bench sdk`: the client SDK beside Dexie and IndexedDB by hand, in one browser, round by round.

use anyhow::Result;
use serde_json::json;

use super::report::Row;
use super::rounds::{self, Found, row};
use crate::{
    browser::CHROMIUM,
    build::{self, Part},
    setup,
    workspace::Workspace,
};

/// `cargo xtask bench sdk`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fewer rounds: good for a look, not for a claim
    #[arg(long)]
    quick: bool,
}

/// Its local stores hold more than those of the built-in policy.
const POLICY: &str = "tools/bench/sdk.json";

/// Measures and publishes.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::locate()?;
    let dist = workspace.scratch("bench");
    build::build(&workspace, &workspace.path(POLICY), &dist, &[Part::Sdk])?;
    setup::for_build(&workspace)?;
    let (rounds, calls, visits) = if args.quick { (5, 15, 9) } else { (21, 31, 41) };
    let effort = json!({ "rounds": rounds, "calls": calls, "visits": visits });
    let order = json!({ "sdk": dist.join("sdk"), "chrome": CHROMIUM.find()?, "effort": effort });
    let found = Found::of(&workspace, "bench/sdk.mjs", &order, "the SDK, Dexie and IndexedDB in Chromium")?;
    rounds::publish(&rows(&found), "sdk", args.quick, &effort, &workspace.target)
}

fn rows(found: &Found) -> Vec<Row> {
    let size = |who: &str, what: &str| found.0[who][what].as_f64().unwrap_or(f64::NAN) / 1000.0;
    let [js, wasm] = ["js", "wasm"].map(|what| size("ours", what));
    let sizes = format!("JavaScript {js:.1} KB, wasm {wasm:.1} KB; Dexie {:.1} KB", size("dexie", "js"));
    let mut rows = vec![row("size", "the SDK, gzip", (js + wasm, "KB"), Some(60.0), sizes)];
    for (measure, what, beside_hand, beside_dexie) in [
        ("put1000", "put 1,000 records", Some(1.2), Some(1.0)),
        ("put10000", "put 10,000 records", Some(1.2), Some(1.0)),
        ("list", "list of 1,000", Some(1.2), Some(1.0)),
        ("paint", "first paint of a stored list, in React", Some(1.1), None),
        ("open", "open, to the first record", None, None),
        ("put", "put 1 record", None, None),
        ("get", "get by key", None, None),
        ("page", "page of 50 by index", None, None),
    ] {
        for (peer, name, most) in [("raw", "IndexedDB by hand", beside_hand), ("dexie", "Dexie", beside_dexie)] {
            let what = if peer == "raw" { format!("{what}, beside {name}") } else { format!("  beside {name}") };
            rows.push(found.ratio(&format!("{measure}-{peer}"), &what, ("ours", peer), measure, most));
        }
    }
    rows
}
