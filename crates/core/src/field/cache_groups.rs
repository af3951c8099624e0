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
    fn what_is_written_is_read() {
        let groups = ["a", r#"q"\"#, "user:x:y"];
        assert_eq!(read(&write(groups)), groups);
    }
}
