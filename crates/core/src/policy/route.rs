//! Paths: patterns as policies write them, and the router that finds them.

use crate::key::Params;
use crate::text;

/// The parameter that `*` at the end of a pattern fills.
pub const REST: &str = "rest";

/// A path pattern: `/api/files/:category/:fileId`, `/assets/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub(crate) Vec<PathSegment>);

/// A part of a pattern, between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathSegment {
    Literal(String),
    Param(String),
    Rest,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, for the author of a policy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("the path `{text}` must start with `/`"));
        };
        let parts: Vec<&str> = path.split('/').collect();
        let mut segments = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let last = at + 1 == parts.len();
            segments.push(match part.strip_prefix(':') {
                Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                    PathSegment::Param(name.to_owned())
                }
                Some(_) => return Err(format!("`{part}` is not a parameter name (letters, digits, `_`)")),
                None if *part == "*" && last => PathSegment::Rest,
                None if part.is_empty() && !last => return Err(format!("`{text}` holds an empty segment")),
                None if part.bytes().any(|b| b"*+:{}?#%\\ ".contains(&b) || b.is_ascii_control()) => {
                    return Err(format!("`{part}` in `{text}`: only a whole last segment may be `*`, and a literal holds none of `+:{{}}?#%\\` and no space"));
                }
                None => PathSegment::Literal((*part).to_owned()),
            });
        }
        Ok(Self(segments))
    }

    /// The names of its parameters.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|s| match s {
            PathSegment::Param(name) => Some(name.as_str()),
            PathSegment::Rest => Some(REST),
            PathSegment::Literal(_) => None,
        })
    }

    /// The path with values in place, percent-encoded; `None` when one is missing.
    #[must_use]
    pub fn path(&self, params: &Params) -> Option<String> {
        let mut path = String::new();
        for segment in &self.0 {
            path.push('/');
            match segment {
                PathSegment::Literal(text) => path.push_str(text),
                PathSegment::Param(name) => {
                    // An empty segment, or one that a URL parser takes for a step in the path, would be another path.
                    let value = params.get(name).filter(|v| !matches!(*v, "" | "." | ".."))?;
                    path.push_str(&encode_segment(value));
                }
                PathSegment::Rest => {
                    let rest: Vec<String> = params.get(REST)?.split('/').map(encode_segment).collect();
                    path.push_str(&rest.join("/"));
                }
            }
        }
        Some(path)
    }

    /// Whether some path fits both patterns while neither is a special case of the other, or both are the same.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.meets(other) && self.narrower(other) == other.narrower(self)
    }

    /// Whether some path fits both patterns.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.0.iter(), other.0.iter());
        loop {
            match (a.next(), b.next()) {
                (None, None) => return true,
                (Some(PathSegment::Rest), _) | (_, Some(PathSegment::Rest)) => return true,
                (Some(PathSegment::Literal(x)), Some(PathSegment::Literal(y))) if x != y => return false,
                (Some(PathSegment::Param(_)), Some(PathSegment::Literal(text))) if text.is_empty() => return false,
                (Some(PathSegment::Literal(text)), Some(PathSegment::Param(_))) if text.is_empty() => return false,
                (Some(_), Some(_)) => {}
                _ => return false,
            }
        }
    }

    /// Whether every path of `self` fits `other` too; both are known to meet.
    fn narrower(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.0.iter(), other.0.iter());
        loop {
            match (a.next(), b.next()) {
                (None, None) | (_, Some(PathSegment::Rest)) => return true,
                (Some(PathSegment::Rest), _) => return false,
                (Some(PathSegment::Param(_)), Some(PathSegment::Literal(_))) => return false,
                (Some(_), Some(_)) => {}
                _ => return false,
            }
        }
    }

    /// Whether `self` is tried before `other`: where they part, a literal goes before a parameter, and that before a rest.
    fn goes_before(&self, other: &Self) -> bool {
        let rank = |segment: &PathSegment| match segment {
            PathSegment::Literal(_) => 0,
            PathSegment::Param(_) => 1,
            PathSegment::Rest => 2,
        };
        self.0.iter().map(rank).le(other.0.iter().map(rank))
    }

    /// The raw values of the parameters in a `path` that fits, in the order of [`Self::params`].
    pub fn values<'p>(&self, path: &'p str) -> impl Iterator<Item = &'p str> {
        let mut rest = path;
        self.0.iter().filter_map(move |segment| {
            let after = rest.get(1..).unwrap_or_default();
            let end = segment_end(after.as_bytes());
            rest = text::from(after, end);
            match segment {
                PathSegment::Literal(_) => None,
                PathSegment::Param(_) => Some(text::upto(after, end)),
                PathSegment::Rest => Some(after),
            }
        })
    }

    /// What every path that fits begins with behind its slash, if that is one letter.
    fn initial(&self) -> Option<u8> {
        match self.0.first() {
            Some(PathSegment::Literal(text)) => text.bytes().next(),
            _ => None,
        }
    }

    fn fits(&self, path: &str) -> bool {
        let mut rest = path.as_bytes();
        for segment in &self.0 {
            let Some((b'/', after)) = rest.split_first() else { return false };
            rest = match segment {
                PathSegment::Literal(literal) => match after.strip_prefix(literal.as_bytes()) {
                    Some(rest) if matches!(rest, [] | [b'/', ..]) => rest,
                    _ => return false,
                },
                // An empty value fits where something follows, so that such a path is no business of a wider pattern.
                PathSegment::Param(_) if !after.is_empty() => &after[segment_end(after)..],
                PathSegment::Param(_) => return false,
                PathSegment::Rest => return true,
            };
        }
        rest.is_empty()
    }
}

fn segment_end(path: &[u8]) -> usize {
    path.iter().position(|byte| *byte == b'/').unwrap_or(path.len())
}

