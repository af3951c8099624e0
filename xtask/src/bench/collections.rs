//! `cargo xtask bench collections`: pages that the edge cuts from a list of 10,000 items, beside a stored list of 20 and
//! beside stored JSON of a page's length, each of which belongs to a user. They are asked in turns, and a ratio is taken
//! within each round, so that a busy machine slows both.

use std::{path::PathBuf, slice, thread, time::Duration};

use anyhow::{Result, ensure};
use serde_json::json;

use super::{
    cpu, edge,
    load::Until,
    origin::Origin,
    report::{self, Row, Target, median},
    stage::{Peer, Stage, page, stored, whole},
};
use crate::{
    progress::{say, step},
    workspace::Workspace,
};

/// Connections that keep the edge busy.
const CONNECTIONS: usize = 24;
/// Items of the long list; the user `user1` has a short one of [`LIMIT`]. See tools/bench/origin.mjs.
const ITEMS: usize = 10_000;
/// Items on a page.
pub(super) const LIMIT: usize = 20;
/// The first page, the one in the middle, and the last.
const PAGES: [usize; 3] = [0, ITEMS / LIMIT / 2, ITEMS / LIMIT - 1];
/// What a page may take, beside what is stored as it goes out.
const MOST: f64 = 1.5;
/// After so many seconds nothing that was read is in an isolate's memory any more. The lists are fresh for longer.
const FORGOTTEN: u32 = 31;
/// After so many seconds it still is.
const KEPT: u32 = 28;
/// The users with the long list and with the short one. Those after them have lists that are yet to be computed.
pub(super) const LONG: usize = 0;
pub(super) const SHORT: usize = 1;

/// `cargo xtask bench collections`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fewer and shorter rounds: good for a look, not for a claim
    #[arg(long)]
    quick: bool,
    /// Measure this built edge instead of building one
    #[arg(long, value_name = "DIR")]
    edge: Option<PathBuf>,
}

/// How long it is measured.
struct Effort {
    rounds: usize,
    round: Duration,
    warm_up: Duration,
    /// First calls, and how often a list has left the memory.
    singles: usize,
}

impl Effort {
    fn of(quick: bool) -> Self {
        let millis = Duration::from_millis;
        match quick {
            true => Self { rounds: 5, round: millis(300), warm_up: millis(500), singles: 7 },
            false => Self { rounds: 25, round: millis(400), warm_up: millis(1_500), singles: 25 },
        }
    }
}

/// Measures and publishes.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(args: &Args) -> Result<()> {
    let workspace = Workspace::locate()?;
    let edge = edge::built(&workspace, args.edge.as_deref())?;
    let effort = Effort::of(args.quick);
    let origin = Origin::start(&workspace, 0)?;
    let sessions = origin.sessions(2 + effort.singles)?;

    let stage = Stage::open(&workspace, &edge, &origin, &sessions, false)?;
    let mut rows = stage.in_memory(&effort)?;
    rows.extend(stage.computed(&effort)?);
    drop(stage);
    rows.extend(Stage::open(&workspace, &edge, &origin, &sessions, true)?.left_memory(&effort)?);

    let about = json!({
        "bench": "collections", "quick": args.quick, "cores": thread::available_parallelism().map_or(0, usize::from),
        "effort": {
            "rounds": effort.rounds, "round_seconds": effort.round.as_secs_f64(), "connections": CONNECTIONS,
            "items": ITEMS, "items_on_a_page": LIMIT, "first_calls": effort.singles,
        },
    });
    if args.quick {
        say("--quick: a look, not a claim");
    }
    report::publish(&rows, about, &workspace.target.join("bench/collections.json"))
}

