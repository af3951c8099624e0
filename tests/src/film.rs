//! A film: bytes that tell where they stand and of which version they are, and what an origin that knows ranges answers
//! about it (RFC 9110 §13, §14).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tiercel_core::field::Fields;
use tiercel_core::field::range::{RangeAnswer, resolve};

use crate::live::World;
use crate::origin::{Arrived, Reply};

/// Longest silence that a client of a film bears.
const PATIENCE: Duration = Duration::from_secs(30);

/// One version of a film.
#[derive(Clone, Debug)]
pub struct Film {
    version: u32,
    bytes: Vec<u8>,
}

impl Film {
    /// Version `version`, of `length` bytes, with the strong tag `"vN"`.
    #[must_use]
    pub fn new(version: u32, length: usize) -> Self {
        let mix = |at: u32| (at ^ (at >> 15)).wrapping_mul(0x2c1b_3c6d);
        let word = |at: u32| mix(mix(at ^ (version << 28))).to_be_bytes();
        let bytes = (0u32..).flat_map(word).take(length).collect();
        Self { version, bytes }
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its entity tag.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("\"v{}\"", self.version)
    }

    /// What an origin answers. `Range` with one part counts, `If-Range`, `If-Match` and `If-None-Match` with one tag.
    #[must_use]
    pub fn answer(&self, request: &Arrived) -> Reply {
        let (tag, complete) = (self.tag(), self.bytes.len() as u64);
        let asked = |name: &str| request.fields.get(name);
        let reply = |status, more: Option<String>, body: &[u8]| {
            let mut fields = vec!["Content-Type: video/mp4".to_owned(), format!("ETag: {tag}")];
            fields.extend(more);
            Reply::Answer { status, fields, body: body.to_vec() }
        };
        if asked("if-match").is_some_and(|wanted| wanted != tag) {
            return reply(412, None, &[]);
        }
        if asked("if-none-match").is_some_and(|known| known == tag) {
            return reply(304, None, &[]);
        }
        let range = asked("range").filter(|_| asked("if-range").is_none_or(|wanted| wanted == tag));
        match range.map_or(RangeAnswer::Whole, |range| resolve(range, complete)) {
            RangeAnswer::Parts(parts) if parts.len() == 1 => {
                let (first, last) = (parts[0].first as usize, parts[0].last as usize);
                reply(206, Some(format!("Content-Range: bytes {first}-{last}/{complete}")), &self.bytes[first..=last])
            }
            RangeAnswer::Unsatisfiable => reply(416, Some(format!("Content-Range: bytes */{complete}")), &[]),
            _ => reply(200, None, &self.bytes),
        }
    }
}

/// The `Range` of each request that arrived; `-` for none.
#[must_use]
pub fn ranges(log: &[Arrived]) -> Vec<&str> {
    log.iter()
        .map(|arrived| arrived.fields.get("range").map_or("-", |range| range.trim_start_matches("bytes=")))
        .collect()
}

/// What a client got, byte by byte.
#[derive(Clone)]
pub struct Played {
    /// The status.
    pub status: u16,
    /// Every field.
    pub fields: Fields,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// It ended before its announced length.
    pub broken: bool,
}

impl std::fmt::Debug for Played {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ends = if self.broken { "broken" } else { "whole" };
        write!(f, "{} {:?}, {} bytes, {ends}", self.status, self.fields, self.body.len())
    }
}

impl Played {
    /// Our member of `Cache-Status`, without the name.
    #[must_use]
    pub fn cache(&self) -> &str {
        let line = self.fields.get("cache-status").unwrap_or("no Cache-Status");
        line.rsplit("tiercel-edge; ").next().unwrap_or(line)
    }
}

/// A connection on which `GET path` was sent to an isolate, with these field lines.
///
/// # Panics
/// When there is no connection.
#[must_use]
pub fn ask(world: &World, isolate: usize, method: &str, path: &str, fields: &[&str]) -> TcpStream {
    let address = world.edges[isolate].trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the edge listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
    for line in fields {
        head.push_str(line);
        head.push_str("\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).expect("the edge reads");
    stream
}

/// Gets `path` from the first isolate, and reads every byte.
///
/// # Panics
/// When there is no answer, or one that is not HTTP.
#[must_use]
pub fn play(world: &World, path: &str, fields: &[&str]) -> Played {
    read(ask(world, 0, "GET", path, fields), true)
}

/// Reads an answer to its end. (workerd leaves the connection open for a while.) One to HEAD has no body.
///
/// # Panics
/// When there is no answer, or one that is not HTTP.
#[must_use]
pub fn read(stream: TcpStream, has_body: bool) -> Played {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned())
    };
    let status = line().ok().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
    let mut fields = Fields::new();
    while let Ok(line) = line()
        && let Some((name, value)) = line.split_once(": ")
    {
        fields.append(&name.to_ascii_lowercase(), value);
    }
    let mut body = Vec::new();
    let length = fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
    let broken = match length {
        _ if !has_body || matches!(status, 204 | 304) => false,
        _ if fields.has_token("transfer-encoding", "chunked") => chunks(&mut reader, &mut body).is_none(),
        // A body that breaks off may end in a reset.
        Some(length) => !matches!(reader.take(length).read_to_end(&mut body), Ok(read) if read as u64 == length),
        None => reader.read_to_end(&mut body).is_err(),
    };
    Played { status, fields, body, broken }
}

/// Reads a chunked body (RFC 9112 §7.1); `None` when it does not come to its end.
fn chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = u64::from_str_radix(size.trim_end(), 16).ok()?;
        let before = body.len() as u64;
        reader.by_ref().take(size).read_to_end(body).ok()?;
        reader.read_line(&mut String::new()).ok()?;
        match size {
            0 => return Some(()),
            _ if body.len() as u64 == before + size => {}
            _ => return None,
        }
    }
}
