//! What reaches the origin: many misses at once, and an hour in which it is gone.

use std::{io::Write, path::Path};

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    load::{self, Pace, Until},
    origin::{Origin, address},
    report::{Row, Target},
};
use crate::{progress::step, workspace::Workspace, world::World};

/// Requests for one key at once.
const AT_ONCE: usize = 100;
/// Minutes of the outage, and how often everything is asked for meanwhile.
const OUTAGE: u32 = 60;
const EVERY: u32 = 5;

/// Both, in a world with a clock.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn measure(workspace: &Workspace, edge: &Path) -> Result<Vec<Row>> {
    let origin = Origin::start(workspace, 2 << 10)?;
    let config = json!({ "edge": { "dir": edge, "originUrl": origin.url }, "clock": true });
    let world = step("an edge with a clock", || World::start_quietly(workspace, &config))?;
    let collapsed = step(&format!("{AT_ONCE} misses at once"), || collapsing(&world, &origin))?;
    let survived = step("an hour without the origin", || outage(&world, &origin))?;
    Ok(vec![collapsed, survived])
}

fn collapsing(world: &World, origin: &Origin) -> Result<Row> {
    origin.settled()?;
    let edge = address(&world.url()?)?;
    let round = load::run(edge, AT_ONCE, Until::Answers(AT_ONCE), Pace::AtOnce, |out| {
        let _ = write!(out, "GET /images/slow.webp HTTP/1.1\r\nHost: {edge}\r\n\r\n");
    })?;
    let asked = origin.settled()?.requests;
    Ok(Row {
        id: "collapsing".into(),
        what: format!("{AT_ONCE} misses at once ask the origin"),
        value: f64::from(u32::try_from(asked).unwrap_or(u32::MAX)),
        unit: "times",
        target: Some(Target::AtMost(1.0)),
        of: format!("{} answers, {} of them not 200", round.answers, round.others),
    })
}

/// Entries in each of their windows: images stay fresh, ratings are served while they cannot be refreshed, the page
/// only because the origin fails.
fn outage(world: &World, origin: &Origin) -> Result<Row> {
    let url = world.url()?;
    let paths: Vec<String> = (0..20)
        .flat_map(|n| [format!("/images/o{n}.webp"), format!("/api/ratings/o{n}")])
        .chain(["/".to_owned()])
        .collect();
    let mut asked = 0;
    let mut answered = 0;
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for path in &paths {
        agent.get(format!("{url}{path}")).call()?.body_mut().read_to_vec()?;
    }
    origin.settled()?;
    origin.listen(false)?;
    let mut failures = std::collections::BTreeSet::new();
    for _ in 0..OUTAGE / EVERY {
        world.advance(EVERY * 60)?;
        for path in &paths {
            let mut answer = agent.get(format!("{url}{path}")).call()?;
            let body = answer.body_mut().read_to_vec()?;
            asked += 1;
            if answer.status() == 200 && !body.is_empty() {
                answered += 1;
            } else {
                failures.insert(format!("{} {path}", answer.status().as_u16()));
            }
        }
    }
    origin.listen(true)?;
    let first = failures.first().map_or(String::new(), |failure| format!("; for example {failure}"));
    Ok(Row {
        id: "outage".into(),
        what: "an hour without the origin, answered".into(),
        value: f64::from(answered) / f64::from(asked) * 100.0,
        unit: "%",
        target: Some(Target::AtLeast(100.0)),
        of: format!("{answered} of {asked}: fresh, stale and stale on error{first}"),
    })
}

impl World {
    /// Where the first edge listens.
    pub(super) fn url(&self) -> Result<String> {
        self.ready["url"].as_str().map(str::to_owned).context("the world names no URL")
    }

    /// Moves the clock of the Workers.
    pub(super) fn advance(&self, seconds: u32) -> Result<()> {
        let told = json!({ "advance_seconds": seconds }).to_string();
        ureq::post(format!("{}/clock", self.control()?)).send(told)?;
        Ok(())
    }

    /// The wasm memory of the first edge, in bytes.
    pub(super) fn wasm_bytes(&self) -> Result<u64> {
        let text = ureq::get(format!("{}/memory", self.control()?)).call()?.body_mut().read_to_string()?;
        let told: serde_json::Value = serde_json::from_str(&text)?;
        told["wasm_bytes"][0].as_u64().context("the world tells no memory")
    }

    fn control(&self) -> Result<&str> {
        self.ready["controlUrl"].as_str().context("the world names no control server")
    }
}
