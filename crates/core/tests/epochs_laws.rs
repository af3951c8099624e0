//! The laws of what an isolate knows of purges, with any order of purges, answers, copies, losses and checks.

#![cfg(feature = "document")]

mod support;

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use support::cases;
use tiercel_core::epochs::{Asked, BEFORE_BIRTH, Knowledge, MOST_IN_FEED, Question, SKEW};
use tiercel_core::invalidation::{Purge, TagEpochs};
use tiercel_core::key::Shard;
use tiercel_core::meta::EntryMeta;
use tiercel_core::time::{DeltaSeconds, Timestamp};

const CASES: u32 = 500;
const BOUND: DeltaSeconds = DeltaSeconds::new(5);
/// The world begins here, in milliseconds; what is older is older than every object.
const BEGAN: u64 = 1_700_000_000_000;
const ISOLATES: usize = 3;
/// Stands for an isolate that has ended.
const GONE: usize = usize::MAX;
/// Clocks are at most so far from the true time, in milliseconds: two of them are at most [`SKEW`] apart.
const OFF: i64 = SKEW as i64 / 2;
/// Three subjects, the last one of them in two shards, and a tag.
const NAMES: [&str; 9] = [
    "user:a",
    "user:a:files",
    "user:a:files:videos",
    "user:a:stats",
    "file:f1",
    "file:f1:info",
    "http:https%3A%2F%2Fx",
    "http:https%3A%2F%2Fx:%2Fp",
    "category:videos",
];
/// Entries: a key, and tags.
const ENTRIES: [(&str, &[&str]); 5] = [
    ("v1/user:a:files:videos", &["category:videos"]),
    ("v1/user:a:stats", &[]),
    ("v1/file:f1:info", &["user:a"]),
    ("v1/http:https%3A%2F%2Fx:%2Fp:*", &[]),
    ("v1/file:f2:info", &[]),
];

/// Numbers choose an isolate, a name of [`NAMES`], an entry of [`ENTRIES`]; moments are in milliseconds.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    /// An isolate handles a mutation; the object may be out of reach.
    Write {
        isolate: usize,
        name: usize,
        purge: Purge,
        reached: bool,
    },
    /// Many names of the shard of this one are purged elsewhere.
    Flood {
        name: usize,
        count: usize,
    },
    /// An isolate asks about an entry of such an age; the answer arrives at once, or is held back.
    Ask {
        isolate: usize,
        entry: usize,
        age: u64,
        held_back: bool,
    },
    /// The answer that was held back longest arrives.
    Arrive,
    /// An isolate leaves a copy for the shard of this name.
    Leave {
        isolate: usize,
        name: usize,
    },
    /// An isolate takes the copy that is there.
    Take {
        isolate: usize,
        name: usize,
    },
    /// A new isolate takes the place of one.
    Restart(usize),
    /// The object of this name moves to a machine whose clock is so far off.
    Move {
        name: usize,
        clock: i64,
    },
    /// An entry that one isolate fetched so long ago is found by another one.
    Find {
        isolate: usize,
        by: usize,
        entry: usize,
        age: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let age = || prop_oneof![3 => 0u64..2_000, 3 => 0u64..20_000, 2 => 0u64..400_000];
    let step = prop_oneof![
        4 => prop_oneof![0u64..300, 0u64..6_000, 0u64..100_000].prop_map(Step::Pass),
        4 => (0..ISOLATES, 0..NAMES.len(), any::<bool>(), prop::bool::weighted(0.8)).prop_map(
            |(isolate, name, hard, reached)| {
                let purge = if hard { Purge::Hard } else { Purge::Soft };
                Step::Write { isolate, name, purge, reached }
            }
        ),
        1 => (0..NAMES.len(), 1..2 * MOST_IN_FEED).prop_map(|(name, count)| Step::Flood { name, count }),
        5 => (0..ISOLATES, 0..ENTRIES.len(), age(), prop::bool::weighted(0.3))
            .prop_map(|(isolate, entry, age, held_back)| Step::Ask { isolate, entry, age, held_back }),
        2 => Just(Step::Arrive),
        2 => (0..ISOLATES, 0..NAMES.len()).prop_map(|(isolate, name)| Step::Leave { isolate, name }),
        2 => (0..ISOLATES, 0..NAMES.len()).prop_map(|(isolate, name)| Step::Take { isolate, name }),
        1 => (0..ISOLATES).prop_map(Step::Restart),
        1 => (0..NAMES.len(), -OFF..=OFF).prop_map(|(name, clock)| Step::Move { name, clock }),
        8 => (0..ISOLATES, 0..ISOLATES, 0..ENTRIES.len(), age())
            .prop_map(|(isolate, by, entry, age)| Step::Find { isolate, by, entry, age }),
    ];
    prop::collection::vec(step, 1..80)
}

/// A shard's object, as edge-worker/src/epoch_object.rs keeps it.
#[derive(Default)]
struct Object {
    born: Option<u64>,
    epochs: BTreeMap<(String, String), u64>,
}

