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
    /// A bit for each name that may be there ([`trace`]). Most questions are about a field that is not.
    traces: u64,
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
        Self { text: String::new(), lines: Vec::new(), traces: 0 }
    }

    /// No fields yet, with room for as many as `others` has.
    pub(crate) fn with_room_for(others: &Self) -> Self {
        let text = String::with_capacity(others.text.len() + 32);
        Self { text, lines: Vec::with_capacity(others.lines.len() + 2), traces: 0 }
    }

    /// Reads what [`Self::to_text`] writes, as runtimes hand fields over: a name, a value, a name, a value, each followed
    /// by a line feed, which no field holds (RFC 9110 §5.5). Names are in lower case, as Fetch gives them.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        let mut lines = Vec::with_capacity(24);
        let (mut start, mut name, mut traces) = (0, None, 0);
        for (at, _) in text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n') {
            let span = (start, at as u32);
            start = span.1 + 1;
            match name.take() {
                None => name = Some(span),
                Some(name) => {
                    if cfg!(feature = "edge") {
                        traces |= trace(bytes(&text, name));
                    }
                    lines.push(Line { name, value: span });
                }
            }
        }
        Self { text, lines, traces }
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
    #[inline]
    pub fn get(&self, name: &str) -> Option<&str> {
        if self.may_have(name) { self.find(name) } else { None }
    }

    fn find(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&Line| bytes(&self.text, line.name) == name.as_bytes();
        self.lines.iter().find(is_it).map(|line| part(&self.text, line.value))
    }

    /// Every line of the field `name` (lower case), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |line: &&Line| bytes(&self.text, line.name) == name.as_bytes();
        let lines = if self.may_have(name) { self.lines.as_slice() } else { &[] };
        lines.iter().filter(is_it).map(|line| part(&self.text, line.value))
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
    #[inline]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a line. The name is put in lower case.
    pub fn append(&mut self, name: &str, value: impl AsRef<str>) {
        self.append_with(name, |text| text.push_str(value.as_ref()));
    }

    /// [`Self::append`] for a value that `write` adds to the text that it is given.
    pub(crate) fn append_with(&mut self, name: &str, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        self.text.push_str(name);
        if let Some(written) = self.text.get_mut(start..) {
            written.make_ascii_lowercase();
        }
        let middle = self.text.len();
        write(&mut self.text);
        let span = |from: usize, to: usize| (from as u32, to as u32);
        self.lines.push(Line { name: span(start, middle), value: span(middle, self.text.len()) });
        if cfg!(feature = "edge") {
            self.traces |= trace(name.as_bytes());
        }
    }

    /// Replaces every line of the field by one.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        self.remove(name);
        self.append(name, value);
    }

    /// [`Self::set`] for a number.
    pub fn set_number(&mut self, name: &str, number: u64) {
        self.remove(name);
        self.append_with(name, |text| text::Part::add_to(&number, text));
    }

    /// Takes the field away.
    pub fn remove(&mut self, name: &str) {
        if self.may_have(name) {
            self.retain(|known, _| !known.eq_ignore_ascii_case(name));
        }
    }

    /// `false`: it is not there, in whatever case. Only a shared cache asks so often that it is worth the code.
    #[inline]
    fn may_have(&self, name: &str) -> bool {
        !cfg!(feature = "edge") || self.traces & trace(name.as_bytes()) != 0
    }

    /// Keeps the lines for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.keep(&mut keep);
    }

    /// [`Self::retain`], compiled once.
    fn keep(&mut self, keep: &mut dyn FnMut(&str, &str) -> bool) {
        let Self { text, lines, .. } = self;
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

    /// Whether [`Self::size`] is above `most`, in bytes.
    #[must_use]
    pub fn is_longer_than(&self, most: usize) -> bool {
        // The text holds all of them, and what was taken away.
        self.text.len() > most && self.size() > most
    }

    /// Takes away the fields of one connection: those that `Connection` names, those that always are (RFC 9110
    /// §7.6.1), and those between a client and the first proxy (RFC 9111 §3.1).
    pub fn remove_hop_by_hop(&mut self) {
        // Most messages have none of them, and then no `Connection` that names another.
        if cfg!(feature = "edge") && self.traces & OF_ONE_CONNECTION == 0
            || !self.iter().any(|(name, _)| is_of_one_connection(name))
        {
            return;
        }
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

/// The traces of [`HOP_BY_HOP`].
const OF_ONE_CONNECTION: u64 = {
    let (mut traces, mut at) = (0, 0);
    while at < HOP_BY_HOP.len() {
        traces |= trace(HOP_BY_HOP[at].as_bytes());
        at += 1;
    }
    traces
};

/// The bit of a name, whatever its case. Names share bits; those that caches ask for share none with those that
/// browsers send.
const fn trace(name: &[u8]) -> u64 {
    let [first, .., last] = name else { return 1 };
    let sum = (*first | 0x20) as usize * 5 + name.len() * 8 + (*last | 0x20) as usize;
    1 << (sum % 64)
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
        Self { text, lines, traces: self.traces }
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
    fn no_name_hides_behind_another() {
        let names = ["", "x", "y", "age", "te", "vary", "range", "if-range", "connection", "cache-control", "é"];
        let all: Fields = names.iter().map(|name| (name, name)).collect();
        let text: String = names.iter().map(|name| format!("{name}\n{name}\n")).collect();
        for fields in [all.clone(), Fields::from_text(text), all] {
            for name in names {
                assert_eq!(fields.get(name), Some(name), "{name}");
                let mut without = fields.clone();
                without.remove(&name.to_ascii_uppercase());
                assert!(!without.has(name) && without.iter().count() == names.len() - 1, "{name}");
            }
        }
    }

    #[test]
    fn what_was_taken_away_has_no_length() {
        let mut fields: Fields = [("a", "12345"), ("b", "12")].into_iter().collect();
        assert!(fields.is_longer_than(8) && !fields.is_longer_than(9));
        fields.remove("a");
        assert!(fields.is_longer_than(2) && !fields.is_longer_than(3));
    }

    #[test]
    fn numbers_are_written_as_formatting_would() {
        for number in [0, 7, 10, -1, 31_536_000, i64::MAX, i64::MIN] {
            let mut out = String::from("=");
            text::push_number(&mut out, number);
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
