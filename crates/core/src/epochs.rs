//! What one isolate knows of the purges: which names, when, how completely, and as of when.
//!
//! Objects hold the truth, each that of its [`Shard`]. What one of them says is a [`Feed`]: every purge since some
//! moment. As long as the next feed begins before the last one ended, what is known is complete from the first one on,
//! and an entry that is younger than that needs nothing more. The names of an older one are looked up, once: later
//! purges of them come with the feed.
//!
//! Two clocks are at work. Purges carry the time of their object, entries the time of the machine that fetched them; so
//! a purge counts as a little later than it was stamped ([`SKEW`]). How old knowledge is tells the isolate's own clock
//! alone: it is as of the moment before the object was asked.
//!
//! No I/O and no clock: the tier asks, tells and waits.

use std::collections::HashMap;
use std::ops::BitOr;

use crate::invalidation::{Epoch, Purge, TagEpochs};
use crate::key::{SHARDS, Shard};
use crate::sorted::sorted;
use crate::text;
use crate::time::{DeltaSeconds, Timestamp};

mod wire;

use wire::Untold;
pub use wire::{Asked, Feed, MOST_IN_FEED, Question};

/// Farthest that the clocks of two machines are thought to be apart, in milliseconds. Cloudflare's are closer. What is
/// fetched within it after a purge counts as fetched before.
pub const SKEW: u64 = 100;
/// How much of what is known already is asked for again, in milliseconds: the clock of an object may step back a little,
/// above all when it moves to another machine.
pub const OVERLAP: u64 = 5_000;
/// An object that has just been made knows nothing of what was before, and entries that are so much older than it, in
/// milliseconds, count as purged. Younger ones are those that caused it to be made.
pub const BEFORE_BIRTH: u64 = 60_000;
/// Most names that are remembered of a shard.
const MOST_KNOWN: usize = 2 * MOST_IN_FEED;
/// Most purges of a shard that wait to be told. An object that is gone for so long loses the first of them.
const MOST_UNTOLD: usize = 1_000;
/// Longest time between two tries to reach an object, in milliseconds.
const RETRY: u64 = 1_000;

/// What ends the copy of a shard. No name holds it.
const COPY_END: &str = "\u{c}";

/// As of when a tier without objects knows everything.
const FOREVER: Timestamp = Timestamp::from_millis(u64::MAX);

/// A set of shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shards(u32);

