//! Lengths and waiting times that would do harm.

use super::warn;
use crate::policy::document::model::ClassDoc;
use crate::policy::document::place::join;
use crate::policy::document::{Findings, write_size};
use crate::policy::{Authority, Device, Memory, Policy, ResourceClass, Store};
use crate::time::DeltaSeconds;

const MIN_SLICE: u64 = 64 << 10;
const MAX_SLICE: u64 = 64 << 20;
/// An isolate has 128 MB for its code, its heap and every request that it serves (Workers limits).
const UNWISE_MEMORY: u64 = 64 << 20;
const MAX_MEMORY: u64 = 100 << 20;
const MAX_STORE_TIMEOUT: DeltaSeconds = DeltaSeconds::new(60);
const MAX_RECORD_TIMEOUT: DeltaSeconds = DeltaSeconds::new(25);
const MAX_COLLAPSE: DeltaSeconds = DeltaSeconds::new(300);

pub(super) fn slice(class: &ResourceClass, doc: &ClassDoc, at: &str, findings: &mut Findings) {
    let Some(slice) = class.slice else { return };
    let at = join(at, "slice");
    if !(MIN_SLICE..=MAX_SLICE).contains(&slice) {
        let why = if slice < MIN_SLICE {
            "shorter parts cost too many requests"
        } else {
            "longer parts take too much memory"
        };
        findings.error(
            "bad-slice",
            &at,
            &format!("a slice is {} to {} long: {why}", write_size(MIN_SLICE), write_size(MAX_SLICE)),
            "write \"2MB\", or leave `slice` out",
        );
    }
    if class.authority == Authority::Origin {
        findings.error(
            "slice-needs-policy",
            &at,
            "only a class whose lifetimes the policy sets can be stored in parts",
            "leave `slice` out, or set the lifetimes with \"authority\": \"policy\"",
        );
    }
    if class.edge.is_none() && class.device.as_ref().is_none_or(|d| d.store != Store::CacheStorage) {
        warn(
            doc,
            findings,
            "slice-unused",
            &at,
            "the edge does not store this class, and no Cache Storage does: nothing is there to slice",
            "leave `slice` out, or store the class",
        );
    }
    if slice > class.max_body {
        warn(
            doc,
            findings,
            "slice-over-max-body",
            &at,
            &format!("no body is longer than `max-body`, {}: none is ever sliced", write_size(class.max_body)),
            "raise `max-body`, which is the limit of the whole, or leave `slice` out",
        );
    }
}

pub(super) fn budget(class: &ResourceClass, at: &str, findings: &mut Findings) {
    let Some(Device { store, budget, .. }) = &class.device else { return };
    let at = join(at, "device");
    let limits = [("max-bytes", budget.bytes), ("max-entries", budget.entries)];
    let mut error = |field: &str, message: &str, help: &str| {
        findings.error("bad-budget", &join(&at, field), message, help);
    };
    if *store == Store::IndexedDb
        && let Some((field, _)) = limits.iter().find(|(_, limit)| limit.is_some())
    {
        let message = format!("only a class in `cache-storage` has `{field}`");
        return error(field, &message, "leave it out, or set \"store\": \"cache-storage\"");
    }
    if let Some((field, _)) = limits.iter().find(|(_, limit)| *limit == Some(0)) {
        return error(field, "with a limit of 0 nothing is kept", "say so: \"device\": \"never\"");
    }
    if let Some(slice) = class.slice.filter(|slice| !budget.admits(*slice)) {
        let message = format!("a slice takes {}: none would ever be kept", write_size(slice));
        error("max-bytes", &message, "raise `max-bytes`, or lower `slice`");
    }
}

pub(super) fn invalidation(policy: &Policy, findings: &mut Findings) {
    if policy.record_timeout == DeltaSeconds::ZERO || policy.record_timeout > MAX_RECORD_TIMEOUT {
        findings.error(
            "bad-record-timeout",
            "/invalidation/record-timeout",
            "a mutation's answer waits 1s to 25s for its purge to be recorded: at once nothing is, and clients give up",
            "write \"15s\"",
        );
    }
}

pub(super) fn operators(policy: &Policy, findings: &mut Findings) {
    let Some(path) = &policy.operators else { return };
    let plain =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    if !path.strip_prefix('/').is_some_and(|parts| parts.split('/').all(plain)) {
        findings.error(
            "bad-operators-path",
            "/operators/path",
            "a path without parameters, beginning but not ending with a slash, is wanted",
            "write \"/api/cache\"",
        );
    }
}

pub(super) fn edge(policy: &Policy, findings: &mut Findings) {
    let edge = &policy.edge;
    if edge.store_timeout == DeltaSeconds::ZERO || edge.store_timeout > MAX_STORE_TIMEOUT {
        findings.error(
            "bad-store-timeout",
            "/edge/store-timeout",
            "the store may take 1s to 1m: in no time it finds nothing, and nobody waits longer",
            "write \"1s\"; a class that is not to be stored says \"edge\": \"never\"",
        );
    }
    if edge.collapse > MAX_COLLAPSE {
        findings.error(
            "bad-collapse",
            "/edge/collapse",
            "a request waits for another one for 5m at most",
            "write \"10s\", or \"0s\" for not waiting at all",
        );
    }
    if let Some(limits) = edge.memory {
        memory(limits, findings);
    }
}

fn memory(Memory { bytes, body, ttl }: Memory, findings: &mut Findings) {
    let nothing = [("bytes", bytes == 0), ("body", body == 0), ("ttl", ttl == DeltaSeconds::ZERO)];
    if let Some((field, _)) = nothing.into_iter().find(|(_, zero)| *zero) {
        findings.error(
            "bad-memory",
            &join("/edge/memory", field),
            &format!("with a `{field}` of 0 memory holds nothing"),
            "say so: \"memory\": \"never\"",
        );
        return;
    }
    if bytes > MAX_MEMORY {
        findings.error(
            "bad-memory",
            "/edge/memory/bytes",
            &format!("{} is too much: an isolate has 128 MB for everything", write_size(bytes)),
            "write \"16MB\"; 64 MB leave room for the rest",
        );
    } else if bytes > UNWISE_MEMORY {
        findings.warn(
            "big-memory",
            "/edge/memory/bytes",
            &format!("{} leave little of the 128 MB that an isolate has for everything", write_size(bytes)),
            "write \"16MB\"; 64 MB leave room for the rest",
        );
    }
    if body > bytes {
        findings.error(
            "bad-memory",
            "/edge/memory/body",
            &format!("a body of {} cannot be held in {}", write_size(body), write_size(bytes)),
            "raise `bytes` or lower `body`",
        );
    }
}
