//! `Cache-Control` (RFC 9111 §5.2, RFC 5861, RFC 8246).
//!
//! ABNF: `Cache-Control = #cache-directive`, `cache-directive = token [ "=" ( token / quoted-string ) ]`

use super::{Fields, split_list, targeted};
use crate::text;
use crate::time::DeltaSeconds;

/// The directives that a cache acts on, of a request or of a response.
///
/// Unknown directives are ignored (RFC 9111 §5.2.3). A lifetime that cannot be read counts as zero, and of
/// two the shorter one holds: caution, as §4.2.1 advises. Nothing here is allocated.
///
/// ```
/// use tiercel_core::field::cache_control::CacheControl;
/// let cc = CacheControl::parse("public, MAX-AGE=60, stale-while-revalidate=30");
/// assert!(cc.public);
/// assert_eq!(cc.max_age.unwrap().get(), 60);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// The directives come from a targeted field, so that `Expires` does not count (RFC 9213 §2.1).
    pub targeted: bool,
    /// `no-store`
    pub no_store: bool,
    /// `no-cache` without field names (with names it is [`Self::no_cache_fields`])
    pub no_cache: bool,
    /// `no-cache="field, …"` (§5.2.2.4): the named fields must not be reused without validation
    pub no_cache_fields: bool,
    /// `private` without field names
    pub private: bool,
    /// `private="field, …"` (§5.2.2.7): a shared cache must not store the named fields
    pub private_fields: bool,
    /// `public`
    pub public: bool,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `must-understand`
    pub must_understand: bool,
    /// `immutable` (RFC 8246)
    pub immutable: bool,
    /// `only-if-cached` (request)
    pub only_if_cached: bool,
    /// `max-age`, seconds
    pub max_age: Option<DeltaSeconds>,
    /// `s-maxage`, seconds
    pub s_maxage: Option<DeltaSeconds>,
    /// `min-fresh` (request), seconds; [`DeltaSeconds::MAX`] when it cannot be read
    pub min_fresh: Option<DeltaSeconds>,
    /// `max-stale` (request), seconds; without a value [`DeltaSeconds::MAX`]
    pub max_stale: Option<DeltaSeconds>,
    /// `stale-while-revalidate` (RFC 5861 §3), seconds
    pub stale_while_revalidate: Option<DeltaSeconds>,
    /// `stale-if-error` (RFC 5861 §4), seconds
    pub stale_if_error: Option<DeltaSeconds>,
}

/// Length of the longest directive that is known, in bytes.
const LONGEST: usize = "stale-while-revalidate".len();

impl CacheControl {
    /// Reads one line of the field.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut cc = Self::default();
        cc.read(text);
        cc
    }

    /// Reads every line of `Cache-Control`.
    #[must_use]
    pub fn of(fields: &Fields) -> Self {
        let mut cc = Self::default();
        for line in fields.all("cache-control") {
            cc.read(line);
        }
        cc
    }

    /// Reads every line that any cache is told, targeted or not (RFC 9213), as if all stood in `Cache-Control`: for what is
    /// not to be, whoever it is said to.
    #[must_use]
    pub fn of_any(fields: &Fields) -> Self {
        let mut cc = Self::default();
        for (_, line) in fields.iter().filter(|(name, _)| *name == "cache-control" || targeted::is_targeted(name)) {
            cc.read(line);
        }
        cc
    }

    /// What a client asks of a cache (§5.2.1). `Pragma: no-cache` counts where there is no `Cache-Control` (§5.4).
    #[must_use]
    pub fn asked(request: &Fields) -> Self {
        let no_cache = !request.has("cache-control") && request.has_token("pragma", "no-cache");
        if no_cache { Self { no_cache, ..Self::default() } } else { Self::of(request) }
    }

    fn read(&mut self, line: &str) {
        for directive in split_list(line) {
            match directive.bytes().position(|byte| byte == b'=') {
                Some(at) => {
                    let value = unquote(text::from(directive, at + 1).trim_ascii_start());
                    self.apply(text::upto(directive, at).trim_ascii_end(), Some(value));
                }
                None => self.apply(directive, None),
            }
        }
    }

    /// Takes one directive in. What allows for more counts only as it is written in the RFC, without a value.
    pub(crate) fn apply(&mut self, name: &str, value: Option<&str>) {
        let mut lower = [0; LONGEST];
        let Some(lower) = lower.get_mut(..name.len()) else { return };
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        match &*lower {
            b"no-store" => self.no_store = true,
            b"no-cache" => *(if names_fields(value) { &mut self.no_cache_fields } else { &mut self.no_cache }) = true,
            b"private" => *(if names_fields(value) { &mut self.private_fields } else { &mut self.private }) = true,
            b"public" => self.public |= value.is_none(),
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand |= value.is_none(),
            b"immutable" => self.immutable |= value.is_none(),
            b"only-if-cached" => self.only_if_cached = true,
            b"max-age" => shorter(&mut self.max_age, value),
            b"s-maxage" => shorter(&mut self.s_maxage, value),
            b"stale-while-revalidate" => shorter(&mut self.stale_while_revalidate, value),
            b"stale-if-error" => shorter(&mut self.stale_if_error, value),
            // `min-fresh` is a demand: what cannot be read demands everything, and of two the greater one holds.
            b"min-fresh" => {
                let demand = value.and_then(DeltaSeconds::parse).unwrap_or(DeltaSeconds::MAX);
                self.min_fresh = self.min_fresh.max(Some(demand));
            }
            // `max-stale` is leave: what cannot be read gives none.
            b"max-stale" => {
                if let Some(leave) = value.map_or(Some(DeltaSeconds::MAX), DeltaSeconds::parse) {
                    shorter_of(&mut self.max_stale, leave);
                }
            }
            _ => {}
        }
    }
}

