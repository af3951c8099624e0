//! The client's own conditions and ranges (RFC 9110 §13, §14), answered by the cache.

use crate::field::etag::{EntityTag, none_match_hits};
use crate::field::range::{RangeAnswer, resolve};
use crate::field::{Fields, http_date};

/// Whether the client's copy is still good: `true` means 304 (RFC 9110 §13.2.2, for GET and HEAD).
#[must_use]
pub fn not_modified(request: &Fields, response: &Fields) -> bool {
    if let Some(tags) = request.combined("if-none-match") {
        return none_match_hits(&tags, response.get("etag"));
    }
    let since = request.get("if-modified-since").and_then(http_date::parse);
    let modified = response.get("last-modified").and_then(http_date::parse);
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}

/// The part that the client asks for, if its `If-Range` allows for a part (RFC 9110 §13.1.5).
#[must_use]
pub fn range(request: &Fields, response: &Fields, complete: u64) -> RangeAnswer {
    let Some(range) = request.get("range") else { return RangeAnswer::Whole };
    let current = match request.get("if-range") {
        None => true,
        Some(condition) => match EntityTag::parse(condition) {
            Some(tag) => response.get("etag").and_then(EntityTag::parse).is_some_and(|etag| tag.strong_eq(etag)),
            None => {
                let modified = response.get("last-modified");
                modified.is_some_and(|m| http_date::parse(m).is_some() && m.trim() == condition.trim())
            }
        },
    };
    if current { resolve(range, complete) } else { RangeAnswer::Whole }
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
            (&[], false),
        ] {
            assert_eq!(not_modified(&fields(request), &response), expected, "{request:?}");
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
