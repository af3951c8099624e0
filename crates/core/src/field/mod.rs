//! Header fields, one file each. Parsing never fails loudly: what is malformed degrades to caution.

pub mod cache_control;
pub mod cache_groups;
pub mod cache_status;
pub mod etag;
pub mod http_date;
pub mod range;
pub mod server_timing;
pub mod targeted;

use core::fmt;

use crate::text;

/// Fields that never go beyond one connection or one proxy.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The fields of a message: names in lower case, in order, repeated lines kept apart.
///
/// One text holds all of them, so that a head is read, copied and handed to a runtime in a few steps, however many
/// fields it has.
#[derive(Default)]
pub struct Fields {
    text: String,
    lines: Vec<Line>,
}

/// Where a field line stands in the text.
#[derive(Clone, Copy)]
struct Line {
    name: (u32, u32),
    value: (u32, u32),
}

impl Fields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: String::new(), lines: Vec::new() }
    }

    /// Reads what [`Self::to_text`] writes, as runtimes hand fields over: a name, a value, a name, a value, each followed
    /// by a line feed, which no field holds (RFC 9110 §5.5). Names are in lower case, as Fetch gives them.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        let mut lines = Vec::with_capacity(24);
        let (mut start, mut name) = (0, None);
        for (at, _) in text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n') {
            let span = (start, at as u32);
            start = span.1 + 1;
            match name.take() {
                None => name = Some(span),
                Some(name) => lines.push(Line { name, value: span }),
            }
        }
        Self { text, lines }
    }

    /// Every field for a runtime: see [`Self::from_text`]. One that holds a line feed is none, and left out: the rest of
    /// it would be a field of its own.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.text.len() + 2 * self.lines.len());
        for (name, value) in self.iter().filter(|(name, value)| !text::has(name, b'\n') && !text::has(value, b'\n')) {
            for part in [name, "\n", value, "\n"] {
                text.push_str(part);
            }
        }
        text
    }

    /// The first line of the field `name` (lower case).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&Line| bytes(&self.text, line.name) == name.as_bytes();
        self.lines.iter().find(is_it).map(|line| part(&self.text, line.value))
    }

    /// Every line of the field `name` (lower case), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |line: &&Line| bytes(&self.text, line.name) == name.as_bytes();
        self.lines.iter().filter(is_it).map(|line| part(&self.text, line.value))
    }

    /// All lines of a list field joined as RFC 9110 §5.3 allows, or `None` when there is none.
    #[must_use]
    pub fn combined(&self, name: &str) -> Option<String> {
        let mut lines = self.all(name);
        let mut joined = lines.next()?.to_owned();
        for line in lines {
            joined.push_str(", ");
            joined.push_str(line);
        }
        Some(joined)
    }

    /// Whether the field is there at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a line. The name is put in lower case.
    pub fn append(&mut self, name: &str, value: impl AsRef<str>) {
        let start = self.text.len();
        self.text.push_str(name);
        if let Some(written) = self.text.get_mut(start..) {
            written.make_ascii_lowercase();
        }
        let middle = self.text.len();
        self.text.push_str(value.as_ref());
        let span = |from: usize, to: usize| (from as u32, to as u32);
        self.lines.push(Line { name: span(start, middle), value: span(middle, self.text.len()) });
    }

    /// Replaces every line of the field by one.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        self.remove(name);
        self.append(name, value);
    }

    /// [`Self::set`] for a number.
    pub fn set_number(&mut self, name: &str, number: u64) {
        let mut value = String::with_capacity(20);
        push_number(&mut value, i64::try_from(number).unwrap_or(i64::MAX));
        self.set(name, value);
    }

    /// Takes the field away.
    pub fn remove(&mut self, name: &str) {
        let Self { text, lines } = self;
        lines.retain(|line| !bytes(text, line.name).eq_ignore_ascii_case(name.as_bytes()));
    }

    /// Keeps the lines for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        let Self { text, lines } = self;
        lines.retain(|line| keep(part(text, line.name), part(text, line.value)));
    }

    /// Every line as (name, value).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| (part(&self.text, line.name), part(&self.text, line.value)))
    }

    /// Length of all names and values, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let length = |(from, to): (u32, u32)| (to - from) as usize;
        self.lines.iter().map(|line| length(line.name) + length(line.value)).sum()
    }

    /// Takes away the fields of one connection: those that `Connection` names, those that always are (RFC 9110
    /// §7.6.1), and those between a client and the first proxy (RFC 9111 §3.1).
    pub fn remove_hop_by_hop(&mut self) {
        let named = self.tokens("connection");
        self.retain(|name, _| !is_of_one_connection(name) && !named.iter().any(|n| n == name));
    }

    /// Whether the field belongs to the connection that it came by (see [`Self::remove_hop_by_hop`]).
    #[must_use]
    pub fn is_hop_by_hop(&self, name: &str) -> bool {
        is_of_one_connection(name) || self.has_token("connection", name)
    }

    /// The members of a list field, line by line, trimmed. Nothing is copied.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(split_list)
    }

    /// Whether a list field has the member `token`, in any case.
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|member| member.eq_ignore_ascii_case(token))
    }

    /// The members of a list field of tokens (`Vary`, `Connection`), in lower case.
    #[must_use]
    pub fn tokens(&self, name: &str) -> Vec<String> {
        self.list(name).map(str::to_ascii_lowercase).collect()
    }
}

