//! `Vary` (RFC 9111 §4.1). The stores ignore it, so variants are told apart by the key.

use crate::field::Fields;
use crate::head::ResponseHead;
use crate::policy::{Authority, ResourceClass};

/// The request fields that select among the variants of `response`, in order of their names.
///
/// `Accept-Encoding` is the runtime's own matter: it decodes and encodes bodies as each side needs. Credentials
/// of a class whose lifetimes the policy sets are either stripped (public) or in the key (user).
#[must_use]
pub fn selecting_fields(class: &ResourceClass, response: &ResponseHead) -> Vec<String> {
    let mut names = response.fields.tokens("vary");
    names.retain(|name| match name.as_str() {
        "accept-encoding" => false,
        "authorization" | "cookie" => class.authority == Authority::Origin,
        _ => true,
    });
    names.sort_unstable();
    names.dedup();
    names
}

/// The values that a request has for them: trimmed, several lines joined (RFC 9111 §4.1).
#[must_use]
pub fn selecting_values(names: &[String], request: &Fields) -> Vec<(String, Option<String>)> {
    let value =
        |name: &String| request.combined(name).map(|v| v.split(',').map(str::trim).collect::<Vec<_>>().join(","));
    names.iter().map(|name| (name.clone(), value(name))).collect()
}
