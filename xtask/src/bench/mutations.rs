//! What a mutation takes longer because purges follow it, and when Cloudflare is called for them.
//!
//! A hundred users upload and rate, 10,000 times a minute: through the edge, through a Worker that only passes on, and to
//! the origin itself, in turns of a few seconds. They ask at planned moments ([`super::open`]) and keep cookies, as
//! browsers do, and so bring the edge's token along. Cloudflare's API is a stand-in that counts. What the objects store is
//! kept in memory ([`World::start_in_memory`]): how long Cloudflare takes to write it nothing on this machine tells.
//!
//! That no call is on a request's path is shown by a second edge, whose stand-in holds each call for as long as the edge
//! waits for one: a mutation that waits for a call then waits for seconds, whether it caused the call or came upon it.

use std::{
    collections::BTreeMap,
    io::Write,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tiercel_core::{hygiene, key::SHARDS};

use super::{
    cloudflare::{Call, Cloudflare, ZONE},
    cpu,
    open::{self, Asked},
    origin::{Origin, Sessions, address},
    report::{Row, Target, median},
};
use crate::{progress::step, workspace::Workspace, world::World};

/// Users, each on a connection of its own.
const USERS: usize = 100;
/// From one mutation to the next: 10,000 a minute.
const EVERY: Duration = Duration::from_millis(6);
/// How long one peer is asked before the next one is.
const ROUND: Duration = Duration::from_secs(2);
/// How often the objects may call Cloudflare while it is measured: as often as a zone on the plan Pro may. The more calls,
/// the more there are to be in the way.
const CALLS_A_MINUTE: u64 = 300;
/// How long a call is held where it is shown that nobody waits for one: as long as the edge waits for it.
const HOLD: Duration = Duration::from_secs(10);
/// Files that are rated.
const FILES: usize = 1_000;
/// What an upload brings, in bytes.
const FILE: usize = 2 << 10;

/// All of it.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn measure(workspace: &Workspace, edge: &Path, quick: bool) -> Result<Vec<Row>> {
    let origin = Origin::start(workspace, 0)?;
    let sessions = origin.sessions(USERS)?;
    let stage = Stage { workspace, edge, origin: &origin, sessions: &sessions };
    let (beside, undisturbed) = stage.beside(if quick { 8 } else { 30 })?;
    let held = stage.held(Duration::from_secs(if quick { 15 } else { 45 }), undisturbed)?;
    Ok(beside.into_iter().chain(held).collect())
}

struct Stage<'a> {
    workspace: &'a Workspace,
    edge: &'a Path,
    origin: &'a Origin,
    sessions: &'a Sessions,
}

