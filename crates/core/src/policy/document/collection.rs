//! A class that is a list: compiled, with what would be wrong of it.

use super::Findings;
use super::model::{
    AuthorityDoc, ClassDoc, CollectionDoc, DeviceDoc, EdgeDoc, FailureDoc, OrderDoc, QueryDoc, StoreDoc,
};
use super::place::join;
use super::units::write_size;
use crate::policy::{Collection, Envelope, FailsWith, Failure};
use crate::time::DeltaSeconds;

/// Longest list, in bytes, where the class does not say.
pub(super) const USUAL_BODY: u64 = 8 << 20;
/// Longest list, in bytes: while it is sorted an isolate, which has 128 MB for everything, holds it three times.
const MAX_BODY: u64 = 16 << 20;
/// Most items on a page.
const MAX_LIMIT: u64 = 1_000;

/// Compiles the list of a class.
pub(super) fn compile(class: &ClassDoc, doc: &CollectionDoc, at: &str, findings: &mut Findings) -> Collection {
    let at = join(at, "collection");
    let or = |name: &Option<String>, usual: &str| name.clone().unwrap_or_else(|| usual.to_owned());
    let (sort, envelope) = (join(&at, "sort"), &doc.envelope);
    let collection = Collection {
        items: path(&doc.items, &join(&at, "items"), "/data/artists", findings),
        by: path(&doc.sort.by, &join(&sort, "by"), "/score", findings),
        ties: path(&doc.sort.ties, &join(&sort, "ties"), "/id", findings),
        descending: doc.sort.order == OrderDoc::Descending,
        page: or(&doc.page.parameter, "page"),
        first: doc.page.first.unwrap_or(0),
        limit: or(&doc.limit.parameter, "limit"),
        usual: doc.limit.default.unwrap_or(20),
        most: doc.limit.max.unwrap_or(100),
        envelope: Envelope {
            pagination: or(&envelope.pagination, "pagination"),
            cached: or(&envelope.cached, "cached"),
            status: or(&envelope.status, "cache_status"),
            warning: or(&envelope.warning, "warning"),
        },
        code_at: or(&doc.error_code, "/error/code"),
        failures: doc.failures.iter().map(failure).collect(),
    };
    class_of_lists(class, &at, findings);
    parameters(class, &collection, &at, findings);
    names(&collection, &join(&at, "envelope"), findings);
    failures(class, doc, &collection, &at, findings);
    collection
}

fn failure(doc: &FailureDoc) -> Failure {
    Failure {
        when: match (&doc.code, doc.status) {
            (Some(code), _) => FailsWith::Code(code.clone()),
            (None, Some(status)) => FailsWith::Status(status),
            (None, None) => FailsWith::Timeout,
        },
        status: doc.says.clone(),
        warning: doc.warning.clone(),
        retry: doc.retry.map_or(DeltaSeconds::new(60), |span| span.0),
    }
}

/// The names along a JSON Pointer (RFC 6901 §3).
fn path(pointer: &str, at: &str, example: &str, findings: &mut Findings) -> Vec<String> {
    let Some(names) = pointer.strip_prefix('/').filter(|names| !names.is_empty()) else {
        let message = format!("`{pointer}` is not a JSON Pointer to a member of an object");
        findings.error("bad-pointer", at, &message, &format!("write such as \"{example}\""));
        return Vec::new();
    };
    names.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect()
}

/// What a class must be, to be a list.
fn class_of_lists(class: &ClassDoc, at: &str, findings: &mut Findings) {
    let mut error = |message: &str, help: &str| findings.error("bad-collection", at, message, help);
    if class.authority == AuthorityDoc::Origin {
        error("only a class whose lifetimes the policy sets can be a list", "leave out \"authority\": \"origin\"");
    }
    if matches!(class.edge, EdgeDoc::Never(_)) {
        error("pages are cut at the edge, which does not store this class", "give the class lifetimes in `edge`");
    }
    if matches!(&class.device, DeviceDoc::Stored(device) if device.store == StoreDoc::CacheStorage) {
        error("the Service Worker cuts no pages", "set \"store\": \"indexeddb\", or \"device\": \"never\"");
    }
    if class.slice.is_some() {
        error("a list is stored whole", "leave out `slice`");
    }
    if class.max_body.is_some_and(|most| most.0 > MAX_BODY) {
        let message = format!("a list is at most {} long: it is sorted in memory", write_size(MAX_BODY));
        error(&message, "lower `max-body`");
    }
    if class.matches.each().iter().any(|(_, text)| !matches!(text.split_once(' '), None | Some(("GET", _)))) {
        error("a list is read with GET", "let `match` begin with `GET`");
    }
}

