//! What an answer to a request for the film must be, byte by byte.

use super::edge::{Edge, Got};
use super::film::{Film, Wanted, wanted};

/// Parts that are nearer than this may become one (RFC 9110 §15.3.7.2).
const NEAR: usize = 80;

/// First and last position.
type Part = (usize, usize);

/// How far `got` is from an answer by one version to a request with these fields: nothing, or what is wrong.
pub(crate) fn differs(got: &Got, lines: &[String], film: &Film) -> Result<(), String> {
    let (whole, length) = (film.bytes(), film.length);
    let asked = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let is_current =
        |condition: &str| film.lines.iter().any(|line| line.split_once(": ").map(|l| l.1) == Some(condition));
    let range = asked("Range").filter(|_| asked("If-Range").is_none_or(is_current));
    let stated = got.fields.get("content-length").and_then(|l| l.parse::<usize>().ok());
    let same = |expected: &[u8]| match got.broken {
        true => expected.starts_with(&got.body) && got.body.len() < expected.len(),
        false => got.body == expected,
    };
    let expect = |what: &str, holds: bool| if holds { Ok(()) } else { Err(what.to_owned()) };
    let passed = got.cache().contains("partial-not-stored");
    let came_whole = got.cache().starts_with("fwd=") && !got.cache().contains("fwd-status");
    if asked("If-None-Match").is_some_and(|tags| tags.split(", ").any(is_current)) {
        return expect("not a 304", got.status == 304 && got.body.is_empty());
    }
    match (got.status, wanted(range, length)) {
        // Whether it is met is the origin's to say (RFC 9110 §13.1.1).
        (412, _) if passed && lines.iter().any(|line| line.starts_with("If-Match") || line.starts_with("If-Unm")) => {
            Ok(())
        }
        // The whole that is being fetched is an answer too (RFC 9110 §14.2), as is what goes through.
        (200, Wanted::Parts(_)) if came_whole => expect("not the whole", same(whole)),
        (200, Wanted::Whole) => {
            expect("not the whole", same(whole))?;
            expect("Content-Range on a 200", !got.fields.has("content-range"))?;
            expect("Content-Length of the whole", stated == Some(length))
        }
        (206, Wanted::Parts(parts)) => match got.fields.get("content-range") {
            Some(field) => {
                let sent = content_range(field, length).ok_or(format!("Content-Range: {field}"))?;
                expect("not that part", same(&whole[sent.0..=sent.1]))?;
                expect("Content-Length of the part", stated == Some(sent.1 - sent.0 + 1))?;
                expect("another part", joined(&parts) == [sent])
            }
            None => {
                let (sent, framed) = multipart(got, film)?;
                expect("framing or bytes of the parts", same(&framed))?;
                let (sent, asked) = (joined(&sent), joined(&parts));
                if got.broken {
                    // It was to have more parts.
                    expect("Content-Length of the parts", stated > Some(got.body.len()))?;
                    return expect("other parts", sent.iter().all(|part| asked.contains(part)));
                }
                expect("Content-Length of the parts", stated == Some(framed.len()))?;
                expect("other parts", sent.len() > 1 && sent == asked)
            }
        },
        (416, Wanted::Unsatisfiable) => {
            expect("a body", got.body.is_empty())?;
            expect("Content-Range", got.fields.get("content-range") == Some(&format!("bytes */{length}")))
        }
        (status, wanted) => Err(format!("{status} for {wanted:?}")),
    }
}

fn content_range(field: &str, length: usize) -> Option<Part> {
    let (range, complete) = field.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    (complete == length.to_string()).then_some((first.parse().ok()?, last.parse().ok()?))
}

/// The parts that a multipart body has, and what it must be byte by byte (RFC 9110 §14.6, RFC 2046 §5.1).
fn multipart(got: &Got, film: &Film) -> Result<(Vec<Part>, Vec<u8>), String> {
    let kind = got.fields.get("content-type").unwrap_or("");
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").ok_or(format!("Content-Type: {kind}"))?;
    let opens = format!("\r\n--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: ");
    let (mut at, mut parts, mut framed) = (0, Vec::new(), Vec::new());
    while got.body[at..].starts_with(opens.as_bytes()) {
        at += opens.len();
        let line = got.body[at..].split(|b| *b == b'\r').next().unwrap_or_default();
        let field = std::str::from_utf8(line).map_err(|_| "a field that is no text")?;
        let (first, last) = content_range(field, film.length).ok_or(format!("Content-Range: {field}"))?;
        framed.extend_from_slice(format!("{opens}{field}\r\n\r\n").as_bytes());
        framed.extend_from_slice(&film.bytes()[first..=last]);
        parts.push((first, last));
        at = framed.len().min(got.body.len());
    }
    framed.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Ok((parts, framed))
}

/// The parts in order, those that nearly touch as one.
fn joined(parts: &[Part]) -> Vec<Part> {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let mut joined: Vec<Part> = Vec::new();
    for (first, last) in sorted {
        match joined.last_mut() {
            Some(before) if first <= before.1 + NEAR => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

pub(crate) fn lines(range: Option<&str>) -> Vec<String> {
    range.map(|range| format!("Range: {range}")).into_iter().collect()
}

pub(crate) fn get(edge: &mut Edge, range: Option<&str>) -> Got {
    edge.get(&lines(range))
}

#[track_caller]
pub(crate) fn check(edge: &mut Edge, range: Option<&str>) -> Got {
    check_with(edge, &lines(range))
}

#[track_caller]
pub(crate) fn check_with(edge: &mut Edge, lines: &[String]) -> Got {
    let got = edge.get(lines);
    let film = edge.origin.film.clone();
    if let Err(what) = differs(&got, lines, &film) {
        panic!("{lines:?} of {} bytes: {what}: {} {:?}", film.length, got.status, got.fields);
    }
    assert!(!got.broken, "{lines:?} of {} bytes broke off", film.length);
    got
}
