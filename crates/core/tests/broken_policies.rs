//! What a team sees when its policy is wrong: one case a file in `cases/policies`, its first line says what must
//! be found (`level id line:column`, several by commas, or `none`). The whole message, with its place, is a snapshot.
//!
//! To accept new messages, run with `INSTA_UPDATE=always` and read what changed.

#![cfg(all(feature = "document", not(target_family = "wasm")))]

use std::fmt::Write as _;
use std::path::Path;

use tiercel_core::policy::document::{Diagnostic, Level, Reading, read};

#[test]
fn every_mistake_is_found_where_it_is() {
    let mut failures = Vec::new();
    for (name, text) in cases() {
        let expected = text.lines().next().and_then(|line| line.strip_prefix("// ")).unwrap_or("nothing");
        let reading = read(&text);
        let mut fails = |what: String| failures.push(format!("{name}: {what}\n{}", explained(&text, &reading)));
        let found = summary(&reading);
        if found != expected {
            fails(format!("expected {expected}, found {found}"));
        }
        // An error refuses the build, a warning does not.
        if reading.policy.is_none() != found.contains("error") {
            fails("a policy that is refused without an error, or built with one".into());
        }
        if reading.diagnostics.iter().any(|d| d.message.is_empty() || d.help.is_empty()) {
            fails("a message tells what is wrong and a help what to do".into());
        }
    }
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_mistake_is_explained() {
    for (name, text) in cases() {
        insta::with_settings!({ snapshot_path => "snapshots/policies", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, explained(&text, &read(&text)));
        });
    }
}

/// Name and text of every case, in order.
fn cases() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/policies");
    let entries = std::fs::read_dir(&directory).expect("the cases are there");
    let mut cases: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry of the directory").path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
            (name, std::fs::read_to_string(path).expect("a readable case"))
        })
        .collect();
    cases.sort();
    cases
}

fn described(d: &Diagnostic) -> String {
    format!("{} {} {}:{}", level(d.level), d.id, d.place.line, d.place.column)
}

fn summary(reading: &Reading) -> String {
    let found: Vec<String> = reading.diagnostics.iter().map(described).collect();
    if found.is_empty() { "none".to_owned() } else { found.join(", ") }
}

/// The findings as a person reads them: place, the line itself with a mark under it, message, help.
fn explained(text: &str, reading: &Reading) -> String {
    let mut out = String::new();
    for d in &reading.diagnostics {
        let line = text.lines().nth(d.place.line.saturating_sub(1)).unwrap_or("");
        let _ = writeln!(out, "{}[{}] {}:{} {}", level(d.level), d.id, d.place.line, d.place.column, d.place.pointer);
        let _ = writeln!(out, "  | {line}");
        let _ = writeln!(out, "  | {}^", " ".repeat(d.place.column.saturating_sub(1)));
        let _ = writeln!(out, "{}\nhelp: {}", d.message, d.help);
    }
    if out.is_empty() { "nothing to say\n".to_owned() } else { out }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}
