//! When names were last purged. Durable Objects (binding `EPOCHS`) hold the truth; an isolate remembers what it
//! learnt for as long as the policy's bound.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use tiercel_core::invalidation::{Epoch, Invalidation, Purge, TagEpochs};
use tiercel_core::time::{DeltaSeconds, Timestamp};
use worker::{Delay, Env, Method, Request, RequestInit, Result, console_error};

use crate::now;

/// Most names that an isolate remembers; past it the ones learnt first are forgotten and asked for again.
const MOST_REMEMBERED: usize = 20_000;

#[derive(Clone)]
struct Learnt {
    at: Timestamp,
    epochs: Vec<Epoch>,
}

thread_local! {
    static LEARNT: RefCell<HashMap<String, Learnt>> = RefCell::default();
}

/// The purges of `names`, where all of them were learnt within the `bound`.
pub(crate) fn at_hand(names: &[String], bound: DeltaSeconds) -> Option<TagEpochs> {
    unknown(names, bound, now()).is_empty().then(|| collect(names))
}

/// The purges of `names`, at most `bound` old. After `patience` they count as unreadable.
pub(crate) async fn read(env: &Env, names: &[String], bound: DeltaSeconds, patience: DeltaSeconds) -> TagEpochs {
    let now = now();
    let stale = unknown(names, bound, now);
    if !stale.is_empty() {
        let asking = join_all(by_shard(stale.into_iter()).into_iter().map(|(shard, names)| ask(env, shard, names)));
        let asked = match select(asking, Delay::from(Duration::from_secs(patience.get()))).await {
            Either::Left((asked, _)) => asked,
            Either::Right(_) => {
                console_error!("tiercel: epochs could not be read in time");
                return TagEpochs::unreadable();
            }
        };
        for answer in asked {
            match answer {
                Ok(Some(epochs)) => learn(now, epochs),
                // No binding: this isolate's own purges are all there is.
                Ok(None) => {}
                Err(error) => {
                    console_error!("tiercel: epochs could not be read: {error}");
                    return TagEpochs::unreadable();
                }
            }
        }
    }
    collect(names)
}

/// Those of `names` that were not learnt within the `bound`.
fn unknown(names: &[String], bound: DeltaSeconds, now: Timestamp) -> Vec<&String> {
    LEARNT.with_borrow(|learnt| {
        let fresh = |name: &&String| learnt.get(*name).is_some_and(|l| now.seconds_since(l.at) < bound);
        names.iter().filter(|name| !fresh(name)).collect()
    })
}

/// Everything that this isolate knows, for what is about to be stored.
pub(crate) fn known() -> TagEpochs {
    let names: Vec<String> = LEARNT.with_borrow(|learnt| {
        learnt.iter().filter(|(_, l)| !l.epochs.is_empty()).map(|(name, _)| name.clone()).collect()
    });
    collect(&names)
}

/// Makes a purge known, here at once and everywhere within the bound.
pub(crate) async fn record(env: &Env, invalidation: &Invalidation) {
    let Some(purge) = invalidation.purge else { return };
    let at = now();
    let own = invalidation.names.iter().map(|name| (name.clone(), vec![Epoch { at, purge }]));
    learn(at, own.collect());
    let told = by_shard(invalidation.names.iter()).into_iter().map(|(shard, names)| tell(env, shard, names, purge));
    for answer in join_all(told).await {
        match answer {
            Ok(Some(epochs)) => learn(at, epochs),
            Ok(None) => {}
            Err(error) => console_error!("tiercel: a purge was not recorded: {error}"),
        }
    }
}

fn learn(at: Timestamp, epochs: Vec<(String, Vec<Epoch>)>) {
    LEARNT.with_borrow_mut(|learnt| {
        if learnt.len() > MOST_REMEMBERED {
            let mut ages: Vec<Timestamp> = learnt.values().map(|l| l.at).collect();
            let (_, middle, _) = ages.select_nth_unstable(MOST_REMEMBERED / 2);
            let middle = *middle;
            learnt.retain(|_, l| l.at > middle);
        }
        for (name, epochs) in epochs {
            let slot = learnt.entry(name).or_insert_with(|| Learnt { at, epochs: Vec::new() });
            slot.at = slot.at.max(at);
            for epoch in epochs {
                if !slot.epochs.contains(&epoch) {
                    slot.epochs.retain(|old| old.purge != epoch.purge || old.at > epoch.at);
                    slot.epochs.push(epoch);
                }
            }
        }
    });
}

fn collect(names: &[String]) -> TagEpochs {
    let mut epochs = TagEpochs::new();
    LEARNT.with_borrow(|learnt| {
        for name in names {
            for epoch in learnt.get(name).map(|l| l.epochs.as_slice()).unwrap_or_default() {
                epochs.record(name, *epoch);
            }
        }
    });
    epochs
}

/// One object for each subject, `user:abc123` or `file:f1`, so that no object is asked by everybody.
fn by_shard<'n>(names: impl Iterator<Item = &'n String>) -> HashMap<&'n str, Vec<&'n str>> {
    let mut shards: HashMap<&str, Vec<&str>> = HashMap::new();
    for name in names {
        let end = name.match_indices(':').nth(1).map_or(name.len(), |(at, _)| at);
        shards.entry(&name[..end]).or_default().push(name);
    }
    shards
}

async fn ask(env: &Env, shard: &str, names: Vec<&str>) -> Result<Option<Vec<(String, Vec<Epoch>)>>> {
    call(env, shard, "https://epochs/read", &names).await
}

async fn tell(env: &Env, shard: &str, names: Vec<&str>, purge: Purge) -> Result<Option<Vec<(String, Vec<Epoch>)>>> {
    let url = match purge {
        Purge::Hard => "https://epochs/purge/hard",
        Purge::Soft => "https://epochs/purge/soft",
    };
    call(env, shard, url, &names).await
}

/// Names go out and epochs come back as lines: `name TAB millis TAB kind`.
async fn call(env: &Env, shard: &str, url: &str, names: &[&str]) -> Result<Option<Vec<(String, Vec<Epoch>)>>> {
    let Ok(namespace) = env.durable_object("EPOCHS") else { return Ok(None) };
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(names.join("\n").into()));
    let mut response = namespace.get_by_name(shard)?.fetch_with_request(Request::new_with_init(url, &init)?).await?;
    if response.status_code() != 200 {
        return Err(format!("the object answered {}", response.status_code()).into());
    }
    let mut epochs: HashMap<String, Vec<Epoch>> = names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
    for line in response.text().await?.lines() {
        let mut parts = line.split('\t');
        if let (Some(name), Some(at), Some(kind)) = (parts.next(), parts.next(), parts.next())
            && let (Some(slot), Ok(at)) = (epochs.get_mut(name), at.parse())
        {
            slot.push(Epoch { at: Timestamp::from_millis(at), purge: kind_of(kind) });
        }
    }
    Ok(Some(epochs.into_iter().collect()))
}

fn kind_of(word: &str) -> Purge {
    if word == "soft" { Purge::Soft } else { Purge::Hard }
}
