//! `cargo xtask bench edge`: builds the edge, measures it beside its peers, prints what was promised and what is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::json;

use super::{
    flow, media, mutations,
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
    /// 10,000 mutations a minute by 100 users
    Mutations,
}

/// Measures and publishes.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::locate()?;
    let wants = |part| args.only.is_empty() || args.only.contains(&part);
    let edge = built(&workspace, args.edge.as_deref())?;

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
    if wants(Part::Mutations) {
        rows.extend(mutations::measure(&workspace, &edge, args.quick)?);
    }
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let about = json!({ "bench": "edge", "quick": args.quick, "cores": cores, "effort": stage.effort.json() });
    if args.quick {
        say("--quick: a look, not a claim");
    }
    report::publish(&rows, about, &workspace.target.join("bench/edge.json"))
}

/// The edge of the built-in policy that is measured: the `given` one, or one that is built now.
///
/// # Errors
/// When there is none, or it cannot be built.
pub(super) fn built(workspace: &Workspace, given: Option<&Path>) -> Result<PathBuf> {
    let edge = match given {
        Some(dir) => dir.canonicalize().with_context(|| format!("there is no {}", dir.display()))?,
        None => {
            // Not into dist/: what is there may be another policy's.
            let dist = workspace.scratch("bench");
            build::build(workspace, &workspace.path(build::DEFAULT_POLICY), &dist, &[Bundle::Edge])?;
            dist.join("edge")
        }
    };
    setup::for_build(workspace)?;
    Ok(edge)
}

fn size(edge: &Path) -> Result<Row> {
    let (raw, gzip) = sizes::of(&edge.join("index_bg.wasm"))?;
    let kb = |bytes: usize| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1000.0;
    Ok(Row {
        id: "wasm-size".into(),
        what: "wasm, gzip".into(),
        value: kb(gzip),
        unit: "KB",
        target: Some(Target::AtMost(120.0)),
        of: format!("{:.1} KB raw", kb(raw)),
    })
}

/// What the decision takes, from `tests/benches`.
fn decision(workspace: &Workspace, quick: bool) -> Result<Vec<Row>> {
    let bench = |name: &str| {
        let run = Run::new("cargo").args(["bench", "--quiet", "-p", "tiercel-e2e", "--bench", name, "--"]);
        let text = run.args(quick.then_some("--quick")).dir(&workspace.root).output()?;
        Ok(text.lines().filter_map(figures).collect())
    };
    type Figures = BTreeMap<(String, String), Vec<f64>>;
    let times: Figures = step("the decision, natively: time", || bench("decision"))?;
    let allocated: Figures = step("the decision, natively: allocations", || bench("allocations"))?;
    let mut rows = Vec::new();
    for (policy, place, id, what) in [
        ("videomi", "in_memory", "decision", "decision on a hit in memory"),
        ("videomi", "looked_up", "decision-same", "of it, without class and key"),
        ("videomi", "from_store", "decision-store", "decision on a hit from the store"),
        ("http", "in_memory", "decision-http", "decision by RFC 9111 alone, in memory"),
        ("http", "looked_up", "decision-http-same", "of it, without class and key"),
        ("http", "from_store", "decision-http-store", "decision by RFC 9111 alone, from the store"),
    ] {
        let of = |who: &str, place: &str| {
            let who = (who.to_owned(), place.to_owned());
            match (times.get(&who).map(Vec::as_slice), allocated.get(&who).map(Vec::as_slice)) {
                (Some([micros]), Some([count, bytes])) => Ok((*micros, format!("{count} allocations, {bytes} bytes"))),
                _ => bail!("tests/benches measured no {who:?}"),
            }
        };
        let (own, allocated) = of(policy, place)?;
        // It has neither class nor key.
        let same = if place == "looked_up" { "in_memory" } else { place };
        let (theirs, theirs_allocated) = of("http_cache_semantics", same)?;
        let row = |id: String, what: &str, value, unit, most, of| Row {
            id,
            what: what.into(),
            value,
            unit,
            target: Some(Target::AtMost(most)),
            of,
        };
        rows.push(row(format!("{id}-time"), what, own, "µs", 2.0, allocated));
        let beside = format!("{theirs:.2} µs, {theirs_allocated}");
        let what = match place {
            "looked_up" => "  beside http-cache-semantics, the same question",
            _ => "  beside http-cache-semantics, which does less",
        };
        rows.push(row(format!("{id}-ratio"), what, own / theirs, "×", 0.5, beside));
    }
    Ok(rows)
}

/// `WHO PLACE NUMBER…`
fn figures(line: &str) -> Option<((String, String), Vec<f64>)> {
    let mut words = line.split(' ');
    let who = (words.next()?.to_owned(), words.next()?.to_owned());
    Some((who, words.map(str::parse).collect::<Result<_, _>>().ok()?))
}
