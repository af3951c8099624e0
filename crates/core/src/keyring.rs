//! The public keys of an issuer (JWK Set, RFC 7517 §5): which of them a token may be verified by, and when they are
//! asked for anew.
//!
//! They are believed for as long as their `Cache-Control` says, within limits. A key that is not among them is asked
//! for at once, as keys rotate, but seldom, as anybody can invent a `kid`.

use crate::field::cache_control::CacheControl;
use crate::time::{DeltaSeconds, Timestamp};

/// Longest JWK Set that is read, in bytes.
pub const LONGEST_SET: usize = 64 << 10;
/// Most keys of a set that are looked at.
pub const MOST_KEYS: usize = 64;
/// How long the issuer may take, in seconds.
pub const PATIENCE: DeltaSeconds = DeltaSeconds::new(3);
/// How long keys are believed that say nothing of it, and the limits of what they may say, in seconds.
const USUAL: DeltaSeconds = DeltaSeconds::new(600);
const SHORTEST: DeltaSeconds = DeltaSeconds::new(60);
const LONGEST: DeltaSeconds = DeltaSeconds::new(3_600);
/// How long after that they are used still, while no others can be had, in seconds.
const KEPT: DeltaSeconds = DeltaSeconds::new(3_600);
/// Pause between two questions because of a key that is not there, in seconds.
const PAUSE: DeltaSeconds = DeltaSeconds::new(10);
/// The same when there are keys to go on with, in seconds: who asks then waits.
const LONG_PAUSE: DeltaSeconds = DeltaSeconds::new(60);

/// The keys that are for the policy's algorithm, each with its `kid` and with what the tier has of it.
#[derive(Debug)]
pub struct KeyRing<K> {
    keys: Vec<(Option<String>, K)>,
    /// Until when they are fresh; `None` when there never were any.
    fresh: Option<Timestamp>,
    /// When they were last asked for.
    asked: Option<Timestamp>,
    is_answered: bool,
}

/// What to do for a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice<K> {
    /// Verify by this key.
    Key(K),
    /// Ask for the keys, or wait for who does, and choose again.
    Ask,
    /// There is none. The reason is a stable token.
    Reject(&'static str),
}

impl<K> Default for KeyRing<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), fresh: None, asked: None, is_answered: true }
    }
}

impl<K: Clone> KeyRing<K> {
    /// The key for a token that names `id`. One that names none is verified where there is only one key: trying each
    /// would be a guess.
    pub fn choose(&mut self, id: Option<&str>, now: Timestamp) -> Choice<K> {
        let is_usable = self.fresh.is_some_and(|fresh| now < fresh + KEPT);
        let found = match id {
            Some(_) => self.keys.iter().find(|(known, _)| known.as_deref() == id),
            None => self.keys.first().filter(|_| self.keys.len() == 1),
        };
        match found.filter(|_| is_usable && !self.is_due(now)).map(|(_, key)| key.clone()) {
            Some(key) => Choice::Key(key),
            None if self.asks(now) => Choice::Ask,
            None if is_usable => Choice::Reject("credential-unknown-key"),
            None => Choice::Reject("credential-keys-unavailable"),
        }
    }

    /// Whether what was verified by these keys may still be taken for it: they need not be asked for now.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.fresh.is_some_and(|fresh| now < fresh + KEPT) && !self.is_due(now)
    }

    /// Takes over what the issuer published; `None` when it is the same set as before.
    pub fn learn(&mut self, keys: Option<Vec<(Option<String>, K)>>, cache_control: Option<&str>, now: Timestamp) {
        self.is_answered = true;
        self.fresh = Some(now + lifetime(cache_control));
        if let Some(keys) = keys {
            self.keys = keys;
        }
    }

    /// The issuer did not answer, or not well.
    pub const fn failed(&mut self) {
        self.is_answered = true;
    }

    /// Whether it is time for newer keys.
    fn is_due(&self, now: Timestamp) -> bool {
        let since = |asked: Timestamp| self.is_asking(now) || asked + LONG_PAUSE <= now;
        self.fresh.is_some_and(|fresh| fresh <= now) && self.asked.is_none_or(since)
    }

    fn is_asking(&self, now: Timestamp) -> bool {
        !self.is_answered && self.asked.is_some_and(|asked| now < asked + PATIENCE)
    }

    /// Whether to ask. A question under way is joined.
    fn asks(&mut self, now: Timestamp) -> bool {
        if self.is_asking(now) {
            return true;
        }
        let asks = self.asked.is_none_or(|asked| asked + PAUSE <= now);
        if asks {
            (self.asked, self.is_answered) = (Some(now), false);
        }
        asks
    }
}

