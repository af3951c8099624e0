//! How spans of time, sizes, and fields of two shapes are read.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::time::DeltaSeconds;

/// A span of time.
#[derive(Debug, Clone, Copy)]
pub struct Span(pub DeltaSeconds);

/// Units of a span, in seconds. A year is 365 days, as HTTP counts it.
const UNITS: [(&str, u64); 6] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800), ("y", 31_536_000)];

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer).map_err(|_| {
            D::Error::custom("a duration is a string such as \"30s\", \"5m\", \"1h\", \"7d\" or \"1y\"")
        })?;
        parse_unit(&text, &UNITS).map(|secs| Self(DeltaSeconds::new(secs))).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is not a duration; write a whole number and a unit, such as \"30s\", \"5m\", \"1h\", \"7d\", \"2w\" or \"1y\""
            ))
        })
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(s|m|h|d|w|y)$",
            "description": "A whole number and a unit: s, m, h, d, w (weeks), y (365 days)",
            "examples": ["30s", "5m", "1h", "7d", "1y"]
        })
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Size(pub u64);

/// Units of a size, in bytes. All are binary; the first name of a size is the one that is printed.
const SIZES: [(&str, u64); 7] =
    [("GiB", 1 << 30), ("GB", 1 << 30), ("MiB", 1 << 20), ("MB", 1 << 20), ("KiB", 1 << 10), ("KB", 1 << 10), ("B", 1)];

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| D::Error::custom("a size is a string such as \"512KB\" or \"25MB\""))?;
        parse_unit(&text, &SIZES)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not a size; write such as \"512KB\" or \"25MB\"")))
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(B|KB|MB|GB|KiB|MiB|GiB)$",
            "description": "A whole number and a unit: B, KB, MB, GB (powers of 1024; KiB, MiB, GiB are the same)",
            "examples": ["512KB", "25MB"]
        })
    }
}

/// As a policy writes it where one unit does, else in several: `90d`, `1h 30m`.
pub(crate) fn write_span(span: DeltaSeconds) -> String {
    let mut left = span.get();
    let mut parts: Vec<String> = Vec::new();
    for (unit, size) in UNITS.into_iter().rev().filter(|(unit, _)| *unit != "w") {
        if left >= size {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// In the longest unit that has a whole number of it: `25 MiB`, `1500 B`. Policies may write `MB` for the same.
pub(crate) fn write_size(bytes: u64) -> String {
    let fits = |(_, factor): &(&str, u64)| bytes >= *factor && bytes.is_multiple_of(*factor);
    let (unit, factor) = SIZES.into_iter().find(fits).unwrap_or(("B", 1));
    format!("{} {unit}", bytes / factor)
}

fn parse_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let factor = units.iter().find(|(unit, _)| *unit == &text[digits..])?.1;
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}

/// Reads a word, or else a structure, keeping the place of mistakes inside.
pub(super) fn word_or_object<'de, D, W, T, O>(
    deserializer: D,
    expecting: &'static str,
    word: fn(W) -> O,
    other: fn(T) -> O,
) -> Result<O, D::Error>
where
    D: Deserializer<'de>,
    W: Deserialize<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(WordOr { expecting, word, other, lists: false, _reads: PhantomData })
}

/// Reads a word, or else a list.
pub(super) fn word_or_list<'de, D, W, T, O>(
    deserializer: D,
    expecting: &'static str,
    word: fn(W) -> O,
    other: fn(T) -> O,
) -> Result<O, D::Error>
where
    D: Deserializer<'de>,
    W: Deserialize<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(WordOr { expecting, word, other, lists: true, _reads: PhantomData })
}

/// Reads a structure that may be left out. serde itself would take a list for one, field by field.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    word_or_object(deserializer, "an object", |_: NoWord| None, Some)
}

/// No word is one of these.
#[derive(Deserialize)]
enum NoWord {}

struct WordOr<'de, W, T, O> {
    expecting: &'static str,
    word: fn(W) -> O,
    other: fn(T) -> O,
    /// Whether the other shape is a list, not an object.
    lists: bool,
    _reads: PhantomData<&'de ()>,
}

impl<'de, W: Deserialize<'de>, T: Deserialize<'de>, O> Visitor<'de> for WordOr<'de, W, T, O> {
    type Value = O;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<O, E> {
        W::deserialize(StrDeserializer::new(text))
            .map(self.word)
            .map_err(|_: E| E::custom(format!("`{text}` is not expected here; write {}", self.expecting)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<O, A::Error> {
        if self.lists {
            return Err(A::Error::invalid_type(Unexpected::Map, &self));
        }
        T::deserialize(MapAccessDeserializer::new(map)).map(self.other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<O, A::Error> {
        if !self.lists {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        T::deserialize(SeqAccessDeserializer::new(seq)).map(self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_policies_write_them() {
        for (secs, expected) in [(0, "0s"), (300, "5m"), (5_400, "1h 30m"), (31_536_000, "1y"), (90 * 86_400, "90d")] {
            assert_eq!(write_span(DeltaSeconds::new(secs)), expected);
            let whole = !expected.contains(' ');
            assert_eq!(parse_unit(expected, &UNITS), whole.then_some(secs), "{expected}");
        }
    }

    #[test]
    fn sizes_are_binary_by_either_name() {
        for (text, bytes, written) in [
            ("0B", 0, "0 B"),
            ("1500B", 1_500, "1500 B"),
            ("64KB", 65_536, "64 KiB"),
            ("64KiB", 65_536, "64 KiB"),
            ("2MB", 2_097_152, "2 MiB"),
            ("2MiB", 2_097_152, "2 MiB"),
            ("4GB", 4_294_967_296, "4 GiB"),
            ("4GiB", 4_294_967_296, "4 GiB"),
            ("1024KB", 1_048_576, "1 MiB"),
        ] {
            assert_eq!(parse_unit(text, &SIZES), Some(bytes), "{text}");
            assert_eq!(write_size(bytes), written, "{text}");
        }
        for text in ["2", "MB", "2 MB", "2mb", "2MIB", "2iB", "2.5MB", "-2MB", "2MBs", "17179869184GB"] {
            assert_eq!(parse_unit(text, &SIZES), None, "{text}");
        }
    }
}
