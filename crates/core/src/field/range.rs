//! `Range`, `Content-Range` (RFC 9110 §14) and their arithmetic.
//!
//! Several ranges in one request are answered with the whole representation, as RFC 9110 §14.2 allows.

/// A satisfiable part of a representation, both ends included, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        format!("bytes {}-{}/{complete}", self.first, self.last)
    }
}

/// What a `Range` field asks of a representation of known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeAnswer {
    /// Send the whole: no range, one that does not parse, another unit, or several ranges.
    Whole,
    /// Send this part with 206.
    Part(ByteRange),
    /// 416 with `Content-Range: bytes */complete`.
    Unsatisfiable,
}

/// Resolves a `Range` field value against `complete` bytes (RFC 9110 §14.1.2).
///
/// ```
/// use tiercel_core::field::range::{resolve, ByteRange, RangeAnswer};
/// assert_eq!(resolve("bytes=-500", 200), RangeAnswer::Part(ByteRange { first: 0, last: 199 }));
/// ```
#[must_use]
pub fn resolve(field: &str, complete: u64) -> RangeAnswer {
    let Some((unit, set)) = field.split_once('=') else { return RangeAnswer::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return RangeAnswer::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return RangeAnswer::Whole };
    match (position(first), position(last)) {
        (Position::Absent, Position::At(suffix)) => {
            if suffix == 0 || complete == 0 {
                return RangeAnswer::Unsatisfiable;
            }
            RangeAnswer::Part(ByteRange { first: complete.saturating_sub(suffix), last: complete - 1 })
        }
        (Position::At(first), Position::Absent) if first < complete => {
            RangeAnswer::Part(ByteRange { first, last: complete - 1 })
        }
        (Position::At(first), Position::At(last)) if first <= last && first < complete => {
            RangeAnswer::Part(ByteRange { first, last: last.min(complete - 1) })
        }
        (Position::At(first), Position::At(last)) if first > last => RangeAnswer::Whole,
        (Position::At(_), Position::At(_) | Position::Absent) => RangeAnswer::Unsatisfiable,
        _ => RangeAnswer::Whole,
    }
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
        let part = |first, last| RangeAnswer::Part(ByteRange { first, last });
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
            ("bytes=0-1,5-6", RangeAnswer::Whole),
            ("lines=1-2", RangeAnswer::Whole),
            ("bytes 1-2", RangeAnswer::Whole),
        ] {
            assert_eq!(resolve(field, 1000), expected, "{field}");
        }
        assert_eq!(resolve("bytes=0-", 0), RangeAnswer::Unsatisfiable);
        assert_eq!(ByteRange { first: 2, last: 4 }.content_range(10), "bytes 2-4/10");
    }
}
