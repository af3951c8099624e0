//! What a request must not bring along, so that the answer is a function of its key: fields that some origins let change
//! an answer, and encodings that not every client reads.

use crate::head::RequestHead;
use crate::text;

/// What names of fields begin with that speak of another host, scheme, path or method than the request's own.
const UNKEYED: [&str; 10] = [
    "forwarded",
    "front-end-https",
    "x-forwarded-",
    "x-host",
    "x-http-",
    "x-method-override",
    "x-original-",
    "x-request-uri",
    "x-rewrite-",
    "x-scheme",
];

/// Removes it. In a tier that is `shared`, what is stored is decoded where the runtime can; only such a coding may be
/// asked for, since `Accept-Encoding` selects nothing.
pub(super) fn remove(head: &mut RequestHead, shared: bool) {
    let RequestHead { target, fields, .. } = head;
    // Who asks is a matter of logs. How they ask is one of the URL, which the field must agree with.
    fields.retain(|name, value| match name {
        "x-forwarded-for" => true,
        "x-forwarded-proto" => target.origin.strip_prefix(value).is_some_and(|rest| rest.starts_with(':')),
        _ => !UNKEYED.iter().any(|prefix| begins(name, prefix)),
    });
    if let Some(codings) = fields.get("accept-encoding").filter(|_| shared) {
        let common = if text::contains(codings, "gzip") { "gzip" } else { "identity" };
        fields.set("accept-encoding", common);
    }
}

/// Whether a name begins so. Servers that take fields for variables (CGI) read `_` as `-`.
#[inline(never)]
pub(super) fn begins(name: &str, prefix: &str) -> bool {
    let mut bytes = name.bytes();
    prefix.bytes().all(|wanted| bytes.next().is_some_and(|byte| byte == wanted || (byte == b'_' && wanted == b'-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("forwarded", "host=evil.example", None),
            ("x-forwarded-host", "evil.example", None),
            ("x_forwarded_host", "evil.example", None),
            ("x-forwarded-prefix", "/evil", None),
            ("x-forwarded-for", "192.0.2.1", Some("192.0.2.1")),
            ("x-forwarded-proto", "https", Some("https")),
            ("x-forwarded-proto", "http", None),
            ("x_forwarded_proto", "https", None),
            ("x-original-url", "/evil", None),
            ("x-http-method-override", "DELETE", None),
            ("x-theme", "dark", Some("dark")),
            ("x-hos", "a", Some("a")),
            ("accept-encoding", "gzip, deflate, br;q=1.0, zstd", Some("gzip")),
            ("accept-encoding", "gzip, deflate", Some("gzip")),
            ("accept-encoding", "zstd", Some("identity")),
            ("accept-encoding", "*", Some("identity")),
            ("accept-encoding", "", Some("identity")),
            ("accept-encoding", "identity", Some("identity")),
        ];
        for (name, value, expected) in cases {
            let fields = [(*name, *value)].into_iter().collect();
            let mut head = RequestHead::new("GET", "https://shop.example/a", fields);
            remove(&mut head, true);
            assert_eq!(head.fields.get(name), *expected, "{name}: {value}");
        }
    }
}