impl Stage<'_> {
    /// Pages of a list that an isolate has in memory, which is the usual case.
    fn in_memory(&self, effort: &Effort) -> Result<Vec<Row>> {
        let of_long = PAGES.map(|number| page(number, LONG));
        for path in &of_long {
            self.ensure_page(path, ITEMS)?;
        }
        self.ensure_page(&page(0, SHORT), LIMIT)?;
        let length = self.get(&of_long[1], "")?.body.len();
        let theirs = self.get(&stored(SHORT), "")?.body.len();
        ensure!(length.abs_diff(theirs) * 20 < length, "a page has {length} bytes, the JSON beside it {theirs}");
        let mut peers = [
            self.hits("a page", &of_long)?,
            self.hits("a stored list of 20", &[page(0, SHORT)])?,
            self.hits("stored JSON of its length", &[stored(SHORT)])?,
            self.hits("the first page", &of_long[..1])?,
            self.hits("the page in the middle", &of_long[1..2])?,
            self.hits("the last page", &of_long[2..])?,
            self.unchanged("a 304 for a page", &of_long[1])?,
            self.unchanged("a 304 for stored JSON", &stored(SHORT))?,
        ];
        let busy = self.seen("pages from memory", &mut peers, CONNECTIONS, effort)?;
        let alone = self.seen("pages from memory, one after the other", &mut peers[..3], 1, effort)?;
        self.nothing_reached_the_origin()?;
        let size = format!("; {length} bytes beside {theirs}");
        Ok(vec![
            busy.beside(0, 1, "page-of-short", Some(MOST), ""),
            busy.beside(0, 2, "page-of-json", Some(MOST), &size),
            busy.beside(3, 1, "page-first", None, ""),
            busy.beside(4, 1, "page-middle", None, ""),
            busy.beside(5, 1, "page-last", None, ""),
            alone.beside(0, 1, "page-alone-of-short", None, ""),
            alone.beside(0, 2, "page-alone-of-json", None, ""),
            busy.beside(6, 7, "page-304", None, ""),
            busy.beside(6, 0, "page-304-of-page", None, ""),
        ])
    }

    /// First calls: the origin answers with the whole list, which is read, sorted and given an index before its first page
    /// goes out. Each is a user's who has no list yet.
    fn computed(&self, effort: &Effort) -> Result<Vec<Row>> {
        let workers = cpu::below(self.world.process());
        let (mut times, mut processor): ([Vec<f64>; 2], [Vec<f64>; 2]) = Default::default();
        step("first calls", || {
            for user in 2..2 + effort.singles {
                let path = page(0, user);
                let mut peers = [
                    self.peer("a first call", &self.edge, slice::from_ref(&path), "")?,
                    self.peer("passing on", &self.pass, &[whole(user)], "")?,
                ];
                for (at, peer) in peers.iter_mut().enumerate() {
                    let before = cpu::time(&workers);
                    times[at].push(peer.once()?);
                    processor[at].push(cpu::time(&workers).saturating_sub(before).as_secs_f64() * 1000.0);
                    if at == 0 {
                        // What is stored behind the answer belongs to no other's time.
                        self.until_in_memory(&path)?;
                    }
                }
            }
            Ok(())
        })?;
        let list = ureq::get(format!("{}{}", self.pass, whole(2).path)).header("authorization", self.bearer(2));
        let length = list.call()?.body_mut().read_to_string()?.len();
        let beyond = median(times[0].iter().zip(&times[1]).map(|(own, theirs)| own - theirs));
        let [own, theirs] = times.map(median);
        let [own_cpu, their_cpu] = processor.map(median);
        Ok(vec![Row {
            id: "list-computed".into(),
            what: format!("a first call, {ITEMS} items: beyond passing them on"),
            value: beyond,
            unit: "ms",
            target: None,
            of: format!(
                "{own:.1} ms beside {theirs:.1} ms; CPU {own_cpu:.1} ms beside {their_cpu:.1} ms; {length} bytes"
            ),
        }])
    }

    /// The first page after the list has left the isolate's memory: the whole list is read from the store. The pages after
    /// it come from memory again.
    fn left_memory(&self, effort: &Effort) -> Result<Vec<Row>> {
        let mut long = self.hits("a page", &[page(PAGES[1], LONG)])?;
        let mut short = self.hits("a stored list of 20", &[page(0, SHORT)])?;
        let mut times: [Vec<f64>; 4] = Default::default();
        step("first pages from the store", || {
            for round in 0..=effort.singles {
                // What was purged is heard anew, which is not the list's time.
                self.world.advance(KEPT)?;
                long.once()?;
                short.once()?;
                self.world.advance(FORGOTTEN - KEPT)?;
                if round == 0 {
                    ensure!(!self.get(&page(0, LONG), "")?.is_from_memory(), "the list has not left the memory");
                    continue;
                }
                for (at, peer) in [(0, &mut long), (1, &mut short)] {
                    times[at].push(peer.once()?);
                    times[at + 2].push(peer.round(1, Until::Answers(9))?.median_ms());
                }
            }
            Ok(())
        })?;
        self.nothing_reached_the_origin()?;
        let beyond = median(times[0].iter().zip(&times[1]).map(|(own, theirs)| own - theirs));
        let [own, theirs, own_next, their_next] = times.map(median);
        Ok(vec![
            Row {
                id: "page-store".into(),
                what: "the first page after the list left the memory".into(),
                value: own,
                unit: "ms",
                target: None,
                of: format!("the pages after it {own_next:.2} ms"),
            },
            Row {
                id: "page-store-over-short".into(),
                what: "  beyond a list of 20 that left it".into(),
                value: beyond,
                unit: "ms",
                target: None,
                of: format!("{theirs:.2} ms; asked again, {their_next:.2} ms"),
            },
        ])
    }

    /// Warms the peers up, then measures them in turns.
    fn seen(&self, what: &str, peers: &mut [Peer], connections: usize, effort: &Effort) -> Result<Seen> {
        step(what, || {
            for peer in &mut *peers {
                peer.round(connections, Until::Time(effort.warm_up))?;
            }
            let names = peers.iter().map(|peer| peer.name).collect();
            let none = vec![Vec::new(); peers.len()];
            let mut seen = Seen {
                names,
                after: if connections == 1 { ", one at a time" } else { "" },
                times: none.clone(),
                micros: none,
            };
            let workers = cpu::below(self.world.process());
            let mut idle = 1.0_f64;
            for _ in 0..effort.rounds {
                for (at, peer) in peers.iter_mut().enumerate() {
                    let before = cpu::time(&workers);
                    let round = peer.round(connections, Until::Time(effort.round))?;
                    seen.micros[at].push(round.micros_each(cpu::time(&workers).saturating_sub(before)));
                    seen.times[at].push(round.micros_each(round.took));
                    idle = idle.min(round.idle);
                }
            }
            if idle < 0.1 {
                say(&format!("  the client was idle for only {:.0} % of a round: it may be the limit", idle * 100.0));
            }
            Ok(seen)
        })
    }
}

/// What was seen of each peer in each round, in microseconds an answer.
struct Seen {
    names: Vec<&'static str>,
    /// Added to what is said of each figure.
    after: &'static str,
    /// From one answer to the next.
    times: Vec<Vec<f64>>,
    /// Processor time.
    micros: Vec<Vec<f64>>,
}

impl Seen {
    /// One peer beside another. The ratio is taken within each round.
    fn beside(&self, one: usize, other: usize, id: &str, most: Option<f64>, more: &str) -> Row {
        let ratio = median(self.times[one].iter().zip(&self.times[other]).map(|(own, theirs)| own / theirs));
        let of = |values: &[Vec<f64>]| [one, other].map(|peer| median(values[peer].iter().copied()));
        let ([own, theirs], [own_cpu, their_cpu]) = (of(&self.times), of(&self.micros));
        let indent = if most.is_some() { "" } else { "  " };
        Row {
            id: id.into(),
            what: format!("{indent}{}, beside {}{}", self.names[one], self.names[other], self.after),
            value: ratio,
            unit: "×",
            target: most.map(Target::AtMost),
            of: format!("{own:.0} µs beside {theirs:.0} µs; CPU {own_cpu:.0} µs beside {their_cpu:.0} µs{more}"),
        }
    }
}