impl Stage<'_> {
    /// The edge beside the other two; and the 99th percentile of the edge, in milliseconds.
    fn beside(&self, rounds: usize) -> Result<(Vec<Row>, f64)> {
        let cloudflare = Cloudflare::start(Duration::ZERO)?;
        let world = self.world(&cloudflare, Some(CALLS_A_MINUTE))?;
        let mut peers = [
            Peer::new("edge", &world.url()?, self.sessions)?,
            Peer::new("pass", world.ready["peers"]["pass"].as_str().context("no peer")?, self.sessions)?,
            Peer::new("origin", &self.origin.url, self.sessions)?,
        ];
        let workers = cpu::below(world.process());
        let mut seen: [Vec<Vec<f64>>; 3] = Default::default();
        let mut micros: [Vec<f64>; 3] = Default::default();
        let began = Instant::now();
        step("10,000 mutations a minute", || {
            // The first round warms up.
            for round in 0..=rounds {
                for (at, peer) in peers.iter_mut().enumerate() {
                    let before = cpu::time(&workers);
                    let asked = peer.round(ROUND)?;
                    let took = cpu::time(&workers).saturating_sub(before).as_secs_f64() * 1e6 / count(asked.len());
                    if round > 0 {
                        micros[at].push(took);
                        seen[at].push(asked.iter().map(Asked::millis).collect());
                    }
                }
            }
            Ok(())
        })?;
        let [edge_micros, pass_micros, _] = micros.map(median);
        let users = &peers[0].users;
        let phases = users.phases.iter().map(|(phase, took)| {
            let of = |share| percentile(took.clone(), share);
            format!("{phase} {:.0} and {:.0} ms", of(0.5), of(0.99))
        });
        let phases = phases.collect::<Vec<_>>().join(", ");
        let rows = [
            Row {
                id: "mutation-cpu-over-pass".into(),
                what: "  processor time beyond a Worker that passes on".into(),
                value: edge_micros - pass_micros,
                unit: "µs",
                target: None,
                of: format!("{edge_micros:.0} µs beside {pass_micros:.0} µs; p50 and p99 of Server-Timing: {phases}"),
            },
            Row {
                id: "mutation-recorded".into(),
                what: "mutations whose purge was recorded before the answer".into(),
                value: count(users.purges - users.pending) / count(users.answers) * 100.0,
                unit: "%",
                target: Some(Target::AtLeast(100.0)),
                of: format!("{} mutations, {} names purged", users.answers, users.names),
            },
            Row {
                id: "mutation-pending".into(),
                what: "answers that said `purge-pending`".into(),
                value: count(users.pending),
                unit: "times",
                target: Some(Target::AtMost(0.0)),
                of: format!("of {}", users.answers),
            },
            calls_made("mutation-calls", &cloudflare.calls(), CALLS_A_MINUTE, began.elapsed()),
        ];
        let p99 = percentile(seen[0].concat(), 0.99);
        Ok((gains(&seen).into_iter().chain(rows).collect(), p99))
    }

    /// The edge while Cloudflare holds every call, at the rate that the edge has when nobody sets one.
    fn held(&self, time: Duration, undisturbed: f64) -> Result<Vec<Row>> {
        let cloudflare = Cloudflare::start(HOLD)?;
        let world = self.world(&cloudflare, None)?;
        let mut peer = Peer::new("edge", &world.url()?, self.sessions)?;
        let began = Instant::now();
        let asked = step("10,000 mutations a minute, while Cloudflare hangs", || peer.round(time))?;
        let calls = cloudflare.calls();
        ensure!(!calls.is_empty(), "Cloudflare was not called, so that nothing is shown");
        let took: Vec<f64> = asked.iter().map(Asked::millis).collect();
        let [p99, slowest] = [0.99, 1.0].map(|share| percentile(took.clone(), share));
        Ok(vec![
            Row {
                id: "mutation-p99-held".into(),
                what: "mutation, p99 while Cloudflare holds each call".into(),
                value: p99,
                unit: "ms",
                target: None,
                of: format!("for {HOLD:?}; where it answers at once {undisturbed:.2} ms; the slowest {slowest:.2} ms"),
            },
            Row {
                id: "mutation-calls-on-path".into(),
                what: "calls of Cloudflare's purge API on a request's path".into(),
                value: count(calls.iter().filter(|call| is_on_path(call, &asked)).count()),
                unit: "calls",
                target: Some(Target::AtMost(0.0)),
                of: format!("of {} that were held; {} mutations meanwhile", calls.len(), asked.len()),
            },
            calls_made("mutation-calls-held", &calls, hygiene::USUAL_RATE, began.elapsed()),
        ])
    }

    fn world(&self, cloudflare: &Cloudflare, calls_a_minute: Option<u64>) -> Result<World> {
        let mut vars = json!({
            "JWT_SECRET": self.sessions.secret, "CLOUDFLARE_API_URL": cloudflare.url(), "CLOUDFLARE_ZONE_ID": ZONE,
            "CLOUDFLARE_PURGE_TOKEN": "secret",
        });
        if let Some(rate) = calls_a_minute {
            vars["CLOUDFLARE_PURGES_A_MINUTE"] = rate.to_string().into();
        }
        let url = &self.origin.url;
        let pass = json!({
            "name": "pass", "file": self.workspace.path("tools/bench/peers/pass.js"), "vars": { "ORIGIN_URL": url },
        });
        let config: Value = json!({ "edge": { "dir": self.edge, "originUrl": url, "vars": vars }, "peers": [pass] });
        step("an edge that tells Cloudflare, and its peer", || World::start_in_memory(self.workspace, &config))
    }
}

