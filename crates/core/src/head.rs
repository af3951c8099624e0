//! Message heads as data. Bodies never enter the core.

use std::borrow::Cow;

use crate::field::Fields;
use crate::text;

/// The head of a request, as a tier received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, as sent (methods are case-sensitive, RFC 9110 §9.1).
    pub method: Cow<'static, str>,
    /// Where it goes.
    pub target: Target,
    /// Its fields.
    pub fields: Fields,
}

impl RequestHead {
    /// A request for an absolute URL that the runtime has already parsed (WHATWG URL).
    #[must_use]
    pub fn new(method: &str, url: &str, fields: Fields) -> Self {
        let method = match method {
            "GET" => Cow::Borrowed("GET"),
            other => Cow::Owned(other.to_owned()),
        };
        Self { method, target: Target::parse(url), fields }
    }
}

/// The head of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// Its fields.
    pub fields: Fields,
}

/// A request's URL in parts, still percent-encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Scheme and authority, such as `https://videomi.example`; may be empty.
    pub origin: String,
    /// The path, starting with `/`.
    pub path: String,
    /// What follows `?`, without it.
    pub query: Option<String>,
}

impl Target {
    /// Splits a URL or a path with query. The fragment is dropped.
    #[must_use]
    pub fn parse(url: &str) -> Self {
        let url = url.split('#').next().unwrap_or(url);
        let authority = text::find(url, "://").map_or(0, |at| at + 3);
        let path_at = match text::from(url, authority).find(['/', '?']) {
            _ if url.starts_with('/') => 0,
            Some(at) => authority + at,
            None => url.len(),
        };
        let (origin, rest) = (text::upto(url, path_at), text::from(url, path_at));
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        Self {
            origin: origin.to_owned(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query: query.filter(|q| !q.is_empty()).map(str::to_owned),
        }
    }

    /// Path and query as they go on the request line.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => text![self.path, "?", query],
            None => self.path.clone(),
        }
    }

    /// Length of path and query, in bytes.
    #[must_use]
    pub fn path_length(&self) -> usize {
        self.path.len() + self.query.as_ref().map_or(0, |query| query.len() + 1)
    }

    /// The whole URL.
    #[must_use]
    pub fn url(&self) -> String {
        text![self.origin, self.path_and_query()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_fall_into_parts() {
        for (url, origin, path, query) in [
            ("https://a.example/x/y?q=1&r=/#f", "https://a.example", "/x/y", Some("q=1&r=/")),
            ("https://a.example", "https://a.example", "/", None),
            ("https://a.example?q", "https://a.example", "/", Some("q")),
            ("/x?u=http://b/", "", "/x", Some("u=http://b/")),
            ("/x?", "", "/x", None),
        ] {
            let target = Target::parse(url);
            assert_eq!((target.origin.as_str(), target.path.as_str(), target.query.as_deref()), (origin, path, query));
        }
    }
}
