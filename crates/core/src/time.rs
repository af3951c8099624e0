//! Time as data. The core never reads a clock: every step that needs the time takes it as an argument.

use core::fmt;

/// A moment, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A moment from milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// A moment from whole seconds since the Unix epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds from `earlier` to `self`; zero when `earlier` is later (clocks of two machines differ).
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> DeltaSeconds {
        DeltaSeconds::new(self.0.saturating_sub(earlier.0) / 1000)
    }
}

impl core::ops::Add<DeltaSeconds> for Timestamp {
    type Output = Self;

    fn add(self, delta: DeltaSeconds) -> Self {
        Self(self.0.saturating_add(delta.get().saturating_mul(1000)))
    }
}

/// A span of time in whole seconds, never negative (RFC 9111 §1.2.2).
///
/// Values above [`DeltaSeconds::MAX`] are cut to it: the RFC tells a cache to do so with what it cannot represent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeltaSeconds(u32);

impl DeltaSeconds {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// 2^31 seconds, the bound that RFC 9111 §1.2.2 names (68 years).
    pub const MAX: Self = Self(1 << 31);

    /// `secs` seconds, or [`Self::MAX`] when it is more.
    #[must_use]
    pub const fn new(secs: u64) -> Self {
        if secs > Self::MAX.0 as u64 { Self::MAX } else { Self(secs as u32) }
    }

    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0 as u64
    }

    /// Parses `delta-seconds = 1*DIGIT`. Anything else is `None`; too large a number is [`Self::MAX`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(text.parse().map_or(Self::MAX, Self::new))
    }

    /// The sum, cut at [`Self::MAX`].
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self::new(self.get() + other.get())
    }

    /// The difference, or zero when `other` is greater.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for DeltaSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_seconds_follow_rfc_9111_1_2_2() {
        for (text, expected) in [
            ("0", Some(0)),
            ("300", Some(300)),
            ("99999999999999999999", Some(DeltaSeconds::MAX.get())),
            ("4294967296", Some(DeltaSeconds::MAX.get())),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            (" 1", None),
        ] {
            assert_eq!(DeltaSeconds::parse(text).map(DeltaSeconds::get), expected, "{text:?}");
        }
    }

    #[test]
    fn a_clock_that_runs_behind_gives_no_negative_age() {
        assert_eq!(Timestamp::from_secs(5).seconds_since(Timestamp::from_secs(9)), DeltaSeconds::ZERO);
    }
}
