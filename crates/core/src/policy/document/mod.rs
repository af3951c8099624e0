//! Reads a policy file, says what is wrong with it and where, and compiles it.

mod check;
mod compile;
mod coverage;
mod describe;
mod identity;
mod lifecycle;
pub mod model;
mod needs;
pub mod place;
mod types;
mod units;

use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_path_to_error::Segment;

pub use coverage::{QUEUED, WIPES, coverage, for_service_worker, triggers};
pub(crate) use describe::most;
pub use describe::{describe, reference};
pub use lifecycle::{Lifecycle, Rule, Source, lifecycle};
pub use needs::features;
pub use types::{javascript, typescript};
pub(crate) use units::{write_size, write_span};

use super::Policy;
use model::Document;
use place::{Place, Places, join};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Legal but unwise; the build goes on.
    Warning,
    /// The build is refused.
    Error,
}

/// One thing that is wrong with a policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// A stable name, which a class can `allow` when it is a warning's.
    pub id: &'static str,
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// What came of reading a policy file.
#[derive(Debug)]
pub struct Reading {
    /// The policy, unless there are errors.
    pub policy: Option<Policy>,
    /// What was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// Where everything stands.
    pub places: Places,
}

impl Reading {
    /// Whether the build must be refused.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.level == Level::Error)
    }
}

/// Reads, checks and compiles a policy file. Comments and trailing commas are allowed in it.
#[must_use]
pub fn read(text: &str) -> Reading {
    let mut findings = Findings::default();
    let policy = parse(text, &mut findings).and_then(|document| {
        let policy = compile::compile(&document, &mut findings);
        check::check(&document, &policy, &mut findings);
        (!findings.list.iter().any(|d| d.level == Level::Error)).then_some(policy)
    });
    findings.list.sort_by_key(|d| (d.place.line, d.place.column));
    Reading { policy, diagnostics: findings.list, places: findings.places }
}

/// The JSON Schema of policy files, as text that ends in a line break.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::schema_for!(Document);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn parse(text: &str, findings: &mut Findings) -> Option<Document> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        ..ParseOptions::default()
    };
    let ast = match parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(parsed) => parsed.value,
        Err(error) => {
            findings.list.push(Diagnostic {
                level: Level::Error,
                id: "syntax",
                place: Place { pointer: String::new(), line: error.line_display(), column: error.column_display() },
                message: format!("this is not JSON: {}", error.kind()),
                help: "a policy is JSON (comments and trailing commas are allowed)".into(),
            });
            return None;
        }
    };
    let Some(ast) = ast else {
        findings.error("syntax", "", "the file is empty", "start from policies/http.json or policies/videomi.json");
        return None;
    };
    findings.places = Places::new(text, &ast);
    if ast.as_object().is_none() {
        findings.error(
            "syntax",
            "",
            "a policy is a JSON object",
            "start from policies/http.json or policies/videomi.json",
        );
        return None;
    }
    for place in findings.places.duplicates.clone() {
        findings.list.push(Diagnostic {
            level: Level::Error,
            id: "duplicate-field",
            place,
            message: "this field stands here a second time; it would silently win over the first".into(),
            help: "remove one".into(),
        });
    }
    let value = serde_json::Value::from(ast);
    match serde_path_to_error::deserialize::<_, Document>(value) {
        Ok(document) => Some(document),
        Err(error) => {
            let mut pointer = String::new();
            for segment in error.path() {
                match segment {
                    Segment::Map { key } => pointer = join(&pointer, key),
                    Segment::Seq { index } => pointer = join(&pointer, &index.to_string()),
                    Segment::Enum { .. } | Segment::Unknown => {}
                }
            }
            let (id, message, help) = explain(&error.inner().to_string());
            findings.error(id, &pointer, &message, &help);
            None
        }
    }
}

/// Turns serde's words into ours.
fn explain(message: &str) -> (&'static str, String, String) {
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or("").to_owned();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (field, known) = (quoted(rest), rest.split('`').skip(3).step_by(2).collect::<Vec<_>>());
        let help = match nearest(&field, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        return ("unknown-field", format!("`{field}` is not a field here"), help);
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return ("missing-field", format!("the field `{}` is missing", quoted(rest)), "add it".into());
    }
    if message.contains("is not a duration") || message.contains("a duration is") {
        return ("bad-duration", message.to_owned(), "durations are whole numbers with s, m, h, d, w or y".into());
    }
    ("bad-value", message.to_owned(), "see policies/policy.schema.json, or let your editor complete it".into())
}

/// The known word that `word` was probably meant to be.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known.into_iter().map(|k| (strsim::damerau_levenshtein(word, k), k)).min().filter(|(d, _)| *d <= 3).map(|(_, k)| k)
}

#[derive(Default)]
struct Findings {
    list: Vec<Diagnostic>,
    places: Places,
}

impl Findings {
    fn error(&mut self, id: &'static str, pointer: &str, message: &str, help: &str) {
        self.push(Level::Error, id, pointer, message, help);
    }

    fn warn(&mut self, id: &'static str, pointer: &str, message: &str, help: &str) {
        self.push(Level::Warning, id, pointer, message, help);
    }

    fn push(&mut self, level: Level, id: &'static str, pointer: &str, message: &str, help: &str) {
        let place = self.places.of(pointer);
        // One mistake, one message: what else is wrong in the same place is mostly its consequence.
        if self.list.iter().any(|d| d.level == Level::Error && d.place == place) {
            return;
        }
        self.list.push(Diagnostic { level, id, place, message: message.to_owned(), help: help.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_policies_are_clean() {
        for (name, text) in [
            ("videomi", include_str!("../../../../../policies/videomi.json")),
            ("http", include_str!("../../../../../policies/http.json")),
        ] {
            let reading = read(text);
            assert_eq!(reading.diagnostics, [], "{name}");
            let policy = reading.policy.expect("a policy without findings compiles");
            assert_eq!(Policy::decode(&policy.encode()), Ok(policy));
        }
    }
}