impl core::fmt::Display for Pattern {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for segment in &self.0 {
            match segment {
                PathSegment::Literal(text) => write!(f, "/{text}")?,
                PathSegment::Param(name) => write!(f, "/:{name}")?,
                PathSegment::Rest => f.write_str("/*")?,
            }
        }
        Ok(())
    }
}

fn encode_segment(value: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(value, SEGMENT).collect()
}

/// Finds the route of a request. Of several patterns that fit, the most special one wins.
#[derive(Debug, Clone)]
pub struct Router {
    /// In the order in which they are tried. A policy has dozens of them: one after the other is as fast as a tree, and a
    /// tenth of its code.
    routes: Vec<Candidate>,
}

#[derive(Debug, Clone)]
struct Candidate {
    index: usize,
    method: Option<String>,
    pattern: Pattern,
    /// [`Pattern::initial`], at hand because it rules most of them out.
    initial: Option<u8>,
}

impl Router {
    /// A router over routes, each with its index, method (`None` is any) and pattern.
    pub fn new<'a>(routes: impl Iterator<Item = (usize, Option<&'a str>, &'a Pattern)>) -> Self {
        let mut sorted: Vec<Candidate> = Vec::new();
        for (index, method, pattern) in routes {
            let at = sorted.iter().position(|other| pattern.goes_before(&other.pattern)).unwrap_or(sorted.len());
            let (method, initial) = (method.map(str::to_owned), pattern.initial());
            sorted.insert(at, Candidate { index, method, pattern: pattern.clone(), initial });
        }
        Self { routes: sorted }
    }

    /// The indices of the routes that a request of this method may take, in the order in which they are tried.
    #[cfg(feature = "document")]
    pub(crate) fn tried(&self, method: &str) -> impl Iterator<Item = usize> {
        let fits = move |route: &&Candidate| route.method.as_deref().is_none_or(|wanted| wanted == method);
        self.routes.iter().filter(fits).map(|route| route.index)
    }

    /// The indices of all routes, in the order in which they are tried.
    #[cfg(feature = "document")]
    pub(crate) fn order(&self) -> impl Iterator<Item = usize> {
        self.routes.iter().map(|route| route.index)
    }

    /// The index of the route of a request, and its pattern; `path` is still percent-encoded. `HEAD` goes where `GET`
    /// goes.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<(usize, &Pattern)> {
        let method = if method == "HEAD" { "GET" } else { method };
        let initial = path.as_bytes().get(1);
        let fits = |route: &&Candidate| {
            (route.initial.is_none() || route.initial.as_ref() == initial)
                && route.pattern.fits(path)
                && route.method.as_deref().is_none_or(|wanted| wanted == method)
        };
        self.routes.iter().find(fits).map(|route| (route.index, &route.pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    #[test]
    fn overlaps() {
        for (a, b, overlap) in [
            ("/a/:x", "/a/:y", true),
            ("/a/b", "/a/b", true),
            ("/a/:x", "/a/b", false),
            ("/:a/x", "/b/:c", true),
            ("/:a/x", "/b/:c/d", false),
            ("/a/*", "/a/:x", false),
            ("/a/*", "/:x/b", true),
            ("/*", "/a/*", false),
            ("/*", "/", false),
            ("/a/:x/info", "/a/:x", false),
        ] {
            assert_eq!(pattern(a).overlaps(&pattern(b)), overlap, "{a} {b}");
            assert_eq!(pattern(b).overlaps(&pattern(a)), overlap, "{b} {a}");
        }
    }

    #[test]
    fn the_special_route_wins() {
        let routes: Vec<(Option<&str>, Pattern)> = [
            (Some("GET"), "/f/:c/:id"),
            (Some("GET"), "/f/:c/:id/info"),
            (Some("GET"), "/r/:id"),
            (Some("GET"), "/r/top"),
            (None, "/w/*"),
            (Some("GET"), "/"),
            (None, "/f/*"),
        ]
        .map(|(method, text)| (method, pattern(text)))
        .into();
        let router = Router::new(routes.iter().enumerate().map(|(i, (m, p))| (i, *m, p)));
        for (method, path, route, values) in [
            ("GET", "/f/v/1", 0, &["v", "1"][..]),
            ("HEAD", "/f/v/1", 0, &["v", "1"]),
            ("POST", "/f/v/1", 6, &["v/1"]),
            ("GET", "/f/v/1/info", 1, &["v", "1"]),
            ("GET", "/f/v/a%2Fb", 0, &["v", "a%2Fb"]),
            ("GET", "/r/top", 3, &[]),
            ("GET", "/r/x", 2, &["x"]),
            ("PUT", "/w/a/b", 4, &["a/b"]),
            ("GET", "/w/", 4, &[""]),
            ("GET", "/", 5, &[]),
            ("GET", "/f/v", 6, &["v"]),
        ] {
            let (found, pattern) = router.find(method, path).unwrap_or_else(|| panic!("{method} {path} has a route"));
            let found = (found, pattern.values(path).collect::<Vec<_>>());
            assert_eq!((found.0, found.1.as_slice()), (route, values), "{method} {path}");
        }
        for (method, path) in [("GET", "/nothing"), ("GET", ""), ("GET", "/f"), ("POST", "/r/x"), ("get", "/r/x")] {
            assert!(router.find(method, path).is_none(), "{method} {path:?}");
        }
    }

    #[test]
    fn paths_are_built_back() {
        let params: Params = [("c", "a/b é"), ("id", "1")].into_iter().collect();
        assert_eq!(pattern("/f/:c/:id").path(&params).as_deref(), Some("/f/a%2Fb%20%C3%A9/1"));
        assert_eq!(pattern("/f/:c/:other").path(&params), None);
    }
}
