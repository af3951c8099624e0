//! `Cache-Control` (RFC 9111 §5.2, RFC 5861, RFC 8246).
//!
//! ABNF: `Cache-Control = #cache-directive`, `cache-directive = token [ "=" ( token / quoted-string ) ]`

use super::split_list;
use crate::time::DeltaSeconds;

/// The directives that a cache acts on, of a request or of a response.
///
/// Unknown directives are ignored (RFC 9111 §5.2.3). A lifetime that cannot be read counts as zero, and of
/// two the shorter one holds: caution, as §4.2.1 advises.
///
/// ```
/// use tiercel_core::field::cache_control::CacheControl;
/// let cc = CacheControl::parse("public, MAX-AGE=60, stale-while-revalidate=30");
/// assert!(cc.public);
/// assert_eq!(cc.max_age.unwrap().get(), 60);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// The directives come from a targeted field, so that `Expires` does not count (RFC 9213 §2.1).
    pub targeted: bool,
    /// `no-store`
    pub no_store: bool,
    /// `no-cache` without field names (with names it is [`Self::no_cache_fields`])
    pub no_cache: bool,
    /// `no-cache="field, …"` (§5.2.2.4): these fields must not be reused without validation
    pub no_cache_fields: Vec<String>,
    /// `private` without field names
    pub private: bool,
    /// `private="field, …"` (§5.2.2.7): a shared cache must not store these fields
    pub private_fields: Vec<String>,
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
    /// `min-fresh` (request), seconds
    pub min_fresh: Option<DeltaSeconds>,
    /// `max-stale` (request), seconds; without a value [`DeltaSeconds::MAX`]
    pub max_stale: Option<DeltaSeconds>,
    /// `stale-while-revalidate` (RFC 5861 §3), seconds
    pub stale_while_revalidate: Option<DeltaSeconds>,
    /// `stale-if-error` (RFC 5861 §4), seconds
    pub stale_if_error: Option<DeltaSeconds>,
}

impl CacheControl {
    /// Reads a field value; several lines must be joined by commas first.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut cc = Self::default();
        for directive in split_list(text) {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (directive, None),
            };
            cc.apply(&name.to_ascii_lowercase(), value.map(unquote));
        }
        cc
    }

    pub(crate) fn apply(&mut self, name: &str, value: Option<String>) {
        let value = value.as_deref();
        match name {
            "no-store" => self.no_store = true,
            "no-cache" => fields_or_flag(value, &mut self.no_cache, &mut self.no_cache_fields),
            "private" => fields_or_flag(value, &mut self.private, &mut self.private_fields),
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "immutable" => self.immutable = true,
            "only-if-cached" => self.only_if_cached = true,
            "max-age" => shorter(&mut self.max_age, value),
            "s-maxage" => shorter(&mut self.s_maxage, value),
            "stale-while-revalidate" => shorter(&mut self.stale_while_revalidate, value),
            "stale-if-error" => shorter(&mut self.stale_if_error, value),
            // `min-fresh` is a demand: what cannot be read demands everything.
            "min-fresh" => self.min_fresh = Some(value.and_then(DeltaSeconds::parse).unwrap_or(DeltaSeconds::MAX)),
            "max-stale" => {
                self.max_stale = Some(match value {
                    None => DeltaSeconds::MAX,
                    Some(value) => DeltaSeconds::parse(value).unwrap_or(DeltaSeconds::ZERO),
                });
            }
            _ => {}
        }
    }
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
        Some(inner) => inner.replace('\\', ""),
        None => value.to_owned(),
    }
}

fn shorter(slot: &mut Option<DeltaSeconds>, value: Option<&str>) {
    let new = value.and_then(DeltaSeconds::parse).unwrap_or(DeltaSeconds::ZERO);
    *slot = Some(slot.map_or(new, |old| old.min(new)));
}

fn fields_or_flag(value: Option<&str>, flag: &mut bool, fields: &mut Vec<String>) {
    let named: Vec<String> =
        value.unwrap_or("").split(',').map(|f| f.trim().to_ascii_lowercase()).filter(|f| !f.is_empty()).collect();
    if named.is_empty() {
        *flag = true;
    } else {
        fields.extend(named);
    }
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
            ("no-cache=\"Set-Cookie, X-A\"", |c| !c.no_cache && c.no_cache_fields == ["set-cookie", "x-a"]),
            ("private", |c| c.private && c.private_fields.is_empty()),
            ("max-stale", |c| c.max_stale == Some(DeltaSeconds::MAX)),
            ("min-fresh=x", |c| c.min_fresh == Some(DeltaSeconds::MAX)),
            ("community=\"a, no-store\", public", |c| !c.no_store && c.public),
        ];
        for (text, check) in cases {
            assert!(check(&CacheControl::parse(text)), "{text:?} gave {:?}", CacheControl::parse(text));
        }
    }
}
