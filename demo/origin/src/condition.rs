//! Preconditions of RFC 9110 §13: does the client already have this representation?

/// Whether an `If-None-Match` value names `etag` (§13.1.2, compared weakly, §8.8.3.2).
///
/// A list is read as far as it is well formed; what follows a mistake counts as no match, which
/// costs a full answer and is never wrong.
pub(crate) fn any_match(if_none_match: &str, etag: &str) -> bool {
    let mut rest = if_none_match.trim();
    if rest == "*" {
        return true;
    }
    let wanted = opaque(etag);
    while !rest.is_empty() {
        let tag = rest.strip_prefix("W/").unwrap_or(rest);
        let Some((value, after)) = tag.strip_prefix('"').and_then(|tag| tag.split_once('"')) else {
            return false;
        };
        if value == wanted {
            return true;
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    false
}

/// Whether an `If-Range` value stands for the representation with this strong `etag` and
/// `last_modified` (§13.1.5): an entity tag by strong comparison, a date by equality.
pub(crate) fn range_still_applies(if_range: &str, etag: &str, last_modified: &str) -> bool {
    let validator = if_range.trim();
    if validator.starts_with('"') || validator.starts_with("W/") {
        validator == etag && !etag.starts_with("W/")
    } else {
        validator == last_modified
    }
}

fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_reads_lists_weakly() {
        for value in ["*", "\"a\"", "W/\"a\"", "\"x\", \"a\"", "\"x,y\" ,W/\"a\"", " \"a\" "] {
            assert!(any_match(value, "\"a\""), "{value}");
        }
        for value in ["", "a", "\"A\"", "\"x\", a", "\"a", "\"x\"\"y\"", ","] {
            assert!(!any_match(value, "\"a\""), "{value}");
        }
    }

    #[test]
    fn if_range_is_strong() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert!(range_still_applies("\"a\"", "\"a\"", date));
        assert!(range_still_applies(date, "\"a\"", date));
        assert!(!range_still_applies("W/\"a\"", "\"a\"", date));
        assert!(!range_still_applies("\"b\"", "\"a\"", date));
        assert!(!range_still_applies("Sun, 06 Nov 1994 08:49:38 GMT", "\"a\"", date));
    }
}
