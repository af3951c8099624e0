//! Hits and misses of the edge beside its peers, all in one workerd.

use std::{collections::BTreeMap, io::Write, net::SocketAddr, path::Path, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    cpu,
    load::{self, Pace, Round, Until},
    origin::{Origin, address},
    report::{Row, Target, median},
};
use crate::{
    progress::{say, step},
    workspace::Workspace,
    world::World,
};

/// Connections that keep a server busy.
const CONNECTIONS: usize = 24;
/// Length of a small body, in bytes: a thumbnail, a short list.
const SMALL: usize = 2 << 10;
/// Length of a body that no isolate keeps in memory, in bytes.
const LARGE: usize = 256 << 10;
/// The one path that is asked for again and again.
const HOT: &str = "/images/hot.webp";

/// What a browser sends with a request for an image.
const BROWSER: &str = "\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Referer: https://videomi.example/library\r\n\
    Sec-Fetch-Dest: image\r\n\
    Sec-Fetch-Mode: no-cors\r\n\
    Sec-Fetch-Site: same-origin\r\n";

/// How long it is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    rounds: usize,
    round: Duration,
    warm_up: Duration,
    /// Keys that hits from the store are spread over.
    keys: usize,
    /// Misses in a round, and the pause after each.
    misses: usize,
    pause: Duration,
}

impl Effort {
    pub(crate) fn of(quick: bool) -> Self {
        let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
        let pause = millis(20);
        match quick {
            true => Self { rounds: 5, round: millis(300), warm_up: millis(700), keys: 500, misses: 20, pause },
            false => Self { rounds: 25, round: millis(400), warm_up: seconds(2), keys: 4000, misses: 25, pause },
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "rounds": self.rounds, "round_seconds": self.round.as_secs_f64(), "connections": CONNECTIONS,
            "small_body": SMALL, "large_body": LARGE, "keys": self.keys, "misses_a_round": self.misses,
        })
    }
}

/// What is measured, and how long.
pub(crate) struct Stage<'w> {
    pub(crate) workspace: &'w Workspace,
    pub(crate) edge: &'w Path,
    pub(crate) effort: Effort,
}

/// A server, and what it is asked for.
struct Peer {
    name: &'static str,
    address: SocketAddr,
    paths: Paths,
    fields: &'static str,
    asked: usize,
}

#[derive(Clone, Copy)]
enum Paths {
    /// The same one.
    Hot,
    /// These many, one after the other.
    Of(usize),
    /// Always another.
    Unique,
}

impl Paths {
    fn count(self) -> usize {
        match self {
            Self::Hot => 1,
            Self::Of(count) => count,
            Self::Unique => usize::MAX,
        }
    }
}

impl Peer {
    fn round(&mut self, connections: usize, until: Until, pace: Pace) -> Result<Round> {
        let Self { address, paths, fields, asked, .. } = self;
        let round = load::run(*address, connections, until, pace, |out| {
            *asked += 1;
            let written = match paths {
                Paths::Hot => write!(out, "GET {HOT}"),
                Paths::Of(count) => write!(out, "GET /images/k{}.webp", *asked % *count),
                Paths::Unique => write!(out, "GET /images/u{asked}.webp"),
            };
            // Writing into memory does not fail.
            let _ = written.and_then(|()| write!(out, " HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n"));
        });
        let round = round.with_context(|| format!("the peer `{}`", self.name))?;
        ensure!(round.others == 0, "{} of {} answers of `{}` were not 200", round.others, round.answers, self.name);
        Ok(round)
    }
}

