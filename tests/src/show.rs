//! An exchange as text, for snapshots that people read.

use std::fmt::Write as _;

use tiercel_core::exchange::{Body, Piece, PutPlan, StoreAction};
use tiercel_core::field::Fields;

use crate::tier::Answer;

/// One exchange as text: `>` is what the client sends, `<` what it gets, the rest what becomes of the store.
#[must_use]
pub fn show(method: &str, path: &str, with: &[&str], answer: &Answer) -> String {
    let mut shown = String::new();
    let out = &mut shown;
    let _ = writeln!(out, "> {method} {path}");
    for line in with {
        let _ = writeln!(out, "> {line}");
    }
    if let Some(asked) = &answer.asked {
        let url = asked.head.target.path_and_query();
        let wait = asked.timeout.map_or_else(|| "waits".to_owned(), |timeout| format!("waits {timeout} s"));
        let _ = writeln!(out, "  asks {} {url}, {wait}", asked.head.method);
        lines(out, "    ", &asked.head.fields);
    }
    let body = match &answer.delivery.body {
        Body::Stored => "the stored body".to_owned(),
        Body::StoredParts(pieces) => pieces.iter().map(|p| piece(p, "the stored body")).collect::<Vec<_>>().join(", "),
        Body::Sliced(sliced) => sliced.pieces.iter().map(|p| piece(p, "the slices")).collect::<Vec<_>>().join(", "),
        Body::Fetched => "the fetched body".to_owned(),
        Body::Empty => "no body".to_owned(),
        Body::Page(page) => format!("page {} of the list, {} items", page.paging.page, page.paging.limit),
        Body::Text(text) => format!("{:?}", text.trim()),
    };
    let _ = writeln!(out, "< {} with {body}, {}", answer.delivery.head.status, answer.delivery.served.word());
    lines(out, "< ", &answer.delivery.head.fields);
    if let Some(conclusion) = &answer.conclusion {
        match &conclusion.store {
            StoreAction::Put(plan) => put(out, "stores", plan),
            StoreAction::Freshen(plan) => put(out, "stores again", plan),
            StoreAction::Keep => out.push_str("  leaves the store as it is\n"),
            StoreAction::Remove(keys) => {
                for key in keys {
                    let _ = writeln!(out, "  removes {}", key.as_str());
                }
            }
        }
        if let Some(invalidation) = &conclusion.invalidation {
            let _ = writeln!(out, "  purges {:?} {}", invalidation.purge, invalidation.names.join(", "));
            if invalidation.wipe {
                out.push_str("  wipes everything of the user\n");
            }
        }
    }
    out.push('\n');
    shown
}

fn put(out: &mut String, how: &str, plan: &PutPlan) {
    let _ = writeln!(out, "  {how} {} for {} s, at most {} bytes", plan.key.as_str(), plan.retention, plan.max_body);
    if let Some((key, _)) = &plan.marker {
        let _ = writeln!(out, "    and a marker under {}", key.as_str());
    }
    lines(out, "    ", &plan.head.fields);
}

/// Field lines, sorted by name.
fn lines(out: &mut String, before: &str, fields: &Fields) {
    let mut lines: Vec<String> = fields.iter().map(|(name, value)| format!("{before}{name}: {value}\n")).collect();
    lines.sort();
    out.push_str(&lines.concat());
}

fn piece(piece: &Piece, source: &str) -> String {
    match piece {
        Piece::Text(text) => format!("{text:?}"),
        Piece::Bytes(range) => format!("bytes {} to {} of {source}", range.first, range.last),
    }
}
