//! What the documents say of the tests is true.

use std::fs;
use std::path::Path;

/// Every test that docs/security.md names: `file::name`, a function of a Rust file or the title of a test in JavaScript.
#[test]
fn every_test_that_holds_a_promise_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let document = fs::read_to_string(root.join("docs/security.md")).expect("docs/security.md");
    let named: Vec<(&str, &str)> =
        document.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect();
    let missing: Vec<String> = named
        .iter()
        .filter(|(file, test)| {
            let source = fs::read_to_string(root.join(file)).unwrap_or_default();
            let declared = [format!("fn {test}("), format!("test(\"{test}\"")];
            !declared.iter().any(|declared| source.contains(declared))
        })
        .map(|(file, test)| format!("{file}::{test}"))
        .collect();
    assert!(named.len() >= 30, "only {} tests are named", named.len());
    assert!(missing.is_empty(), "docs/security.md names tests that do not exist:\n{}", missing.join("\n"));
    // A promise is a row, and a row without a test is a wish.
    let promises = document.split("## What is promised").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows =
        promises.unwrap_or_default().lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    for row in rows {
        assert!(row.contains("::"), "no test holds this: {row}");
    }
}
