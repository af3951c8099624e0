//! Validation (RFC 9111 §4.3): asking whether a stored response is still good.

use crate::field::etag::EntityTag;
use crate::field::{Fields, http_date};
use crate::time::Timestamp;

/// Fields that make a request conditional, or ask for a part (RFC 9110 §13.1, §14.2).
const CONDITIONS: [&str; 6] =
    ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range"];

/// Takes every condition of the client away: the cache answers those itself.
pub fn strip_conditions(request: &mut Fields) {
    for name in CONDITIONS {
        request.remove(name);
    }
}

/// Makes a request conditional on what is stored (RFC 9111 §4.3.1). `false` when there is no validator.
pub fn add_validators(request: &mut Fields, stored: &Fields) -> bool {
    let mut conditional = false;
    for (value, condition) in [(etag(stored), "if-none-match"), (last_modified(stored), "if-modified-since")] {
        if let Some(value) = value {
            request.set(condition, value);
            conditional = true;
        }
    }
    conditional
}

/// Whether a stored response can be asked about at all.
#[must_use]
pub fn has_validator(stored: &Fields) -> bool {
    etag(stored).is_some() || last_modified(stored).is_some()
}

/// The tag, if it is one: `ETag: *` would make every answer a 304.
fn etag(fields: &Fields) -> Option<&str> {
    fields.get("etag").filter(|tag| EntityTag::parse(tag).is_some())
}

fn last_modified(fields: &Fields) -> Option<&str> {
    fields.get("last-modified").filter(|date| http_date::parse(date).is_some())
}

/// Whether a 304 speaks of what is stored (RFC 9111 §4.3.4): the validators that it names are those stored. One
/// that names none answers the condition that it was asked with.
#[must_use]
pub fn identifies(stored: &Fields, not_modified: &Fields) -> bool {
    let tag = |fields| etag(fields).and_then(EntityTag::parse);
    match (tag(not_modified), tag(stored)) {
        (Some(new), Some(old)) if new.weak => new.weak_eq(old),
        (Some(new), Some(old)) => new.strong_eq(old),
        (new, _) => match last_modified(not_modified) {
            Some(modified) => last_modified(stored).and_then(http_date::parse) == http_date::parse(modified),
            None => new.is_none(),
        },
    }
}

/// What the answer to a HEAD says of what is stored (RFC 9111 §4.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadSays {
    /// It is the same, and its fields are to be updated.
    Same,
    /// There is another representation by now: what is stored is stale.
    Other,
    /// Neither a validator nor a length came. The RFC would take that for the same; we do not.
    Nothing,
}

/// Compares validators and length. `length` is that of the stored body, in bytes.
#[must_use]
pub fn by_head(stored: &Fields, length: Option<u64>, head: &Fields) -> HeadSays {
    let same = |name| head.get(name).map(|value| stored.get(name) == Some(value));
    let same_length =
        head.get("content-length").map(|stated| length.is_some() && stated.trim_ascii().parse().ok() == length);
    let found = [same("etag"), same("last-modified"), same_length];
    if found.contains(&Some(false)) {
        HeadSays::Other
    } else if found.contains(&Some(true)) {
        HeadSays::Same
    } else {
        HeadSays::Nothing
    }
}

