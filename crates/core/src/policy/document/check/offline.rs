//! Mutations that wait for a network.

use super::super::model::EventDoc;
use super::super::place::join;
use super::super::{Findings, Level};
use crate::policy::{Event, Policy};

/// The warning that an event may `allow`.
const QUEUED_TWICE: &str = "queued-twice";

pub(super) fn event(event: &Event, doc: &EventDoc, at: &str, policy: &Policy, findings: &mut Findings) {
    for id in doc.allow.keys().filter(|id| *id != QUEUED_TWICE) {
        let message = format!("`{id}` is not a warning");
        findings.error("unknown-warning", &join(&join(at, "allow"), id), &message, "known of an event: queued-twice");
    }
    if !event.queued {
        return;
    }
    let at = join(at, "offline");
    if policy.identity.is_none() {
        let message = "what waits belongs to a user, and the policy knows none";
        findings.error("no-identity", &at, message, "add `identity`: how users are recognised");
    }
    if event.wipe {
        findings.error(
            "queued-wipe",
            &at,
            "the event removes everything of the user from the device, and what waits with it",
            "leave `offline` away: the device is wiped without a network too",
        );
    }
    for (_, trigger) in doc.trigger.each() {
        let method = trigger.split_once(' ').map_or("POST", |(method, _)| method);
        if method == "*" {
            findings.error(
                "queued-any-method",
                &at,
                &format!("`{trigger}` is any method, and not every one can be sent again"),
                "name the methods",
            );
        } else if !matches!(method, "PUT" | "DELETE") && !doc.allow.contains_key(QUEUED_TWICE) {
            findings.push(
                Level::Warning,
                QUEUED_TWICE,
                &at,
                &format!(
                    "`{trigger}` may happen twice: that no answer came does not say that it did not arrive, and {method} is not idempotent (RFC 9110 §9.2.2)"
                ),
                "use PUT, or allow it here with the reason why twice does no harm",
            );
        }
    }
}
