//! JSON (RFC 8259), checked from end to end and not built: what is wanted of it are places in the text.

use core::ops::Range;

/// Deepest nesting that is read.
const DEEPEST: u8 = 64;

/// What stands at the two paths of an item.
pub(super) type Seen = [Option<Range<usize>>; 2];
/// What is left of the two paths.
pub(super) type Paths<'p> = [Option<&'p [String]>; 2];

/// Reads a text from its beginning to its end. `None` from any method: it is not JSON, or not what is wanted.
pub(super) struct Reader<'t> {
    text: &'t str,
    pub(super) at: usize,
}

impl<'t> Reader<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// All of it.
    pub(super) const fn text(&self) -> &'t str {
        self.text
    }

    /// Where the next value begins, or the next mark.
    pub(super) fn place(&mut self) -> usize {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.at
    }

    /// Whether nothing follows.
    pub(super) fn is_done(&mut self) -> bool {
        self.place() == self.text.len()
    }

    /// An object: `member` reads the value of each name, which comes with the place where its quotes begin.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &'t str, usize) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.takes(b'}') {
            return Some(());
        }
        loop {
            let from = self.place();
            let name = self.string()?;
            self.take(b':')?;
            member(self, name, from)?;
            if !self.takes(b',') {
                return self.take(b'}');
            }
        }
    }

    /// An array: `item` reads each value.
    pub(super) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.takes(b']') {
            return Some(());
        }
        loop {
            item(self)?;
            if !self.takes(b',') {
                return self.take(b']');
            }
        }
    }

    /// Any value, of which nothing is wanted. Gives its place.
    pub(super) fn value(&mut self) -> Option<Range<usize>> {
        self.watched([None, None], &mut [None, None])
    }

    /// Any value. What stands at `paths` in it is `seen`; twice at the same is not what is wanted.
    pub(super) fn watched(&mut self, paths: Paths<'_>, seen: &mut Seen) -> Option<Range<usize>> {
        self.nested(paths, seen, DEEPEST)
    }

    fn nested(&mut self, paths: Paths<'_>, seen: &mut Seen, depth: u8) -> Option<Range<usize>> {
        let from = self.place();
        match self.peek()? {
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.object(|reader, name, _| {
                    let below = paths.map(|path| {
                        let (first, rest) = path?.split_first()?;
                        is_name(name, first).then_some(rest)
                    });
                    reader.nested(below, seen, depth).map(drop)
                })?;
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.array(|reader| reader.nested([None, None], &mut [None, None], depth).map(drop))?;
            }
            b'"' => {
                self.string()?;
            }
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        }
        for (path, seen) in paths.iter().zip(seen) {
            if path.is_some_and(<[String]>::is_empty) && seen.replace(from..self.at).is_some() {
                return None;
            }
        }
        Some(from..self.at)
    }

    /// A string: what stands between the quotes, as it is written.
    fn string(&mut self) -> Option<&'t str> {
        self.take(b'"')?;
        let from = self.at;
        loop {
            match self.next()? {
                b'"' => return self.text.get(from..self.at - 1),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            self.next().filter(u8::is_ascii_hexdigit)?;
                        }
                    }
                    _ => return None,
                },
                0..=0x1f => return None,
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        self.skips(b'-');
        if !self.skips(b'0') {
            self.digits()?;
        }
        if self.skips(b'.') {
            self.digits()?;
        }
        if self.skips(b'e') || self.skips(b'E') {
            let _ = self.skips(b'+') || self.skips(b'-');
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let is_it = self.text.as_bytes().get(self.at..self.at + word.len()) == Some(word.as_bytes());
        self.at += word.len();
        is_it.then_some(())
    }

    fn take(&mut self, mark: u8) -> Option<()> {
        self.takes(mark).then_some(())
    }

    fn takes(&mut self, mark: u8) -> bool {
        self.place();
        self.skips(mark)
    }

    fn skips(&mut self, mark: u8) -> bool {
        let is_it = self.peek() == Some(mark);
        self.at += usize::from(is_it);
        is_it
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}

/// Whether a name that is `written` so in JSON is `name`.
pub(super) fn is_name(written: &str, name: &str) -> bool {
    written == name || (written.contains('\\') && unescaped(written).as_deref() == Some(name))
}

