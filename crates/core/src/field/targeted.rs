//! Targeted cache control: `CDN-Cache-Control` (RFC 9213).
//!
//! The value is a Structured Field Dictionary. One that does not parse is ignored as a whole (RFC 9213 §2.2),
//! and the next field that applies is used.

use super::Fields;
use super::cache_control::CacheControl;
use crate::text;

/// The field that names all CDNs (RFC 9213 §3.1).
pub const CDN_CACHE_CONTROL: &str = "cdn-cache-control";

/// The directives that a shared cache close to the origin obeys: `CDN-Cache-Control` when it is there, well-formed
/// and not empty, else `Cache-Control`.
#[must_use]
pub fn effective(fields: &Fields) -> CacheControl {
    targeted(fields).unwrap_or_else(|| CacheControl::of(fields))
}

/// Whether a field of this name (lower case) speaks to CDNs: to all, or to one company's (`Cloudflare-CDN-Cache-Control`).
#[must_use]
pub fn is_targeted(name: &str) -> bool {
    name.ends_with(CDN_CACHE_CONTROL)
}

fn targeted(fields: &Fields) -> Option<CacheControl> {
    let mut cc = CacheControl { targeted: true, ..CacheControl::default() };
    let mut empty = true;
    for line in fields.all(CDN_CACHE_CONTROL) {
        let mut rest = Rest(line.trim_matches(' '));
        if !rest.0.is_empty() {
            rest.dictionary(&mut cc)?;
            empty = false;
        }
    }
    (!empty).then_some(cc)
}

/// What is left to read of a Structured Field (RFC 9651 §4.2). Each reader gives `None` where the RFC says
/// "fail parsing".
struct Rest<'a>(&'a str);

/// A bare item, as far as directives go by it.
enum Item<'a> {
    Integer(&'a str),
    String(&'a str),
    Boolean(bool),
    /// Of a type that no directive here takes.
    Other,
}

impl<'a> Rest<'a> {
    /// §4.2.2. Of a key that stands twice the RFC takes the last value; here the stricter one holds.
    fn dictionary(&mut self, cc: &mut CacheControl) -> Option<()> {
        loop {
            let key = self.key()?;
            let value = match self.eat('=') {
                true if self.0.starts_with('(') => self.inner_list().map(|()| Item::Other)?,
                true => self.item()?,
                false => Item::Boolean(true),
            };
            self.parameters()?;
            match value {
                Item::Boolean(true) => cc.apply(key, None),
                Item::Boolean(false) => {}
                // RFC 9213 §2.1: a value of the wrong type is not read as one of the right type.
                Item::Integer(number) if !matches!(key, "no-cache" | "private") => cc.apply(key, Some(number)),
                Item::String(names) if matches!(key, "no-cache" | "private") => cc.apply(key, Some(names)),
                _ => cc.apply(key, Some("")),
            }
            self.0 = self.0.trim_start_matches([' ', '\t']);
            if self.0.is_empty() {
                return Some(());
            }
            self.eat(',').then_some(())?;
            self.0 = self.0.trim_start_matches([' ', '\t']);
        }
    }

    /// §4.2.3.3
    fn key(&mut self) -> Option<&'a str> {
        self.0.starts_with(|c: char| c.is_ascii_lowercase() || c == '*').then_some(())?;
        Some(self.take(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | '*')))
    }

    /// §4.2.3.2
    fn parameters(&mut self) -> Option<()> {
        while self.eat(';') {
            self.0 = self.0.trim_start_matches(' ');
            self.key()?;
            if self.eat('=') {
                self.item()?;
            }
        }
        Some(())
    }

    /// §4.2.1.2
    fn inner_list(&mut self) -> Option<()> {
        self.eat('(').then_some(())?;
        loop {
            self.0 = self.0.trim_start_matches(' ');
            if self.eat(')') {
                return Some(());
            }
            self.item()?;
            self.parameters()?;
            self.0.starts_with([' ', ')']).then_some(())?;
        }
    }

    /// §4.2.3.1
    fn item(&mut self) -> Option<Item<'a>> {
        match self.0.chars().next()? {
            '-' | '0'..='9' => self.number(),
            '"' => self.string().map(Item::String),
            '*' | 'a'..='z' | 'A'..='Z' => {
                self.take(|c| c.is_ascii_alphanumeric() || is_one(c, b"!#$%&'*+-.^_`|~:/"));
                Some(Item::Other)
            }
            ':' => {
                self.eat(':');
                self.take(|c| c.is_ascii_alphanumeric() || is_one(c, b"+/="));
                self.eat(':').then_some(Item::Other)
            }
            '?' => {
                self.eat('?');
                let yes = self.eat('1');
                (yes || self.eat('0')).then_some(Item::Boolean(yes))
            }
            '@' => {
                self.eat('@');
                matches!(self.number()?, Item::Integer(_)).then_some(Item::Other)
            }
            '%' => {
                self.eat('%');
                self.string().map(|_| Item::Other)
            }
            _ => None,
        }
    }

    /// §4.2.4: up to 15 digits, or up to 12 with a point and up to 3 behind it.
    fn number(&mut self) -> Option<Item<'a>> {
        let whole = self.0;
        self.eat('-');
        let digits = self.take(|c| c.is_ascii_digit()).len();
        if !self.eat('.') {
            let number = text::upto(whole, whole.len() - self.0.len());
            return (1..=15).contains(&digits).then_some(Item::Integer(number));
        }
        let decimals = self.take(|c| c.is_ascii_digit()).len();
        ((1..=12).contains(&digits) && (1..=3).contains(&decimals)).then_some(Item::Other)
    }

    /// §4.2.5. What stands between the quotes, as it is written.
    fn string(&mut self) -> Option<&'a str> {
        self.eat('"').then_some(())?;
        let whole = self.0;
        let mut chars = whole.char_indices();
        loop {
            match chars.next()? {
                (at, '"') => {
                    self.0 = chars.as_str();
                    return Some(text::upto(whole, at));
                }
                (_, '\\') => matches!(chars.next()?.1, '"' | '\\').then_some(())?,
                (_, ' '..='~') => {}
                _ => return None,
            }
        }
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !belongs(c)).unwrap_or(self.0.len());
        let whole = self.0;
        self.0 = text::from(whole, end);
        text::upto(whole, end)
    }
}