/// Whether a line of the field says `no-store`, for those who ask for nothing else.
#[must_use]
pub fn says_no_store(line: &str) -> bool {
    // As above: with a value, too.
    let name = |directive: &str| directive.bytes().position(|byte| byte == b'=').unwrap_or(directive.len());
    split_list(line).any(|d| text::upto(d, name(d)).trim_ascii_end().eq_ignore_ascii_case("no-store"))
}

/// What stands between the quotes. An escape stays, and makes a number one that cannot be read.
fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)
}

fn shorter(slot: &mut Option<DeltaSeconds>, value: Option<&str>) {
    shorter_of(slot, value.and_then(DeltaSeconds::parse).unwrap_or_default());
}

fn shorter_of(slot: &mut Option<DeltaSeconds>, new: DeltaSeconds) {
    *slot = Some(slot.map_or(new, |old| old.min(new)));
}

fn names_fields(value: Option<&str>) -> bool {
    value.is_some_and(|names| names.split(',').any(|name| !name.trim_ascii().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives() {
        type Check = fn(&CacheControl) -> bool;
        let cases: &[(&str, Check)] = &[
            ("", |c| *c == CacheControl::default()),
            ("No-Store", |c| c.no_store),
            ("max-age=\"60\"", |c| c.max_age == Some(DeltaSeconds::new(60))),
            ("max-age=60, max-age=10", |c| c.max_age == Some(DeltaSeconds::new(10))),
            ("max-age=soon", |c| c.max_age == Some(DeltaSeconds::ZERO)),
            ("max-age", |c| c.max_age == Some(DeltaSeconds::ZERO)),
            ("max-age=-5", |c| c.max_age == Some(DeltaSeconds::ZERO)),
            ("max-age=\"6\\0\"", |c| c.max_age == Some(DeltaSeconds::ZERO)),
            (" max-age = 60 ", |c| c.max_age == Some(DeltaSeconds::new(60))),
            ("no-cache=\"Set-Cookie, X-A\"", |c| !c.no_cache && c.no_cache_fields),
            ("no-cache=X-A", |c| !c.no_cache && c.no_cache_fields),
            ("no-cache=\" ,\"", |c| c.no_cache && !c.no_cache_fields),
            ("private", |c| c.private && !c.private_fields),
            ("private=", |c| c.private),
            ("private=\"X-A, max-age=60", |c| c.private_fields),
            ("public=yes, must-understand=1", |c| !c.public && !c.must_understand),
            ("no-store=0", |c| c.no_store),
            ("x=\"never closed, no-store", |c| c.no_store),
            ("a-directive-longer-than-any-that-is-known=1, no-store", |c| c.no_store),
            ("max-stale", |c| c.max_stale == Some(DeltaSeconds::MAX)),
            ("max-stale=x", |c| c.max_stale.is_none()),
            ("max-stale=5, max-stale", |c| c.max_stale == Some(DeltaSeconds::new(5))),
            ("min-fresh=x", |c| c.min_fresh == Some(DeltaSeconds::MAX)),
            ("min-fresh=5, min-fresh=50", |c| c.min_fresh == Some(DeltaSeconds::new(50))),
            ("community=\"a, no-store\", public", |c| !c.no_store && c.public),
        ];
        for (text, check) in cases {
            assert!(check(&CacheControl::parse(text)), "{text:?} gave {:?}", CacheControl::parse(text));
        }
    }
}
