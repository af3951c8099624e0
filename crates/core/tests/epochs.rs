//! What an isolate knows of purges, step by step. Its laws are in `epochs_laws.rs`.

use tiercel_core::epochs::{Judgement, Knowledge, MOST_IN_FEED, SKEW, Shards};
use tiercel_core::invalidation::{Purge, TagEpochs};
use tiercel_core::key::Shard;
use tiercel_core::meta::EntryMeta;
use tiercel_core::time::{DeltaSeconds, Timestamp};

const BOUND: DeltaSeconds = DeltaSeconds::new(5);
const NAME: &str = "user:a:files";

/// So many milliseconds after the object was made.
fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn names() -> Vec<String> {
    vec![NAME.into(), "user:a".into()]
}

fn shard() -> Shard {
    Shard::of(NAME)
}

fn only(shard: Shard) -> Shards {
    let mut shards = Shards::default();
    shards.insert(shard);
    shards
}

/// What the object answers at `until`, when it names everything since `since`.
fn answer(until: Timestamp, since: Timestamp, purges: &[(&str, Timestamp, char)]) -> String {
    let mut text = format!("{} {} {}\n", until.as_millis(), since.as_millis(), at(0).as_millis());
    for (name, at, kind) in purges {
        text.push_str(&format!("{name}\t{}\t{kind}\n", at.as_millis()));
    }
    text
}

/// Everything that the object ever held is `purges`.
fn everything(until: Timestamp, purges: &[(&str, Timestamp, char)]) -> String {
    answer(until, Timestamp::default(), purges)
}

fn learn(knowledge: &mut Knowledge, now: Timestamp, answer: &str) -> bool {
    let question = knowledge.ask(shard(), &names(), now);
    knowledge.learn(shard(), &question, answer)
}

fn judge(knowledge: &Knowledge, requested: Timestamp, now: Timestamp) -> Judgement {
    knowledge.judge(&names(), requested, now, BOUND)
}

fn purged(epochs: &TagEpochs, requested: Timestamp) -> Option<Purge> {
    epochs.purged(&EntryMeta {
        key: format!("v1/{NAME}"),
        requested,
        received: requested,
        initial_age: DeltaSeconds::ZERO,
        tags: vec![],
        vary: vec![],
        slices: None,
        list: None,
    })
}

#[test]
fn what_is_known_is_as_old_as_the_question() {
    let mut knowledge = Knowledge::default();
    let waits = Judgement { epochs: TagEpochs::unreadable(), wait: only(shard()), refresh: Shards::default() };
    assert_eq!(judge(&knowledge, at(0), at(0)), waits, "nothing is known");
    assert!(learn(&mut knowledge, at(1_000), &everything(at(1_000), &[])));
    for (after, refresh, wait) in [(0, false, false), (2_500, false, false), (2_501, true, false), (5_000, true, false)]
    {
        let judgement = judge(&knowledge, at(0), at(1_000 + after));
        let seen = (!judgement.refresh.is_empty(), !judgement.wait.is_empty(), judgement.epochs.are_unreadable());
        assert_eq!(seen, (refresh, wait, wait), "after {after} ms");
    }
    assert_eq!(judge(&knowledge, at(0), at(6_001)), waits);
    let set_back = Timestamp::from_millis(at(0).as_millis() - 10_000);
    assert_eq!(judge(&knowledge, set_back, set_back), waits, "a clock that was set back says nothing of the age");
}

#[test]
fn one_refresh_at_a_time() {
    let mut knowledge = Knowledge::default();
    learn(&mut knowledge, at(0), &everything(at(0), &[]));
    let refreshes = |knowledge: &Knowledge, after| judge(knowledge, at(0), at(after)).refresh;
    assert_eq!(refreshes(&knowledge, 3_000), only(shard()));
    knowledge.begin(only(shard()), at(3_000));
    assert_eq!(refreshes(&knowledge, 3_999), Shards::default());
    assert_eq!(refreshes(&knowledge, 4_000), only(shard()), "the runtime may have ended it");
}