fn is_one(c: char, of: &[u8]) -> bool {
    u8::try_from(c).is_ok_and(|byte| of.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DeltaSeconds;

    #[test]
    fn the_targeted_field_wins_when_it_parses() {
        for (cdn, expected_max_age) in [
            (Some("max-age=600"), Some(600)),
            (Some("max-age=600;x=1, no-cache=?0"), Some(600)),
            (Some("max-age=600;  y=\"a;b\" ,\tfoo"), Some(600)),
            (Some("a=1.5, b=-1, c=tok/en:x, d=:YQ==:, e=(1 \"x\";p  t), f=@1, g=%\"x\", max-age=600"), Some(600)),
            (Some("max-age=600, max-age=700"), Some(600)),
            (Some("no-store"), None),
            // Of a type that a lifetime does not have: stale, not guessed at.
            (Some("max-age=\"600\""), Some(0)),
            (Some("max-age=600.0"), Some(0)),
            (Some("max-age=-600"), Some(0)),
            (Some("max-age=?1"), Some(0)),
            (Some("max-age=(600)"), Some(0)),
            (Some("max-age"), Some(0)),
            // No Dictionary: `Cache-Control` counts.
            (Some("MAX-AGE=600"), Some(60)),
            (Some("max-age=(600"), Some(60)),
            (Some("max-age =600"), Some(60)),
            (Some("max-age= 600"), Some(60)),
            (Some("max-age=600,"), Some(60)),
            (Some("max-age=600,,x"), Some(60)),
            (Some("max-age=600 x"), Some(60)),
            (Some("max-age=600, &&&"), Some(60)),
            (Some("max-age=600, x=\"open"), Some(60)),
            (Some("max-age=600, x=\"\\n\""), Some(60)),
            (Some("max-age=600, x=\"é\""), Some(60)),
            (Some("max-age=1234567890123456"), Some(60)),
            (Some("max-age=6., x"), Some(60)),
            (Some(""), Some(60)),
            (Some("  "), Some(60)),
            (None, Some(60)),
        ] {
            let mut fields: Fields = [("cache-control", "max-age=60")].into_iter().collect();
            if let Some(cdn) = cdn {
                fields.append(CDN_CACHE_CONTROL, cdn);
            }
            assert_eq!(effective(&fields).max_age.map(|a| a.get()), expected_max_age, "{cdn:?}");
        }
    }
    #[test]
    fn lines_are_one_dictionary() {
        let fields: Fields =
            [(CDN_CACHE_CONTROL, "max-age=600"), (CDN_CACHE_CONTROL, "private=\"x\", no-cache")].into_iter().collect();
        let cc = effective(&fields);
        assert!(cc.targeted && cc.private_fields && cc.no_cache && !cc.private);
        assert_eq!(cc.max_age.map(DeltaSeconds::get), Some(600));
    }
}
