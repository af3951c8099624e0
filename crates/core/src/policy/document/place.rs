//! Where things stand in a policy file.

use std::collections::HashMap;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;

/// A place in a policy file, lines and columns counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// JSON Pointer (RFC 6901): `/classes/user-stats/browser`.
    pub pointer: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// The places of every value of a file, and the fields that stand twice.
#[derive(Debug, Default)]
pub struct Places {
    offsets: HashMap<String, usize>,
    line_starts: Vec<usize>,
    text: String,
    /// Fields that stand a second time in one object.
    pub duplicates: Vec<Place>,
}

impl Places {
    /// Walks a parsed file.
    #[must_use]
    pub fn new(text: &str, root: &Value<'_>) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut places = Self { line_starts, text: text.to_owned(), ..Self::default() };
        places.walk(String::new(), root.start(), root);
        places
    }

    /// The place of `pointer`, or of the nearest thing around it that the file has.
    #[must_use]
    pub fn of(&self, pointer: &str) -> Place {
        let mut known = pointer;
        let offset = loop {
            if let Some(offset) = self.offsets.get(known) {
                break *offset;
            }
            match known.rfind('/') {
                Some(at) => known = &known[..at],
                None => break 0,
            }
        };
        let (line, column) = self.position(offset);
        Place { pointer: pointer.to_owned(), line, column }
    }

    /// The place of `pointer`, if the file has it.
    #[must_use]
    pub fn find(&self, pointer: &str) -> Option<Place> {
        self.offsets.contains_key(pointer).then(|| self.of(pointer))
    }

    /// Line and column of a byte offset.
    #[must_use]
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        (line, column)
    }

    /// The text of a line, counted from 1.
    #[must_use]
    pub fn line(&self, line: usize) -> &str {
        self.text.lines().nth(line.saturating_sub(1)).unwrap_or("")
    }

    fn walk(&mut self, pointer: String, start: usize, value: &Value<'_>) {
        match value {
            Value::Object(object) => {
                for property in &object.properties {
                    let pointer = join(&pointer, property.name.as_str());
                    // What stands inside a duplicate is one with it.
                    if self.offsets.contains_key(&pointer) {
                        let (line, column) = self.position(property.start());
                        self.duplicates.push(Place { pointer, line, column });
                        continue;
                    }
                    self.walk(pointer, property.start(), &property.value);
                }
            }
            Value::Array(array) => {
                for (index, element) in array.elements.iter().enumerate() {
                    self.walk(join(&pointer, &index.to_string()), element.start(), element);
                }
            }
            _ => {}
        }
        self.offsets.insert(pointer, start);
    }
}

/// One step further down a JSON Pointer.
#[must_use]
pub fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}
