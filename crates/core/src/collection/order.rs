//! What items are sorted by: numbers and texts, compared as they are written, without rounding.

use core::cmp::Ordering;

use super::json;

/// A value that can be compared with others of its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    /// A number, however long.
    Number(Decimal),
    /// A text, by its code points.
    Text(String),
}

impl Value {
    /// Reads what stands so in JSON; `None` for what has no order, or no text.
    pub(super) fn read(written: &str) -> Option<Self> {
        match written.strip_prefix('"') {
            Some(text) => json::unescaped(text.strip_suffix('"')?).map(Self::Text),
            None => Decimal::read(written).map(Self::Number),
        }
    }

    /// Whether both are numbers, or both are texts.
    pub(super) const fn is_like(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Number(_), Self::Number(_)) | (Self::Text(_), Self::Text(_)))
    }
}

/// A decimal number: its significant digits, and where the point stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    is_negative: bool,
    /// The power of ten of the first digit; of zero the smallest there is.
    power: i64,
    /// Without zeros at either end.
    digits: Vec<u8>,
}

impl Decimal {
    fn read(written: &str) -> Option<Self> {
        let (is_negative, size) = match written.strip_prefix('-') {
            Some(size) => (true, size),
            None => (false, written),
        };
        if !size.as_bytes().first()?.is_ascii_digit() {
            return None;
        }
        let at = size.bytes().position(|byte| matches!(byte, b'e' | b'E'));
        let (mantissa, exponent) =
            at.map_or((size, "0"), |at| (size.get(..at).unwrap_or(""), size.get(at + 1..).unwrap_or("")));
        // Of eighteen digits no sum leaves what an i64 can hold.
        let exponent: i64 =
            exponent.strip_prefix('+').unwrap_or(exponent).parse().ok().filter(|e: &i64| e.unsigned_abs() < 1 << 60)?;
        let point = mantissa.bytes().position(|byte| byte == b'.').unwrap_or(mantissa.len());
        let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self { is_negative: false, power: i64::MIN, digits });
        }
        let power = i64::try_from(point).ok()? - i64::try_from(leading).ok()? + exponent;
        Some(Self { is_negative, power, digits })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = || (self.power, &self.digits).cmp(&(other.power, &other.digits));
        match (self.is_negative, other.is_negative) {
            (false, false) => size(),
            (true, true) => size().reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In ascending order; those of one line are equal.
    const NUMBERS: &[&[&str]] = &[
        &["-1e400"],
        &["-12.5", "-1.25e1", "-125e-1"],
        &["-12"],
        &["-0.001"],
        &["0", "-0", "0.000", "0e7", "-0.0e-9"],
        &["1e-400"],
        &["0.001", "1e-3", "0.10e-2"],
        &["0.0123"],
        &["0.1"],
        &["1", "1.0", "10e-1", "0.1e1", "1E+0"],
        &["9"],
        &["10"],
        &["9007199254740992"],
        &["9007199254740993", "9007199254740993.0"],
        &["1e400"],
    ];

    #[test]
    fn numbers_are_compared_without_rounding() {
        let read = |text: &&str| Value::read(text).unwrap_or_else(|| panic!("{text}"));
        for (i, some) in NUMBERS.iter().enumerate() {
            for (j, others) in NUMBERS.iter().enumerate() {
                for one in some.iter() {
                    for other in others.iter() {
                        assert_eq!(read(one).cmp(&read(other)), i.cmp(&j), "{one} {other}");
                    }
                }
            }
        }
    }

    /// A power of ten that an i64 just holds, and no sum of it.
    const FARTHEST: &str = "0.01e-9223372036854775808";

    #[test]
    fn what_has_no_order_is_refused() {
        for written in ["null", "true", "false", "{}", "[]", "1e99999999999999999999", FARTHEST, "\"\\ud800\""] {
            assert_eq!(Value::read(written), None, "{written}");
        }
        assert_eq!(Value::read("\"\\u00e9\""), Value::read("\"é\""));
    }
}