fn parameters(class: &ClassDoc, collection: &Collection, at: &str, findings: &mut Findings) {
    let Collection { page, limit, usual, most, .. } = collection;
    let mut error =
        |field: &str, message: &str, help: &str| findings.error("bad-paging", &format!("{at}/{field}"), message, help);
    if page == limit {
        error("limit", "page and limit are the same parameter", "give them different names");
    }
    match &class.query {
        QueryDoc::All(_) => {
            error(
                "page",
                "with \"query\": \"all\" every page would be another list",
                "list the parameters that matter in `query`",
            );
        }
        QueryDoc::Listed(names) => {
            for (field, name) in [("page", page), ("limit", limit)].iter().filter(|(_, name)| names.contains(name)) {
                let message = format!("`{name}` is in `query`, and so every page would be another list");
                error(field, &message, "leave it out of `query`");
            }
        }
    }
    if [page, limit].iter().any(|name| name.is_empty()) {
        error("page", "a parameter has a name", "such as \"page\"");
    }
    if !(1..=MAX_LIMIT).contains(most) {
        error("limit/max", &format!("a page has 1 to {MAX_LIMIT} items"), "write such as 100");
    } else if !(1..=*most).contains(usual) {
        error("limit/default", &format!("a page has 1 to {most} items, which is `max`"), "write such as 20");
    }
}

fn names(collection: &Collection, at: &str, findings: &mut Findings) {
    let Envelope { pagination, cached, status, warning } = &collection.envelope;
    let mut names: Vec<&String> = vec![pagination, cached, status, warning];
    names.extend(collection.items.last());
    names.sort();
    for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
        let message = format!("`{}` would stand twice in the same object", pair[0]);
        findings.error("bad-envelope", at, &message, "give each a name of its own");
    }
}

fn failures(class: &ClassDoc, doc: &CollectionDoc, collection: &Collection, at: &str, findings: &mut Findings) {
    let at = join(at, "failures");
    if !collection.code_at.starts_with('/') {
        let message = format!("`{}` is not a JSON Pointer", collection.code_at);
        findings.error(
            "bad-pointer",
            &at.replace("/failures", "/error-code"),
            &message,
            "write such as \"/error/code\"",
        );
    }
    for (index, failure) in doc.failures.iter().enumerate() {
        let at = join(&at, &index.to_string());
        let mut error = |message: &str, help: &str| findings.error("bad-failure", &at, message, help);
        let FailureDoc { code, status, timeout, says, .. } = failure;
        if usize::from(code.is_some()) + usize::from(status.is_some()) + usize::from(*timeout) != 1 {
            error(
                "a failure is one of `code`, `status` or `timeout`",
                "write such as {\"code\": \"TOKEN_REVOKED\", \"says\": \"fallback_revoked\"}",
            );
        }
        if status.is_some_and(|status| !(400..=599).contains(&status)) {
            error("a failure has a status from 400 to 599", "write such as 503");
        }
        if says == "fresh"
            || says.is_empty()
            || !says.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        {
            error(
                &format!("`{says}` does not say that something failed"),
                "write a word of letters, digits, `_` and `-`, such as \"fallback_revoked\"",
            );
        }
        if collection.failures.iter().take(index).any(|other| other.when == collection.failures[index].when) {
            error("this failure is there already", "leave one of them out");
        }
    }
    if let EdgeDoc::Stored(edge) = &class.edge
        && !doc.failures.is_empty()
        && [edge.keep, edge.stale_if_error, edge.stale_while_revalidate]
            .iter()
            .all(|span| span.is_none_or(|s| s.0 == DeltaSeconds::ZERO))
    {
        findings.error(
            "bad-failure",
            &at,
            "nothing is kept after `ttl`, so nothing stands in for a failure",
            "add `keep` to `edge`, such as \"keep\": \"3h\"",
        );
    }
}
