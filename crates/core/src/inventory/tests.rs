use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::time::DeltaSeconds;

const BASE: &str = "https://tiercel.invalid/videomi/v1/";

fn meta(key: &str, tags: &[&str]) -> EntryMeta {
    EntryMeta {
        key: key.into(),
        requested: Timestamp::from_millis(1),
        received: Timestamp::from_millis(2),
        initial_age: DeltaSeconds::ZERO,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        vary: vec![],
        slices: None,
        list: None,
    }
}

fn kept(name: &str, bytes: u64, used: u64, tags: &[&str]) -> Kept {
    Kept::new(format!("{BASE}{name}"), bytes, Timestamp::from_millis(used), &meta(name, tags))
}

fn of(entries: &[Kept]) -> Inventory {
    let mut inventory = Inventory::default();
    entries.iter().for_each(|entry| inventory.keep(entry.clone()));
    inventory
}

fn budget(bytes: Option<u64>, entries: Option<u64>) -> Budget {
    Budget { bytes, entries }
}

/// Entries of any size, each used at a moment of its own.
fn entries() -> impl Strategy<Value = Vec<Kept>> {
    vec((0u64..50, any::<u16>()), 0..40).prop_map(|drawn| {
        let one = |(at, (bytes, when)): (usize, (u64, u16))| {
            kept(&format!("x:{at}"), bytes, u64::from(when) * 64 + at as u64, &[])
        };
        drawn.into_iter().enumerate().map(one).collect()
    })
}

proptest! {
    /// Afterwards the limits hold; whatever went was used before whatever stayed, or could never fit in; and with any one of
    /// those that went for room alone the limits would not hold.
    #[test]
    fn trimming_keeps_the_limits_and_what_was_used_last(
        entries in entries(),
        bytes in proptest::option::of(0u64..400),
        most in proptest::option::of(1u64..30),
    ) {
        let budget = budget(bytes, most);
        let mut inventory = of(&entries);
        let gone = inventory.trim(&budget);
        prop_assert!(bytes.is_none_or(|bytes| inventory.bytes() <= bytes));
        prop_assert!(most.is_none_or(|most| inventory.len() as u64 <= most));
        prop_assert_eq!(inventory.bytes(), inventory.kept.iter().map(|kept| kept.bytes).sum::<u64>());
        prop_assert_eq!(gone.len() + inventory.len(), entries.len());
        let for_room: Vec<&Kept> =
            entries.iter().filter(|kept| gone.contains(&kept.url) && budget.admits(kept.bytes)).collect();
        let last_gone = for_room.iter().max_by_key(|kept| kept.used);
        if let Some(last) = last_gone {
            prop_assert!(inventory.kept.iter().all(|stays| stays.used > last.used), "{:?}", gone);
            let over_bytes = bytes.is_some_and(|bytes| inventory.bytes() + last.bytes > bytes);
            let over_entries = most.is_some_and(|most| inventory.len() as u64 + 1 > most);
            prop_assert!(over_bytes || over_entries, "{} went for nothing", last.url);
        }
    }

    /// What is freed makes the room that was asked for, or is all there was; and it is what was not used for longest.
    #[test]
    fn freeing_makes_room(entries in entries(), wanted in 0u64..400) {
        let mut inventory = of(&entries);
        let before = inventory.bytes();
        let gone = inventory.free(wanted);
        prop_assert!(before - inventory.bytes() >= wanted || inventory.is_empty());
        prop_assert_eq!(gone.is_empty(), entries.is_empty());
        let last = entries.iter().filter(|kept| gone.contains(&kept.url)).max_by_key(|kept| kept.used);
        if let Some(last) = last {
            prop_assert!(inventory.kept.iter().all(|stays| stays.used > last.used));
            let without_last = before - inventory.bytes() - last.bytes;
            prop_assert!(without_last < wanted || gone.len() == 1, "{} went for nothing", last.url);
        }
    }

    #[test]
    fn the_written_form_reads_back(entries in entries(), numbers in any::<[u32; 5]>()) {
        let [hits, misses, stale, bytes, evictions] = numbers.map(u64::from);
        let counters = Counters { hits, misses, stale, bytes, evictions };
        let mut inventory = of(&entries);
        prop_assert_eq!(Inventory::read(&inventory.write(&counters)), Some((inventory, counters)));
    }

    /// Nothing that was changed, cut or made up is believed, and nothing makes it crash.
    #[test]
    fn what_is_not_ours_is_nothing(at in any::<proptest::sample::Index>(), letter in "\\PC", text in "\\PC{0,60}") {
        let good = of(&[kept("a:b", 5, 6, &["t:é, x"]), kept("c:d", 7, 8, &[])]).write(&Counters::default());
        let at = at.index(good.len());
        if good.is_char_boundary(at) {
            prop_assert_eq!(Inventory::read(&good[..at]), None);
            let broken = [&good[..at], &letter, &good[at + 1..]].concat();
            prop_assert!(broken == good || Inventory::read(&broken).is_none(), "{}", broken);
        }
        prop_assert_eq!(Inventory::read(&text), None);
    }
}