impl Object {
    fn answer(&mut self, question: &str, clock: u64) -> String {
        let asked = Asked::read(question).expect("a question");
        let born = *self.born.get_or_insert(clock);
        for (name, purge) in &asked.purges {
            let at = self.epochs.entry(((*name).to_owned(), (*purge).to_owned())).or_default();
            *at = clock.max(*at);
        }
        let mut since = asked.since.as_millis();
        let mut feed: Vec<_> = self.epochs.iter().filter(|(_, at)| **at >= since).collect();
        feed.sort_by_key(|(_, at)| std::cmp::Reverse(**at));
        if feed.len() > MOST_IN_FEED {
            feed.truncate(MOST_IN_FEED + 1);
            since = *feed[MOST_IN_FEED].1 + 1;
        }
        let looked_up = self.epochs.iter().filter(|((name, _), _)| asked.look_up.contains(&name.as_str()));
        let mut answer = format!("{clock} {since} {born}\n");
        for ((name, purge), at) in feed.into_iter().chain(looked_up) {
            answer.push_str(&format!("{name}\t{at}\t{purge}\n"));
        }
        answer
    }
}

struct Purged {
    name: String,
    purge: Purge,
    by: usize,
    /// When the mutation happened, and when the object heard of it first and last, by the true time.
    at: u64,
    heard: Option<u64>,
    last_heard: u64,
}

struct World {
    now: u64,
    clocks: [i64; ISOLATES],
    object_clocks: Vec<i64>,
    isolates: [Knowledge; ISOLATES],
    objects: HashMap<Shard, Object>,
    held_back: Vec<(usize, Shard, Question, String)>,
    copies: HashMap<Shard, String>,
    purged: Vec<Purged>,
    /// How many names were purged in floods.
    flooded: usize,
}

impl World {
    fn clock(&self, isolate: usize) -> Timestamp {
        Timestamp::from_millis(self.now.saturating_add_signed(self.clocks[isolate]))
    }

    fn ask(&mut self, isolate: usize, shard: Shard, names: &[String]) -> (Question, String) {
        let question = self.isolates[isolate].ask(shard, names, self.clock(isolate));
        let clock = self.now.saturating_add_signed(self.object_clocks[shard.index()]);
        let answer = self.objects.entry(shard).or_default().answer(&question.text(), clock);
        for (name, kind) in Asked::read(&question.text()).expect("a question").purges {
            let told = self.purged.iter_mut().filter(|p| p.by == isolate && p.name == name);
            for purged in told.filter(|p| kind == if p.purge == Purge::Hard { "h" } else { "s" }) {
                purged.heard.get_or_insert(self.now);
                purged.last_heard = self.now;
            }
        }
        (question, answer)
    }

    fn write(&mut self, isolate: usize, name: &str, purge: Purge, reached: bool) {
        let names = [name.to_owned()];
        let clock = self.clock(isolate);
        self.isolates[isolate].record(&names, purge, clock);
        self.purged.push(Purged {
            name: name.to_owned(),
            purge,
            by: isolate,
            at: self.now,
            heard: None,
            last_heard: 0,
        });
        assert!(!self.isolates[isolate].untold(&names).is_empty());
        if reached {
            let shard = Shard::of(name);
            let (question, answer) = self.ask(isolate, shard, &[]);
            assert!(self.isolates[isolate].learn(shard, &question, &answer));
            assert!(self.isolates[isolate].untold(&names).is_empty());
        }
    }

    fn flood(&mut self, name: &str, count: usize) {
        let shard = Shard::of(name);
        let subject: String = name.split(':').take(2).collect::<Vec<_>>().join(":");
        let clock = self.now.saturating_add_signed(self.object_clocks[shard.index()]);
        let object = self.objects.entry(shard).or_default();
        object.born.get_or_insert(clock);
        for n in self.flooded..self.flooded + count {
            object.epochs.insert((format!("{subject}:flood:{n}"), "h".into()), clock);
        }
        self.flooded += count;
    }

    /// What an isolate says of an entry after it has done as `judge` says, with every object in reach.
    fn find(&mut self, isolate: usize, meta: &EntryMeta) -> Result<(), TestCaseError> {
        let (names, requested, clock) = (meta.groups(), meta.requested, self.clock(isolate));
        let judgement = self.isolates[isolate].judge(&names, requested, clock, BOUND);
        self.holds(isolate, meta, &judgement.epochs)?;
        for shard in judgement.wait.iter() {
            let (question, answer) = self.ask(isolate, shard, &names);
            self.isolates[isolate].learn(shard, &question, &answer);
        }
        let judgement = self.isolates[isolate].judge(&names, requested, clock, BOUND);
        prop_assert!(judgement.wait.is_empty() && !judgement.epochs.are_unreadable(), "{judgement:?}");
        self.holds(isolate, meta, &judgement.epochs)
    }