/// What a mutation takes longer through the first peer than through the others. The difference is taken within each
/// round, so that a busy machine slows both; what all rounds together say stands beside it.
fn gains(seen: &[Vec<Vec<f64>>; 3]) -> Vec<Row> {
    let row = |(other, short, long): (usize, &str, &str), (percent, share)| {
        let [own, theirs] = [0, other].map(|peer: usize| percentile(seen[peer].concat(), share));
        let of = |round: &Vec<f64>| percentile(round.clone(), share);
        let within = median(seen[0].iter().zip(&seen[other]).map(|(own, theirs)| of(own) - of(theirs)));
        Row {
            id: format!("mutation-p{percent}-over-{short}"),
            what: format!("mutation, p{percent} beyond {long}"),
            value: within,
            unit: "ms",
            target: None,
            of: format!("all rounds as one: {own:.2} ms beside {theirs:.2} ms"),
        }
    };
    let others = [(1, "pass", "a Worker that passes on"), (2, "origin", "the origin itself")];
    others.into_iter().flat_map(|other| [(50, 0.5), (99, 0.99)].map(|share| row(other, share))).collect()
}

/// Whether a mutation was under way for half of the time that a call was held, or longer.
fn is_on_path(call: &Call, asked: &[Asked]) -> bool {
    let ended = call.began + HOLD;
    let shared = |it: &Asked| it.answered.min(ended).saturating_duration_since(it.planned.max(call.began));
    asked.iter().any(|it| shared(it) >= HOLD / 2)
}

/// The calls of all objects: at first one of each, from then on so many a minute.
fn calls_made(id: &str, calls: &[Call], a_minute: u64, time: Duration) -> Row {
    let minutes = time.as_secs_f64() / 60.0;
    let tags: usize = calls.iter().map(|call| call.tags).sum();
    Row {
        id: id.into(),
        what: "  calls in all".into(),
        value: count(calls.len()),
        unit: "calls",
        target: Some(Target::AtMost(
            (count(SHARDS) + f64::from(u32::try_from(a_minute).unwrap_or(u32::MAX)) * minutes).floor(),
        )),
        of: format!(
            "in {minutes:.1} min at CLOUDFLARE_PURGES_A_MINUTE={a_minute}, after one of each object; {tags} tags"
        ),
    }
}

/// A server, and those who ask it.
struct Peer {
    name: &'static str,
    address: SocketAddr,
    users: Users,
}

impl Peer {
    fn new(name: &'static str, url: &str, sessions: &Sessions) -> Result<Self> {
        let address = address(url)?;
        Ok(Self { name, address, users: Users::new(address, sessions) })
    }

    fn round(&mut self, time: Duration) -> Result<Vec<Asked>> {
        let Self { name, address, users } = self;
        let asked = open::run(*address, users, USERS, EVERY, time).with_context(|| format!("the peer `{name}`"))?;
        let failed = asked.iter().find(|it| !matches!(it.status, 200 | 201));
        ensure!(failed.is_none(), "`{name}` answered a mutation with {}", failed.map_or(0, |it| it.status));
        Ok(asked)
    }
}

/// A hundred users of one peer, and what its answers told them.
struct Users {
    address: SocketAddr,
    users: Vec<User>,
    answers: usize,
    /// Answers that said what they purge, and how many names.
    purges: usize,
    names: usize,
    /// Answers whose purge not every object knew of.
    pending: usize,
    /// What `Server-Timing` said, in milliseconds.
    phases: BTreeMap<String, Vec<f64>>,
}

#[derive(Default)]
struct User {
    token: String,
    /// The mutations so far.
    sent: usize,
    /// Those that the server set, by name.
    cookies: BTreeMap<String, String>,
}

