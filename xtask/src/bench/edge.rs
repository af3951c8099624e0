//! `cargo xtask bench edge`: builds the edge, measures it beside its peers, prints what was promised and what is.

use std::{path::PathBuf, thread};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::{
    flow, media,
    report::{self, Row, Target},
    speed,
};
use crate::{
    build::{self, Part as Bundle},
    command::Run,
    progress::{say, step},
    setup, sizes,
    workspace::Workspace,
};

/// `cargo xtask bench edge`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fewer and shorter rounds: good for a look, not for a claim
    #[arg(long)]
    quick: bool,
    /// Measure this part alone (may be repeated)
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Measure this built edge instead of building one
    #[arg(long, value_name = "DIR")]
    edge: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// Size of the wasm
    Size,
    /// The core's decision, natively, beside http-cache-semantics
    Decision,
    /// Hits again and again on one key
    Hot,
    /// Hits from the store
    Store,
    /// Misses, one after the other
    Miss,
    /// 100 misses at once, and an hour without the origin
    Flow,
    /// A file of 1 GiB
    Media,
}

/// Measures and publishes.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::locate()?;
    let wants = |part| args.only.is_empty() || args.only.contains(&part);
    let edge = match &args.edge {
        Some(dir) => dir.canonicalize().with_context(|| format!("there is no {}", dir.display()))?,
        None => {
            // Not into dist/: what is there may be another policy's.
            let dist = workspace.scratch("bench");
            build::build(&workspace, &workspace.path(build::DEFAULT_POLICY), &dist, &[Bundle::Edge])?;
            dist.join("edge")
        }
    };
    setup::for_build(&workspace)?;

    let mut rows = Vec::new();
    if wants(Part::Size) {
        rows.push(size(&edge)?);
    }
    if wants(Part::Decision) {
        rows.extend(decision(&workspace, args.quick)?);
    }
    let stage = speed::Stage { workspace: &workspace, edge: &edge, effort: speed::Effort::of(args.quick) };
    if wants(Part::Hot) {
        rows.extend(stage.hot()?);
    }
    if wants(Part::Store) {
        rows.extend(stage.store()?);
    }
    if wants(Part::Miss) {
        rows.extend(stage.miss()?);
    }
    if wants(Part::Flow) {
        rows.extend(flow::measure(&workspace, &edge)?);
    }
    if wants(Part::Media) {
        rows.extend(media::measure(&workspace, &edge, args.quick)?);
    }
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let about = json!({ "bench": "edge", "quick": args.quick, "cores": cores, "effort": stage.effort.json() });
    if args.quick {
        say("--quick: a look, not a claim");
    }
    report::publish(&rows, about, &workspace.target.join("bench/edge.json"))
}

fn size(edge: &std::path::Path) -> Result<Row> {
    let (raw, gzip) = sizes::of(&edge.join("index_bg.wasm"))?;
    let kb = |bytes: usize| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1000.0;
    Ok(Row {
        id: "wasm-size",
        what: "wasm, gzip".into(),
        value: kb(gzip),
        unit: "KB",
        target: Some(Target::AtMost(120.0)),
        of: format!("{:.1} KB raw", kb(raw)),
    })
}

/// Runs `tests/benches/decision.rs`, which prints its figures as JSON.
fn decision(workspace: &Workspace, quick: bool) -> Result<Vec<Row>> {
    let text = step("the decision, natively", || {
        let run = Run::new("cargo").args(["bench", "--quiet", "-p", "tiercel-e2e", "--bench", "decision", "--"]);
        run.args(quick.then_some("--quick")).dir(&workspace.root).output()
    })?;
    let figures: Value = serde_json::from_str(&text).context("tests/benches/decision.rs printed no JSON")?;
    let number = |who: &str, what: &str| {
        figures[who][what].as_f64().with_context(|| format!("the decision's figures have no {who}.{what}"))
    };
    let theirs = number("http_cache_semantics", "micros")?;
    let their_allocations = number("http_cache_semantics", "allocations")?;
    ensure!(theirs > 0.0, "a decision took no time");
    let mut rows = Vec::new();
    for (policy, time, ratio) in
        [("videomi", "decision-time", "decision-ratio"), ("http", "decision-http-time", "decision-http-ratio")]
    {
        let ours = number(policy, "micros")?;
        rows.push(Row {
            id: time,
            what: format!("decision on a fresh hit, policy {policy}"),
            value: ours,
            unit: "µs",
            target: Some(Target::AtMost(2.0)),
            of: format!("{} allocations, {} bytes", number(policy, "allocations")?, number(policy, "bytes")?),
        });
        rows.push(Row {
            id: ratio,
            what: "  beside http-cache-semantics".into(),
            value: ours / theirs,
            unit: "×",
            target: Some(Target::AtMost(0.5)),
            of: format!("{theirs:.2} µs, {their_allocations} allocations"),
        });
    }
    Ok(rows)
}
