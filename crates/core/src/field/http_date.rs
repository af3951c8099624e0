//! `HTTP-date` (RFC 9110 §5.6.7): the preferred format, and the two obsolete ones that a recipient must still read.
//!
//! Example: `Sun, 06 Nov 1994 08:49:37 GMT`

use crate::text;
use crate::time::Timestamp;

/// From the first day of the Unix epoch.
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The preferred format: a small letter for each character of a name or a number.
const IMF_FIXDATE: &[u8] = b"www, dd nnn yyyy hh:mm:ss GMT";
/// RFC 850's, after the name of the day, which has no fixed length.
const RFC_850: &[u8] = b"dd-nnn-yy hh:mm:ss GMT";
/// asctime's: a day below ten has a space before it.
const ASCTIME: &[u8] = b"www nnn _d hh:mm:ss yyyy";

/// Length of the longest date: `Wednesday, 06-Nov-94 08:49:37 GMT`.
const LONGEST: usize = 33;

/// Reads any of the three date formats, in any case (RFC 9111 §4.2); `None` for anything else, other time zones too,
/// and for a day that there never was.
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
    let date = match text::split_once(text, ", ") {
        None => Date::read(text, ASCTIME)?,
        Some((weekday, _)) if weekday.len() == 3 => Date::read(text, IMF_FIXDATE)?,
        Some((weekday, rest)) => {
            let date = Date::read(rest, RFC_850)?;
            let year = date.year + if date.year < 70 { 2000 } else { 1900 };
            Date { year, weekday: WEEKDAYS.iter().position(|name| *name == weekday)?, ..date }
        }
    };
    date.moment()
}

/// Writes the preferred format (IMF-fixdate).
#[must_use]
pub fn write(at: Timestamp) -> String {
    // The year 9999 is the last one that the format can carry.
    let secs = (at.as_millis() / 1000).min(253_402_300_799);
    let date = Date::of(secs);
    let (weekday, month) = (WEEKDAYS[date.weekday].bytes(), MONTHS[date.month].bytes());
    let mut names = weekday.take(3).chain(month);
    let numbers = [date.day, date.year / 100, date.year % 100, date.hour, date.minute, date.second];
    let mut digits = numbers.into_iter().flat_map(|number| [number / 10, number % 10]).map(|digit| b'0' + digit as u8);
    let filled = IMF_FIXDATE.iter().map(|&place| match place {
        b'w' | b'n' => names.next(),
        b'd' | b'y' | b'h' | b'm' | b's' => digits.next(),
        _ => Some(place),
    });
    filled.flatten().map(char::from).collect()
}

/// A date as it is written.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Date {
    /// Index in [`WEEKDAYS`].
    weekday: usize,
    year: u64,
    /// Index in [`MONTHS`].
    month: usize,
    /// From 1.
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Date {
    fn read(text: &str, layout: &[u8]) -> Option<Self> {
        if text.len() != layout.len() {
            return None;
        }
        let mut date = Self::default();
        let name = |first: u8| layout.iter().position(|place| *place == first).and_then(|at| text.get(at..at + 3));
        if let Some(weekday) = name(b'w') {
            date.weekday = WEEKDAYS.iter().position(|day| day.starts_with(weekday))?;
        }
        let month = name(b'n')?;
        date.month = MONTHS.iter().position(|name| *name == month)?;
        for (byte, place) in text.bytes().zip(layout) {
            let number = match place {
                b'w' | b'n' => continue,
                b'_' if byte == b' ' => continue,
                b'_' | b'd' => &mut date.day,
                b'y' => &mut date.year,
                b'h' => &mut date.hour,
                b'm' => &mut date.minute,
                b's' => &mut date.second,
                _ if byte == *place => continue,
                _ => return None,
            };
            *number = *number * 10 + u64::from(Some(byte).filter(u8::is_ascii_digit)? - b'0');
        }
        Some(date)
    }

    /// The date of so many seconds since the Unix epoch. Years begin in March here, so that a leap day ends one.
    fn of(secs: u64) -> Self {
        let days = secs / 86_400;
        let since_year_0 = days + 719_468;
        let (era, of_era) = (since_year_0 / 146_097, since_year_0 % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        Self {
            weekday: (days % 7) as usize,
            year: era * 400 + year + u64::from(month >= 10),
            month: (month as usize + 2) % 12,
            day: of_year - (153 * month + 2) / 5 + 1,
            hour: secs / 3_600 % 24,
            minute: secs / 60 % 60,
            second: secs % 60,
        }
    }

    /// `None` when it is no moment since the Unix epoch: 31 April, a Monday that was a Tuesday, 24:00:00.
    fn moment(self) -> Option<Timestamp> {
        let year = self.year.checked_sub(u64::from(self.month < 2))?;
        let month = (self.month as u64 + 10) % 12;
        let since_year_0 = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + self.day;
        let days = since_year_0.checked_sub(719_469)?;
        let secs = days * 86_400 + self.hour * 3_600 + self.minute * 60 + self.second;
        (Self::of(secs) == self).then(|| Timestamp::from_secs(secs))
    }
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
        assert_eq!(write(Timestamp::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn what_is_no_date_is_nothing() {
        for broken in [
            "",
            "0",
            "-1",
            "yesterday",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun,  6 Nov 1994 08:49:37 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Su, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov 06 08:49:3é994",
            // Days and moments that never were.
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 30 Feb 2020 00:00:00 GMT",
            "Wed, 00 Jan 2020 00:00:00 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 23:59:60 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sat, 01 Jan 0000 00:00:00 GMT",
        ] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn every_day_is_the_one_that_httpdate_names() {
        use std::time::{Duration, UNIX_EPOCH};
        // A step that meets every day of the week, hour and minute in many years, up to the last that can be written.
        for secs in (0..253_402_300_800).step_by(86_400 * 13 + 3_671) {
            let (ours, theirs) = (write(Timestamp::from_secs(secs)), UNIX_EPOCH + Duration::from_secs(secs));
            assert_eq!(ours, httpdate::fmt_http_date(theirs));
            assert_eq!(parse(&ours), Some(Timestamp::from_secs(secs)), "{ours}");
        }
        assert_eq!(write(Timestamp::from_millis(u64::MAX)), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
