//! What else an unsafe request changed (RFC 9111 §4.4): the URIs in `Location` and `Content-Location`, as far as they
//! are of the same origin as the target.

use crate::field::Fields;
use crate::head::Target;
use crate::text;

/// The targets that the answer to an unsafe request names. What is of another origin, or cannot be read, is not among
/// them: nobody invalidates what is another's.
pub fn located<'a>(target: &'a Target, response: &'a Fields) -> impl Iterator<Item = Target> + 'a {
    ["location", "content-location"].into_iter().filter_map(|name| resolve(target, response.get(name)?))
}

/// Resolves a URI reference (RFC 3986 §5.2) that stays within the origin of `base`.
fn resolve(base: &Target, reference: &str) -> Option<Target> {
    let reference = reference.split('#').next().unwrap_or("").trim_ascii();
    // A browser's reading of a backslash is not that of the RFC.
    if !reference.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return None;
    }
    let scheme = base.origin.split_once(':')?.0;
    let named = match reference.find([':', '/', '?']) {
        Some(at) if text::from(reference, at).starts_with(':') => Some(Target::parse(reference)),
        _ if reference.starts_with("//") => Some(Target::parse(&text![scheme, ":", reference])),
        _ => None,
    };
    if let Some(named) = named {
        return (same_origin(&named.origin, &base.origin)).then(|| Target {
            origin: base.origin.clone(),
            path: without_dots(&named.path),
            query: named.query,
        });
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query).filter(|query| !query.is_empty()).map(str::to_owned)),
        None if reference.is_empty() => ("", base.query.clone()),
        None => (reference, None),
    };
    let path = match path {
        "" => base.path.clone(),
        absolute if absolute.starts_with('/') => without_dots(absolute),
        relative => {
            let folder = base.path.rfind('/').map_or("/", |at| text::upto(&base.path, at + 1));
            without_dots(&text![folder, relative])
        }
    };
    Some(Target { origin: base.origin.clone(), path, query })
}

/// Schemes, hosts and ports are the same (RFC 9110 §4.3.1); a user in front of the host makes it another.
fn same_origin(one: &str, other: &str) -> bool {
    fn parts(origin: &str) -> Option<(&str, &str)> {
        let (scheme, host) = text::split_once(origin, "://")?;
        let default = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
        Some((scheme, host.strip_suffix(default).unwrap_or(host)))
    }
    match (parts(one), parts(other)) {
        (Some((scheme, host)), Some((other_scheme, other_host))) => {
            scheme.eq_ignore_ascii_case(other_scheme) && host.eq_ignore_ascii_case(other_host)
        }
        _ => false,
    }
}

/// RFC 3986 §5.2.4
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    text!["/", kept.join("/")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_the_same_origin() {
        let base = Target::parse("https://shop.example/a/b?q");
        for (reference, expected) in [
            ("/x", Some("/x")),
            ("/x?y=/z:1", Some("/x?y=/z:1")),
            ("x", Some("/a/x")),
            ("x/y", Some("/a/x/y")),
            ("./x", Some("/a/x")),
            ("../x", Some("/x")),
            ("../../../x", Some("/x")),
            ("/x/./y/../z/", Some("/x/z/")),
            ("..", Some("/")),
            ("/x/..", Some("/")),
            (".", Some("/a/")),
            ("?y", Some("/a/b?y")),
            ("?", Some("/a/b")),
            ("", Some("/a/b?q")),
            ("#f", Some("/a/b?q")),
            ("/x#f", Some("/x")),
            (" /x ", Some("/x")),
            ("x?u=a:b", Some("/a/x?u=a:b")),
            ("https://shop.example", Some("/")),
            ("https://shop.example/x?y", Some("/x?y")),
            ("HTTPS://Shop.Example:443/x", Some("/x")),
            ("//shop.example/x", Some("/x")),
            ("https://other.example/x", None),
            ("https://shop.example:8443/x", None),
            ("http://shop.example/x", None),
            ("https://user@shop.example/x", None),
            ("https://shop.example.other/x", None),
            ("//other.example/x", None),
            ("https:/x", None),
            ("javascript:/x", None),
            ("/\\other.example/x", None),
            ("/x y", None),
            ("/é", None),
        ] {
            let found = resolve(&base, reference).map(|t| t.url());
            let expected = expected.map(|path| format!("https://shop.example{path}"));
            assert_eq!(found, expected, "{reference}");
        }
    }

    #[test]
    fn both_fields_count() {
        let target = Target::parse("https://shop.example/a");
        let response: Fields =
            [("content-location", "/c"), ("location", "/l"), ("location", "/second")].into_iter().collect();
        let found: Vec<String> = located(&target, &response).map(|t| t.path).collect();
        assert_eq!(found, ["/l", "/c"]);
    }
}
