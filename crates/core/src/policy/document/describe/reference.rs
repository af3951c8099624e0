//! The policy reference, drawn from the JSON Schema.

use std::collections::VecDeque;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use super::cell;
use crate::policy::document::model::{Document, Size, Span};

/// The example that the reference shows, whole and in parts. A test holds it free of findings.
pub(super) const EXAMPLE: &str = include_str!("example.jsonc");
/// Another one, of what excludes something in the first.
pub(super) const INTROSPECTED: &str = include_str!("introspected.jsonc");

/// Where each object of the schema stands in the example.
const EXAMPLES: [(&str, &str); 20] = [
    ("IdentityDoc", "/identity"),
    ("IntrospectionDoc", "/identity/introspection"),
    ("InvalidationDoc", "/invalidation"),
    ("EdgeSettingsDoc", "/edge"),
    ("MemoryLimits", "/edge/memory"),
    ("OperatorsDoc", "/operators"),
    ("AppDoc", "/app"),
    ("ClassDoc", "/classes/cart"),
    ("EdgeLifetimes", "/classes/photo/edge"),
    ("DeviceLifetimes", "/classes/photo/device"),
    ("CollectionDoc", "/classes/orders/collection"),
    ("SortDoc", "/classes/orders/collection/sort"),
    ("PageDoc", "/classes/orders/collection/page"),
    ("LimitDoc", "/classes/orders/collection/limit"),
    ("EnvelopeDoc", "/classes/orders/collection/envelope"),
    ("FailureDoc", "/classes/orders/collection/failures/0"),
    ("EventDoc", "/events/product-changed"),
    ("ConditionalPurge", "/events/product-changed/edge/1"),
    ("WhenDoc", "/events/product-changed/edge/1/when"),
    ("LocalDoc", "/local/history"),
];

/// The policy reference: every object and field of a policy file, with types, defaults and examples. Markdown that
/// ends in a line break.
#[must_use]
pub fn reference() -> String {
    let schema = schemars::schema_for!(Document).to_value();
    let mut out = format!(
        "<!-- Generated from the JSON Schema by `cargo xtask check --write-schema`. Do not edit. -->\n\
         # Policy reference\n\n{}\n\n{}\n\n## A whole policy\n\n```jsonc\n{}```\n",
        text(&schema, "description"),
        include_str!("reference.md").trim_end(),
        EXAMPLE,
    );
    let schema = Reference::new(&schema);
    let mut known = vec![""];
    let mut open = VecDeque::from(known.clone());
    while let Some(name) = open.pop_front() {
        let object = if name.is_empty() { schema.root } else { schema.definition(name) };
        schema.section(name, object, &mut out);
        for next in schema.objects_in(object) {
            if !known.contains(&next) {
                known.push(next);
                open.push_back(next);
            }
        }
    }
    out
}

/// A JSON Schema that is being written down.
struct Reference<'s> {
    root: &'s Value,
    duration: Value,
    size: Value,
}

impl<'s> Reference<'s> {
    fn new(root: &'s Value) -> Self {
        let pattern = |schema: schemars::Schema| schema.to_value()["pattern"].clone();
        let generator = &mut SchemaGenerator::default();
        Self { root, duration: pattern(Span::json_schema(generator)), size: pattern(Size::json_schema(generator)) }
    }

    fn definition(&self, name: &str) -> &'s Value {
        &self.root["$defs"][name]
    }

    fn target(&self, schema: &'s Value) -> Option<(&'s str, &'s Value)> {
        let name = schema["$ref"].as_str()?.rsplit('/').next()?;
        Some((name, self.definition(name)))
    }

    /// A heading, a table of fields, an example.
    fn section(&self, name: &str, object: &'s Value, out: &mut String) {
        let Some(fields) = object["properties"].as_object() else { return };
        let (title, about) = match name {
            "" => ("The file".to_owned(), String::new()),
            _ => (title(name), format!("{}\n\n", sentence(object))),
        };
        out.push_str(&format!("\n## {title}\n\n{about}| field | type | needed | meaning |\n|---|---|---|---|\n"));
        let needed = |field: &str| object["required"].as_array().is_some_and(|r| r.iter().any(|f| f == field));
        let (first, then): (Vec<_>, Vec<_>) = fields.iter().partition(|(field, _)| needed(field));
        for (field, schema) in first.into_iter().chain(then) {
            let kind = self.kind(schema);
            let about = sentence(schema);
            let words = self.words(schema, &about);
            let meaning = format!("{about}{words}");
            let needed = if needed(field) { "yes" } else { "" };
            out.push_str(&format!("| `{field}` | {kind} | {needed} | {} |\n", cell(&meaning)));
        }
        if let Some((_, pointer)) = EXAMPLES.iter().find(|(known, _)| *known == name) {
            out.push_str(&format!("\n```jsonc\n{}\n```\n", example(pointer).unwrap_or_default()));
        }
    }

    /// The type of a value, in words.
    fn kind(&self, schema: &'s Value) -> String {
        if let Some((name, target)) = self.target(schema) {
            return if target["properties"].is_object() {
                format!("[{}](#{})", title(name).to_lowercase(), anchor(&title(name)))
            } else {
                self.kind(target)
            };
        }
        if let Some(choices) = choices(schema) {
            let kinds = choices.iter().filter(|c| c["type"] != "null").map(|c| self.kind(c));
            return kinds.collect::<Vec<_>>().join(" or ");
        }
        if let Some(word) = schema["const"].as_str() {
            return format!("`\"{word}\"`");
        }
        if schema["pattern"].is_string() {
            let name = if schema["pattern"] == self.duration { "duration" } else { "size" };
            debug_assert!(schema["pattern"] == self.duration || schema["pattern"] == self.size, "{schema}");
            return format!("[{name}](#durations-and-sizes)");
        }
        let of = |schema: &'s Value| {
            let kind = self.kind(schema);
            if kind.contains(" or ") { format!("({kind})") } else { kind }
        };
        let kind = schema["type"].as_array().map_or(&schema["type"], |kinds| &kinds[0]);
        match kind.as_str().unwrap_or_default() {
            "array" => format!("list of {}", of(&schema["items"])),
            "object" => format!("object: name → {}", of(&schema["additionalProperties"])),
            "boolean" => "`true` or `false`".to_owned(),
            "integer" => "whole number".to_owned(),
            _ => "text".to_owned(),
        }
    }

    /// What the words mean that a value may be, where the field's own description leaves that open.
    fn words(&self, schema: &'s Value, about: &str) -> String {
        let schema = self.target(schema).map_or(schema, |(_, target)| target);
        if schema["properties"].is_object() {
            return String::new();
        }
        let mut out = String::new();
        for choice in choices(schema).into_iter().flatten() {
            match choice["const"].as_str() {
                Some(word)
                    if [format!("`{word}`"), format!("`\"{word}\"`")].iter().any(|named| about.contains(named)) => {}
                Some(word) => out.push_str(&format!("<br>`\"{word}\"`: {}", sentence(choice))),
                None => out.push_str(&self.words(choice, about)),
            }
        }
        out
    }

    /// The objects that an object's fields lead to, in the order of the fields.
    fn objects_in(&self, schema: &'s Value) -> Vec<&'s str> {
        let mut found = Vec::new();
        if let Some((name, target)) = self.target(schema) {
            return if target["properties"].is_object() { vec![name] } else { self.objects_in(target) };
        }
        let below = [&schema["items"], &schema["additionalProperties"]].into_iter().filter(|s| s.is_object());
        let fields = schema["properties"].as_object().into_iter().flat_map(Map::values);
        for part in fields.chain(below).chain(choices(schema).into_iter().flatten()) {
            found.extend(self.objects_in(part));
        }
        found
    }
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array())
}

