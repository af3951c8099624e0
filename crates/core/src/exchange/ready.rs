//! Ready answers: what a tier may answer again and again without asking, because the core would say the same.
//!
//! Between two requests with the same question, method, URL and [`DECIDING`](super::DECIDING), three things can change
//! what is said: time, purges, and what is stored. The first two end at a moment that is known beforehand
//! ([`Delivery::good_until`]); the tier drops what is ready when it hears of a purge or stores something else.
//!
//! Who shows a token of its own writes ([`crate::consistency`]) may know more than this isolate: nothing ready is for such a
//! request.

use super::Delivery;
use crate::time::{DeltaSeconds, Timestamp};

impl Delivery {
    /// Until when this answer from memory is also that to every other request with the same question. It ends with the
    /// whole second of its `Age`, which every window of freshness is counted in; with what is known of its purges
    /// ([`Knowledge::good_until`](crate::epochs::Knowledge::good_until)); and with the time that memory keeps it
    /// ([`Hot::until`](crate::hot::Hot::until)). `None` where it answers nobody else: it is not for all, not the whole
    /// stored body, not fresh, or over at `now`.
    #[must_use]
    pub fn good_until(&self, known: Timestamp, kept: Timestamp, now: Timestamp) -> Option<Timestamp> {
        Some(self.same_until?.min(known).min(kept)).filter(|until| *until > now)
    }
}

/// When the age of what was received at `received`, in whole seconds, is next another one than at `now`.
pub(super) fn next_second(received: Timestamp, now: Timestamp) -> Timestamp {
    received + now.seconds_since(received).plus(DeltaSeconds::new(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_age_changes_on_the_second_of_its_beginning() {
        for (received, now, expected) in [
            (10_250, 10_250, 11_250),
            (10_250, 11_249, 11_250),
            (10_250, 11_250, 12_250),
            (10_250, 99_000, 99_250),
            // By the clock of another machine, it comes from the future.
            (10_250, 9_000, 11_250),
        ] {
            let next = next_second(at(received), at(now));
            assert_eq!(next, at(expected), "{received} {now}");
            let age = |now: Timestamp| now.seconds_since(at(received));
            let last = at(next.as_millis() - 1);
            assert!(age(last) == age(at(now)) && age(next) > age(at(now)), "{received} {now}");
        }
    }
}