#[test]
fn nobody_waits_for_what_has_just_failed() {
    let mut knowledge = Knowledge::default();
    learn(&mut knowledge, at(0), &everything(at(0), &[]));
    knowledge.begin(only(shard()), at(10_000));
    knowledge.failed(shard());
    for (after, refresh) in [(10_000, false), (10_999, false), (11_000, true)] {
        let judgement = judge(&knowledge, at(0), at(after));
        assert!(judgement.wait.is_empty() && judgement.epochs.are_unreadable(), "after {after} ms");
        assert_eq!(!judgement.refresh.is_empty(), refresh, "after {after} ms");
    }
    assert!(learn(&mut knowledge, at(12_000), &everything(at(12_000), &[])));
    assert!(!judge(&knowledge, at(0), at(12_000)).epochs.are_unreadable());
    assert!(!learn(&mut knowledge, at(12_000), "garbage"));
    let judgement = judge(&knowledge, at(0), at(18_000));
    assert!(judgement.wait.is_empty() && judgement.epochs.are_unreadable(), "an answer that is none is a failure");
}

#[test]
fn with_a_bound_of_zero_each_request_asks() {
    let mut knowledge = Knowledge::default();
    let judge = |knowledge: &Knowledge, now| knowledge.judge(&names(), at(0), now, DeltaSeconds::ZERO);
    learn(&mut knowledge, at(10), &everything(at(10), &[]));
    assert!(judge(&knowledge, at(10)).wait.is_empty(), "what was asked in this moment is new");
    assert_eq!(judge(&knowledge, at(11)).wait, only(shard()));
}

#[test]
fn a_purge_hits_what_was_requested_before_it() {
    let mut knowledge = Knowledge::default();
    let purges = [("user:a", at(100_000), 'h'), (NAME, at(200_000), 's'), ("user:b", at(150_000), 'h')];
    learn(&mut knowledge, at(200_001), &everything(at(200_001), &purges));
    for (requested, expected) in [
        (at(99_999), Some(Purge::Hard)),
        (at(100_000 + SKEW), Some(Purge::Hard)),
        (at(100_001 + SKEW), Some(Purge::Soft)),
        (at(200_000 + SKEW), Some(Purge::Soft)),
        (at(200_001 + SKEW), None),
    ] {
        let judgement = judge(&knowledge, requested, at(200_001));
        assert_eq!(purged(&judgement.epochs, requested), expected, "{requested:?}");
        assert_eq!(purged(&knowledge.hits(&names(), requested), requested), expected, "{requested:?}");
    }
}

#[test]
fn what_is_older_than_the_feed_is_looked_up_once() {
    let mut knowledge = Knowledge::default();
    let feed = answer(at(90_000), at(80_000), &[("user:a", at(10_000), 's')]);
    let question = knowledge.ask(shard(), &[], at(90_000));
    assert!(knowledge.learn(shard(), &question, &feed));
    assert!(judge(&knowledge, at(80_000 + SKEW), at(90_000)).wait.is_empty(), "younger than the feed");
    assert_eq!(judge(&knowledge, at(79_999 + SKEW), at(90_000)).wait, only(shard()));
    assert!(learn(&mut knowledge, at(90_000), &feed));
    let judgement = judge(&knowledge, at(5_000), at(90_000));
    assert!(judgement.wait.is_empty());
    assert_eq!(purged(&judgement.epochs, at(5_000)), Some(Purge::Soft));

    // Feeds that follow one another keep it true, and a gap does not.
    let question = knowledge.ask(shard(), &[], at(93_000));
    assert_eq!(question.text(), at(85_000).as_millis().to_string(), "a little of what is known is asked for again");
    assert!(knowledge.learn(shard(), &question, &answer(at(93_000), at(85_000), &[])));
    assert!(judge(&knowledge, at(5_000), at(93_000)).wait.is_empty());
    let question = knowledge.ask(shard(), &[], at(99_000));
    assert!(knowledge.learn(shard(), &question, &answer(at(99_000), at(95_000), &[])));
    assert_eq!(judge(&knowledge, at(5_000), at(99_000)).wait, only(shard()));
}

