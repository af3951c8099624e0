//! `cargo xtask bench day`: a simulated day of Videomi's users, and what of it the devices and the edge keep from the origin.
//! The day itself is in `tests/benches/day`, which says what is simulated and why the users do what they do.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{
    edge,
    report::{self, Row, Target},
};
use crate::{
    command::Run,
    progress::{say, step},
    workspace::Workspace,
};

/// As many users as the targets are for.
const USERS: usize = 1_000;
/// Enough for a look.
const FEW: usize = 20;

/// `cargo xtask bench day`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A few users: good for a look, not for a claim
    #[arg(long)]
    quick: bool,
    /// So many users
    #[arg(long, value_name = "N", conflicts_with = "quick")]
    users: Option<usize>,
    /// Another day
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// So many days, of which the last one counts; before it, stores are filled
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// Each card of the library shows its rating and its progress, as the demo's page has it
    #[arg(long)]
    cards: bool,
    /// The edge alone: devices keep nothing
    #[arg(long)]
    no_devices: bool,
    /// Measure this built edge instead of building one
    #[arg(long, value_name = "DIR")]
    edge: Option<PathBuf>,
}

/// Measures and publishes.
///
/// # Errors
/// When the day does not come to its end, or the edge has counted something else than its clients saw.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::locate()?;
    let edge = edge::built(&workspace, args.edge.as_deref())?;
    let users = args.users.unwrap_or(if args.quick { FEW } else { USERS });
    // What is counted is the same however fast it is.
    let cargo =
        Run::new("cargo").args(["bench", "--quiet", "--profile", "dev", "-p", "tiercel-e2e", "--bench", "day", "--"]);
    let numbers =
        [("--users", users.to_string()), ("--seed", args.seed.to_string()), ("--days", args.days.to_string())];
    let bench = numbers.iter().fold(cargo.arg("--edge").arg(&edge), |run, (name, value)| run.arg(name).arg(value));
    let bench = bench.args(args.cards.then_some("--cards")).args(args.no_devices.then_some("--no-devices"));
    let what = format!("{} days of {users} users, by the seed {}", args.days, args.seed);
    let text = step(&what, || bench.dir(&workspace.root).output())?;

    let told: Value = serde_json::from_str(&text).context("tests/benches/day told no figures")?;
    let rows: Vec<Row> = told["rows"].as_array().into_iter().flatten().map(row).collect::<Result<_>>()?;
    for advice in told["about"]["recommendations"].as_array().into_iter().flatten() {
        let part = |name: &str| advice[name].as_str().unwrap_or_default();
        if part("kind") == "too-little-data" {
            continue;
        }
        say(&format!("  the edge recommends: {} ({})", part("kind"), part("field")));
    }
    let mut about = told["about"].clone();
    about["bench"] = "day".into();
    if users < USERS {
        say(&format!("{users} users: a look, not a claim"));
    }
    report::publish(&rows, about, &workspace.target.join("bench/day.json"))
}

/// `{id, what, value, least, of}`
fn row(told: &Value) -> Result<Row> {
    let text = |name: &str| told[name].as_str().map(str::to_owned).with_context(|| format!("no `{name}` in {told}"));
    Ok(Row {
        id: text("id")?,
        what: text("what")?,
        value: told["value"].as_f64().with_context(|| format!("no `value` in {told}"))?,
        unit: "%",
        target: told["least"].as_f64().map(Target::AtLeast),
        of: text("of")?,
    })
}