impl Users {
    fn new(address: SocketAddr, sessions: &Sessions) -> Self {
        let users = sessions.tokens.iter().map(|token| User { token: token.clone(), ..User::default() }).collect();
        Self { address, users, answers: 0, purges: 0, names: 0, pending: 0, phases: BTreeMap::new() }
    }
}

impl open::Users for Users {
    fn write(&mut self, user: usize, out: &mut Vec<u8>) {
        let (at, user) = (user, &mut self.users[user]);
        user.sent += 1;
        let (path, kind, body) = if (user.sent + at).is_multiple_of(2) {
            let form = "--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: video/mp4\r\n\r\n";
            let body = format!("{form}{}\r\n--part--\r\n", "x".repeat(FILE));
            ("/api/upload".to_owned(), "multipart/form-data; boundary=part", body)
        } else {
            let file = (user.sent * USERS + at) % FILES;
            (format!("/api/ratings/f{file}"), "application/json", r#"{"score":4}"#.to_owned())
        };
        // Writing into memory does not fail.
        let _ = write!(out, "POST {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n", self.address);
        let _ = write!(out, "Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        let _ = write!(out, "Cookie: videomi_session={}", user.token);
        for (name, value) in &user.cookies {
            let _ = write!(out, "; {name}={value}");
        }
        let _ = write!(out, "\r\n\r\n{body}");
    }

    fn read(&mut self, user: usize, head: &httparse::Response<'_, '_>) {
        self.answers += 1;
        for field in head.headers.iter() {
            let value = String::from_utf8_lossy(field.value);
            match field.name.to_ascii_lowercase().as_str() {
                "set-cookie" => self.users[user].set_cookie(&value),
                "cache-group-invalidation" => {
                    self.purges += 1;
                    // RFC 9875 §3: a list of strings.
                    self.names += value.matches('"').count() / 2;
                }
                "cache-status" => self.pending += usize::from(value.contains("purge-pending")),
                "server-timing" => {
                    for (phase, millis) in value.split(", ").filter_map(|phase| phase.split_once(";dur=")) {
                        self.phases.entry(phase.to_owned()).or_default().extend(millis.parse::<f64>());
                    }
                }
                _ => {}
            }
        }
    }
}

impl User {
    /// RFC 6265 §5.2, as far as it is used here.
    fn set_cookie(&mut self, line: &str) {
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if attributes.split(';').any(|attribute| attribute.trim() == "Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// The least value that so large a share of them does not exceed.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (count(values.len()) * share).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "a count of some thousands")]
fn count(of: usize) -> f64 {
    of as f64
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Asked, Call, HOLD, User, is_on_path, percentile};

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        for (values, share, expected) in [
            (hundred.clone(), 0.5, 50.0),
            (hundred.clone(), 0.99, 99.0),
            (hundred, 1.0, 100.0),
            (vec![3.0, 1.0, 2.0], 0.5, 2.0),
            (vec![7.0], 0.99, 7.0),
        ] {
            assert!((percentile(values, share) - expected).abs() < f64::EPSILON, "{share}");
        }
    }

    #[test]
    fn who_waits_for_a_call() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let call = Call { began: at(20), tags: 1 };
        for (planned, answered, expected) in [
            (19, 30, true),
            (20, 20 + HOLD.as_secs(), true),
            (24, 31, true),
            (27, 31, false),
            (10, 20, false),
            (20, 21, false),
            (30, 50, false),
        ] {
            let asked = Asked { planned: at(planned), answered: at(answered), status: 200 };
            assert_eq!(is_on_path(&call, &[asked]), expected, "{planned} to {answered}");
        }
    }

    #[test]
    fn cookies_are_kept_and_given_up() {
        let mut user = User::default();
        user.set_cookie("a=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=40");
        user.set_cookie("b=2; Path=/; Max-Age=40");
        user.set_cookie("a=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        assert_eq!(user.cookies.into_iter().collect::<Vec<_>>(), [("b".to_owned(), "2".to_owned())]);
    }
}
