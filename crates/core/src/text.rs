//! Searching, cutting and joining text, small in wasm. The standard library's search is made for long texts, its formatting
//! for any type, and its cutting panics with a message that takes 3 KB (gzip) to compose; our texts are short, what is
//! written is texts and numbers, and a cut that cannot be made gives nothing.

/// Texts and numbers, one after the other.
#[macro_export]
macro_rules! text {
    ($($part:expr),+ $(,)?) => {{
        let mut text = String::new();
        $($crate::text::Part::add_to(&$part, &mut text);)+
        text
    }};
}

/// What [`text!`](crate::text!) writes.
pub trait Part {
    /// Adds it to a text.
    fn add_to(&self, text: &mut String);
}

impl<T: Part + ?Sized> Part for &T {
    #[inline]
    fn add_to(&self, text: &mut String) {
        (**self).add_to(text);
    }
}

impl Part for str {
    #[inline]
    fn add_to(&self, text: &mut String) {
        text.push_str(self);
    }
}

impl Part for String {
    #[inline]
    fn add_to(&self, text: &mut String) {
        text.push_str(self);
    }
}

impl Part for u64 {
    fn add_to(&self, text: &mut String) {
        push_digits(text, *self);
    }
}

impl Part for u32 {
    #[inline]
    fn add_to(&self, text: &mut String) {
        u64::from(*self).add_to(text);
    }
}

impl Part for u16 {
    #[inline]
    fn add_to(&self, text: &mut String) {
        u64::from(*self).add_to(text);
    }
}

/// Writes a number in decimal.
pub(crate) fn push_number(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    push_digits(out, number.unsigned_abs());
}

fn push_digits(out: &mut String, number: u64) {
    if number < 10 {
        return out.push(char::from(b'0' + number as u8));
    }
    let mut digits = [0u8; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    for digit in &digits[at..] {
        out.push(char::from(*digit));
    }
}

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
    fn numbers_are_written_as_the_standard_library_does() {
        for number in [0, 7, 9, 10, 99, 1_000, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            assert_eq!(text!["a ", number, String::from("/")], format!("a {number}/"));
        }
        for number in [0, -1, -9, -10, i64::MIN, i64::MAX] {
            let mut written = String::new();
            push_number(&mut written, number);
            assert_eq!(written, number.to_string());
        }
    }

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
