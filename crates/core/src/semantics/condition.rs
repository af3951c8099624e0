//! The client's own conditions and ranges (RFC 9110 §13, §14), answered by the cache.

use crate::field::etag::{self, EntityTag};
use crate::field::range::{RangeAnswer, resolve};
use crate::field::{Fields, http_date};

/// Whether the client's copy is still good: `true` means 304 (RFC 9110 §13.2.2, for GET and HEAD).
#[must_use]
pub fn not_modified(request: &Fields, response: &Fields) -> bool {
    if request.has("if-none-match")
        && let Some(hit) = etag::none_match(request, response.get("etag"))
    {
        return hit;
    }
    let mut lines = request.all("if-modified-since");
    let (Some(since), None) = (lines.next().and_then(http_date::parse), lines.next()) else { return false };
    // RFC 9111 §4.3.2: without a Last-Modified the Date counts.
    let modified = response.get("last-modified").or_else(|| response.get("date"));
    modified.and_then(http_date::parse).is_some_and(|modified| modified <= since)
}

/// The part that the client asks for, if its `If-Range` allows for a part (RFC 9110 §13.1.5).
#[must_use]
pub fn range(request: &Fields, response: &Fields, complete: u64) -> RangeAnswer {
    let Some(range) = request.get("range") else { return RangeAnswer::Whole };
    let current = match request.get("if-range") {
        None => true,
        Some(condition) => match EntityTag::parse(condition) {
            Some(tag) => response.get("etag").and_then(EntityTag::parse).is_some_and(|etag| tag.strong_eq(etag)),
            None => is_strong_date(response) && response.get("last-modified").map(str::trim) == Some(condition.trim()),
        },
    };
    if current { resolve(range, complete) } else { RangeAnswer::Whole }
}

/// Whether `Last-Modified` tells any two representations apart: it lies at least a second before the `Date`
/// (RFC 9110 §8.8.2.2).
fn is_strong_date(response: &Fields) -> bool {
    let date = |name| response.get(name).and_then(http_date::parse);
    matches!((date("last-modified"), date("date")), (Some(modified), Some(date)) if date > modified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::range::ByteRange;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        lines.iter().copied().collect()
    }

    #[test]
    fn conditions_of_the_client() {
        const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";
        let response = fields(&[("etag", "\"a\""), ("last-modified", OLD)]);
        for (request, expected) in [
            (&[("if-none-match", "\"a\"")][..], true),
            (&[("if-none-match", "\"b\"")], false),
            (&[("if-none-match", "\"b\""), ("if-modified-since", NEW)], false),
            (&[("if-modified-since", NEW)], true),
            (&[("if-modified-since", OLD)], true),
            (&[("if-modified-since", "soon")], false),
            (&[("if-modified-since", OLD), ("if-modified-since", OLD)], false),
            (&[], false),
        ] {
            assert_eq!(not_modified(&fields(request), &response), expected, "{request:?}");
        }
    }

    #[test]
    fn the_date_stands_in_for_last_modified() {
        let response = fields(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT")]);
        for (since, expected) in [("Sun, 06 Nov 1994 08:49:37 GMT", true), ("Sun, 06 Nov 1994 08:49:36 GMT", false)] {
            assert_eq!(not_modified(&fields(&[("if-modified-since", since)]), &response), expected, "{since}");
        }
    }

    #[test]
    fn if_range_wants_a_strong_date() {
        const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (date, condition, current) in [
            (Some("Sun, 06 Nov 1994 08:49:38 GMT"), MODIFIED, true),
            (Some("Sun, 06 Nov 1994 08:49:38 GMT"), "Sun, 06 Nov 1994 08:49:38 GMT", false),
            (Some(MODIFIED), MODIFIED, false),
            (None, MODIFIED, false),
        ] {
            let response = [Some(("last-modified", MODIFIED)), date.map(|date| ("date", date))];
            let response: Fields = response.into_iter().flatten().collect();
            let request = fields(&[("range", "bytes=0-1"), ("if-range", condition)]);
            assert_eq!(range(&request, &response, 10) != RangeAnswer::Whole, current, "{date:?} {condition}");
        }
    }

    #[test]
    fn if_range_compares_strongly() {
        let response = fields(&[("etag", "\"a\"")]);
        let part = || RangeAnswer::Parts(vec![ByteRange { first: 0, last: 1 }]);
        for (condition, etag, expected) in [
            ("\"a\"", "\"a\"", part()),
            ("W/\"a\"", "\"a\"", RangeAnswer::Whole),
            ("\"a\"", "W/\"a\"", RangeAnswer::Whole),
            ("\"b\"", "\"a\"", RangeAnswer::Whole),
        ] {
            let response = fields(&[("etag", etag)]);
            let request = fields(&[("range", "bytes=0-1"), ("if-range", condition)]);
            assert_eq!(range(&request, &response, 10), expected, "{condition} {etag}");
        }
        assert_eq!(range(&fields(&[("range", "bytes=0-1")]), &response, 10), part());
    }
}