impl Shards {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are not among `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Adds one.
    pub const fn insert(&mut self, shard: Shard) {
        self.0 |= 1 << shard.index();
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Shard> {
        Shard::all().filter(move |shard| self.0 & (1 << shard.index()) != 0)
    }
}

impl BitOr for Shards {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Shard> for Shards {
    fn from_iter<T: IntoIterator<Item = Shard>>(shards: T) -> Self {
        shards.into_iter().fold(Self::default(), |mut all, shard| {
            all.insert(shard);
            all
        })
    }
}

/// What is known of the purges of some names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The purges of them that hit. Unreadable where that is not all, or not as new as it must be.
    pub epochs: TagEpochs,
    /// The shards whose answer is worth waiting for. Where there is none, this is all that can be said.
    pub wait: Shards,
    /// The shards to ask behind the answer.
    pub refresh: Shards,
}

/// What one isolate knows.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    shards: [Known; SHARDS],
    /// Counts the purges that this isolate recorded.
    recorded: u64,
    /// When copies were last looked for, and left, and those of which shards.
    taken: Option<Timestamp>,
    left: Option<Timestamp>,
    shared: Shards,
}

/// What is known of one shard. Moments are by the object's clock, but for `as_of` and `tried`.
#[derive(Clone, Debug, Default)]
struct Known {
    /// When the object was asked what is known now; `None` when it never was.
    as_of: Option<Timestamp>,
    /// Every purge from then …
    since: Timestamp,
    /// … to then is known.
    until: Timestamp,
    /// Counts the gaps: what was looked up before one must be looked up again. Zero before the first answer.
    chain: u32,
    /// What was requested up to then counts as purged: the object had not been made.
    floor: Timestamp,
    /// The last purge of all.
    newest: Timestamp,
    names: HashMap<String, Name>,
    /// How often `floor` or a purge of one of `names` has become later.
    heard: u64,
    untold: Vec<Untold>,
    /// When the object was last asked, and whether in vain.
    tried: Option<Timestamp>,
    failing: bool,
}

/// What is known of one name. The Unix epoch stands for never.
#[derive(Clone, Copy, Debug, Default)]
struct Name {
    hard: Timestamp,
    soft: Timestamp,
    /// The chain in which it was looked up: every purge of it before that is known. Zero is none.
    looked_up: u32,
}

impl Knowledge {
    /// For a tier without objects: what it records itself is all there is.
    pub fn stand_alone(&mut self) {
        for known in &mut self.shards {
            known.as_of = Some(FOREVER);
            known.untold.clear();
        }
    }

    /// The purges of `names` for an entry whose request began at `requested`, as new as `bound` asks at `now`. Where
    /// nothing was purged this allocates nothing.
    #[must_use]
    pub fn judge(&self, names: &[String], requested: Timestamp, now: Timestamp, bound: DeltaSeconds) -> Judgement {
        let bound = bound.get().saturating_mul(1000);
        let mut judgement = Judgement::default();
        for name in names {
            let shard = Shard::of(name);
            let known = &self.shards[shard.index()];
            let is_new = known.age(now).is_some_and(|age| age <= bound);
            if is_new && known.is_complete(name, requested) {
                if known.age(now).is_some_and(|age| age > bound / 2) && known.may_try(now, bound) {
                    judgement.refresh.insert(shard);
                }
            } else {
                judgement.epochs.mark_unreadable();
                match (known.failing, known.may_try(now, bound)) {
                    (false, _) => judgement.wait.insert(shard),
                    // Nobody waits for what has just failed.
                    (true, true) => judgement.refresh.insert(shard),
                    (true, false) => {}
                }
            }
            known.collect(name, requested, &mut judgement.epochs);
        }
        judgement
    }

    /// Until when what [`Self::judge`] says of `names` now can be said again without asking: until their knowledge has
    /// seen half of the `bound`, since a purge that comes to be known meanwhile tells by itself ([`Self::heard`]).
    #[must_use]
    pub fn good_until(&self, names: &[String], bound: DeltaSeconds) -> Timestamp {
        let until = |name: &String| match self.shards[Shard::of(name).index()].as_of {
            // At the next moment there is something to do.
            Some(as_of) => Timestamp::from_millis(as_of.as_millis().saturating_add(bound.get() * 500 + 1)),
            None => Timestamp::default(),
        };
        names.iter().map(until).min().unwrap_or_default()
    }

    /// Counts what has come to be known as purged: as long as it says the same, nothing has.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.shards.iter().map(|known| known.heard).sum()
    }

    /// Every purge of `names` that is known and hit what was requested at `requested`, however old the knowledge: for
    /// what is about to be stored, and is judged again when it is found.
    #[must_use]
    pub fn hits(&self, names: &[String], requested: Timestamp) -> TagEpochs {
        let mut epochs = TagEpochs::new();
        for name in names {
            self.shards[Shard::of(name).index()].collect(name, requested, &mut epochs);
        }
        epochs
    }

    /// The shards of `names` that were never asked anything.
    #[must_use]
    pub fn strangers(&self, names: &[String]) -> Shards {
        let is_one = |shard: &Shard| self.shards[shard.index()].as_of.is_none();
        names.iter().map(|name| Shard::of(name)).filter(is_one).collect()
    }

    /// Those of `shards` whose knowledge has seen half of the `bound`.
    #[must_use]
    pub fn due(&self, shards: Shards, now: Timestamp, bound: DeltaSeconds) -> Shards {
        let is_old = |shard: &Shard| self.shards[shard.index()].age(now).is_none_or(|age| age > bound.get() * 500);
        shards.iter().filter(is_old).collect()
    }

    /// Shards are about to be asked. Nobody else does meanwhile, unless it has to.
    pub fn begin(&mut self, shards: Shards, now: Timestamp) {
        for shard in shards.iter() {
            self.shards[shard.index()].tried = Some(now);
        }
    }

    /// What to send to a shard's object at `now`: what it has not been told yet, and those of `names` that it holds, for
    /// it to look up. All of them: its answer may begin later than what is known ends.
    #[must_use]
    pub fn ask(&self, shard: Shard, names: &[String], now: Timestamp) -> Question {
        let known = &self.shards[shard.index()];
        let since = known.as_of.map_or(0, |_| known.until.as_millis().saturating_sub(OVERLAP));
        Question {
            asked_at: now,
            since: Timestamp::from_millis(since),
            look_up: names.iter().filter(|name| Shard::of(name) == shard).cloned().collect(),
            purges: known.untold.clone(),
        }
    }

    /// Learns what the object answered to `question`, and tells whether that was an answer.
    pub fn learn(&mut self, shard: Shard, question: &Question, answer: &str) -> bool {
        let known = &mut self.shards[shard.index()];
        let Some(feed) = Feed::read(answer) else {
            known.failing = true;
            return false;
        };
        known.untold.retain(|untold| !question.purges.iter().any(|told| told.number == untold.number));
        known.failing = false;
        // Not afterwards: what is learnt here is what somebody waits for.
        known.make_room();
        if known.learn(&feed, question.asked_at) {
            for name in &question.look_up {
                known.names.entry(name.clone()).or_default().looked_up = known.chain;
            }
        }
        true
    }

    /// A shard's object could not be asked.
    pub fn failed(&mut self, shard: Shard) {
        self.shards[shard.index()].failing = true;
    }

    /// Whether the copies in the data centre's store are worth a look at `now`; not where they were just looked at.
    pub fn takes_copies(&mut self, now: Timestamp, bound: DeltaSeconds) -> bool {
        is_time(&mut self.taken, now, bound.get() * 125)
    }

    /// Whether copies are worth leaving at `now`, after `learnt` have answered; not where none of them is new to the
    /// others and that was just done.
    pub fn leaves_copies(&mut self, learnt: Shards, now: Timestamp, bound: DeltaSeconds) -> bool {
        let known = self.shared;
        self.shared = known | learnt;
        !learnt.is_empty() && (is_time(&mut self.left, now, bound.get() * 250) || self.shared != known)
    }

    /// Learns what another isolate of the data centre knew ([`Self::copies`]).
    pub fn learn_copies(&mut self, copies: &str, now: Timestamp) {
        let mut rest = copies;
        // What has no mark behind it was cut off.
        while let Some((one, after)) = text::split_once(rest, COPY_END) {
            let (index, copy) = text::split_once(one, "\n").unwrap_or_default();
            if let Some(shard) = index.parse().ok().and_then(|index| Shard::all().nth(index)) {
                self.learn_copy(shard, copy, now);
            }
            rest = after;
        }
    }

    /// All that is known, for the data centre's other isolates; empty where that is nothing.
    #[must_use]
    pub fn copies(&self) -> String {
        let mut copies = String::new();
        for shard in Shard::all() {
            if let Some(copy) = self.copy(shard) {
                copies.push_str(&[&shard.index().to_string(), "\n", &copy, COPY_END].concat());
            }
        }
        copies
    }

    /// [`Self::learn_copies`] of one shard.
    pub fn learn_copy(&mut self, shard: Shard, copy: &str, now: Timestamp) {
        let known = &mut self.shards[shard.index()];
        let Some((as_of, feed)) = wire::read_copy(copy) else { return };
        // By the clock of another machine.
        let as_of = as_of.saturating_sub(SKEW).min(now.as_millis());
        known.learn(&feed, Timestamp::from_millis(as_of));
        known.make_room();
    }

    /// [`Self::copies`] of one shard.
    #[must_use]
    pub fn copy(&self, shard: Shard) -> Option<String> {
        let known = &self.shards[shard.index()];
        let born = Timestamp::from_millis(known.floor.as_millis() + BEFORE_BIRTH);
        let purges = known.names.iter().flat_map(|(name, it)| it.epochs().map(move |epoch| (name.as_str(), epoch)));
        known.as_of.map(|as_of| wire::write_copy(as_of, known.until, known.since, born, purges))
    }

    /// Records a purge that happens now. Until the objects have been told ([`Self::untold`]) nobody else knows it.
    pub fn record(&mut self, names: &[String], purge: Purge, now: Timestamp) {
        for name in names {
            let known = &mut self.shards[Shard::of(name).index()];
            known.note(name, Epoch { at: now, purge });
            if known.as_of != Some(FOREVER) {
                known.untold.retain(|untold| untold.purge != purge || untold.name != *name);
                if known.untold.len() >= MOST_UNTOLD {
                    known.untold.remove(0);
                }
                // Another number than before: an object that is being told may hear of the earlier purge alone.
                self.recorded += 1;
                known.untold.push(Untold { number: self.recorded, name: name.clone(), purge });
            }
            known.make_room();
        }
    }

    /// The shards that have not been told of a purge of `names`.
    #[must_use]
    pub fn untold(&self, names: &[String]) -> Shards {
        let mut shards = Shards::default();
        for name in names {
            let shard = Shard::of(name);
            if self.shards[shard.index()].untold.iter().any(|untold| untold.name == *name) {
                shards.insert(shard);
            }
        }
        shards
    }
}

impl Known {
    /// How old this is, in milliseconds. A clock that was set back makes it old, too.
    fn age(&self, now: Timestamp) -> Option<u64> {
        match self.as_of? {
            FOREVER => Some(0),
            as_of => Some(now.as_millis().abs_diff(as_of.as_millis())),
        }
    }

    fn may_try(&self, now: Timestamp, bound: u64) -> bool {
        self.tried.is_none_or(|tried| now.as_millis().abs_diff(tried.as_millis()) >= RETRY.min(bound / 4))
    }

    /// Whether every purge of `name` that hits what was requested at `requested` is known, as of `as_of`.
    fn is_complete(&self, name: &str, requested: Timestamp) -> bool {
        let since = self.since.as_millis();
        since == 0
            || requested.as_millis() >= since + SKEW
            || self.names.get(name).is_some_and(|name| name.looked_up == self.chain)
    }

    fn collect(&self, name: &str, requested: Timestamp, epochs: &mut TagEpochs) {
        if requested <= self.floor {
            epochs.record(name, Epoch { at: self.floor, purge: Purge::Hard });
        }
        if requested > counted(self.newest) {
            return;
        }
        let Some(known) = self.names.get(name) else { return };
        for epoch in known.epochs() {
            let epoch = Epoch { at: counted(epoch.at), ..epoch };
            if epoch.at >= requested {
                epochs.record(name, epoch);
            }
        }
    }

    /// Whether what was looked up with it is known from now on: no gap lies between.
    fn learn(&mut self, feed: &Feed<'_>, as_of: Timestamp) -> bool {
        for (name, epoch) in &feed.purges {
            self.note(name, *epoch);
        }
        self.raise_floor(Timestamp::from_millis(feed.born.as_millis().saturating_sub(BEFORE_BIRTH)));
        let joins = |until: Timestamp, since: Timestamp| since.as_millis() + OVERLAP <= until.as_millis();
        let is_newer = self.as_of.is_none_or(|known| as_of >= known);
        match self.as_of {
            Some(known) if joins(self.until, feed.since) => {
                let is_joined = is_newer || joins(feed.until, self.since);
                if joins(feed.until, self.since) {
                    self.since = self.since.min(feed.since);
                }
                self.until = self.until.max(feed.until);
                self.as_of = Some(known.max(as_of));
                is_joined
            }
            _ => {
                self.chain += 1;
                (self.as_of, self.since, self.until) = (Some(as_of), feed.since, feed.until);
                true
            }
        }
    }

    /// A purge is a fact, whenever it is heard of.
    fn note(&mut self, name: &str, epoch: Epoch) {
        self.newest = self.newest.max(epoch.at);
        let known = match self.names.get_mut(name) {
            Some(known) => known,
            None => self.names.entry(name.to_owned()).or_default(),
        };
        let slot = if epoch.purge == Purge::Hard { &mut known.hard } else { &mut known.soft };
        if epoch.at > *slot {
            *slot = epoch.at;
            self.heard += 1;
        }
    }

    fn raise_floor(&mut self, floor: Timestamp) {
        if floor > self.floor {
            self.floor = floor;
            self.heard += 1;
        }
    }

    /// Memory is bounded: what was looked up can be looked up again, and what was purged longest ago is no longer
    /// claimed to be known.
    fn make_room(&mut self) {
        if self.names.len() <= MOST_KNOWN {
            return;
        }
        self.names.retain(|_, name| name.purged() > Timestamp::default());
        if self.names.len() <= MOST_KNOWN {
            return;
        }
        let moments = sorted(self.names.values().map(Name::purged).collect());
        let cut = moments[self.names.len() - MOST_IN_FEED];
        // Nobody else knows what is untold.
        let untold = |name: &String| self.untold.iter().any(|untold| untold.name == *name);
        self.names.retain(|name, known| known.purged() > cut || untold(name));
        if self.as_of == Some(FOREVER) {
            self.raise_floor(counted(cut));
        } else {
            self.since = self.since.max(Timestamp::from_millis(cut.as_millis() + 1));
        }
    }
}

impl Name {
    fn purged(&self) -> Timestamp {
        self.hard.max(self.soft)
    }

    fn epochs(&self) -> impl Iterator<Item = Epoch> + use<> {
        [(self.hard, Purge::Hard), (self.soft, Purge::Soft)]
            .into_iter()
            .filter(|(at, _)| *at > Timestamp::default())
            .map(|(at, purge)| Epoch { at, purge })
    }
}

/// Whether something was last done more than so many milliseconds ago. If so, it is done now.
fn is_time(last: &mut Option<Timestamp>, now: Timestamp, millis: u64) -> bool {
    let is_time = last.is_none_or(|last| now.as_millis().abs_diff(last.as_millis()) >= millis);
    if is_time {
        *last = Some(now);
    }
    is_time
}

/// When a purge that was stamped `at` counts as over.
fn counted(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(SKEW))
}