fn text<'s>(schema: &'s Value, field: &str) -> &'s str {
    schema[field].as_str().unwrap_or_default()
}

/// The description on one line.
fn sentence(schema: &Value) -> String {
    text(schema, "description").replace('\n', " ")
}

/// `EdgeLifetimes` → `Edge lifetimes`, `ClassDoc` → `Class`.
fn title(definition: &str) -> String {
    let name = definition.strip_suffix("Doc").unwrap_or(definition);
    let mut title = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !title.is_empty() {
            title.push(' ');
            title.extend(letter.to_lowercase());
        } else {
            title.push(letter);
        }
    }
    title
}

fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

/// What stands at `pointer` in [`EXAMPLE`], as it is written there, moved to the left.
fn example(pointer: &str) -> Option<String> {
    part(EXAMPLE, pointer).or_else(|| part(INTROSPECTED, pointer))
}

fn part(policy: &str, pointer: &str) -> Option<String> {
    let parsed = parse_to_ast(policy, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    let mut value = parsed.value.as_ref()?;
    let (mut start, mut end) = (value.start(), value.end());
    for step in pointer.split('/').skip(1) {
        value = match value {
            ast::Value::Object(object) => {
                let property = object.properties.iter().find(|p| p.name.as_str() == step)?;
                (start, end) = (property.start(), property.end());
                &property.value
            }
            ast::Value::Array(array) => {
                let element = array.elements.get(step.parse::<usize>().ok()?)?;
                (start, end) = (element.start(), element.end());
                element
            }
            _ => return None,
        };
    }
    let line = policy[..start].rfind('\n').map_or(0, |at| at + 1);
    let indent: String = policy[line..].chars().take_while(|c| *c == ' ').collect();
    Some(policy[start..end].replace(&format!("\n{indent}"), "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::document::read;

    /// The fields of every object of the schema, each with its object's definition.
    fn fields() -> Vec<(String, String)> {
        let schema = schemars::schema_for!(Document).to_value();
        let definitions = schema["$defs"].as_object().expect("definitions").iter();
        let objects = definitions.map(|(name, object)| (name.as_str(), object)).chain([("", &schema)]);
        let names = |(name, object): (&str, &Value)| {
            let fields = object["properties"].as_object().into_iter().flat_map(Map::keys);
            fields.map(|field| (name.to_owned(), field.clone())).collect::<Vec<_>>()
        };
        objects.flat_map(names).collect()
    }

    #[test]
    fn the_example_is_a_policy_without_findings() {
        for example in [EXAMPLE, INTROSPECTED] {
            let reading = read(example);
            assert_eq!(reading.diagnostics, []);
            assert!(reading.policy.is_some());
        }
    }

    #[test]
    fn the_reference_has_every_object_with_an_example_and_every_field() {
        let reference = reference();
        for (object, field) in fields() {
            let heading =
                if object.is_empty() { "\n## The file\n".to_owned() } else { format!("\n## {}\n", title(&object)) };
            let section = reference.split_once(&heading).unwrap_or_else(|| panic!("no section {heading}")).1;
            let section = section.split("\n## ").next().unwrap_or_default();
            assert!(section.contains(&format!("| `{field}` | ")), "{object}.{field} in {section}");
            let shown = object.is_empty() || section.contains("```jsonc\n{") || section.contains("```jsonc\n\"");
            assert!(shown, "no example of {object}: {section}");
        }
        assert!(!reference.contains("| text |  |  |"), "every field is explained");
    }
}
