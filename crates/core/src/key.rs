//! Keys and names. The one place where a user's id or a parameter becomes part of a name.
//!
//! Every value is escaped to `[A-Za-z0-9.-]` and `%XX` before it is joined, so the delimiters `:`, `_`, `/`
//! and `~` never come from a value. Two different values never give the same name, and no user's prefix is a
//! prefix of another's. The property tests in `tests/isolation.rs` hold this.

mod shard;

use percent_encoding::percent_encode_byte;
use sha2::{Digest, Sha256};

use crate::slice::Slicing;
use crate::text;
use crate::text::push_number;

pub use shard::{SHARDS, Shard, statistics};

/// Everything but letters, digits, `-` and `.` is escaped.
const PLAIN: [bool; 256] = {
    let (mut plain, mut byte) = ([false; 256], 0);
    while byte < plain.len() {
        plain[byte] = matches!(byte as u8, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        byte += 1;
    }
    plain
};
/// A longer value is replaced by `~` and its SHA-256, so that keys, tags and database names stay within
/// every store's limits. An escaped value never starts with `~`.
const LONGEST_VALUE: usize = 200;
/// Stands for a parameter that the request does not have. An escaped value never holds it.
pub(crate) const ABSENT: &str = "*";
/// Separates a key from the digest of its variant. An escaped value never holds it.
const VARIANT: &str = "!";
/// Begins the part that names a slice. A variant's is hexadecimal: no `s` is in it.
const SLICE: &str = "!s";
/// Where keys live as URLs: `.invalid` never resolves (RFC 6761 §6.4).
const BASE: &str = "https://tiercel.invalid/";

/// Escapes one value for use between delimiters. Injective (up to SHA-256 for values over 200 bytes).
#[must_use]
pub fn escape(value: &str) -> String {
    let mut out = String::new();
    escape_into(&mut out, value);
    out
}

fn escape_into(out: &mut String, value: &str) {
    let start = out.len();
    let mut plain = 0;
    for (at, byte) in value.bytes().enumerate() {
        if !PLAIN[usize::from(byte)] {
            out.push_str(value.get(plain..at).unwrap_or_default());
            out.push_str(percent_encode_byte(byte));
            plain = at + 1;
        }
    }
    out.push_str(value.get(plain..).unwrap_or_default());
    if out.len() - start > LONGEST_VALUE {
        out.truncate(start);
        out.push('~');
        out.push_str(&hex(&Sha256::digest(value.as_bytes())));
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

/// The key of a stored response: `v1/user:abc123:files:videos`.
///
/// Made only by a policy's template; there is no way to join one by hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey {
    text: String,
}

impl CacheKey {
    pub(crate) fn new(version: u32, name: &Template, params: &Params) -> Self {
        let mut text = String::with_capacity(80);
        text.push('v');
        push_number(&mut text, i64::from(version));
        text.push('/');
        name.render_into(&mut text, params);
        Self { text }
    }

    /// The same key for one variant (RFC 9111 §4.1), told apart by the values of the fields that `Vary` names.
    pub(crate) fn variant(&self, selecting: &[(String, Option<String>)]) -> Self {
        let mut digest = Sha256::new();
        for (name, value) in selecting {
            // Lengths first, so that no two lists of fields run into each other.
            digest.update((name.len() as u64).to_be_bytes());
            digest.update(name.as_bytes());
            match value {
                None => digest.update([0]),
                Some(value) => {
                    digest.update([1]);
                    digest.update((value.len() as u64).to_be_bytes());
                    digest.update(value.as_bytes());
                }
            }
        }
        let digest = hex(&digest.finalize()[..16]);
        Self { text: text![self.text, VARIANT, digest] }
    }

    /// The key of one slice of the body that is cut as `slicing` says. `validator` tells apart what the origin had at
    /// different times: slices of two versions never make one body.
    pub(crate) fn slice(&self, validator: &str, slicing: Slicing, index: u64) -> Self {
        let cut = text![slicing.length(), "/", slicing.complete(), "/", validator];
        let digest = hex(&Sha256::digest(cut.as_bytes())[..8]);
        Self { text: text![self.text, SLICE, digest, "-", index] }
    }

    /// What the keys of all slices of this entry's body begin with, of whatever version.
    #[must_use]
    pub fn slices(&self) -> Self {
        Self { text: [&self.text, SLICE].concat() }
    }

    /// Of a slice: what the keys of all slices of its version begin with.
    #[must_use]
    pub fn version(&self) -> Self {
        let end = text::rfind(&self.text, "-").map_or(self.text.len(), |at| at + 1);
        Self { text: text::upto(&self.text, end).to_owned() }
    }

    /// The key that an entry says it was stored under.
    pub(crate) fn stored(meta: &crate::meta::EntryMeta) -> Self {
        Self { text: meta.key.clone() }
    }

    /// With the version: what tells entries apart.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Without version and variant: `user:abc123:files:videos`.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.text.split_once('/').map_or(self.text.as_str(), |(_, name)| name);
        text::split_once(name, VARIANT).map_or(name, |(name, _)| name)
    }

    /// As the URL that the Workers Cache API and Cache Storage want. `namespace` is the policy's name.
    #[must_use]
    pub fn url(&self, namespace: &str) -> String {
        text![BASE, escape(namespace), "/", self.text]
    }

    /// The key that has this [`Self::url`], of whatever policy; `None` where none has.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        let (_, text) = url.strip_prefix(BASE)?.split_once('/')?;
        Some(Self { text: text.to_owned() })
    }
}

