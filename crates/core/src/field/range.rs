//! `Range`, `Content-Range` (RFC 9110 §14) and their arithmetic.

use crate::sorted::sorted;
use crate::text;

/// A satisfiable part of a representation, both ends included, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteRange {
    /// Position of the first byte.
    pub first: u64,
    /// Position of the last byte.
    pub last: u64,
}

impl ByteRange {
    /// Number of bytes. A range is never empty.
    #[expect(clippy::len_without_is_empty, reason = "a range holds at least one byte")]
    #[must_use]
    pub const fn len(self) -> u64 {
        self.last - self.first + 1
    }

    /// `Content-Range: bytes first-last/complete` (RFC 9110 §14.4).
    #[must_use]
    pub fn content_range(self, complete: u64) -> String {
        text!["bytes ", self.first, "-", self.last, "/", complete]
    }
}

/// What a `Range` field asks of a representation of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeAnswer {
    /// Send the whole: no range, one that does not parse, another unit, or too many ranges to be meant well.
    Whole,
    /// Send these parts with 206, never none.
    Parts(Vec<ByteRange>),
    /// 416 with `Content-Range: bytes */complete`.
    Unsatisfiable,
}

/// Most ranges of one request that are answered in parts (RFC 9110 §14.2 warns of requests that ask for many).
const MOST_RANGES: usize = 16;
/// Ranges that are nearer than this become one: what lies between is shorter than the head of a part
/// (RFC 9110 §15.3.7.2).
const NEAR: u64 = 80;

/// Resolves a `Range` field value against `complete` bytes (RFC 9110 §14.1.2).
///
/// ```
/// use tiercel_core::field::range::{resolve, ByteRange, RangeAnswer};
/// assert_eq!(resolve("bytes=-500", 200), RangeAnswer::Parts(vec![ByteRange { first: 0, last: 199 }]));
/// ```
#[must_use]
pub fn resolve(field: &str, complete: u64) -> RangeAnswer {
    let Some((unit, set)) = field.split_once('=') else { return RangeAnswer::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return RangeAnswer::Whole;
    }
    let mut parts = Vec::new();
    // RFC 9110 §5.6.1.2: empty members of a list are ignored.
    let mut specs = set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).enumerate().peekable();
    if specs.peek().is_none() {
        return RangeAnswer::Whole;
    }
    for (at, spec) in specs {
        match one(spec, complete) {
            _ if at >= MOST_RANGES => return RangeAnswer::Whole,
            One::Malformed => return RangeAnswer::Whole,
            One::Satisfiable(part) => parts.push(part),
            // RFC 9110 §14.1.1: the set is satisfiable when one of its ranges is.
            One::Unsatisfiable => {}
        }
    }
    if parts.is_empty() { RangeAnswer::Unsatisfiable } else { RangeAnswer::Parts(apart(parts)) }
}

/// Where a client's only range begins, in bytes, as far as the field alone tells: not for a suffix.
#[must_use]
pub fn begins_at(field: &str) -> Option<u64> {
    let (unit, spec) = field.split_once('=')?;
    let (first, _) = spec.trim().split_once('-').filter(|_| !text::has(spec, b','))?;
    match position(first) {
        Position::At(first) if unit.trim().eq_ignore_ascii_case("bytes") => Some(first),
        _ => None,
    }
}

/// Reads `Content-Range: bytes first-last/complete` (RFC 9110 §14.4); `None` for any other form, and where the
/// complete length is not known.
///
/// ```
/// use tiercel_core::field::range::{content_range, ByteRange};
/// assert_eq!(content_range("bytes 0-9/25"), Some((ByteRange { first: 0, last: 9 }, 25)));
/// ```
#[must_use]
pub fn content_range(field: &str) -> Option<(ByteRange, u64)> {
    let (unit, rest) = field.trim().split_once(' ')?;
    let (range, complete) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    match (position(first), position(last), position(complete)) {
        (Position::At(first), Position::At(last), Position::At(complete))
            if unit.eq_ignore_ascii_case("bytes") && first <= last && last < complete =>
        {
            Some((ByteRange { first, last }, complete))
        }
        _ => None,
    }
}

enum One {
    Satisfiable(ByteRange),
    Unsatisfiable,
    Malformed,
}

fn one(spec: &str, complete: u64) -> One {
    let Some((first, last)) = spec.split_once('-') else { return One::Malformed };
    match (position(first), position(last)) {
        (Position::Absent, Position::At(suffix)) if suffix > 0 && complete > 0 => {
            One::Satisfiable(ByteRange { first: complete.saturating_sub(suffix), last: complete - 1 })
        }
        (Position::Absent, Position::At(_)) => One::Unsatisfiable,
        (Position::At(first), Position::At(last)) if first > last => One::Malformed,
        (Position::At(first), Position::At(last)) if first < complete => {
            One::Satisfiable(ByteRange { first, last: last.min(complete - 1) })
        }
        (Position::At(first), Position::Absent) if first < complete => {
            One::Satisfiable(ByteRange { first, last: complete - 1 })
        }
        (Position::At(_), Position::At(_) | Position::Absent) => One::Unsatisfiable,
        _ => One::Malformed,
    }
}