#[test]
fn an_entry_that_could_never_fit_in_takes_no_other_along() {
    let mut inventory = of(&[kept("a:1", 5, 1, &[]), kept("a:2", 90, 2, &[])]);
    assert_eq!(inventory.trim(&budget(Some(50), None)), [format!("{BASE}a:2")]);
    assert_eq!((inventory.len(), inventory.bytes()), (1, 5));
}

#[test]
fn an_entry_that_is_stored_again_counts_once() {
    let mut inventory = of(&[kept("a:1", 5, 1, &[]), kept("a:1", 7, 2, &[])]);
    assert_eq!((inventory.len(), inventory.bytes()), (1, 7));
    inventory.touch(&format!("{BASE}a:1"), Timestamp::from_millis(9));
    inventory.touch(&format!("{BASE}a:unknown"), Timestamp::from_millis(9));
    assert_eq!(inventory.any().map(|kept| kept.used), Some(Timestamp::from_millis(9)));
    inventory.forget(&format!("{BASE}a:1"));
    assert_eq!((inventory.len(), inventory.bytes()), (0, 0));
}

#[test]
fn it_is_compared_with_what_is_there() {
    let mut inventory = of(&[kept("a:1", 5, 1, &[]), kept("a:2", 6, 1, &[]), kept("a:3", 7, 1, &[])]);
    let there = ["a:3", "a:4", "a:1", "a:0"].map(|name| format!("{BASE}{name}"));
    let unknown = inventory.reconcile(there.iter().map(String::as_str));
    assert_eq!(unknown, [&there[1], &there[3]]);
    assert_eq!((inventory.len(), inventory.bytes()), (2, 12));
}

#[test]
fn a_purge_finds_tags_keys_and_their_prefixes() {
    let inventory = of(&[
        kept("user:a:files:videos", 1, 1, &["category:videos", "odd, tag"]),
        kept("file:f1:media!s00ff-3", 1, 1, &["film:f1"]),
        kept("file:f10:media", 1, 1, &[]),
    ]);
    for (name, expected) in [
        ("category:videos", "user:a:files:videos"),
        ("odd, tag", "user:a:files:videos"),
        ("user:a", "user:a:files:videos"),
        ("user:a:files", "user:a:files:videos"),
        ("user:a:files:videos", "user:a:files:videos"),
        ("file:f1", "file:f1:media!s00ff-3"),
        ("file:f1:media", "file:f1:media!s00ff-3"),
        ("film:f1", "file:f1:media!s00ff-3"),
    ] {
        assert_eq!(inventory.carrying(&["nothing", name]), [format!("{BASE}{expected}")], "{name}");
    }
    for name in ["user", "file", "user:a:file", "category", ""] {
        assert!(inventory.carrying(&[name]).is_empty(), "{name}");
    }
}

#[test]
fn what_was_written_misleads_where_tags_change() {
    let mut inventory = of(&[kept("a:1", 5, 1, &["t:1"])]);
    let url = format!("{BASE}a:1");
    inventory.write(&Counters::default());
    assert!(!inventory.misleads(&url, &meta("a:1", &["t:1"])), "the same tags");
    assert!(!inventory.misleads(&format!("{BASE}a:2"), &meta("a:2", &["t:1"])), "an entry of which nothing is written");
    assert!(inventory.misleads(&url, &meta("a:1", &["t:2"])), "other tags");
    inventory.forget(&url);
    assert!(inventory.misleads(&url, &meta("a:1", &["t:2"])), "it has gone, and the written form does not know");
    inventory.write(&Counters::default());
    assert!(!inventory.misleads(&url, &meta("a:1", &["t:2"])), "now it knows");
}
