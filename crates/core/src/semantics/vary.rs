//! `Vary` (RFC 9111 §4.1). The stores ignore it, so variants are told apart by the key.

use crate::field::{Fields, members};
use crate::head::ResponseHead;
use crate::policy::ResourceClass;
use crate::sorted;

/// The request fields that select among the variants of `response`, in order of their names.
///
/// `Accept-Encoding` is the runtime's own matter: it decodes and encodes bodies as each side needs. Credentials
/// of a class whose lifetimes the policy sets are either stripped (public) or in the key (user).
#[must_use]
pub fn selecting_fields(class: &ResourceClass, response: &ResponseHead) -> Vec<String> {
    let mut names = response.fields.tokens("vary");
    names.retain(|name| match name.as_str() {
        "accept-encoding" => false,
        "authorization" | "cookie" => class.authority.is_origin(),
        _ => true,
    });
    sorted::set(names)
}

/// The values that a request has for them: trimmed, several lines joined (RFC 9111 §4.1). White space inside a
/// quoted string is a part of the value.
#[must_use]
pub fn selecting_values(names: &[String], request: &Fields) -> Vec<(String, Option<String>)> {
    names.iter().map(|name| (name.clone(), value(name, request))).collect()
}

fn value(name: &str, request: &Fields) -> Option<String> {
    let mut joined: Option<String> = None;
    for member in request.all(name).flat_map(members) {
        match &mut joined {
            None => joined = Some(member.to_owned()),
            Some(joined) => {
                joined.push(',');
                joined.push_str(member);
            }
        }
    }
    joined
}

/// Whether a member of `Vary` names a field: `*` does not, nor does what cannot be a name.
pub(super) fn is_field_name(member: &str) -> bool {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    member != "*" && member.bytes().all(tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_the_same() {
        let of = |lines: &[&str]| value("x", &lines.iter().map(|line| ("x", *line)).collect());
        for (one, other, same) in [
            (&["1,2"][..], &["1 ,\t2"][..], true),
            (&["1", "2"], &["1,2"], true),
            (&[" 1 "], &["1"], true),
            (&["\"a, b\""], &["\"a,b\""], false),
            (&["1,,2"], &["1,2"], false),
            (&["A"], &["a"], false),
            (&["a b"], &["a  b"], false),
            (&[""], &[], false),
        ] {
            assert_eq!(of(one) == of(other), same, "{one:?} and {other:?}");
        }
    }
}
