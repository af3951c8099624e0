//! A long body, and an origin that has it.

use std::sync::LazyLock;

use tiercel_core::exchange::{FetchFailure, OriginRequest};
use tiercel_core::field::http_date;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::time::Timestamp;

use super::fields;

/// When the tests begin.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_000);
/// Where the film is.
pub(crate) const URL: &str = "https://shop.example/films/7";

/// What versions are cut from: no two stretches of it are alike.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mix = |at: u32| (at ^ (at >> 15)).wrapping_mul(0x2c1b_3c6d);
    (0..2u32 << 20).map(|at| (mix(mix(at)) >> 24) as u8).collect()
});

/// A policy with one class of films, cut into slices of so many bytes, or not cut.
pub(crate) fn policy(slice: Option<u64>, more: &str) -> String {
    let slice = slice.map(|slice| format!("\"slice\": \"{slice}B\", ")).unwrap_or_default();
    format!(
        r#"{{ "name": "shop", "version": 1, "classes": {{ "film": {{
            "match": "GET /films/:id", "scope": "public", "key": "film:{{id}}", "tags": ["all:films"],
            "browser": "public, max-age=60", "device": {{ "store": "cache-storage", "ttl": "1h" }}, "max-body": "1MB", {slice}{more}
            "edge": {{ "ttl": "1h", "stale-if-error": "1d" }}
        }} }} }}"#
    )
}

/// One version of the film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Film {
    /// Where in the pattern it begins: what tells its bytes from another version's.
    pub(crate) version: usize,
    pub(crate) length: usize,
    /// Field lines of its head, validators among them.
    pub(crate) lines: Vec<String>,
}

impl Film {
    /// With a strong tag.
    pub(crate) fn new(version: usize, length: usize) -> Self {
        Self::with(version, length, &[&format!("ETag: \"v{version}\"")])
    }

    pub(crate) fn with(version: usize, length: usize, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Self { version, length, lines }
    }

    pub(crate) fn bytes(&self) -> &'static [u8] {
        let first = self.version * 4_099;
        &PATTERN[first..first + self.length]
    }
}

/// What an origin answers.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) head: ResponseHead,
    pub(crate) body: Vec<u8>,
    /// The transfer breaks off behind these bytes.
    pub(crate) breaks: bool,
}

type Mood = dyn FnMut(&OriginRequest, Reply) -> Result<Reply, FetchFailure>;

/// An origin that has one film, and does what RFC 9110 §13 and §14 say, unless its mood is another.
pub(crate) struct Origin {
    pub(crate) film: Film,
    pub(crate) log: Vec<OriginRequest>,
    mood: Box<Mood>,
}

impl Origin {
    /// An honest one.
    pub(crate) fn new(film: Film) -> Self {
        Self { film, log: Vec::new(), mood: Box::new(|_, honest| Ok(honest)) }
    }

    /// What it does with its honest answers from now on.
    pub(crate) fn mood(&mut self, mood: impl FnMut(&OriginRequest, Reply) -> Result<Reply, FetchFailure> + 'static) {
        self.mood = Box::new(mood);
    }

    pub(crate) fn answer(&mut self, request: &OriginRequest, now: Timestamp) -> Result<Reply, FetchFailure> {
        self.log.push(request.clone());
        let honest = self.honest(&request.head, now);
        (self.mood)(request, honest)
    }

    fn honest(&self, request: &RequestHead, now: Timestamp) -> Reply {
        let whole = self.film.bytes();
        let mut head = ResponseHead { status: 200, fields: fields(&self.film.lines) };
        head.fields.set("date", http_date::write(now));
        head.fields.set("content-type", "video/mp4");
        let (tag, modified) = (head.fields.get("etag"), head.fields.get("last-modified"));
        let asked = |name: &str| request.fields.get(name);
        let date = |text: Option<&str>| text.and_then(http_date::parse);
        let strong = |tag: &&str| !tag.starts_with("W/");
        let weak = |tag: &str| tag.trim_start_matches("W/").to_owned();
        let empty = |status, head: &ResponseHead| Reply {
            head: ResponseHead { status, fields: head.fields.clone() },
            body: Vec::new(),
            breaks: false,
        };
        let failed = match (asked("if-match"), asked("if-unmodified-since")) {
            (Some(wanted), _) => tag.filter(strong) != Some(wanted),
            (None, Some(since)) => date(modified) > date(Some(since)),
            (None, None) => false,
        };
        if failed {
            return empty(412, &head);
        }
        let unchanged = match (asked("if-none-match"), asked("if-modified-since")) {
            (Some(known), _) => known.split(", ").any(|known| tag.map(weak) == Some(weak(known))),
            (None, Some(since)) => modified.is_some() && date(modified) <= date(Some(since)),
            (None, None) => false,
        };
        if unchanged {
            return empty(304, &head);
        }
        let current = match asked("if-range") {
            None => true,
            Some(condition) => tag.filter(strong) == Some(condition) || modified == Some(condition),
        };
        match wanted(asked("range").filter(|_| current), self.film.length) {
            Wanted::Parts(parts) if parts.len() == 1 => {
                let (first, last) = parts[0];
                head.status = 206;
                head.fields.set("content-range", format!("bytes {first}-{last}/{}", whole.len()));
                head.fields.set("content-length", (last - first + 1).to_string());
                Reply { head, body: whole[first..=last].to_vec(), breaks: false }
            }
            Wanted::Unsatisfiable => {
                head.fields.set("content-range", format!("bytes */{}", whole.len()));
                empty(416, &head)
            }
            _ => {
                head.fields.set("content-length", whole.len().to_string());
                Reply { head, body: whole.to_vec(), breaks: false }
            }
        }
    }
}

/// What a `Range` field asks of so many bytes (RFC 9110 §14.1.2), read in another way than the core's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    Parts(Vec<(usize, usize)>),
    Unsatisfiable,
}

pub(crate) fn wanted(field: Option<&str>, length: usize) -> Wanted {
    let Some(set) = field.and_then(|field| field.strip_prefix("bytes=")) else { return Wanted::Whole };
    let specs: Vec<&str> = set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).collect();
    // More than the edge answers in parts (RFC 9110 §14.2 allows for that).
    if specs.is_empty() || specs.len() > 16 {
        return Wanted::Whole;
    }
    let mut parts = Vec::new();
    for spec in specs {
        let Some((first, last)) = spec.split_once('-') else { return Wanted::Whole };
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u128>().unwrap_or(u128::MAX))
        };
        let end = length as u128;
        let part = match (first, number(first), last, number(last)) {
            ("", _, _, Some(suffix)) => (end.saturating_sub(suffix), end),
            (_, Some(first), "", _) => (first, end),
            (_, Some(first), _, Some(last)) if first <= last => (first, end.min(last.saturating_add(1))),
            _ => return Wanted::Whole,
        };
        if part.0 < part.1 {
            parts.push((part.0 as usize, part.1 as usize - 1));
        }
    }
    if parts.is_empty() { Wanted::Unsatisfiable } else { Wanted::Parts(parts) }
}
