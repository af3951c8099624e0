//! Validation (RFC 9111 §4.3): asking whether a stored response is still good.

use crate::field::{Fields, http_date};
use crate::time::Timestamp;

/// Fields that make a request conditional, or ask for a part (RFC 9110 §13.1, §14.2).
const CONDITIONS: [&str; 6] =
    ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range"];

/// Takes every condition of the client away: the cache answers those itself.
pub fn strip_conditions(request: &mut Fields) {
    for name in CONDITIONS {
        request.remove(name);
    }
}

/// Makes a request conditional on what is stored (RFC 9111 §4.3.1). `false` when there is no validator.
pub fn add_validators(request: &mut Fields, stored: &Fields) -> bool {
    let mut conditional = false;
    for (validator, condition) in [("etag", "if-none-match"), ("last-modified", "if-modified-since")] {
        if let Some(value) = stored.get(validator) {
            request.set(condition, value);
            conditional = true;
        }
    }
    conditional
}

/// Whether a stored response can be asked about at all.
#[must_use]
pub fn has_validator(stored: &Fields) -> bool {
    stored.has("etag") || stored.has("last-modified")
}

/// Updates a stored response by a 304 (RFC 9111 §3.2, §4.3.4): its fields replace those stored, but for
/// those that describe the body, which did not come again.
pub fn freshen(stored: &mut Fields, not_modified: &Fields, now: Timestamp) {
    const OF_THE_BODY: [&str; 4] = ["content-length", "content-encoding", "content-type", "content-range"];
    let mut replaced: Vec<&str> = Vec::new();
    for (name, value) in not_modified.iter() {
        if OF_THE_BODY.contains(&name) || name == "set-cookie" {
            continue;
        }
        if replaced.contains(&name) {
            stored.append(name, value);
        } else {
            stored.set(name, value);
            replaced.push(name);
        }
    }
    // An Age that the 304 does not repeat belonged to the first transfer.
    if !not_modified.has("age") {
        stored.remove("age");
    }
    // RFC 9110 §6.6.1: a recipient records the time of arrival of what comes without a Date.
    if !not_modified.has("date") {
        stored.set("date", http_date::write(now));
    }
}