/// What was on its way while something else was learnt, and what the other did not say.
#[test]
fn answers_that_arrive_late() {
    let mut knowledge = Knowledge::default();
    learn(&mut knowledge, at(20_000), &answer(at(20_000), at(10_000), &[]));
    let late = knowledge.ask(shard(), &names(), at(30_000));
    // Too much happened meanwhile for one answer: of 20 s to 80 s nothing is known.
    let question = knowledge.ask(shard(), &[], at(90_000));
    assert!(knowledge.learn(shard(), &question, &answer(at(90_000), at(80_000), &[])));
    let before = knowledge.copy(shard());
    assert!(knowledge.learn(shard(), &late, &answer(at(30_000), at(15_000), &[])));
    assert_eq!(knowledge.copy(shard()), before, "older, and with a gap between");
    assert_eq!(judge(&knowledge, at(25_000), at(90_000)).wait, only(shard()), "what it looked up may have changed");
    // One that ends where the newer one begins; but the clock of the object may have stepped back between.
    let question = knowledge.ask(shard(), &names(), at(84_999));
    assert!(knowledge.learn(shard(), &question, &answer(at(84_999), at(15_000), &[])));
    assert_eq!(knowledge.copy(shard()), before);
    assert_eq!(judge(&knowledge, at(25_000), at(90_000)).wait, only(shard()));
    let question = knowledge.ask(shard(), &[], at(85_000));
    assert!(knowledge.learn(shard(), &question, &answer(at(85_000), at(15_000), &[])));
    assert!(judge(&knowledge, at(25_000), at(90_000)).wait.is_empty(), "all of it is known now");
}

#[test]
fn a_new_object_knows_nothing_of_what_was_before() {
    let mut knowledge = Knowledge::default();
    learn(&mut knowledge, at(0), &everything(at(0), &[]));
    for (before, expected) in [(60_001, Some(Purge::Hard)), (60_000, Some(Purge::Hard)), (59_999, None)] {
        let requested = Timestamp::from_millis(at(0).as_millis() - before);
        assert_eq!(purged(&judge(&knowledge, requested, at(0)).epochs, requested), expected, "{before} ms before");
    }
}

#[test]
fn what_is_recorded_counts_at_once_and_is_told_until_it_is_heard() {
    let mut knowledge = Knowledge::default();
    knowledge.record(&names(), Purge::Hard, at(1_000));
    assert_eq!(purged(&judge(&knowledge, at(999), at(1_000)).epochs, at(999)), Some(Purge::Hard));
    assert_eq!(knowledge.untold(&names()), only(shard()));
    let question = knowledge.ask(shard(), &[], at(1_000));
    assert_eq!(question.text(), "0\nhuser:a:files\nhuser:a");
    // While that is under way, one of them is purged again.
    knowledge.record(&names()[..1], Purge::Hard, at(1_000));
    assert!(knowledge.learn(shard(), &question, &everything(at(1_001), &[])));
    assert_eq!(knowledge.untold(&names()[1..]), Shards::default());
    let question = knowledge.ask(shard(), &[], at(2_000));
    assert!(question.text().ends_with("\nhuser:a:files"), "{}", question.text());
    assert!(knowledge.learn(shard(), &question, &everything(at(2_001), &[])));
    assert_eq!(knowledge.untold(&names()), Shards::default());
}

#[test]
fn without_objects_what_is_recorded_is_all_there_is() {
    let mut knowledge = Knowledge::default();
    knowledge.record(&names(), Purge::Hard, at(0));
    knowledge.stand_alone();
    knowledge.record(&names(), Purge::Hard, at(1));
    assert_eq!(knowledge.untold(&names()), Shards::default());
    let day = 86_400_000;
    for (requested, expected) in [(at(1), Some(Purge::Hard)), (at(2 + SKEW), None)] {
        let judgement = judge(&knowledge, requested, at(day));
        assert_eq!(purged(&judgement.epochs, requested), expected);
        assert!(judgement.wait.is_empty() && judgement.refresh.is_empty() && !judgement.epochs.are_unreadable());
    }
}

