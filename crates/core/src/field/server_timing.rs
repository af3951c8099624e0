//! `Server-Timing` (W3C Server Timing): where the time of an answer went, for the browser's developer tools.
//!
//! Example: `store;dur=2, origin;dur=48`

use crate::time::Timestamp;

/// The field's name.
pub const SERVER_TIMING: &str = "server-timing";

/// A phase of answering at the edge. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Verifying the credential.
    Auth,
    /// Answered from memory, without asking the store.
    Memory,
    /// Looking in the store.
    Store,
    /// Reading the purges.
    Epochs,
    /// Waiting for another request that was fetching the same answer.
    Wait,
    /// The origin, until the head of its answer.
    Origin,
}

impl Phase {
    const fn token(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Memory => "memory",
            Self::Store => "store",
            Self::Epochs => "epochs",
            Self::Wait => "wait",
            Self::Origin => "origin",
        }
    }
}

/// The phases of one answer. Runtimes whose clock stands still between I/O measure I/O, which is where the time goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerTiming(Vec<(Phase, u64)>);

impl ServerTiming {
    /// A phase ended at `now` that began at `since`. One that comes again counts once, with its times added.
    pub fn ended(&mut self, phase: Phase, since: Timestamp, now: Timestamp) {
        let millis = now.as_millis().saturating_sub(since.as_millis());
        match self.0.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, sum)) => *sum += millis,
            None => self.0.push((phase, millis)),
        }
    }

    /// Whether there was such a phase.
    #[must_use]
    pub fn has(&self, phase: Phase) -> bool {
        self.0.iter().any(|(known, _)| *known == phase)
    }

    /// The field's value; `None` when there was no phase.
    #[must_use]
    pub fn write(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut out = String::new();
        for (phase, millis) in &self.0 {
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(phase.token());
            out.push_str(";dur=");
            out.push_str(&millis.to_string());
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up_in_order() {
        let at = Timestamp::from_millis;
        let mut timing = ServerTiming::default();
        assert_eq!(timing.write(), None);
        timing.ended(Phase::Store, at(10), at(12));
        timing.ended(Phase::Origin, at(12), at(60));
        timing.ended(Phase::Store, at(60), at(61));
        // A clock that steps back.
        timing.ended(Phase::Epochs, at(61), at(5));
        assert_eq!(timing.write().as_deref(), Some("store;dur=3, origin;dur=48, epochs;dur=0"));
    }
}
