//! What a class asks of the device, and what the app does.

use super::warn;
use crate::policy::document::model::ClassDoc;
use crate::policy::document::place::join;
use crate::policy::document::{Findings, write_span};
use crate::policy::{OPAQUE_LENGTH, Policy, ResourceClass, Store};
use crate::time::DeltaSeconds;

pub(super) fn shell(policy: &Policy, findings: &mut Findings) {
    if let Some(shell) = &policy.shell {
        path(shell, "/app/shell", "/index.html", findings);
    }
}

pub(super) fn class(class: &ResourceClass, doc: &ClassDoc, at: &str, findings: &mut Findings) {
    let Some(device) = &class.device else { return };
    let at = join(at, "device");
    let (fallback, timeout, opaque) = (join(&at, "fallback"), join(&at, "network-timeout"), join(&at, "opaque"));
    if let Some(shown) = &device.fallback {
        path(shown, &fallback, "/images/offline.svg", findings);
    }
    if device.store != Store::CacheStorage {
        let given = [
            (device.fallback.is_some(), &fallback),
            (device.network_timeout.is_some(), &timeout),
            (device.opaque, &opaque),
        ];
        for (_, at) in given.into_iter().filter(|(is_given, _)| *is_given) {
            let message = "only what the Service Worker keeps has this";
            findings.error("needs-cache-storage", at, message, "leave it out, or set \"store\": \"cache-storage\"");
        }
        return;
    }
    if device.opaque {
        unread(class, &opaque, findings);
    }
    let Some(limit) = device.network_timeout else { return };
    if limit == DeltaSeconds::ZERO || limit >= class.timeout {
        findings.error(
            "bad-network-timeout",
            &timeout,
            &format!("it is to be over before the request is given up, after {}", write_span(class.timeout)),
            "write \"3s\"; what is to be served at once says \"stale-while-revalidate\"",
        );
    }
    if device.lifetimes.stale_while_revalidate > DeltaSeconds::ZERO {
        warn(
            doc,
            findings,
            "network-timeout-unused",
            &timeout,
            "what is stale is served at once while `stale-while-revalidate` lasts: nobody waits for the network",
            "write \"stale-while-revalidate\": \"0s\"",
        );
    }
}

/// Answers that nobody may read: the policy alone can say how long they are good, and nobody can cut them.
fn unread(class: &ResourceClass, at: &str, findings: &mut Findings) {
    let budget = class.device.as_ref().map(|device| device.budget).unwrap_or_default();
    let wrong = [
        (
            class.authority.is_origin(),
            "nobody can read what the origin says of such an answer",
            "set \"authority\": \"policy\"",
        ),
        (class.slice.is_some(), "nobody can cut such an answer into slices", "leave out `slice` or `opaque`"),
        (
            !budget.admits(OPAQUE_LENGTH),
            "such an answer counts as 7 MB, and `max-bytes` is less",
            "write \"max-bytes\": \"70MB\"",
        ),
    ];
    for (_, message, help) in wrong.into_iter().filter(|(is_wrong, ..)| *is_wrong) {
        findings.error("bad-opaque", at, message, help);
    }
}

/// A path as a URL has it, of one file.
fn path(path: &str, at: &str, such_as: &str, findings: &mut Findings) {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%@!$&'()*+,;=:".contains(&b);
    if !path.starts_with('/') || path.starts_with("//") || !path.bytes().all(is_plain) {
        let message = "the path of a file is wanted, as a URL of this web origin has it";
        findings.error("bad-path", at, message, &format!("write \"{such_as}\""));
    }
}
