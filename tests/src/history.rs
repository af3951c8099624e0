//! Judges a history: what clients read and wrote, when, and which version they saw. It holds a run to three promises
//! (product.md, "Events"): whoever changed something never sees what was before; others do not see it longer than the
//! policy's bound; nobody ever sees what is another user's.
//!
//! Two moments count, both by one monotonic clock: a read is judged by when it **began**, a write by when it was
//! **acknowledged**. So a slow machine can hide a violation, and never makes one up.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// The version that every resource has before it is written for the first time.
pub const FIRST: u64 = 1;

/// One request of a client, from its first byte to the last one of its answer.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Who asked: whatever shares one set of cookies.
    pub client: usize,
    /// As whom; empty for nobody.
    pub user: String,
    /// Which way it went, and what the tier said of it; for those who read the verdict.
    pub note: String,
    /// When it was sent, since the run began.
    pub began: Duration,
    /// When its answer had come whole, or was given up.
    pub ended: Duration,
    /// What it was.
    pub what: What,
}

/// What a request was, and what came of it.
#[derive(Clone, Debug)]
pub enum What {
    /// It asked for a resource.
    Read {
        /// Which.
        resource: String,
        /// Whose answer it must be.
        owner: String,
        /// What came; `None` when it was no good answer.
        seen: Option<Seen>,
    },
    /// It changed resources.
    Write {
        /// Which.
        resources: Vec<String>,
        /// The version that it made of each, once that was acknowledged. Without, it may have happened or not.
        made: Option<Vec<u64>>,
        /// Whether the answer said that the purge is still to be made known.
        pending: bool,
    },
}

/// What an answer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it shows.
    pub resource: String,
    /// Which version of that.
    pub version: u64,
    /// Every owner that is named in it.
    pub owners: Vec<String>,
}

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promise {
    /// A client does not see what was before its own acknowledged write.
    OwnWrite,
    /// Nobody sees what was before a write that was acknowledged longer than the bound ago, and is not pending.
    Bound,
    /// No answer holds what is another user's.
    Owner,
    /// An answer is what was asked for.
    Resource,
    /// Nobody sees a version that was not made yet; so no write happens twice.
    Made,
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// The read that shows it, as a place in the history.
    pub read: usize,
    /// The smallest history that shows it, in words.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What was found in a history.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The promises that were not kept, at most one of each kind for a read.
    pub violations: Vec<Violation>,
    /// The longest time after the acknowledgement of another client's write at which a read that showed what was before
    /// it still began, and that read. Zero when no read did.
    pub staleness: Duration,
    /// How many reads showed what was before another client's acknowledged write.
    pub stale: usize,
}

/// The writes of one resource.
#[derive(Default)]
struct Writes<'h> {
    /// When each try began, whatever came of it.
    tried: Vec<Duration>,
    /// The acknowledged ones, with the version that they made of it.
    made: Vec<(u64, &'h Operation)>,
}

/// Judges a history by a bound.
#[must_use]
pub fn judge(history: &[Operation], bound: Duration) -> Verdict {
    let writes = writes(history);
    let none = Writes::default();
    let mut verdict = Verdict::default();
    for (at, read) in history.iter().enumerate() {
        let What::Read { resource, owner, seen: Some(seen) } = &read.what else { continue };
        let mut violated = |promise, text| verdict.violations.push(Violation { promise, read: at, text });
        if let Some(other) = seen.owners.iter().find(|other| *other != owner) {
            violated(Promise::Owner, format!("somebody else's: {other:?} is named in\n  {read}"));
        }
        if seen.resource != *resource {
            violated(Promise::Resource, format!("another resource: {:?} came for\n  {read}", seen.resource));
            continue;
        }
        let writes = writes.get(resource.as_str()).unwrap_or(&none);
        let tries = writes.tried.iter().filter(|began| **began <= read.ended).count();
        if !(FIRST..=FIRST + tries as u64).contains(&seen.version) {
            violated(Promise::Made, format!("never made: {tries} tries to write began before the end of\n  {read}"));
        }
        let too_old = |whose: &str, write: &Operation| {
            let late = late(write, read).as_millis();
            format!("too old: {whose} was acknowledged {late} ms before the read began\n  {write}\n  {read}")
        };
        let is_unseen = |(version, write): &&(u64, &Operation)| *version > seen.version && write.ended <= read.began;
        let unseen = || writes.made.iter().filter(is_unseen).map(|(_, write)| *write);
        let own = unseen().filter(|write| write.client == read.client);
        if let Some(write) = own.max_by_key(|write| late(write, read)) {
            violated(Promise::OwnWrite, too_old("its own write", write));
        }
        let others = unseen().filter(|write| write.client != read.client && !write.is_pending());
        if let Some(write) = others.max_by_key(|write| late(write, read)) {
            if late(write, read) > bound {
                violated(Promise::Bound, too_old("a write", write));
            }
            verdict.staleness = verdict.staleness.max(late(write, read));
            verdict.stale += 1;
        }
    }
    verdict
}

