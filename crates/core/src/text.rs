//! Searching and cutting text, small in wasm. The standard library's search is made for long texts, and its cutting
//! panics with a message that takes 3 KB (gzip) to compose; ours are short, and a cut that cannot be made gives nothing.

/// Where `needle` first stands in `text`, in bytes.
#[must_use]
pub fn find(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes().windows(needle.len()).position(|part| part == needle.as_bytes())
}

/// Where `needle` last stands in `text`, in bytes.
#[must_use]
pub fn rfind(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes().windows(needle.len()).rposition(|part| part == needle.as_bytes())
}

/// Whether `needle` stands in `text`.
#[must_use]
pub fn contains(text: &str, needle: &str) -> bool {
    find(text, needle).is_some()
}

/// What stands before and after the first `needle` in `text`.
#[must_use]
pub fn split_once<'a>(text: &'a str, needle: &str) -> Option<(&'a str, &'a str)> {
    find(text, needle).map(|at| (upto(text, at), from(text, at + needle.len())))
}

/// Whether the byte `needle`, of ASCII, stands in `text`.
#[must_use]
pub fn has(text: &str, needle: u8) -> bool {
    text.as_bytes().contains(&needle)
}

/// The first `end` bytes of `text`; nothing where it cannot be cut there.
#[must_use]
pub fn upto(text: &str, end: usize) -> &str {
    text.get(..end).unwrap_or_default()
}

/// What follows the first `start` bytes of `text`; nothing where it cannot be cut there.
#[must_use]
pub fn from(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_standard_library_does() {
        for text in ["", "/", "//", "a//b//c", "é//é", "://", "https://a/b://c", "%2F%2f", "x, y, z", ", "] {
            for needle in ["//", "://", "%2f", ", ", "/"] {
                assert_eq!(find(text, needle), text.find(needle), "{text} {needle}");
                assert_eq!(rfind(text, needle), text.rfind(needle), "{text} {needle}");
                assert_eq!(contains(text, needle), text.contains(needle), "{text} {needle}");
                assert_eq!(split_once(text, needle), text.split_once(needle), "{text} {needle}");
                assert_eq!(has(text, b'/'), text.contains('/'), "{text}");
            }
            for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
                assert_eq!((upto(text, at), from(text, at)), text.split_at(at), "{text} {at}");
            }
        }
    }
}