#[test]
fn a_copy_is_as_good_as_what_it_was_made_of() {
    let mut one = Knowledge::default();
    assert_eq!(one.copy(shard()), None);
    learn(&mut one, at(10_000), &everything(at(10_000), &[(NAME, at(7_000), 'h')]));
    let copy = one.copy(shard()).expect("something is known");
    let mut other = Knowledge::default();
    for broken in ["", "x", &copy[1..], &copy[..copy.len() - 2], &copy.replace('h', "x")] {
        other.learn_copy(shard(), broken, at(10_500));
        assert_eq!(judge(&other, at(5_000), at(10_500)).wait, only(shard()), "{broken:?}");
    }
    other.learn_copy(shard(), &copy, at(10_500));
    let judgement = judge(&other, at(5_000), at(10_500));
    assert!(judgement.wait.is_empty());
    assert_eq!(purged(&judgement.epochs, at(5_000)), Some(Purge::Hard));
    // The clock of the other machine may be ahead.
    assert!(judge(&other, at(5_000), at(15_000 - SKEW)).wait.is_empty());
    assert_eq!(judge(&other, at(5_000), at(15_001 - SKEW)).wait, only(shard()));
}

#[test]
fn the_copies_of_all_shards_are_one_text() {
    let mut one = Knowledge::default();
    assert_eq!(one.copies(), "");
    let shards: Vec<Shard> = ["user:a", "user:b", "file:f1"].into_iter().map(Shard::of).collect();
    for shard in &shards {
        let question = one.ask(*shard, &[], at(10_000));
        assert!(one.learn(*shard, &question, &everything(at(10_000), &[])));
    }
    let copies = one.copies();
    let knows = |copies: &str| {
        let mut other = Knowledge::default();
        other.learn_copies(copies, at(10_000));
        shards.iter().filter(|shard| other.copy(**shard).is_some()).count()
    };
    assert_eq!(knows(&copies), 3);
    // Cut anywhere, a part is all there or not at all.
    for end in 0..copies.len() {
        assert_eq!(knows(&copies[..end]), copies[..end].matches('\u{c}').count(), "{end}");
    }
    for broken in ["\u{c}", "99\n1\n1 0 0\n\u{c}", "x\n1\n1 0 0\n\u{c}", "1\nx\u{c}"] {
        assert_eq!(knows(broken), 0, "{broken:?}");
    }
}

#[test]
fn copies_are_exchanged_now_and_then() {
    let mut knowledge = Knowledge::default();
    let bound = DeltaSeconds::new(4);
    let takes: Vec<bool> =
        [0, 499, 500, 999, 1_000].into_iter().map(|n| knowledge.takes_copies(at(n), bound)).collect();
    assert_eq!(takes, [true, false, true, false, true]);
    let (none, one, other) = (Shards::default(), only(Shard::of("user:a")), only(Shard::of("file:f1")));
    for (learnt, moment, leaves) in [
        (none, 0, false),
        (one, 0, true),
        (one, 999, false),
        (one, 1_000, true),
        (one, 1_001, false),
        // The others have not heard of it.
        (other, 1_002, true),
        (one | other, 1_003, false),
        (one, 500, false),
    ] {
        assert_eq!(knowledge.leaves_copies(learnt, at(moment), bound), leaves, "{moment}");
    }
}

#[test]
fn memory_is_bounded() {
    // What was forgotten can be asked for.
    let mut other = Knowledge::default();
    for n in 0..5 {
        let now = at(10_000 + n * 1_000);
        let names: Vec<String> = (0..900).map(|i| format!("user:a:{n}:{i}")).collect();
        let purges: Vec<_> = names.iter().map(|name| (name.as_str(), now, 'h')).collect();
        let question = other.ask(shard(), &[], now);
        assert!(other.learn(shard(), &question, &answer(now, at(4_000), &purges)));
    }
    assert!(other.copy(shard()).expect("something is known").lines().count() <= 3 * MOST_IN_FEED);
    assert_eq!(judge(&other, at(9_000), at(14_000)).wait, only(shard()));
    // Where there is nobody to ask, it counts as purged, whatever its name.
    let mut alone = Knowledge::default();
    alone.stand_alone();
    for n in 0..20_000 {
        alone.record(&[format!("user:a:{n}")], Purge::Hard, at(n));
    }
    assert!(alone.copy(shard()).expect("something is known").lines().count() <= 3 * MOST_IN_FEED);
    assert_eq!(purged(&judge(&alone, at(10), at(20_000)).epochs, at(10)), Some(Purge::Hard));
    assert_eq!(purged(&judge(&alone, at(20_000), at(20_000)).epochs, at(20_000)), None);
}

