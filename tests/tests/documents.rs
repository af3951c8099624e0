//! What the documents say of the tests and of the files is true.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// Every test that docs/security.md names: `file::name`, a function of a Rust file or the title of a test in JavaScript.
#[test]
fn every_test_that_holds_a_promise_exists() {
    let root = root();
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

/// `exchange/entry.rs` stands for any file whose path ends so: a document says as much of it as its reader needs.
#[test]
fn every_source_file_that_is_named_exists() {
    const KINDS: [&str; 3] = [".rs", ".js", ".mjs"];
    let mut files = Vec::new();
    for directory in ["crates", "demo", "tests", "tools", "xtask"] {
        sources(&root().join(directory), &mut files);
    }
    // What the build makes.
    files.extend(["dist/sw.js", "dist/edge/index.js", "dist/sdk/policy.js"].map(PathBuf::from));
    let (mut named, mut missing) = (0, Vec::new());
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/platform.md", "docs/deploying.md", "docs/security.md"]
    {
        let text = fs::read_to_string(root().join(document)).expect(document);
        // Blocks of code first: their fences are backquotes too.
        let prose: String = text.split("\n```").step_by(2).collect();
        for name in prose.split('`').skip(1).step_by(2) {
            let is_file = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
            // `.js` is a kind of file.
            if !is_file || name.starts_with('.') || !KINDS.iter().any(|kind| name.ends_with(kind)) {
                continue;
            }
            named += 1;
            let name = name.trim_start_matches('/');
            if !files.iter().any(|file| file.ends_with(name)) {
                missing.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "files that do not exist are named:\n{}", missing.join("\n"));
    assert!(named >= 100, "only {named} files are named");
}

fn sources(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of the workspace") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, files);
        } else {
            files.push(path);
        }
    }
}