impl Stage<'_> {
    /// One key again and again, as fast as it goes.
    pub(crate) fn hot(&self) -> Result<Vec<Row>> {
        let theatre = Theatre::open(self, SMALL)?;
        let peers = |fields| -> Result<[Peer; 3]> {
            Ok([
                theatre.peer("edge", Paths::Hot, fields)?,
                theatre.peer("constant", Paths::Hot, fields)?,
                theatre.peer("cache", Paths::Hot, fields)?,
            ])
        };
        let seen = self.saturate("hot hit", &theatre, &mut peers(BROWSER)?)?;
        // How much of it is the reading of the request.
        let bare = self.saturate("hot hit, bare requests", &theatre, &mut peers("")?)?;
        theatre.nothing_reached_the_origin()?;
        let status = theatre.cache_status(HOT)?;
        Ok(vec![
            seen.beside(1, "hot-of-constant", "hot hit", Some(0.8), &status),
            seen.beside(2, "hot-of-cache", "hot hit", Some(1.8), ""),
            bare.beside(1, "hot-bare-of-constant", "  bare requests", None, ""),
            bare.beside(2, "hot-bare-of-cache", "  bare requests", None, ""),
        ])
    }

    /// Hits that isolate memory does not answer: spread over many keys, and with large bodies.
    pub(crate) fn store(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for (length, keys, what, id) in [
            (SMALL, self.effort.keys, "store hit, many keys", "store-spread-of-cache"),
            (LARGE, 20, "store hit, 256 KiB", "store-large-of-cache"),
        ] {
            let theatre = Theatre::open(self, length)?;
            let keys = Paths::Of(keys);
            let mut peers = [theatre.peer("edge", keys, BROWSER)?, theatre.peer("cache", keys, BROWSER)?];
            step(&format!("{what}: filling"), || {
                for peer in &mut peers {
                    peer.round(CONNECTIONS, Until::Answers(keys.count()), Pace::AtOnce)?;
                }
                // What is stored behind the answers.
                theatre.origin.settled().map(drop)
            })?;
            let seen = self.saturate(what, &theatre, &mut peers)?;
            theatre.nothing_reached_the_origin()?;
            rows.push(seen.beside(1, id, what, Some(0.9), &theatre.cache_status("/images/k1.webp")?));
        }
        Ok(rows)
    }

    /// Misses, one after the other: what the edge adds to the origin's own time. Each begins when what the one before
    /// left behind (writing to the store) has ended.
    pub(crate) fn miss(&self) -> Result<Vec<Row>> {
        let theatre = Theatre::open(self, SMALL)?;
        let mut peers = [
            theatre.peer("edge", Paths::Unique, BROWSER)?,
            theatre.peer("origin", Paths::Unique, BROWSER)?,
            theatre.peer("pass", Paths::Unique, BROWSER)?,
            theatre.peer("cache", Paths::Unique, BROWSER)?,
        ];
        let mut times: [Vec<f64>; 4] = Default::default();
        let mut micros: [Vec<f64>; 4] = Default::default();
        let workers = cpu::below(theatre.world.process());
        step("miss", || {
            for round in 0..=self.effort.rounds {
                for (at, peer) in peers.iter_mut().enumerate() {
                    let before = cpu::time(&workers);
                    let seen = peer.round(1, Until::Answers(self.effort.misses), Pace::After(self.effort.pause))?;
                    // The first round warms up.
                    if round > 0 {
                        times[at].push(seen.median_ms());
                        micros[at].push(seen.micros_each(cpu::time(&workers).saturating_sub(before)));
                    }
                }
            }
            Ok(())
        })?;
        let [edge, origin, pass, cache] = times.map(median);
        let [edge_cpu, _, pass_cpu, cache_cpu] = micros.map(median);
        let row = |id: &str, what: &str, other: f64, target, of: String| Row {
            id: id.into(),
            what: what.into(),
            value: edge - other,
            unit: "ms",
            target,
            of,
        };
        let own = format!("median {edge:.2} ms, the origin alone {origin:.2} ms; CPU {edge_cpu:.0} µs");
        let of = |median: f64, cpu: f64| format!("{median:.2} ms; CPU {cpu:.0} µs");
        Ok(vec![
            row("miss-own-work", "miss, own work", origin, Some(Target::AtMost(2.0)), own),
            row("miss-over-pass", "  beyond a Worker that passes on", pass, None, of(pass, pass_cpu)),
            row("miss-over-cache", "  beyond a Worker that fills the cache", cache, None, of(cache, cache_cpu)),
        ])
    }

    /// Warms the peers up, then measures them in turns.
    fn saturate(&self, what: &str, theatre: &Theatre, peers: &mut [Peer]) -> Result<Seen> {
        step(what, || {
            for peer in &mut *peers {
                peer.round(CONNECTIONS, Until::Time(self.effort.warm_up), Pace::AtOnce)?;
            }
            let names = peers.iter().map(|peer| peer.name).collect();
            let none = vec![Vec::new(); peers.len()];
            let mut seen = Seen { names, rates: none.clone(), micros: none };
            let workers = cpu::below(theatre.world.process());
            let mut idle = 1.0_f64;
            for _ in 0..self.effort.rounds {
                for (at, peer) in peers.iter_mut().enumerate() {
                    let before = cpu::time(&workers);
                    let round = peer.round(CONNECTIONS, Until::Time(self.effort.round), Pace::AtOnce)?;
                    seen.micros[at].push(round.micros_each(cpu::time(&workers).saturating_sub(before)));
                    seen.rates[at].push(round.rate());
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

/// What was seen of each peer in each round.
struct Seen {
    names: Vec<&'static str>,
    /// Answers a second.
    rates: Vec<Vec<f64>>,
    /// Processor time of an answer, in microseconds.
    micros: Vec<Vec<f64>>,
}

impl Seen {
    /// The first peer beside another. The ratio is taken within each round, so that a busy machine slows both.
    fn beside(&self, other: usize, id: &str, what: &str, least: Option<f64>, status: &str) -> Row {
        let ratio = median(self.rates[0].iter().zip(&self.rates[other]).map(|(own, theirs)| own / theirs));
        let [(own, own_micros), (theirs, their_micros)] = [0, other]
            .map(|peer| (median(self.rates[peer].iter().copied()), median(self.micros[peer].iter().copied())));
        let status = if status.is_empty() { String::new() } else { format!("; {status}") };
        Row {
            id: id.into(),
            what: format!("{what}, beside {}", self.names[other]),
            value: ratio,
            unit: "×",
            target: least.map(Target::AtLeast),
            of: format!("{own:.0}/s beside {theirs:.0}/s; CPU {own_micros:.0} µs beside {their_micros:.0} µs{status}"),
        }
    }
}

/// The edge and all peers in one workerd, in front of one origin.
struct Theatre {
    origin: Origin,
    world: World,
}

impl Theatre {
    fn open(stage: &Stage<'_>, length: usize) -> Result<Self> {
        let workspace = stage.workspace;
        let origin = Origin::start(workspace, length)?;
        let edge = json!({ "dir": stage.edge, "originUrl": origin.url });
        let fields = step("what a hit looks like", || {
            let world = World::start(workspace, &json!({ "edge": edge }))?;
            fields_of_a_hit(&url(&world.ready["url"])?)
        })?;
        let vars = json!({ "FIELDS": fields, "LENGTH": length, "ORIGIN_URL": origin.url });
        let peers: Vec<Value> = ["constant", "cache", "pass"]
            .map(|name| {
                json!({ "name": name, "file": workspace.path(format!("tools/bench/peers/{name}.js")), "vars": vars })
            })
            .into();
        let world =
            step("the edge and its peers", || World::start(workspace, &json!({ "edge": edge, "peers": peers })))?;
        let theatre = Self { origin, world };
        for name in ["edge", "cache"] {
            until_stored(&theatre.url(name)?, &theatre.origin)?;
        }
        theatre.origin.settled()?;
        Ok(theatre)
    }

    fn url(&self, name: &str) -> Result<String> {
        match name {
            "origin" => Ok(self.origin.url.clone()),
            "edge" => url(&self.world.ready["url"]),
            peer => url(&self.world.ready["peers"][peer]),
        }
    }

    /// What the edge says of a hit: it shows what was measured.
    fn cache_status(&self, path: &str) -> Result<String> {
        let answer = ureq::get(format!("{}{path}", self.url("edge")?)).call()?;
        let status = answer.headers().get("cache-status").and_then(|status| status.to_str().ok());
        Ok(status.unwrap_or("no Cache-Status").to_owned())
    }

    fn peer(&self, name: &'static str, paths: Paths, fields: &'static str) -> Result<Peer> {
        Ok(Peer { name, address: address(&self.url(name)?)?, paths, fields, asked: 0 })
    }

    /// A hit that was none would be measured as one.
    fn nothing_reached_the_origin(&self) -> Result<()> {
        let given = self.origin.settled()?;
        ensure!(given.requests == 0, "{} of what should have been hits asked the origin", given.requests);
        Ok(())
    }
}

fn url(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).context("the world names no URL")
}

/// Asks for [`HOT`] until the origin is not asked.
fn until_stored(url: &str, origin: &Origin) -> Result<()> {
    for _ in 0..20 {
        origin.settled()?;
        ureq::get(format!("{url}{HOT}")).call()?;
        if origin.settled()?.requests == 0 {
            return Ok(());
        }
    }
    anyhow::bail!("{url} stores nothing")
}

/// The fields of a hit, for the peers to send the same; those that the server writes are left to it.
fn fields_of_a_hit(url: &str) -> Result<BTreeMap<String, String>> {
    for _ in 0..100 {
        let answer = ureq::get(format!("{url}{HOT}")).call()?;
        let fields: BTreeMap<String, String> = answer
            .headers()
            .iter()
            .filter(|(name, _)| {
                !matches!(name.as_str(), "content-length" | "transfer-encoding" | "date" | "connection")
            })
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        if fields.get("cache-status").is_some_and(|status| status.contains("hit")) {
            return Ok(fields);
        }
        thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("the edge answers {HOT} with no hit")
}