fn is_of_one_connection(name: &str) -> bool {
    // Most names begin with another letter, and need not be compared.
    matches!(name.as_bytes().first(), Some(b'c' | b'k' | b'p' | b't' | b'u')) && HOP_BY_HOP.contains(&name)
}

fn bytes(text: &str, span: (u32, u32)) -> &[u8] {
    text.as_bytes().get(span.0 as usize..span.1 as usize).unwrap_or_default()
}

fn part(text: &str, span: (u32, u32)) -> &str {
    text.get(span.0 as usize..span.1 as usize).unwrap_or_default()
}

/// What is copied is about to be added to.
impl Clone for Fields {
    fn clone(&self) -> Self {
        let mut text = String::with_capacity(self.text.len() + 128);
        text.push_str(&self.text);
        let mut lines = Vec::with_capacity(self.lines.len() + 4);
        lines.extend_from_slice(&self.lines);
        Self { text, lines }
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Fields {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(lines: T) -> Self {
        let mut fields = Self::new();
        for (name, value) in lines {
            fields.append(name.as_ref(), value);
        }
        fields
    }
}

/// Writes a number in decimal, without what formatting brings along.
pub(crate) fn push_number(out: &mut String, number: i64) {
    let mut digits = [0u8; 20];
    let (mut at, mut rest) = (digits.len(), number.unsigned_abs());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push('-');
    }
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

/// Splits at commas that stand outside quoted strings (RFC 9110 §5.6.1), trimming white space, leaving out what is
/// empty. A quote that is never closed is no quote, so that it hides nothing behind it.
pub(crate) fn split_list(text: &str) -> impl Iterator<Item = &str> {
    members(text).filter(|member| !member.is_empty())
}

/// The same with what is empty.
pub(crate) fn members(text: &str) -> Members<'_> {
    Members { rest: Some(text), quotes: true }
}

/// See [`members`].
#[derive(Debug)]
pub(crate) struct Members<'a> {
    rest: Option<&'a str>,
    /// Whether quotes count still. Remembered, so that text full of them is read once.
    quotes: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let end = self.end(text.as_bytes());
        self.rest = text.get(end + 1..);
        Some(text::upto(text, end).trim_ascii())
    }
}

impl Members<'_> {
    /// Where the first member ends.
    fn end(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        while let Some(found) = text[at..].iter().position(|byte| matches!(byte, b',' | b'"')) {
            at += found;
            if text[at] == b',' {
                return at;
            }
            if self.quotes {
                let closing = closing_quote(text, at);
                self.quotes = closing.is_some();
                at = closing.unwrap_or(at);
            }
            at += 1;
        }
        text.len()
    }
}

fn closing_quote(bytes: &[u8], opening: usize) -> Option<usize> {
    let mut at = opening + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_outside_quotes() {
        for (text, members) in [
            (r#"a, "b, c" ,, d="\",""#, &["a", r#""b, c""#, r#"d="\",""#][..]),
            (r#"a="b, c"#, &[r#"a="b"#, "c"]),
            (r#""\"\", a"#, &[r#""\"\""#, "a"]),
            ("\\", &["\\"]),
            ("a,", &["a"]),
            (" ,\t, ", &[]),
            ("", &[]),
        ] {
            assert_eq!(split_list(text).collect::<Vec<_>>(), members, "{text}");
        }
    }

    #[test]
    fn fields_are_handed_over_as_one_text() {
        let mut fields: Fields =
            [("vary", "accept"), ("x-empty", ""), ("set-cookie", "a=1"), ("set-cookie", "b=é")].into_iter().collect();
        let text = "vary\naccept\nx-empty\n\nset-cookie\na=1\nset-cookie\nb=é\n";
        assert_eq!(fields.to_text(), text);
        assert_eq!(Fields::from_text(text.to_owned()), fields);
        fields.set("Vary", "origin");
        fields.remove("set-cookie");
        assert_eq!(fields.to_text(), "x-empty\n\nvary\norigin\n");
        assert_eq!(fields.size(), "x-emptyvaryorigin".len());
        assert_eq!(Fields::from_text("half\n".into()), Fields::new());
        fields.set("x-split", "a\nset-cookie: b");
        assert_eq!(fields.to_text(), "x-empty\n\nvary\norigin\n");
    }

    #[test]
    fn numbers_are_written_as_formatting_would() {
        for number in [0, 7, 10, -1, 31_536_000, i64::MAX, i64::MIN] {
            let mut out = String::from("=");
            push_number(&mut out, number);
            assert_eq!(out, format!("={number}"));
        }
    }

    #[test]
    fn names_are_case_insensitive_and_lines_are_kept() {
        let fields: Fields = [("Vary", "Accept"), ("vary", "Cookie, ORIGIN")].into_iter().collect();
        assert_eq!(fields.combined("vary").as_deref(), Some("Accept, Cookie, ORIGIN"));
        assert_eq!(fields.tokens("vary"), ["accept", "cookie", "origin"]);
    }
}