/// The text that stands so between the quotes of a string. `None`: a surrogate without its other half is no text.
pub(super) fn unescaped(written: &str) -> Option<String> {
    let mut text = String::with_capacity(written.len());
    let mut rest = written.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            text.push(next);
            continue;
        }
        text.push(match rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => match unit(&mut rest)? {
                high @ 0xd800..=0xdbff => {
                    let low = (rest.next()? == '\\' && rest.next()? == 'u').then(|| unit(&mut rest))??;
                    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?
                }
                unit => char::from_u32(unit)?,
            },
            same => same,
        });
    }
    Some(text)
}

/// Four hexadecimal digits.
fn unit(rest: &mut core::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit << 4 | rest.next()?.to_digit(16)?))
}

/// A text as a string of JSON, quotes included.
pub(crate) fn quoted(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for next in text.chars() {
        match next {
            '"' | '\\' => written.extend(['\\', next]),
            '\0'..='\x1f' => {
                let digit = |nibble: u32| char::from_digit(nibble, 16).unwrap_or('0');
                written.push_str("\\u00");
                written.extend([digit(u32::from(next) >> 4), digit(u32::from(next) & 15)]);
            }
            _ => written.push(next),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_json(text: &str) -> bool {
        let mut reader = Reader::new(text);
        reader.value().is_some() && reader.is_done()
    }

    #[test]
    fn what_serde_takes_is_json_and_nothing_else() {
        let cases = [
            "null",
            "true",
            "false",
            " 1 ",
            "-0",
            "0.5",
            "1e9",
            "1E+9",
            "1.25e-3",
            "\"\"",
            "\"a\\n\\u00e9\\\"\"",
            "[]",
            "[1, 2]",
            "{}",
            "{\"a\": [{}, {\"b\": null}]}",
            "\"é\"",
            "[[[]]]",
            "",
            " ",
            "nul",
            "truee",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "0x1",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{a: 1}",
            "{\"a\": 1,}",
            "[",
            "{",
            "]",
            "1 2",
            "'a'",
            "[1}",
            "{\"a\": 1]",
            "NaN",
            "Infinity",
        ];
        for text in cases {
            let expected = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(is_json(text), expected, "{text}");
        }
    }

    #[test]
    fn too_deep_is_not_read() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_json(&nested(DEEPEST.into())));
        assert!(!is_json(&nested(usize::from(DEEPEST) + 1)));
        assert!(!is_json(&"[".repeat(1_000_000)));
    }

    #[test]
    fn strings_are_read_and_written_as_serde_does() {
        for text in ["", "a", "é", "a\"b\\c/d", "\u{8}\u{c}\n\r\t\u{1}", "𝄞", "\u{7f}\u{2028}"] {
            let written = quoted(text);
            assert_eq!(serde_json::from_str::<String>(&written).expect("a string"), text);
            assert_eq!(unescaped(&written[1..written.len() - 1]).as_deref(), Some(text));
        }
        for (written, expected) in [
            ("\\u00e9", Some("é")),
            ("\\ud834\\udd1e", Some("𝄞")),
            ("\\/", Some("/")),
            ("\\ud834", None),
            ("\\udd1e", None),
            ("\\ud834\\u0041", None),
            ("\\ud834x", None),
        ] {
            assert_eq!(unescaped(written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn what_stands_at_a_path_is_found_once() {
        let [by, ties] = [vec!["a".to_owned(), "b".into()], vec!["id".into()]];
        for (text, expected) in [
            (r#"{"a": {"b": 1}, "id": "x"}"#, Some([Some("1"), Some("\"x\"")])),
            (r#"{"id": {"id": 2}, "a": [{"b": 1}]}"#, Some([None, Some(r#"{"id": 2}"#)])),
            (r#"{"\u0061": {"b": 1.5}}"#, Some([Some("1.5"), None])),
            (r#"{"a": {"b": 1}, "a": {"b": 2}}"#, None),
            (r#"["id"]"#, Some([None, None])),
        ] {
            let mut seen = [None, None];
            let found = Reader::new(text).watched([Some(&by), Some(&ties)], &mut seen);
            let seen = found.map(|_| seen.map(|place| place.map(|place| &text[place])));
            assert_eq!(seen, expected, "{text}");
        }
    }
}