/// The parameters of one request: names from the policy, values decoded. `None` is a parameter that the
/// request does not have.
#[derive(Clone, Default)]
pub struct Params {
    /// Names and values, one after the other.
    text: String,
    spans: Vec<(Span, Option<Span>)>,
}

/// From where to where in a text, in bytes.
type Span = (u32, u32);

impl Params {
    /// The value of `name`, unless absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.spans.get(self.position(name)?)?;
        value.map(|value| self.part(value))
    }

    /// Sets `name`.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(|value| self.push(value));
        match self.position(name) {
            Some(at) => self.spans[at].1 = value,
            None => {
                let name = self.push(name);
                self.spans.push((name, value));
            }
        }
    }

    /// Every parameter that has a value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans.iter().filter_map(|(name, value)| Some((self.part(*name), self.part((*value)?))))
    }

    fn position(&self, name: &str) -> Option<usize> {
        let bytes = self.text.as_bytes();
        self.spans.iter().position(|(known, _)| bytes.get(known.0 as usize..known.1 as usize) == Some(name.as_bytes()))
    }

    fn push(&mut self, text: &str) -> Span {
        if self.spans.capacity() == 0 {
            // Enough for most requests, at once.
            self.text = String::with_capacity(96);
            self.spans = Vec::with_capacity(4);
        }
        let start = self.text.len() as u32;
        self.text.push_str(text);
        (start, self.text.len() as u32)
    }

    fn part(&self, span: Span) -> &str {
        self.text.get(span.0 as usize..span.1 as usize).unwrap_or_default()
    }
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        let all = |params: &Self| -> Vec<(String, Option<String>)> {
            let owned = |span| params.part(span).to_owned();
            params.spans.iter().map(|(name, value)| (owned(*name), value.map(owned))).collect()
        };
        all(self) == all(other)
    }
}

impl Eq for Params {}

impl core::fmt::Debug for Params {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Params {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            params.set(name.as_ref(), Some(value.as_ref()));
        }
        params
    }
}