/// Updates a stored response by a 304 or by the answer to a HEAD (RFC 9111 §3.2, §4.3.4, §4.3.5): the fields that
/// came replace those stored.
pub fn freshen(stored: &mut Fields, update: &Fields, now: Timestamp) {
    // The body did not come again; what says how it is stored stays. Cookies and the connection's fields never were.
    let kept = |name: &str| {
        matches!(name, "content-length" | "content-encoding" | "content-range" | "set-cookie")
            || update.is_hop_by_hop(name)
    };
    stored.retain(|name, _| kept(name) || !update.has(name));
    for (name, value) in update.iter().filter(|(name, _)| !kept(name)) {
        stored.append(name, value);
    }
    // An Age that the update does not repeat belonged to the first transfer.
    if !update.has("age") {
        stored.remove("age");
    }
    // RFC 9110 §6.6.1: a recipient records the time of arrival of what comes without a Date.
    if !update.has("date") {
        stored.set("date", http_date::write(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    fn fields(lines: &[(&str, &str)]) -> Fields {
        lines.iter().copied().collect()
    }

    #[test]
    fn only_what_is_well_formed_validates() {
        for (stored, asked) in [
            (&[("etag", "\"a\"")][..], &[("if-none-match", "\"a\"")][..]),
            (
                &[("etag", "W/\"a\""), ("last-modified", OLD)],
                &[("if-none-match", "W/\"a\""), ("if-modified-since", OLD)],
            ),
            (&[("etag", "*")], &[]),
            (&[("etag", "a")], &[]),
            (&[("last-modified", "yesterday")], &[]),
            (&[], &[]),
        ] {
            let mut request = Fields::new();
            assert_eq!(add_validators(&mut request, &fields(stored)), !asked.is_empty(), "{stored:?}");
            assert_eq!(has_validator(&fields(stored)), !asked.is_empty(), "{stored:?}");
            assert_eq!(request, fields(asked));
        }
    }

    #[test]
    fn a_304_names_what_it_confirms() {
        for (stored, not_modified, expected) in [
            (&[("etag", "\"a\"")][..], &[][..], true),
            (&[("etag", "\"a\"")], &[("etag", "\"a\"")], true),
            (&[("etag", "\"a\"")], &[("etag", "\"b\"")], false),
            (&[("etag", "\"a\"")], &[("etag", "W/\"a\"")], true),
            (&[("etag", "W/\"a\"")], &[("etag", "W/\"a\"")], true),
            (&[("etag", "W/\"a\"")], &[("etag", "\"a\"")], false),
            (&[("etag", "\"a\""), ("last-modified", OLD)], &[("etag", "\"b\""), ("last-modified", OLD)], false),
            (&[("etag", "\"a\""), ("last-modified", OLD)], &[("etag", "\"a\""), ("last-modified", NEW)], true),
            (&[("last-modified", OLD)], &[("last-modified", OLD)], true),
            (&[("last-modified", OLD)], &[("last-modified", "sunday, 06-nov-94 08:49:37 gmt")], true),
            (&[("last-modified", OLD)], &[("last-modified", NEW)], false),
            (&[("last-modified", OLD)], &[("etag", "\"a\"")], false),
            (&[("last-modified", OLD)], &[("etag", "\"a\""), ("last-modified", OLD)], true),
            (&[("etag", "\"a\"")], &[("last-modified", OLD)], false),
        ] {
            assert_eq!(identifies(&fields(stored), &fields(not_modified)), expected, "{stored:?} by {not_modified:?}");
        }
    }

    #[test]
    fn a_head_is_compared_by_validators_and_length() {
        use HeadSays::{Nothing, Other, Same};
        let stored = fields(&[("etag", "\"a\""), ("last-modified", OLD)]);
        for (length, head, expected) in [
            (Some(10), &[][..], Nothing),
            (Some(10), &[("etag", "\"a\"")], Same),
            (Some(10), &[("content-length", "10")], Same),
            (Some(10), &[("etag", "\"a\""), ("content-length", "10")], Same),
            (Some(10), &[("etag", "\"b\"")], Other),
            (Some(10), &[("etag", "\"a\""), ("last-modified", NEW)], Other),
            (Some(10), &[("etag", "\"a\""), ("content-length", "11")], Other),
            (Some(10), &[("content-length", "ten")], Other),
            (None, &[("etag", "\"a\""), ("content-length", "10")], Other),
            (None, &[("content-length", "ten")], Other),
        ] {
            assert_eq!(by_head(&stored, length, &fields(head)), expected, "{length:?} {head:?}");
        }
    }

    #[test]
    fn what_an_update_replaces() {
        let mut stored =
            fields(&[("date", OLD), ("x-a", "1"), ("x-a", "2"), ("x-b", "1"), ("content-length", "10"), ("age", "9")]);
        let update = fields(&[
            ("x-a", "3"),
            ("x-c", "4"),
            ("x-c", "5"),
            ("content-length", "0"),
            ("set-cookie", "a=1"),
            ("connection", "x-b"),
            ("x-b", "of the connection"),
        ]);
        freshen(&mut stored, &update, Timestamp::from_secs(784_198_177));
        let expected =
            [("x-b", "1"), ("content-length", "10"), ("x-a", "3"), ("x-c", "4"), ("x-c", "5"), ("date", NEW)];
        assert_eq!(stored, fields(&expected));
    }
}
