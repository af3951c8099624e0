//! The `Range` header (RFC 9110 §14): one range of bytes.

/// A run of bytes within a representation; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first byte's offset.
    pub(crate) start: u64,
    /// How many bytes.
    pub(crate) length: u64,
}

impl Span {
    /// The `Content-Range` value of this part of `size` bytes (§14.4).
    pub(crate) fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.start + self.length - 1)
    }
}

/// What a `Range` header asks of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The whole: the header is absent, malformed, of another unit or of several ranges, all of
    /// which a server may ignore (§14.2).
    Whole,
    /// This part: 206.
    Part(Span),
    /// Nothing that exists: 416 (§15.5.17).
    Nothing,
}

/// Reads a `Range` header against a representation of `size` bytes.
pub(crate) fn parse(header: &str, size: u64) -> Wanted {
    let Some((unit, set)) = header.trim().split_once('=') else {
        return Wanted::Whole;
    };
    // §14.1: range units are compared without regard to case.
    if !unit.eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else {
        return Wanted::Whole;
    };
    match (number(first), number(last)) {
        (Some(start), Some(end)) if start <= end => part(start, end, size),
        (Some(start), None) if last.is_empty() => part(start, u64::MAX, size),
        (None, Some(suffix)) if first.is_empty() => {
            part(if suffix == 0 { size } else { size.saturating_sub(suffix) }, u64::MAX, size)
        }
        _ => Wanted::Whole,
    }
}

fn part(start: u64, end: u64, size: u64) -> Wanted {
    if start >= size {
        return Wanted::Nothing;
    }
    Wanted::Part(Span { start, length: end.min(size - 1) - start + 1 })
}

/// `1*DIGIT`; a number too large for any file counts as the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64, length: u64) -> Wanted {
        Wanted::Part(Span { start, length })
    }

    #[test]
    fn one_range_of_bytes() {
        let cases = [
            ("bytes=0-0", span(0, 1)),
            ("bytes=0-1", span(0, 2)),
            ("bytes=2-5", span(2, 4)),
            ("bytes=8-99", span(8, 2)),
            ("bytes=9-", span(9, 1)),
            ("Bytes=0-", span(0, 10)),
            ("bytes=-3", span(7, 3)),
            ("bytes=-99", span(0, 10)),
            ("bytes=0-99999999999999999999999", span(0, 10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=0-1,4-5", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(parse(header, 10), expected, "{header}");
        }
    }

    #[test]
    fn an_empty_file_has_no_range() {
        assert_eq!(parse("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(parse("bytes=-5", 0), Wanted::Nothing);
    }

    #[test]
    fn content_range_is_inclusive() {
        assert_eq!(Span { start: 2, length: 4 }.content_range(10), "bytes 2-5/10");
    }
}
