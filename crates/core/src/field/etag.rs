//! `ETag` and the conditions that use it (RFC 9110 §8.8.3, §13.1).
//!
//! ABNF: `entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE`

use super::Fields;
use crate::text;

/// An entity tag, strong or weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// Whether it starts with `W/`.
    pub weak: bool,
    /// What stands between the quotes.
    pub opaque: &'a str,
}

impl<'a> EntityTag<'a> {
    /// Reads one tag; `None` when it is malformed, which then matches nothing.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (weak, quoted) = text.strip_prefix("W/").map_or((false, text), |rest| (true, rest));
        let opaque = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let etagc = |b: u8| b == 0x21 || (0x23..=0x7e).contains(&b) || b >= 0x80;
        opaque.bytes().all(etagc).then_some(Self { weak, opaque })
    }

    /// Strong comparison (RFC 9110 §8.8.3.2), for ranges.
    #[must_use]
    pub fn strong_eq(self, other: EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison (RFC 9110 §8.8.3.2), for `If-None-Match`.
    #[must_use]
    pub fn weak_eq(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// Whether `If-None-Match` names the current tag (RFC 9110 §13.1.2): `true` means 304 for GET and HEAD.
/// `None` when the field is not there.
#[must_use]
pub fn none_match(request: &Fields, current: Option<&str>) -> Option<bool> {
    let mut lines = request.all("if-none-match").peekable();
    lines.peek()?;
    Some(lines.any(|line| none_match_hits(line, current)))
}

/// The same for one line of the field.
#[must_use]
pub fn none_match_hits(if_none_match: &str, current: Option<&str>) -> bool {
    if if_none_match.trim_ascii() == "*" {
        return true;
    }
    let Some(current) = current.and_then(EntityTag::parse) else { return false };
    tags(if_none_match).any(|tag| tag.weak_eq(current))
}

/// The well-formed tags of a list. A tag has no escapes (§8.8.3), so that it is not a list of quoted strings.
fn tags(list: &str) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = list;
    core::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([',', ' ', '\t']);
            if rest.is_empty() {
                return None;
            }
            let opened = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"');
            let closed = opened.and_then(|tag| Some(rest.len() - tag.len() + tag.find('"')? + 1));
            // What is no tag ends at the next comma.
            let end = closed.unwrap_or_else(|| rest.find(',').unwrap_or(rest.len()));
            let (member, after) = (text::upto(rest, end), text::from(rest, end));
            let ends = after.trim_ascii_start();
            if ends.is_empty() || ends.starts_with(',') {
                rest = after;
                if let Some(tag) = EntityTag::parse(member) {
                    return Some(tag);
                }
            } else {
                rest = text::from(after, after.find(',').unwrap_or(after.len()));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_compares_weakly() {
        for (field, current, hits) in [
            ("\"a\"", Some("\"a\""), true),
            ("W/\"a\"", Some("\"a\""), true),
            ("\"x\", \"a\"", Some("W/\"a\""), true),
            ("\"a,b\"", Some("\"a,b\""), true),
            ("\"b\\\", \"a\"", Some("\"a\""), true),
            ("x, \"a\"", Some("\"a\""), true),
            ("\"b\"x\"a\", \"c\"", Some("\"a\""), false),
            ("\"b\"x\"a\", \"c\"", Some("\"c\""), true),
            ("w/\"a\"", Some("\"a\""), false),
            (",, \"a", Some("\"a\""), false),
            ("", Some("\"a\""), false),
            ("*", Some("\"a\""), true),
            ("\"b\"", Some("\"a\""), false),
            ("a", Some("\"a\""), false),
            ("\"a\"", Some("a"), false),
            ("\"a\"", None, false),
        ] {
            assert_eq!(none_match_hits(field, current), hits, "{field} against {current:?}");
        }
    }
}
