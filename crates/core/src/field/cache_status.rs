//! `Cache-Status` (RFC 9211): what each cache on the way did with the request.
//!
//! Example: `tiercel-edge; hit; ttl=290`, `tiercel-edge; fwd=stale; fwd-status=503; detail="stale-if-error"`

use super::Fields;
use crate::text::{self, push_number};

/// Why the request went forward (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// The cache was told not to handle this request.
    Bypass,
    /// The method's semantics require it.
    Method,
    /// Nothing is stored under this key.
    UriMiss,
    /// Something is stored, but no variant that fits.
    VaryMiss,
    /// The request asked for it (`no-cache`, …).
    Request,
    /// What is stored is stale.
    Stale,
    /// A part of what was asked for is stored, and the rest is being fetched.
    Partial,
}

impl Forward {
    const fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

/// One member of `Cache-Status`. `Display` writes it as a Structured Field item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// The request was answered from the store without going forward (§2.1).
    pub hit: bool,
    /// Why it went forward (§2.2).
    pub fwd: Option<Forward>,
    /// The status that came back, where it differs from the one delivered (§2.3).
    pub fwd_status: Option<u16>,
    /// Whether the answer was stored (§2.5).
    pub stored: bool,
    /// Whether it waited for another request that was forwarded for the same answer (§2.6).
    pub collapsed: bool,
    /// Freshness left, in seconds; negative when stale (§2.4).
    pub ttl: Option<i64>,
    /// A stable reason (§2.8). Never anything that identifies a user.
    pub detail: Option<&'static str>,
}

impl CacheStatus {
    /// A hit with the freshness left, in seconds.
    #[must_use]
    pub const fn hit(ttl: i64) -> Self {
        Self { hit: true, fwd: None, fwd_status: None, stored: false, collapsed: false, ttl: Some(ttl), detail: None }
    }

    /// A request that went forward.
    #[must_use]
    pub const fn forward(fwd: Forward) -> Self {
        Self { hit: false, fwd: Some(fwd), fwd_status: None, stored: false, collapsed: false, ttl: None, detail: None }
    }

    /// The same with a reason.
    #[must_use]
    pub const fn because(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The member, under the name of the cache that says it.
    #[must_use]
    pub fn member(&self, cache: &str) -> String {
        let mut out = String::new();
        self.write(&mut out, cache);
        out
    }

    /// The same, added to a text.
    pub(crate) fn write(&self, out: &mut String, cache: &str) {
        out.push_str(cache);
        if self.hit {
            out.push_str("; hit");
        }
        if let Some(fwd) = self.fwd {
            out.push_str("; fwd=");
            out.push_str(fwd.token());
        }
        if let Some(status) = self.fwd_status {
            out.push_str("; fwd-status=");
            push_number(out, i64::from(status));
        }
        if self.stored {
            out.push_str("; stored");
        }
        if self.collapsed {
            out.push_str("; collapsed");
        }
        if let Some(ttl) = self.ttl {
            out.push_str("; ttl=");
            push_number(out, ttl);
        }
        if let Some(detail) = self.detail {
            out.push_str("; detail=\"");
            out.push_str(detail);
            out.push('"');
        }
    }
}

/// Whether a cache on the way says that what it served was stale (§2.4), or no longer good without a word of the origin's.
#[must_use]
pub(crate) fn was_stale(fields: &Fields) -> bool {
    let says = |member: &str, what: &str| text::contains(member, what);
    let is_stale = |member: &str| says(member, "ttl=-") || (says(member, "fwd=stale") && !says(member, "; stored"));
    fields.all("cache-status").flat_map(|line| line.split(',')).any(is_stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_served_stale_says_so() {
        for (line, expected) in [
            ("tiercel-edge; hit; ttl=290", false),
            ("tiercel-edge; fwd=uri-miss; stored; ttl=300", false),
            ("tiercel-edge; fwd=stale; stored; ttl=300", false),
            ("tiercel-edge; fwd=stale; fwd-status=304; stored; ttl=300", false),
            ("tiercel-edge; hit; ttl=-5; detail=\"stale-while-revalidate\"", true),
            ("tiercel-edge; fwd=stale; fwd-status=503; ttl=-20; detail=\"stale-if-error\"", true),
            // Softly purged.
            ("tiercel-edge; fwd=stale; fwd-status=403; ttl=20; detail=\"declared-failure\"", true),
            ("cdn; hit; ttl=5, tiercel-edge; hit; ttl=-1", true),
            ("", false),
        ] {
            let fields = [("cache-status", line)].into_iter().collect();
            assert_eq!(was_stale(&fields), expected, "{line}");
        }
    }

    #[test]
    fn members_read_as_rfc_9211_writes_them() {
        assert_eq!(CacheStatus::hit(376).member("tiercel-edge"), "tiercel-edge; hit; ttl=376");
        let miss = CacheStatus { stored: true, ..CacheStatus::forward(Forward::UriMiss) };
        assert_eq!(miss.member("tiercel-edge"), "tiercel-edge; fwd=uri-miss; stored");
        let failed = CacheStatus { fwd_status: Some(503), ttl: Some(-20), ..CacheStatus::forward(Forward::Stale) };
        assert_eq!(
            failed.because("stale-if-error").member("x"),
            "x; fwd=stale; fwd-status=503; ttl=-20; detail=\"stale-if-error\""
        );
    }
}