fn writes(history: &[Operation]) -> HashMap<&str, Writes<'_>> {
    let mut all: HashMap<&str, Writes<'_>> = HashMap::new();
    for write in history {
        let What::Write { resources, made, .. } = &write.what else { continue };
        for (index, resource) in resources.iter().enumerate() {
            let writes = all.entry(resource).or_default();
            writes.tried.push(write.began);
            if let Some(version) = made.as_ref().and_then(|made| made.get(index)) {
                writes.made.push((*version, write));
            }
        }
    }
    all
}

/// How long before the read began the write was acknowledged.
fn late(write: &Operation, read: &Operation) -> Duration {
    read.began.saturating_sub(write.ended)
}

impl Operation {
    const fn is_pending(&self) -> bool {
        matches!(self.what, What::Write { pending: true, .. })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.user.is_empty() { "nobody" } else { &self.user };
        let (began, ended) = (self.began.as_secs_f64(), self.ended.as_secs_f64());
        write!(f, "{began:.3}–{ended:.3} s, client {} as {user}, {}: ", self.client, self.note)?;
        match &self.what {
            What::Read { resource, seen: None, .. } => write!(f, "reads {resource} in vain"),
            What::Read { resource, seen: Some(seen), .. } => {
                write!(f, "reads {resource}, sees version {} of {:?}", seen.version, seen.owners)
            }
            What::Write { resources, made: None, .. } => write!(f, "writes {}, in vain", resources.join(", ")),
            What::Write { resources, made: Some(made), pending } => {
                let each = resources.iter().zip(made).map(|(resource, version)| format!("{resource} → {version}"));
                let pending = if *pending { ", purge pending" } else { "" };
                write!(f, "writes {}{pending}", each.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const BOUND: Duration = Duration::from_millis(2_000);

    fn operation(client: usize, (began, ended): (u64, u64), what: What) -> Operation {
        let user = ["ada", "ada", "bob"][client].to_owned();
        let (began, ended) = (Duration::from_millis(began), Duration::from_millis(ended));
        Operation { client, user, note: "colo 0".into(), began, ended, what }
    }

    fn read(client: usize, when: (u64, u64), resource: &str, owner: &str, version: u64) -> Operation {
        let seen = Seen { resource: resource.into(), version, owners: vec![owner.into(); 2] };
        operation(client, when, What::Read { resource: resource.into(), owner: owner.into(), seen: Some(seen) })
    }

    fn write(client: usize, when: (u64, u64), resource: &str, made: Option<u64>, pending: bool) -> Operation {
        let made = made.map(|version| vec![version]);
        operation(client, when, What::Write { resources: vec![resource.into()], made, pending })
    }

    fn found(history: &[Operation]) -> Vec<Promise> {
        judge(history, BOUND).violations.iter().map(|violation| violation.promise).collect()
    }

    /// Clients 0 and 1 are both of ada, client 2 is bob.
    #[test]
    fn histories() {
        use Promise::{Bound, Made, OwnWrite, Owner, Resource};
        let list = |client, when, version| read(client, when, "list ada", "ada", version);
        let change = |when, version| write(0, when, "list ada", Some(version), false);
        let pending = |when, version| write(0, when, "list ada", Some(version), true);
        let in_vain = |when| write(0, when, "list ada", None, false);
        let rating = |client, when, version| read(client, when, "rating", "nobody", version);
        let rate = |client, when, version| write(client, when, "rating", Some(version), false);
        let cases: Vec<(&str, Vec<Operation>, &[Promise])> = vec![
            ("nothing happened", vec![], &[]),
            ("the first version", vec![list(0, (0, 1), 1)], &[]),
            ("a version before the first", vec![list(0, (0, 1), 0)], &[Made]),
            ("a version that nobody made", vec![list(0, (0, 1), 2)], &[Made]),
            ("it was made while the read went on", vec![list(1, (0, 20), 2), change((10, 30), 2)], &[]),
            ("it was made after the read", vec![list(1, (0, 9), 2), change((10, 30), 2)], &[Made]),
            ("one write that happened twice", vec![change((0, 1), 2), list(0, (2, 3), 3)], &[Made]),
            ("what was in vain may have happened", vec![in_vain((0, 1)), list(0, (2, 3), 2)], &[]),
            ("what was in vain may not have happened", vec![in_vain((0, 1)), list(0, (9_000, 9_001), 1)], &[]),
            ("its own write", vec![change((0, 10), 2), list(0, (10, 11), 2)], &[]),
            ("not its own write", vec![change((0, 10), 2), list(0, (10, 11), 1)], &[OwnWrite]),
            ("not its own write, much later", vec![change((0, 10), 2), list(0, (60_000, 60_001), 1)], &[OwnWrite]),
            ("a read that began before the acknowledgement", vec![change((0, 10), 2), list(0, (9, 99_999), 1)], &[]),
            ("not even the first of two", vec![change((0, 1), 2), change((2, 3), 3), list(0, (4, 5), 1)], &[OwnWrite]),
            ("another client, within the bound", vec![change((0, 10), 2), list(1, (2_010, 2_011), 1)], &[]),
            ("another client, past the bound", vec![change((0, 10), 2), list(1, (2_011, 2_012), 1)], &[Bound]),
            (
                "another client sees one of two",
                vec![change((0, 10), 2), change((1_000, 1_010), 3), list(1, (2_500, 2_501), 2)],
                &[],
            ),
            ("past the bound, and pending", vec![pending((0, 10), 2), list(1, (9_000, 9_001), 1)], &[]),
            ("its own, and pending", vec![pending((0, 10), 2), list(0, (11, 12), 1)], &[OwnWrite]),
            (
                "both clients wrote",
                vec![rate(0, (0, 10), 2), rate(2, (20, 30), 3), rating(0, (3_000, 3_001), 1)],
                &[OwnWrite, Bound],
            ),
            ("a public one, past the bound", vec![rate(2, (0, 10), 2), rating(0, (2_011, 2_012), 1)], &[Bound]),
            ("another resource", vec![rate(2, (0, 10), 2), list(0, (5_000, 5_001), 1)], &[]),
        ];
        for (name, history, expected) in &cases {
            assert_eq!(found(history), *expected, "{name}: {:?}", judge(history, BOUND).violations);
        }
        let mixed = |version, shown: &str, owners: &[&str]| {
            let mut read = list(0, (0, 1), 1);
            let owners = owners.iter().map(|owner| (*owner).to_owned()).collect();
            if let What::Read { seen, .. } = &mut read.what {
                *seen = Some(Seen { resource: shown.into(), version, owners });
            }
            found(&[read])
        };
        assert_eq!(mixed(1, "list ada", &["ada", "bob"]), [Owner], "in a list");
        assert_eq!(mixed(1, "list bob", &["bob"]), [Owner, Resource]);
        assert_eq!(mixed(7, "stats ada", &["ada"]), [Resource], "versions of another resource say nothing");
        let mut nothing = list(0, (0, 1), 1);
        nothing.what = What::Read { resource: "list ada".into(), owner: "ada".into(), seen: None };
        assert!(found(&[nothing]).is_empty(), "a failure shows nothing");
    }

    #[test]
    fn what_the_verdict_says() {
        let history = [
            write(0, (0, 10), "list ada", Some(2), false),
            write(2, (500, 510), "list ada", Some(3), false),
            read(1, (1_010, 1_020), "list ada", "ada", 1),
            read(1, (1_110, 1_120), "list ada", "ada", 2),
            read(0, (2_600, 2_700), "list ada", "ada", 2),
        ];
        let verdict = judge(&history, BOUND);
        assert_eq!((verdict.staleness, verdict.stale), (Duration::from_millis(2_090), 3));
        let [violation] = verdict.violations.as_slice() else { panic!("{:?}", verdict.violations) };
        assert_eq!((violation.promise, violation.read), (Promise::Bound, 4));
        let expected = "too old: a write was acknowledged 2090 ms before the read began
  0.500–0.510 s, client 2 as bob, colo 0: writes list ada → 3
  2.600–2.700 s, client 0 as ada, colo 0: reads list ada, sees version 2 of [\"ada\", \"ada\"]";
        assert_eq!(violation.to_string(), expected);
    }

    /// A run of three clients over a cache that keeps its promises only just: others see each write after exactly the
    /// bound, or with it.
    fn kept(seed: u64) -> Vec<Operation> {
        let mut random = Random::new(seed);
        let mut history: Vec<Operation> = Vec::new();
        let mut now = 0;
        let mut version = FIRST;
        for _ in 0..150 {
            now += random.below(400);
            let (client, took) = (random.below(3) as usize, random.below(300));
            let when = (now, now + took);
            let lasting = random.below(8);
            if lasting == 0 {
                version += 1;
                history.push(write(client, when, "rating", Some(version), false));
            } else {
                let must_see = |write: &&Operation| {
                    write.ended + if write.client == client { Duration::ZERO } else { BOUND }
                        <= Duration::from_millis(now)
                };
                let made = |write: &Operation| match &write.what {
                    What::Write { made: Some(made), .. } => made[0],
                    _ => FIRST,
                };
                let oldest = history.iter().filter(must_see).map(made).max().unwrap_or(FIRST);
                let shown = oldest + random.below(version - oldest + 1);
                history.push(read(client, when, "rating", "nobody", shown));
            }
            // A client does one thing after the other.
            now += took;
        }
        history
    }

    /// Mutants of good histories: each read, made to show the last version that it must not show, is found, and so is
    /// whatever names somebody else.
    #[test]
    fn mutants() {
        let mut killed: HashMap<Promise, usize> = HashMap::new();
        for seed in 0..6 {
            let good = kept(seed);
            let verdict = judge(&good, BOUND);
            assert!(verdict.violations.is_empty(), "seed {seed}: {:?}", verdict.violations);
            assert!(verdict.staleness > BOUND / 2, "seed {seed}: such a history must be hard to judge");
            for at in 0..good.len() {
                for promise in [Promise::OwnWrite, Promise::Bound, Promise::Owner, Promise::Resource, Promise::Made] {
                    let mut bad = good.clone();
                    if !break_it(&mut bad, at, promise) {
                        continue;
                    }
                    let found = judge(&bad, BOUND).violations;
                    let is_found = found.iter().any(|it| it.read == at && it.promise == promise);
                    assert!(is_found, "seed {seed}, {promise:?} in {}: {found:?}", bad[at]);
                    assert!(found.iter().all(|it| it.read == at), "seed {seed}: one read was changed, not {found:?}");
                    *killed.entry(promise).or_default() += 1;
                }
            }
        }
        assert_eq!(killed.len(), 5, "{killed:?}");
        assert!(killed.values().all(|count| *count > 100), "{killed:?}");
    }

    /// Breaks a promise in the read at `at`; `false` where there is nothing to break.
    fn break_it(history: &mut [Operation], at: usize, promise: Promise) -> bool {
        let tries = history.iter().filter(|it| matches!(it.what, What::Write { .. })).count() as u64;
        let (before, rest) = history.split_at_mut(at);
        let Some(Operation { client, began, what: What::Read { seen: Some(seen), .. }, .. }) = rest.first_mut() else {
            return false;
        };
        let newest = |is_meant: &dyn Fn(&Operation) -> bool| {
            let meant = before.iter().filter(|write| is_meant(write));
            let made = meant.filter_map(|write| match &write.what {
                What::Write { made: Some(made), .. } => Some(made[0]),
                _ => None,
            });
            made.max()
        };
        let version = match promise {
            Promise::OwnWrite => newest(&|write| write.client == *client).map(|made| made - 1),
            Promise::Bound => {
                newest(&|write| write.client != *client && write.ended + BOUND < *began).map(|made| made - 1)
            }
            Promise::Made => Some(FIRST + tries + 1),
            Promise::Owner => {
                seen.owners[1] = "bob".into();
                Some(seen.version)
            }
            Promise::Resource => {
                seen.resource = "rating of another".into();
                Some(seen.version)
            }
        };
        seen.version = version.unwrap_or(seen.version);
        version.is_some()
    }
}
