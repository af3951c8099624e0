//! Targeted cache control: `CDN-Cache-Control` (RFC 9213).
//!
//! The value is a Structured Field Dictionary. One that does not parse is ignored as a whole (RFC 9213 §2.2),
//! and the next field that applies is used.

use super::cache_control::CacheControl;
use super::{Fields, split_list};

/// The field that names all CDNs (RFC 9213 §3.1).
pub const CDN_CACHE_CONTROL: &str = "cdn-cache-control";

/// The directives that a shared cache close to the origin obeys: `CDN-Cache-Control` when it is there and
/// well-formed, else `Cache-Control`.
#[must_use]
pub fn effective(fields: &Fields) -> CacheControl {
    fields
        .combined(CDN_CACHE_CONTROL)
        .filter(|text| !text.trim().is_empty())
        .and_then(|text| parse_dictionary(&text))
        .unwrap_or_else(|| CacheControl::parse(&fields.combined("cache-control").unwrap_or_default()))
}

/// Reads the dictionary strictly: lower-case keys, integer, token, string or boolean values.
fn parse_dictionary(text: &str) -> Option<CacheControl> {
    let mut cc = CacheControl { targeted: true, ..CacheControl::default() };
    for member in split_list(text) {
        // Parameters of a member mean nothing here.
        let member = member.split(';').next().unwrap_or(member).trim_end();
        let (key, value) = match member.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (member, None),
        };
        let mut bytes = key.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'*');
        if !starts_well || !bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.*".contains(&b)) {
            return None;
        }
        match value {
            None | Some("?1") => cc.apply(key, None),
            Some("?0") => {}
            Some(number) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
                cc.apply(key, Some(number.to_owned()));
            }
            Some(string) if string.len() >= 2 && string.starts_with('"') && string.ends_with('"') => {
                cc.apply(key, Some(string[1..string.len() - 1].to_owned()));
            }
            // Tokens, decimals and the rest are legal values that no directive here takes.
            Some(token) if token.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'-') => {
                cc.apply(key, Some(token.to_owned()));
            }
            Some(_) => return None,
        }
    }
    Some(cc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targeted_field_wins_when_it_parses() {
        for (cdn, expected_max_age) in [
            (Some("max-age=600"), Some(600)),
            (Some("max-age=600;x=1, no-cache=?0"), Some(600)),
            (Some("MAX-AGE=600"), Some(60)),
            (Some("max-age=(600"), Some(60)),
            (Some("no-store"), None),
            (Some(""), Some(60)),
            (None, Some(60)),
        ] {
            let mut fields: Fields = [("cache-control", "max-age=60")].into_iter().collect();
            if let Some(cdn) = cdn {
                fields.append(CDN_CACHE_CONTROL, cdn);
            }
            assert_eq!(effective(&fields).max_age.map(|a| a.get()), expected_max_age, "{cdn:?}");
        }
    }
}