/// However much else happens, until the object has heard of it.
#[test]
fn what_nobody_else_knows_is_not_forgotten() {
    let mut knowledge = Knowledge::default();
    learn(&mut knowledge, at(0), &everything(at(0), &[]));
    knowledge.record(&names(), Purge::Hard, at(1));
    for n in 0..10 {
        let flood: Vec<String> = (0..900).map(|i| format!("user:a:{n}:{i}")).collect();
        let purges: Vec<_> = flood.iter().map(|name| (name.as_str(), at(n * 10), 'h')).collect();
        let text = format!("{} 0 0\n", at(n).as_millis());
        let mut copy = format!("{}\n{text}", at(n).as_millis());
        purges.iter().for_each(|(name, at, _)| copy.push_str(&format!("{name}\t{}\th\n", at.as_millis())));
        knowledge.learn_copy(shard(), &copy, at(n));
    }
    assert!(knowledge.copy(shard()).expect("something is known").lines().count() <= 3 * MOST_IN_FEED);
    assert_eq!(purged(&judge(&knowledge, at(0), at(10)).epochs, at(0)), Some(Purge::Hard));
}

/// What is said again without asking stops when a refresh is due, and when a purge is heard of.
#[test]
fn what_may_be_said_again() {
    let mut knowledge = Knowledge::default();
    let one = [NAME.to_owned()];
    assert_eq!(knowledge.good_until(&one, BOUND), Timestamp::default(), "nothing is known");
    learn(&mut knowledge, at(1_000), &everything(at(1_000), &[]));
    assert_eq!(knowledge.good_until(&one, BOUND), at(3_501), "the first moment with something to do");
    assert!(judge(&knowledge, at(0), at(3_500)).refresh.is_empty());
    assert!(!judge(&knowledge, at(0), at(3_501)).refresh.is_empty());
    let strangers = [NAME.to_owned(), "user:b".to_owned()];
    assert_ne!(shard(), Shard::of("user:b"));
    assert_eq!(knowledge.good_until(&strangers, BOUND), Timestamp::default(), "of one of them nothing is known");

    let mut before = knowledge.heard();
    let mut hears = |knowledge: &Knowledge| std::mem::replace(&mut before, knowledge.heard()) != knowledge.heard();
    learn(&mut knowledge, at(2_000), &everything(at(2_000), &[]));
    assert!(!hears(&knowledge), "nothing new");
    learn(&mut knowledge, at(3_000), &everything(at(3_000), &[(NAME, at(2_500), 'h')]));
    assert!(hears(&knowledge), "a purge");
    learn(&mut knowledge, at(4_000), &everything(at(4_000), &[(NAME, at(2_500), 'h')]));
    assert!(!hears(&knowledge), "the same one");
    learn(&mut knowledge, at(4_000), &everything(at(4_000), &[(NAME, at(2_500), 's')]));
    assert!(hears(&knowledge), "another kind");
    knowledge.record(&names(), Purge::Hard, at(5_000));
    assert!(hears(&knowledge), "its own");
    let copy = {
        let mut other = Knowledge::default();
        learn(&mut other, at(6_000), &everything(at(6_000), &[(NAME, at(5_500), 'h')]));
        other.copy(shard()).expect("it knows something")
    };
    knowledge.learn_copy(shard(), &copy, at(6_000));
    assert!(hears(&knowledge), "in a copy");
    let born_anew = format!("{0} 0 {0}\n", at(900_000).as_millis());
    learn(&mut knowledge, at(900_000), &born_anew);
    assert!(hears(&knowledge), "an object that has just been made knows nothing of what was before");

    knowledge.stand_alone();
    assert!(knowledge.good_until(&one, BOUND) > at(1_000_000_000), "this isolate's own are all there is");
}