    fn holds(&self, isolate: usize, meta: &EntryMeta, epochs: &TagEpochs) -> Result<(), TestCaseError> {
        let names = meta.groups();
        let concerned = || self.purged.iter().filter(|purged| names.contains(&purged.name));
        // By the true time: the clock of who fetched it was at most this far ahead or behind.
        let (earliest, latest) = (meta.requested.as_millis() - OFF as u64, meta.requested.as_millis() + OFF as u64);
        let said = epochs.purged(meta);
        let old = self.now - BOUND.get() * 1000;
        for purged in concerned().filter(|purged| purged.at >= latest) {
            let is_known = purged.by == isolate || purged.heard.is_some_and(|heard| heard < old);
            if is_known && !epochs.are_unreadable() {
                prop_assert!(said >= Some(purged.purge), "purged at {}, said to be {said:?}", purged.at);
            }
        }
        if said.is_some() {
            let latest_purge = concerned().map(|purged| purged.last_heard.max(purged.at)).max();
            let is_purged = latest_purge.is_some_and(|at| at + 2 * SKEW >= earliest);
            let is_older = names.iter().any(|name| {
                let born = self.objects.get(&Shard::of(name)).and_then(|object| object.born);
                born.is_some_and(|born| earliest <= born + SKEW - BEFORE_BIRTH)
            });
            prop_assert!(is_purged || is_older, "nothing purged it: {epochs:?}");
        }
        Ok(())
    }
}

fn entry(which: usize, requested: Timestamp) -> EntryMeta {
    let (key, tags) = ENTRIES[which];
    EntryMeta {
        key: key.into(),
        requested,
        received: requested,
        initial_age: DeltaSeconds::ZERO,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        vary: Vec::new(),
        slices: None,
        list: None,
    }
}

proptest! {
    #![proptest_config(cases(CASES))]

    /// EPOCH-1 (product.md, "Events"): what was purged longer than the bound ago, or by this isolate, is never said to
    /// be good; what was not purged is never said to be, but within the clocks' error, or when it is older than the
    /// object that would know. And whoever asks all it is told to ask knows.
    #[test]
    fn knowledge_is_true(
        clocks in prop::array::uniform3(-OFF..=OFF), object_clocks in prop::collection::vec(-OFF..=OFF, 16),
        steps in steps(),
    ) {
        let mut world = World {
            now: BEGAN,
            clocks,
            object_clocks,
            isolates: Default::default(),
            objects: HashMap::new(),
            held_back: Vec::new(),
            copies: HashMap::new(),
            purged: Vec::new(),
            flooded: 0,
        };
        for step in steps {
            for purged in world.purged.iter().filter(|purged| purged.heard.is_none() && purged.by != GONE) {
                let untold = world.isolates[purged.by].untold(std::slice::from_ref(&purged.name));
                prop_assert!(!untold.is_empty(), "{} was told to nobody, and never will be", purged.name);
            }
            match step {
                Step::Pass(millis) => world.now += millis,
                Step::Write { isolate, name, purge, reached } => world.write(isolate, NAMES[name], purge, reached),
                Step::Flood { name, count } => world.flood(NAMES[name], count),
                Step::Ask { isolate, entry: which, age, held_back } => {
                    let requested = Timestamp::from_millis(world.clock(isolate).as_millis() - age);
                    let names = entry(which, requested).groups();
                    let shard = Shard::of(&names[0]);
                    let (question, answer) = world.ask(isolate, shard, &names);
                    if held_back {
                        world.held_back.push((isolate, shard, question, answer));
                    } else {
                        prop_assert!(world.isolates[isolate].learn(shard, &question, &answer));
                    }
                }
                Step::Arrive => {
                    if !world.held_back.is_empty() {
                        let (isolate, shard, question, answer) = world.held_back.remove(0);
                        prop_assert!(world.isolates[isolate].learn(shard, &question, &answer));
                    }
                }
                Step::Leave { isolate, name } => {
                    let shard = Shard::of(NAMES[name]);
                    if let Some(copy) = world.isolates[isolate].copy(shard) {
                        world.copies.insert(shard, copy);
                    }
                }
                Step::Take { isolate, name } => {
                    let shard = Shard::of(NAMES[name]);
                    if let Some(copy) = world.copies.get(&shard) {
                        let clock = world.clock(isolate);
                        world.isolates[isolate].learn_copy(shard, copy, clock);
                    }
                }
                Step::Restart(isolate) => {
                    world.isolates[isolate] = Knowledge::default();
                    world.held_back.retain(|(held, ..)| *held != isolate);
                    // What it has told nobody is lost with it, unless a copy has it.
                    world.purged.iter_mut().filter(|purged| purged.by == isolate).for_each(|p| p.by = GONE);
                }
                Step::Move { name, clock } => world.object_clocks[Shard::of(NAMES[name]).index()] = clock,
                Step::Find { isolate, by, entry: which, age } => {
                    let requested = Timestamp::from_millis(world.clock(by).as_millis() - age);
                    world.find(isolate, &entry(which, requested))?;
                }
            }
        }
    }
}
