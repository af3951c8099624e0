//! Who was recognised lately, by the SHA-256 of the token: verifying costs time, and asking the issuer costs more.
//!
//! What is kept are claims, which are judged anew, with the clock, whenever the token comes again.

use sha2::{Digest, Sha256};

use crate::principal::{Claims, Identity};
use crate::time::Timestamp;

/// Most tokens that are remembered.
const MOST: usize = 1_000;

/// Tokens that were judged, and what came of them.
#[derive(Debug, Default)]
pub struct Recognised {
    entries: Vec<Entry>,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    digest: [u8; 32],
    outcome: Result<Claims, &'static str>,
    until: Timestamp,
    used: u64,
}

impl Recognised {
    /// The claims of a token whose proof held, or why it was refused.
    pub fn get(&mut self, token: &str, now: Timestamp) -> Option<&Result<Claims, &'static str>> {
        let digest = digest(token);
        self.uses += 1;
        let entry = self.entries.iter_mut().find(|entry| entry.digest == digest && now < entry.until)?;
        entry.used = self.uses;
        Some(&entry.outcome)
    }

    /// Remembers what came of a token, as long as [`Identity::remembers`] says. What was refused makes room first, and
    /// then what was used longest ago.
    pub fn put(&mut self, token: &str, outcome: Result<Claims, &'static str>, identity: &Identity, now: Timestamp) {
        let Some(until) = identity.remembers(&outcome, now) else { return };
        self.uses += 1;
        let entry = Entry { digest: digest(token), outcome, until, used: self.uses };
        if let Some(known) = self.entries.iter_mut().find(|known| known.digest == entry.digest) {
            *known = entry;
        } else if self.entries.len() < MOST {
            self.entries.push(entry);
        } else if let Some(least) = self.entries.iter_mut().min_by_key(|known| (known.outcome.is_ok(), known.used)) {
            *least = entry;
        }
    }

    /// Forgets everybody: the keys are others now.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::{Algorithm, NO_KEY, Proof, UNANSWERED};
    use crate::time::DeltaSeconds;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn jwt() -> Identity {
        let proof = Proof::key_set(Algorithm::Rs256, "/keys");
        Identity { bearer: true, subject: "sub".into(), leeway: DeltaSeconds::new(30), ..Identity::new(proof) }
    }

    fn asked(remember: u64) -> Identity {
        Identity::new(Proof::issuer("/introspect", "SECRET", DeltaSeconds::new(remember), DeltaSeconds::new(3)))
    }

    fn claims(subject: &str, expires: Option<u64>) -> Claims {
        Claims { subject: Some(subject.into()), expires: expires.map(at), ..Claims::default() }
    }

    #[test]
    fn nobody_is_remembered_too_long() {
        for (name, identity, outcome, from, until) in [
            ("until it expires, with the leeway", jwt(), Ok(claims("a", Some(100))), 0, Some(130)),
            ("some minutes, as keys rotate", jwt(), Ok(claims("a", Some(9_999))), 0, Some(300)),
            ("a bad signature is cheap", jwt(), Err("credential-signature"), 0, None),
            ("an answer, briefly", asked(60), Ok(claims("a", Some(9_999))), 0, Some(60)),
            ("without an end", asked(60), Ok(claims("a", None)), 0, Some(60)),
            ("an answer never past its end", asked(60), Ok(claims("a", Some(20))), 0, Some(20)),
            ("nobody, more briefly", asked(60), Err("credential-inactive"), 0, Some(5)),
            ("nobody, as briefly", asked(2), Err("credential-inactive"), 0, Some(2)),
            ("no answer says nothing", asked(60), Err(UNANSWERED), 0, None),
            ("nor does no key", asked(60), Err(NO_KEY), 0, None),
            ("not at all", asked(0), Ok(claims("a", None)), 0, None),
        ] {
            let mut known = Recognised::default();
            known.put("token", outcome.clone(), &identity, at(from));
            assert_eq!(known.get("token ", at(from)), None, "{name}: another token");
            match until {
                None => assert_eq!(known.get("token", at(from)), None, "{name}"),
                Some(until) => {
                    assert_eq!(known.get("token", at(until - 1)), Some(&outcome), "{name}");
                    assert_eq!(known.get("token", at(until)), None, "{name}");
                }
            }
        }
    }

    #[test]
    fn the_last_answer_counts_and_others_are_forgotten() {
        let mut known = Recognised::default();
        known.put("token", Ok(claims("a", None)), &asked(60), at(0));
        known.put("token", Err("credential-inactive"), &asked(60), at(1));
        assert_eq!(known.get("token", at(2)), Some(&Err("credential-inactive")));
        known.clear();
        assert_eq!(known.get("token", at(2)), None);
    }

    #[test]
    fn a_flood_of_refused_tokens_displaces_nobody() {
        let mut known = Recognised::default();
        for user in 0..MOST - 1 {
            known.put(&format!("good {user}"), Ok(claims("a", None)), &asked(60), at(0));
        }
        for garbage in 0..10_000 {
            known.put(&format!("bad {garbage}"), Err("credential-inactive"), &asked(60), at(0));
        }
        assert_eq!(known.entries.len(), MOST);
        assert!((0..MOST - 1).all(|user| known.get(&format!("good {user}"), at(1)).is_some()));
        // Of the good ones, the one that was used longest ago goes.
        let _ = known.get("good 0", at(1));
        known.put("new", Ok(claims("a", None)), &asked(60), at(1));
        known.put("newer", Ok(claims("a", None)), &asked(60), at(1));
        assert!(known.get("good 0", at(1)).is_some() && known.get("newer", at(1)).is_some());
        assert_eq!(known.get("good 1", at(1)), None);
        assert_eq!(known.entries.len(), MOST);
    }
}