/// A name with places for parameters: `user:{userId}:files:{category}`.
///
/// A segment is either literal or one parameter; mixing them is refused, so that a value always stands
/// between delimiters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(pub(crate) Vec<Segment>);

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Stands as it is.
    Literal(String),
    /// Replaced by the parameter's escaped value.
    Param(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong, for the author of a policy: an empty segment, or one that mixes text and a parameter.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut segments = Vec::new();
        for part in text.split(':') {
            let segment = match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                    Segment::Param(name.to_owned())
                }
                None if part == ABSENT => Segment::Literal(ABSENT.to_owned()),
                None if !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) =>
                {
                    Segment::Literal(part.to_owned())
                }
                _ => {
                    return Err(format!(
                        "`{part}` in `{text}` is neither a word (letters, digits, `-`, `.`, `_`), nor `*`, nor a parameter such as `{{userId}}`"
                    ));
                }
            };
            segments.push(segment);
        }
        Ok(Self(segments))
    }

    /// Its parts.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The names of its parameters.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|s| match s {
            Segment::Param(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The same name for requests that leave the parameter `name` out.
    #[must_use]
    pub fn with_absent(&self, name: &str) -> Self {
        let absent = |s: &Segment| matches!(s, Segment::Param(p) if p == name);
        let literal = || Segment::Literal(ABSENT.to_owned());
        Self(self.0.iter().map(|s| if absent(s) { literal() } else { s.clone() }).collect())
    }

    /// The key's name. A parameter that the request does not have reads `*`.
    pub(crate) fn render(&self, params: &Params) -> String {
        let mut out = String::new();
        self.render_into(&mut out, params);
        out
    }

    fn render_into(&self, out: &mut String, params: &Params) {
        self.join(out, |out, name| {
            match params.get(name) {
                Some(value) => escape_into(out, value),
                None => out.push_str(ABSENT),
            }
            Some(())
        });
    }

    /// A tag; `None` when a parameter of it is absent: there is nothing to label with it.
    pub(crate) fn render_tag(&self, params: &Params) -> Option<String> {
        let mut out = String::new();
        self.join(&mut out, |out, name| params.get(name).map(|value| escape_into(out, value)))?;
        Some(out)
    }

    /// A name to purge. An unknown parameter widens it to what stands before: of `user:a:files:{category}`
    /// stays `user:a:files`, which covers every category. `None` when nothing certain is left.
    pub(crate) fn render_purge(&self, params: &Params) -> Option<String> {
        let known = self.0.iter().position(|s| matches!(s, Segment::Param(n) if params.get(n).is_none()));
        let certain = Self(self.0[..known.unwrap_or(self.0.len())].to_vec());
        let whole = known.is_none();
        (whole || certain.params().next().is_some()).then(|| certain.render(params))
    }

    fn join(&self, out: &mut String, mut value: impl FnMut(&mut String, &str) -> Option<()>) -> Option<()> {
        for (at, segment) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(':');
            }
            match segment {
                Segment::Literal(text) => out.push_str(text),
                Segment::Param(name) => value(out, name)?,
            }
        }
        Some(())
    }
}

