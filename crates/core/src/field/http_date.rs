//! `HTTP-date` (RFC 9110 §5.6.7), by the crate httpdate.

use std::time::{Duration, UNIX_EPOCH};

use crate::time::Timestamp;

/// Reads any of the three date formats; `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text.trim()).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_secs(since.as_secs()))
}

/// Writes the preferred format (IMF-fixdate).
#[must_use]
pub fn write(at: Timestamp) -> String {
    // The year 9999 is the last one that the format can carry.
    let secs = (at.as_millis() / 1000).min(253_402_300_799);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_formats_one_moment() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text), Some(Timestamp::from_secs(784_111_777)), "{text}");
        }
        for broken in ["", "0", "-1", "yesterday", "Sun, 06 Nov 1994 08:49:37"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
        assert_eq!(write(Timestamp::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
