//! A large file through the edge: what it costs in memory, and what it asks of the origin.

use std::{io::Read, path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{
    origin::Origin,
    report::{Row, Target},
};
use crate::{progress::step, workspace::Workspace, world::World};

const MIB: u64 = 1 << 20;
/// Length of a slice, as the policy has it when it says nothing.
const SLICE: u64 = 2 * MIB;
/// The origin's pattern: see tools/bench/origin.mjs.
const PERIOD: u64 = 1_048_573;

/// Two plays of one file, then a seek in another.
///
/// # Errors
/// When a body is not what the origin has.
pub(crate) fn measure(workspace: &Workspace, edge: &Path, quick: bool) -> Result<Vec<Row>> {
    let size = if quick { 128 * MIB } else { 1024 * MIB };
    let origin = Origin::start(workspace, 0)?;
    let config = json!({ "edge": { "dir": edge, "originUrl": origin.url }, "clock": true });
    let world = step("an edge that tells its memory", || World::start(workspace, &config))?;
    let url = world.url()?;
    let path = |name: &str| format!("{url}/api/files/videos/{name}-{size}");
    let label = format!("{} MiB", size / MIB);

    let seen = |what: &str, name: &str, last: Option<u64>, first: u64, length: u64| {
        step(&format!("{label}, {what}"), || {
            let started = Instant::now();
            let status = play(&path(name), last, first, length)?;
            let took = started.elapsed().as_secs_f64();
            Ok((origin.settled()?.bytes, format!("{:.0} MiB/s; {status}", mib(length) / took)))
        })
    };
    let first = seen("first play", "big", None, 0, size)?;
    let memory = world.wasm_bytes()?;
    let second = seen("second play", "big", None, 0, size)?;
    // In the middle of a file that nobody has asked for, across the border of two slices.
    let at = size / 2 / SLICE * SLICE + SLICE - MIB / 2;
    let seek = seen("a seek", "fresh", Some(at + MIB - 1), at, MIB)?;
    // As a browser seeks: from there to the end, and away after what it needed.
    let open = seen("a seek to the end", "open", Some(size - 1), at, MIB)?;
    let row = |id: &str, what: &str, bytes: u64, target, of: String| Row {
        id: id.into(),
        what: format!("{label}, {what}"),
        value: mib(bytes),
        unit: "MiB",
        target,
        of,
    };
    let most = |bytes| Some(Target::AtMost(mib(bytes)));
    Ok(vec![
        row("media-memory", "wasm memory", memory, most(16 * MIB), "after the first play".into()),
        row("media-first", "first play asks the origin for", first.0, None, first.1),
        row("media-second", "second play asks the origin for", second.0, most(0), second.1),
        row("media-seek", "a seek of 1 MiB", seek.0, most(2 * SLICE), seek.1),
        row("media-seek-open", "a seek to the end, left after 1 MiB", open.0, most(2 * SLICE), open.1),
    ])
}

/// Reads `length` bytes from `first` on, compares them with what the origin has, and goes away. `last` bounds the
/// range asked for. Gives `Cache-Status`.
fn play(url: &str, last: Option<u64>, first: u64, length: u64) -> Result<String> {
    let mut request = ureq::get(url);
    if let Some(last) = last {
        request = request.header("range", format!("bytes={first}-{last}"));
    }
    let mut answer = request.call()?;
    let expected = if last.is_some() { 206 } else { 200 };
    ensure!(answer.status() == expected, "{url} answered {}, not {expected}", answer.status());
    let status = answer.headers().get("cache-status").and_then(|status| status.to_str().ok());
    let status = status.unwrap_or("no Cache-Status").to_owned();
    let pattern: Vec<u8> = (0..PERIOD).map(|at| (at % 251) as u8).collect();
    let mut body = answer.body_mut().as_reader();
    let mut buffer = vec![0; 256 << 10];
    let mut at = first;
    while at < first + length {
        let wanted = usize::try_from(first + length - at).unwrap_or(usize::MAX).min(buffer.len());
        let read = body.read(&mut buffer[..wanted]).context("the body broke off")?;
        ensure!(read > 0, "{url} ended after {} of {length} bytes", at - first);
        let mut came = &buffer[..read];
        while !came.is_empty() {
            let from = usize::try_from(at % PERIOD)?;
            let part = came.len().min(pattern.len() - from);
            ensure!(came[..part] == pattern[from..from + part], "{url} is not what the origin has, about byte {at}");
            came = &came[part..];
            at += part as u64;
        }
    }
    Ok(status)
}

#[expect(clippy::cast_precision_loss, reason = "a size in MiB with two decimals")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}