/// How long a set is fresh (RFC 9111 §5.2.2), within limits.
fn lifetime(cache_control: Option<&str>) -> DeltaSeconds {
    let said = CacheControl::parse(cache_control.unwrap_or(""));
    if said.no_store || said.no_cache {
        return SHORTEST;
    }
    said.max_age.map_or(USUAL, |age| age.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    /// Keys by their `kid`, which stands for the key too.
    fn set(ids: &[&'static str]) -> Option<Vec<(Option<String>, &'static str)>> {
        Some(ids.iter().map(|id| (Some((*id).to_owned()), *id)).collect())
    }

    fn ring(ids: &[&'static str], cache_control: Option<&str>) -> KeyRing<&'static str> {
        let mut ring = KeyRing::default();
        assert_eq!(ring.choose(None, at(0)), Choice::Ask);
        ring.learn(set(ids), cache_control, at(0));
        ring
    }

    #[test]
    fn a_token_has_one_key() {
        let mut two = ring(&["a", "b"], None);
        assert_eq!(two.choose(Some("a"), at(1)), Choice::Key("a"));
        assert_eq!(two.choose(Some("b"), at(1)), Choice::Key("b"));
        assert_eq!(two.choose(None, at(1)), Choice::Reject("credential-unknown-key"));
        assert_eq!(ring(&["a"], None).choose(None, at(1)), Choice::Key("a"));
        assert_eq!(ring(&["a"], None).choose(Some("A"), at(1)), Choice::Reject("credential-unknown-key"));
        assert_eq!(ring(&[], None).choose(None, at(1)), Choice::Reject("credential-unknown-key"));
        let mut nameless = KeyRing::default();
        nameless.learn(Some(vec![(None, 1)]), None, at(0));
        assert_eq!(nameless.choose(None, at(1)), Choice::Key(1));
        assert_eq!(nameless.choose(Some("a"), at(1)), Choice::Ask, "a name that is nowhere");
    }

    /// A storm of invented names costs the issuer one question in ten seconds.
    #[test]
    fn invented_names_are_asked_for_seldom() {
        let mut ring = ring(&["a"], None);
        let mut asked = 0;
        for tenth in 0..600 {
            let now = Timestamp::from_millis(tenth * 100);
            if ring.choose(Some(&format!("k{tenth}")), now) == Choice::Ask {
                asked += 1;
                ring.learn(None, None, now);
            }
            assert_eq!(ring.choose(Some("a"), now), Choice::Key("a"), "who has a good key notices nothing");
        }
        assert_eq!(asked, 5);
    }

    #[test]
    fn a_question_under_way_is_joined() {
        let mut ring = ring(&["a"], None);
        assert_eq!(ring.choose(Some("b"), at(20)), Choice::Ask);
        assert_eq!(ring.choose(Some("c"), at(21)), Choice::Ask, "it may bring this one");
        ring.learn(set(&["a", "b"]), None, at(22));
        assert_eq!(ring.choose(Some("b"), at(22)), Choice::Key("b"));
        assert_eq!(ring.choose(Some("c"), at(22)), Choice::Reject("credential-unknown-key"));
        // One whose answer never comes is not waited for.
        assert_eq!(ring.choose(Some("c"), at(40)), Choice::Ask);
        assert_eq!(ring.choose(Some("c"), at(44)), Choice::Reject("credential-unknown-key"));
    }

    #[test]
    fn keys_that_rotated_out_count_no_more() {
        let mut ring = ring(&["old"], None);
        assert!(ring.is_current(at(599)) && !ring.is_current(at(600)));
        assert_eq!(ring.choose(Some("old"), at(600)), Choice::Ask);
        ring.learn(set(&["new"]), None, at(600));
        assert_eq!(ring.choose(Some("old"), at(601)), Choice::Reject("credential-unknown-key"));
    }

    #[test]
    fn without_the_issuer_the_last_keys_are_kept_for_a_while() {
        let mut ring = ring(&["a"], None);
        let mut asked = 0;
        for second in 600..600 + KEPT.get() {
            if ring.choose(Some("a"), at(second)) == Choice::Ask {
                asked += 1;
                ring.failed();
            }
            assert_eq!(ring.choose(Some("a"), at(second)), Choice::Key("a"), "at {second}");
            assert!(ring.is_current(at(second)));
        }
        assert_eq!(asked, 60, "once a minute, since who asks waits");
        let over = at(600 + KEPT.get());
        assert!(!ring.is_current(over));
        assert_eq!(ring.choose(Some("a"), over), Choice::Ask);
        ring.failed();
        assert_eq!(ring.choose(Some("a"), over), Choice::Reject("credential-keys-unavailable"));
    }

    #[test]
    fn an_issuer_that_never_answered() {
        let mut ring = KeyRing::<&str>::default();
        assert!(!ring.is_current(at(0)));
        assert_eq!(ring.choose(Some("a"), at(0)), Choice::Ask);
        ring.failed();
        assert_eq!(ring.choose(Some("a"), at(9)), Choice::Reject("credential-keys-unavailable"));
        assert_eq!(ring.choose(Some("a"), at(10)), Choice::Ask);
    }

    #[test]
    fn lifetimes_have_limits() {
        for (said, expected) in [
            (None, 600),
            (Some("public"), 600),
            (Some("max-age=300"), 300),
            (Some("max-age=0"), 60),
            (Some("max-age=soon"), 60),
            (Some("no-store"), 60),
            (Some("no-cache, max-age=300"), 60),
            (Some("max-age=99999999"), 3_600),
        ] {
            assert_eq!(lifetime(said).get(), expected, "{said:?}");
        }
    }
}
