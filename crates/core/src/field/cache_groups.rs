//! `Cache-Groups` and `Cache-Group-Invalidation` (RFC 9875): Structured Field Lists of Strings.

use super::Fields;

/// Labels a response with groups (RFC 9875 §2).
pub const CACHE_GROUPS: &str = "cache-groups";
/// Names groups to invalidate, on the answer to an unsafe request (RFC 9875 §3).
pub const CACHE_GROUP_INVALIDATION: &str = "cache-group-invalidation";

/// Most groups that are read from one field (RFC 9875 §2 asks for at least 128).
const MAX_GROUPS: usize = 128;
/// Longest group that is read, in bytes: what Cloudflare's purge header takes (RFC 9875 asks for at least 32).
const MAX_GROUP: usize = 1024;

/// The groups named by `field`. A value that is not a list of strings is ignored as a whole
/// (RFC 9651 §4.2); groups past the limits are dropped.
#[must_use]
pub fn parse(fields: &Fields, field: &str) -> Vec<String> {
    let mut groups = Vec::new();
    for member in fields.list(field) {
        let Some(group) = parse_string(member) else { return Vec::new() };
        if !group.is_empty() && group.len() <= MAX_GROUP && groups.len() < MAX_GROUPS {
            groups.push(group);
        }
    }
    groups
}

/// The groups that an answer to a request of this `method` invalidates: one to a safe method tells nothing (RFC 9875 §3), nor
/// one that is an error (RFC 9111 §4.4).
#[must_use]
pub fn invalidated(method: &str, status: u16, fields: &Fields) -> Vec<String> {
    let is_safe = matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE");
    if is_safe || !(200..400).contains(&status) {
        return Vec::new();
    }
    parse(fields, CACHE_GROUP_INVALIDATION)
}

/// The field value that names `groups`.
#[must_use]
pub fn write<'a>(groups: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for group in groups {
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push('"');
        for c in group.chars().filter(|c| matches!(c, ' '..='~')) {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    }
    out
}

/// `sf-string`, with parameters after it ignored.
fn parse_string(member: &str) -> Option<String> {
    let mut chars = member.strip_prefix('"')?.chars();
    let mut group = String::new();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => match chars.next()? {
                c @ ('"' | '\\') => group.push(c),
                _ => return None,
            },
            c @ ' '..='~' => group.push(c),
            _ => return None,
        }
    }
    let rest = chars.as_str().trim_start();
    (rest.is_empty() || rest.starts_with(';')).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<String> {
        parse(&[(CACHE_GROUPS, value)].into_iter().collect(), CACHE_GROUPS)
    }

    #[test]
    fn lists_of_strings_and_nothing_else() {
        assert_eq!(read(r#""user:a", "say \"hi\"";p=1"#), ["user:a", r#"say "hi""#]);
        for broken in ["user:a", r#""a", b"#, r#""a"#, r#""é""#, "(\"a\")", r#""a" "b""#] {
            assert!(read(broken).is_empty(), "{broken}");
        }
    }

    #[test]
    fn only_good_answers_to_unsafe_methods_invalidate() {
        let fields: Fields = [(CACHE_GROUP_INVALIDATION, r#""a", "b""#)].into_iter().collect();
        for (method, status, counts) in [
            ("POST", 200, true),
            ("PUT", 204, true),
            ("DELETE", 303, true),
            ("QUERYLIKE", 200, true),
            ("POST", 400, false),
            ("POST", 503, false),
            ("POST", 199, false),
            ("GET", 200, false),
            ("HEAD", 200, false),
            ("OPTIONS", 200, false),
            ("TRACE", 200, false),
        ] {
            assert_eq!(!invalidated(method, status, &fields).is_empty(), counts, "{method} {status}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let groups = ["a", r#"q"\"#, "user:x:y"];
        assert_eq!(read(&write(groups)), groups);
    }
}
