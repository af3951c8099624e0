//! Header fields, one file each. Parsing never fails loudly: what is malformed degrades to caution.

pub mod cache_control;
pub mod cache_groups;
pub mod cache_status;
pub mod etag;
pub mod http_date;
pub mod range;
pub mod server_timing;
pub mod targeted;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first line of the field `name` (lower case).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Every line of the field `name` (lower case), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
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
    pub fn append(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Replaces every line of the field by one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let name = name.to_ascii_lowercase();
        self.remove(&name);
        self.0.push((name, value.into()));
    }

    /// Takes the field away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Keeps the lines for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.0.retain(|(n, v)| keep(n, v));
    }

    /// Every line as (name, value).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Takes away the fields of one connection: those that `Connection` names, those that always are (RFC 9110
    /// §7.6.1), and those between a client and the first proxy (RFC 9111 §3.1).
    pub fn remove_hop_by_hop(&mut self) {
        let named = self.tokens("connection");
        self.0.retain(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()) && !named.contains(name));
    }

    /// Whether the field belongs to the connection that it came by (see [`Self::remove_hop_by_hop`]).
    #[must_use]
    pub fn is_hop_by_hop(&self, name: &str) -> bool {
        HOP_BY_HOP.contains(&name) || self.has_token("connection", name)
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

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Fields {
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
        Some(text[..end].trim_ascii())
    }
}

impl Members<'_> {
    /// Where the first member ends.
    fn end(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            match byte {
                b',' => return at,
                b'"' if self.quotes => match closing_quote(text, at) {
                    Some(closing) => at = closing,
                    None => self.quotes = false,
                },
                _ => {}
            }
            at += 1;
        }
        at
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
    fn names_are_case_insensitive_and_lines_are_kept() {
        let fields: Fields = [("Vary", "Accept"), ("vary", "Cookie, ORIGIN")].into_iter().collect();
        assert_eq!(fields.combined("vary").as_deref(), Some("Accept, Cookie, ORIGIN"));
        assert_eq!(fields.tokens("vary"), ["accept", "cookie", "origin"]);
    }
}
