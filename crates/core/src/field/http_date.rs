//! `HTTP-date` (RFC 9110 §5.6.7), by the crate httpdate.

use std::time::{Duration, UNIX_EPOCH};

use crate::time::Timestamp;

/// Length of the longest date: `Wednesday, 06-Nov-94 08:49:37 GMT`.
const LONGEST: usize = 33;

/// Reads any of the three date formats, in any case (RFC 9111 §4.2); `None` for anything else, other time zones too.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim_ascii();
    exactly(text).or_else(|| {
        // As the RFC writes them: `Sun`, `Nov`, `GMT`.
        let mut written = [0; LONGEST];
        let written = written.get_mut(..text.len())?;
        written.copy_from_slice(text.as_bytes());
        let mut starts_word = true;
        for byte in &mut *written {
            *byte = if starts_word { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
            starts_word = !byte.is_ascii_alphabetic();
        }
        if let Some(zone) = written.last_chunk_mut::<4>().filter(|zone| *zone == b" Gmt") {
            *zone = *b" GMT";
        }
        exactly(core::str::from_utf8(written).ok()?)
    })
}

fn exactly(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
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
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "SUN, 06 nov 1994 08:49:37 gmt",
            "sunday, 06-NOV-94 08:49:37 Gmt",
            "sun nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), Some(Timestamp::from_secs(784_111_777)), "{text}");
        }
        for broken in ["", "0", "-1", "yesterday", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "é"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
        assert_eq!(write(Timestamp::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
