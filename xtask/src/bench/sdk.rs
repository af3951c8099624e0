//! `cargo xtask bench sdk`: the client SDK beside Dexie and IndexedDB by hand, in one browser, round by round.

use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::report::{self, Row, Target, median};
use crate::{
    browser::CHROMIUM,
    build::{self, Part},
    node,
    progress::{say, step},
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
    let order = json!({ "sdk": dist.join("sdk"), "chrome": CHROMIUM.find()?, "effort": effort }).to_string();
    let told = step("the SDK, Dexie and IndexedDB in Chromium", || {
        node::tool(&workspace, "bench/sdk.mjs").arg(order).output()
    })?;
    let found: Value = serde_json::from_str(&told).context("tools/bench/sdk.mjs did not print JSON")?;
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let about = json!({ "bench": "sdk", "quick": args.quick, "cores": cores, "effort": effort });
    if args.quick {
        say("--quick: a look, not a claim");
    }
    report::publish(&Found(&found).rows(), about, &workspace.target.join("bench/sdk.json"))
}

/// What the script prints.
struct Found<'a>(&'a Value);

impl Found<'_> {
    fn rows(&self) -> Vec<Row> {
        let row = |id: String, what: &str, value, unit, most: Option<f64>, of| Row {
            id,
            what: what.into(),
            value,
            unit,
            target: most.map(Target::AtMost),
            of,
        };
        let size = |who: &str, what: &str| self.0[who][what].as_f64().unwrap_or(f64::NAN) / 1000.0;
        let [js, wasm] = ["js", "wasm"].map(|what| size("ours", what));
        let sizes = format!("JavaScript {js:.1} KB, wasm {wasm:.1} KB; Dexie {:.1} KB", size("dexie", "js"));
        let mut rows = vec![row("size".into(), "the SDK, gzip", js + wasm, "KB", Some(60.0), sizes)];
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
                let (own, theirs) = (self.all("ours", measure), self.all(peer, measure));
                // Round by round, so that what slowed a round slowed both.
                let ratio = median(own.iter().zip(&theirs).map(|(own, theirs)| own / theirs));
                let of = format!("{:.2} ms, {:.2} ms", median(own), median(theirs));
                let what = if peer == "raw" { format!("{what}, beside {name}") } else { format!("  beside {name}") };
                rows.push(row(format!("{measure}-{peer}"), &what, ratio, "×", most, of));
            }
        }
        rows
    }

    fn all(&self, who: &str, measure: &str) -> Vec<f64> {
        self.0[who][measure].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    }
}
