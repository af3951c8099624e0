//! Header fields, one file each. Parsing never fails loudly: what is malformed degrades to caution.

pub mod cache_control;
pub mod cache_groups;
pub mod cache_status;
pub mod etag;
pub mod http_date;
pub mod range;
pub mod server_timing;
pub mod targeted;

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

    /// Takes away the fields of one connection: those that `Connection` names, and those that always are
    /// (RFC 9110 §7.6.1).
    pub fn remove_hop_by_hop(&mut self) {
        const ALWAYS: [&str; 8] = [
            "connection",
            "keep-alive",
            "proxy-authenticate",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ];
        let named = self.tokens("connection");
        self.0.retain(|(name, _)| !ALWAYS.contains(&name.as_str()) && !named.contains(name));
    }

    /// The members of a list field of tokens (`Vary`, `Connection`), in lower case.
    #[must_use]
    pub fn tokens(&self, name: &str) -> Vec<String> {
        self.all(name)
            .flat_map(|line| line.split(','))
            .map(|token| token.trim().to_ascii_lowercase())
            .filter(|token| !token.is_empty())
            .collect()
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

/// Splits at commas that stand outside quoted strings (RFC 9110 §5.6.1), trimming white space.
pub(crate) fn split_list(text: &str) -> Vec<&str> {
    let (mut members, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                members.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(text[start..].trim());
    members.retain(|member| !member.is_empty());
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_outside_quotes() {
        assert_eq!(split_list(r#"a, "b, c" ,, d="\",""#), [r"a", r#""b, c""#, r#"d="\",""#]);
    }

    #[test]
    fn names_are_case_insensitive_and_lines_are_kept() {
        let fields: Fields = [("Vary", "Accept"), ("vary", "Cookie, ORIGIN")].into_iter().collect();
        assert_eq!(fields.combined("vary").as_deref(), Some("Accept, Cookie, ORIGIN"));
        assert_eq!(fields.tokens("vary"), ["accept", "cookie", "origin"]);
    }
}
