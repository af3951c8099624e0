//! Requests under way: who asks the origin for an answer, and who waits for the one who does.
//!
//! Names and moments only. How a follower waits, and for how long at most, is the tier's matter; that it looks in the
//! store afterwards, with the purges of that moment, is what keeps a shared answer as true as any stored one.

use crate::time::{DeltaSeconds, Timestamp};

/// After this time a leader counts as lost: a runtime may end what goes on behind an answer, and tells nobody.
const LOST_AFTER: DeltaSeconds = DeltaSeconds::new(60);
/// Most keys that are remembered as not storable.
const MOST_REMEMBERED: usize = 1_000;

/// What a request for a key is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ask the origin, and [`Flights::land`] whatever comes of it.
    Lead,
    /// Another one asks; wait for it, look in the store again, and ask yourself if nothing is there.
    Follow,
    /// Ask the origin, for yourself: what comes under this key cannot be stored, and waiting would be a queue.
    Alone,
}

/// The requests that are under way in one isolate.
#[derive(Clone, Debug, Default)]
pub struct Flights {
    leading: Keys,
    not_storable: Keys,
}

/// Keys, each since a moment. They are few, and only searched where the origin is asked: a map would cost more in the wasm
/// than it saves.
#[derive(Clone, Debug, Default)]
struct Keys(Vec<(String, Timestamp)>);

impl Keys {
    fn since(&self, key: &str) -> Option<Timestamp> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, since)| *since)
    }

    fn insert(&mut self, key: &str, now: Timestamp) {
        self.remove(key);
        self.0.push((key.to_owned(), now));
    }

    fn remove(&mut self, key: &str) {
        self.0.retain(|(known, _)| known != key);
    }
}

impl Flights {
    /// A request for `key` wants to ask the origin. `remember` is how long a key counts as not storable.
    pub fn join(&mut self, key: &str, remember: DeltaSeconds, now: Timestamp) -> Role {
        if self.not_storable.since(key).is_some_and(|since| now.seconds_since(since) < remember) {
            return Role::Alone;
        }
        match self.leading.since(key) {
            Some(since) if now.seconds_since(since) < LOST_AFTER => Role::Follow,
            _ => {
                self.leading.insert(key, now);
                Role::Lead
            }
        }
    }

    /// The leader for `key` is back, and whether its answer can be looked up now. `None`: nobody knows, since the
    /// origin failed; that says nothing of the next answer.
    pub fn land(&mut self, key: &str, stored: Option<bool>, now: Timestamp) {
        self.leading.remove(key);
        match stored {
            Some(true) => self.not_storable.remove(key),
            Some(false) => {
                if self.not_storable.0.len() >= MOST_REMEMBERED {
                    // Any of them: a forgotten key costs one wait.
                    self.not_storable.0.clear();
                }
                self.not_storable.insert(key, now);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMEMBER: DeltaSeconds = DeltaSeconds::new(120);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000 + seconds)
    }

    #[test]
    fn one_leads_and_the_others_follow() {
        let mut flights = Flights::default();
        assert_eq!(flights.join("a", REMEMBER, at(0)), Role::Lead);
        assert_eq!(flights.join("a", REMEMBER, at(1)), Role::Follow);
        assert_eq!(flights.join("b", REMEMBER, at(1)), Role::Lead, "another key is another flight");
        flights.land("a", Some(true), at(2));
        assert_eq!(flights.join("a", REMEMBER, at(2)), Role::Lead);
    }

    #[test]
    fn what_cannot_be_stored_makes_nobody_wait() {
        let mut flights = Flights::default();
        flights.join("a", REMEMBER, at(0));
        flights.land("a", Some(false), at(1));
        assert_eq!(flights.join("a", REMEMBER, at(2)), Role::Alone);
        assert_eq!(flights.join("a", REMEMBER, at(120)), Role::Alone);
        assert_eq!(flights.join("a", REMEMBER, at(121)), Role::Lead, "an origin may change its mind");
        flights.land("a", Some(true), at(122));
        assert_eq!(flights.join("a", REMEMBER, at(122)), Role::Lead);
    }

    #[test]
    fn a_failure_says_nothing_of_the_next_answer() {
        let mut flights = Flights::default();
        flights.join("a", REMEMBER, at(0));
        flights.land("a", None, at(1));
        assert_eq!(flights.join("a", REMEMBER, at(1)), Role::Lead);
    }

    #[test]
    fn a_leader_that_never_comes_back_is_replaced() {
        let mut flights = Flights::default();
        flights.join("a", REMEMBER, at(0));
        assert_eq!(flights.join("a", REMEMBER, at(59)), Role::Follow);
        assert_eq!(flights.join("a", REMEMBER, at(60)), Role::Lead);
        assert_eq!(flights.join("a", REMEMBER, at(61)), Role::Follow);
    }

    #[test]
    fn memory_is_bounded() {
        let mut flights = Flights::default();
        for key in 0..5_000 {
            let key = key.to_string();
            flights.join(&key, REMEMBER, at(0));
            flights.land(&key, Some(false), at(0));
        }
        assert!(flights.not_storable.0.len() <= MOST_REMEMBERED && flights.leading.0.is_empty());
    }
}