/// Parts that overlap or nearly touch become one, in order; others stay in the order they were asked in
/// (RFC 9110 §15.3.7.2).
fn apart(parts: Vec<ByteRange>) -> Vec<ByteRange> {
    let mut joined: Vec<ByteRange> = Vec::with_capacity(parts.len());
    for part in sorted(parts.clone()) {
        match joined.last_mut() {
            Some(before) if part.first <= before.last.saturating_add(NEAR) => before.last = before.last.max(part.last),
            _ => joined.push(part),
        }
    }
    if joined.len() == parts.len() { parts } else { joined }
}

enum Position {
    Absent,
    At(u64),
    Malformed,
}

fn position(text: &str) -> Position {
    match text {
        "" => Position::Absent,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => Position::At(digits.parse().unwrap_or(u64::MAX)),
        _ => Position::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_thousand_bytes() {
        let part = |first, last| RangeAnswer::Parts(vec![ByteRange { first, last }]);
        let parts = |list: &[(u64, u64)]| {
            RangeAnswer::Parts(list.iter().map(|(first, last)| ByteRange { first: *first, last: *last }).collect())
        };
        for (field, expected) in [
            ("bytes=0-1", part(0, 1)),
            ("bytes=0-", part(0, 999)),
            ("bytes=999-", part(999, 999)),
            ("bytes=500-99999", part(500, 999)),
            ("bytes=-1", part(999, 999)),
            ("bytes=-5000", part(0, 999)),
            ("BYTES=1-2", part(1, 2)),
            ("bytes=0-99999999999999999999999", part(0, 999)),
            ("bytes=1000-", RangeAnswer::Unsatisfiable),
            ("bytes=1000-1001", RangeAnswer::Unsatisfiable),
            ("bytes=-0", RangeAnswer::Unsatisfiable),
            ("bytes=5-1", RangeAnswer::Whole),
            ("bytes=", RangeAnswer::Whole),
            ("bytes=-", RangeAnswer::Whole),
            ("bytes=a-b", RangeAnswer::Whole),
            ("bytes=1-2-3", RangeAnswer::Whole),
            ("bytes=-1-2", RangeAnswer::Whole),
            ("bytes=0-1, 500-501", parts(&[(0, 1), (500, 501)])),
            ("bytes=500-501,0-1", parts(&[(500, 501), (0, 1)])),
            ("bytes=0-1,5-6", part(0, 6)),
            ("bytes=5-600,3-9,700-", parts(&[(3, 600), (700, 999)])),
            ("bytes=0-1,2000-3000", part(0, 1)),
            ("bytes=2000-,-0", RangeAnswer::Unsatisfiable),
            ("bytes=0-1,x", RangeAnswer::Whole),
            ("bytes=0-1,", part(0, 1)),
            ("bytes=,", RangeAnswer::Whole),
            ("bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-", RangeAnswer::Whole),
            ("lines=1-2", RangeAnswer::Whole),
            ("bytes 1-2", RangeAnswer::Whole),
        ] {
            assert_eq!(resolve(field, 1000), expected, "{field}");
        }
        assert_eq!(resolve("bytes=0-", 0), RangeAnswer::Unsatisfiable);
        assert_eq!(ByteRange { first: 2, last: 4 }.content_range(10), "bytes 2-4/10");
    }

    #[test]
    fn content_ranges_that_say_everything() {
        for (field, expected) in [
            ("bytes 0-9/25", Some((0, 9, 25))),
            ("Bytes  24-24/25", Some((24, 24, 25))),
            ("bytes 0-9/*", None),
            ("bytes */25", None),
            ("bytes 0-25/25", None),
            ("bytes 9-0/25", None),
            ("bytes=0-9/25", None),
            ("lines 0-9/25", None),
        ] {
            let read = content_range(field).map(|(range, complete)| (range.first, range.last, complete));
            assert_eq!(read, expected, "{field}");
        }
    }

    #[test]
    fn where_a_single_range_begins() {
        for (field, expected) in
            [("bytes=5-", Some(5)), ("bytes=7-9", Some(7)), ("bytes=-5", None), ("bytes=0-1,5-6", None), ("x=5-", None)]
        {
            assert_eq!(begins_at(field), expected, "{field}");
        }
    }
}