impl core::fmt::Display for Template {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(":")?;
            }
            match segment {
                Segment::Literal(text) => f.write_str(text)?,
                Segment::Param(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

/// The names of one user's local stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    policy: String,
    user: String,
}

impl Namespace {
    /// The namespace of `user` under the policy called `policy`; `None` is someone who is not logged in,
    /// and no user's id gives the same names.
    #[must_use]
    pub fn new(policy: &str, user: Option<&str>) -> Self {
        Self { policy: escape(policy), user: user.map_or_else(String::new, escape) }
    }

    /// The IndexedDB database: `videomi_cache_abc123`.
    #[must_use]
    pub fn database(&self) -> String {
        text![self.policy, "_cache_", self.user]
    }

    /// What every Cache Storage name of this user starts with, and no other user's: `videomi_abc123_`.
    #[must_use]
    pub fn cache_prefix(&self) -> String {
        text![self.policy, "_", self.user, "_"]
    }

    /// The Cache Storage name of what one build of the app consists of: `videomi__precache_3f2a`. No version of a class's
    /// caches begins as a `revision` (hexadecimal) does.
    #[cfg(feature = "document")]
    #[must_use]
    pub fn precache(&self, revision: &str) -> String {
        [&self.cache_prefix(), PRECACHE, revision].concat()
    }

    /// Which caches are Tiercel's under this policy's name, of every user, version and build; and which of them a build
    /// goes on with that goes by `version` and keeps its app in [`Self::precache`]. Regular expressions (ECMAScript) over
    /// the whole name. Others on the same web origin may begin alike: what has not just these parts is not ours.
    #[cfg(feature = "document")]
    #[must_use]
    pub fn outdated(&self, version: u32, revision: &str) -> (String, String) {
        let ours = format!("^{}_(?:[^_]*_[A-Za-z0-9-]+_v[1-9][0-9]*|_{PRECACHE}[0-9a-f]+)$", self.policy);
        (ours, format!("_v{version}$|_{PRECACHE}{revision}$"))
    }

    /// The Cache Storage name of what a Service Worker remembers of its pages' users: `videomi__identity`.
    #[must_use]
    pub fn identity(&self) -> String {
        [&self.cache_prefix(), "identity"].concat()
    }

    /// The Cache Storage name of a class: `videomi_abc123_thumbnail_v1`.
    #[must_use]
    pub fn cache(&self, class: &str, version: u32) -> String {
        text![self.cache_prefix(), escape(class), "_v", version]
    }
}

/// In the place of a client's id: whoever was named last. No browser gives a client such an id.
pub const LAST_CLIENT: &str = "last";

/// Where a client of the Service Worker (a tab or window) lives as a URL, by its id.
#[must_use]
pub fn client_url(id: &str) -> String {
    [BASE, "client/", &escape(id)].concat()
}

/// What the names of caches with an app begin with, after the namespace of nobody.
#[cfg(feature = "document")]
const PRECACHE: &str = "precache_";

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        pairs.iter().copied().collect()
    }

    #[test]
    fn names_of_the_product() {
        let template = Template::parse("user:{userId}:files:{category}").expect("a template");
        let key = |p| CacheKey::new(1, &template, &params(p));
        assert_eq!(key(&[("userId", "abc123"), ("category", "videos")]).as_str(), "v1/user:abc123:files:videos");
        assert_eq!(key(&[("userId", "a:files"), ("category", "")]).name(), "user:a%3Afiles:files:");
        assert_eq!(key(&[("userId", "é*")]).name(), "user:%C3%A9%2A:files:*");
        let namespace = Namespace::new("videomi", Some("a_b"));
        assert_eq!(namespace.database(), "videomi_cache_a%5Fb");
        assert_eq!(namespace.cache("thumbnail", 1), "videomi_a%5Fb_thumbnail_v1");
        assert_eq!(Namespace::new("videomi", None).cache_prefix(), "videomi__");
    }

    #[cfg(feature = "document")]
    #[test]
    fn only_what_is_ours_is_outdated() {
        let namespace = Namespace::new("videomi", None);
        let (ours, current) = namespace.outdated(2, "3f2a");
        let fits =
            |expression: &str, name: &str| regex_lite::Regex::new(expression).expect("an expression").is_match(name);
        let of = |user, version| Namespace::new("videomi", Some(user)).cache("thumbnail", version);
        for (name, goes) in [
            (of("a", 1).as_str(), true),
            (of("a_b", 1).as_str(), true),
            (of(&"x".repeat(300), 12).as_str(), true),
            (&namespace.cache("page", 1), true),
            (&namespace.precache("0011"), true),
            (&of("a", 2), false),
            (&of("a", 22), true),
            (&namespace.cache("page", 2), false),
            (&namespace.precache("3f2a"), false),
            ("videomi__identity", false),
            ("videomi_x_y_thumbnail_v1", false),
            ("videomi_thumbnail_v1", false),
            ("videomi-x__thumbnail_v1", false),
            ("other_a_thumbnail_v1", false),
            ("videomi_a_thumbnail_v1_mine", false),
            ("videomi_a_thumbnail_v0", false),
            ("videomi__precache_mine", false),
            ("workbox-precache-v2-https://a.example/", false),
        ] {
            assert_eq!(fits(&ours, name) && !fits(&current, name), goes, "{name}");
        }
    }

    #[test]
    fn unknown_parameters_widen_a_purge() {
        for (template, known, expected) in [
            ("user:{userId}:files:{category}", &[("userId", "a"), ("category", "v")][..], Some("user:a:files:v")),
            ("user:{userId}:files:{category}", &[("userId", "a")], Some("user:a:files")),
            ("user:{userId}:files:{category}", &[("category", "v")], None),
            ("ratings:top10", &[], Some("ratings:top10")),
        ] {
            let name = Template::parse(template).expect("a template").render_purge(&params(known));
            assert_eq!(name.as_deref(), expected, "{template} {known:?}");
        }
    }

    #[test]
    fn values_never_mix_with_text() {
        for broken in ["", "user:", "user:{userId", "u-{id}", "a b", "user::x", "{}", "é", "a/b"] {
            assert!(Template::parse(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn values_are_escaped_as_urls_are() {
        use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
        const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.');
        let ascii: String = (b' '..=b'@').map(char::from).collect();
        for value in ["", "a", "/a/b.c-d", "é", "aé", "éa", "é/ü", "日本", "a日b本c", ascii.as_str()] {
            assert_eq!(escape(value), utf8_percent_encode(value, ESCAPED).to_string());
        }
    }

    #[test]
    fn long_values_become_digests() {
        let (a, b) = ("é".repeat(100), format!("{}e", "é".repeat(100)));
        assert_eq!(escape(&a).len(), 65);
        assert_ne!(escape(&a), escape(&b));
        assert_ne!(escape(&a), escape(&escape(&a)));
    }
}
