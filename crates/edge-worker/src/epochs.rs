//! When names were last purged. Durable Objects (binding `EPOCHS`) hold the truth; an isolate remembers what it
//! learnt for as long as the policy's bound.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::Promise;
use tiercel_core::invalidation::{Epoch, Invalidation, Purge, TagEpochs};
use tiercel_core::time::{DeltaSeconds, Timestamp};
use wasm_bindgen::prelude::*;

use crate::now;
use crate::runtime::{Env, Result, in_time, report_thrown};

/// Most names that an isolate remembers; past it the half that was learnt first is forgotten and asked for again.
const MOST_REMEMBERED: usize = 20_000;

/// How long a mutation waits for its purge to be recorded.
const PATIENCE: DeltaSeconds = DeltaSeconds::new(10);

#[derive(Clone)]
struct Learnt {
    at: Timestamp,
    epochs: Vec<Epoch>,
}

/// What was learnt lately, and what was learnt before that.
#[derive(Default)]
struct Memory {
    young: HashMap<String, Learnt>,
    old: HashMap<String, Learnt>,
}

impl Memory {
    fn get(&self, name: &str) -> Option<&Learnt> {
        self.young.get(name).or_else(|| self.old.get(name))
    }

    /// What is known of `name`, as learnt at `at` at the earliest.
    fn slot(&mut self, name: &str, at: Timestamp) -> &mut Vec<Epoch> {
        if self.young.len() >= MOST_REMEMBERED / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        let known = || self.old.remove(name).unwrap_or(Learnt { at, epochs: Vec::new() });
        let slot = self.young.entry(name.to_owned()).or_insert_with(known);
        slot.at = slot.at.max(at);
        &mut slot.epochs
    }

    /// One epoch of each kind is enough: the latest.
    fn record(&mut self, name: &str, at: Timestamp, epoch: Epoch) {
        let epochs = self.slot(name, at);
        epochs.retain(|old| old.purge != epoch.purge || old.at > epoch.at);
        if epochs.iter().all(|old| old.purge != epoch.purge) {
            epochs.push(epoch);
        }
    }
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

#[wasm_bindgen(inline_js = r#"
export async function call(namespace, shard, path, names) {
  const init = { method: "POST", body: JSON.stringify(names.split("\n")) };
  const answer = await namespace.getByName(shard).fetch(`https://epochs/${path}`, init);
  if (!answer.ok) throw new Error(`the object answered ${answer.status}`);
  return answer.text();
}
"#)]
extern "C" {
    /// Asks the object of `shard` about names, a line each. What it answers are epochs: `name TAB millis TAB kind`.
    fn call(namespace: &JsValue, shard: &str, path: &str, names: &str) -> Promise;
}

/// The purges of `names`, where all of them were learnt within the `bound`.
pub(crate) fn at_hand(names: &[String], bound: DeltaSeconds) -> Option<TagEpochs> {
    unknown(names, bound, now()).is_empty().then(|| of(names))
}

/// The purges of `names`, at most `bound` old. After `patience` they count as unreadable.
pub(crate) async fn read(env: &Env, names: &[String], bound: DeltaSeconds, patience: DeltaSeconds) -> TagEpochs {
    let now = now();
    if let Err(thrown) = ask(env, &unknown(names, bound, now), "read", now, patience).await {
        report_thrown("tiercel: epochs could not be read:", &thrown);
        return TagEpochs::unreadable();
    }
    of(names)
}

/// Those of `names` that were not learnt within the `bound`.
fn unknown(names: &[String], bound: DeltaSeconds, now: Timestamp) -> Vec<&String> {
    MEMORY.with_borrow(|memory| {
        let fresh = |name: &&String| memory.get(name).is_some_and(|l| now.seconds_since(l.at) < bound);
        names.iter().filter(|name| !fresh(name)).collect()
    })
}

fn of(names: &[String]) -> TagEpochs {
    MEMORY.with_borrow(|memory| collect(names.iter().filter_map(|name| Some((name, memory.get(name)?)))))
}

/// Everything that this isolate knows, for what is about to be stored.
pub(crate) fn known() -> TagEpochs {
    MEMORY.with_borrow(|memory| collect(memory.young.iter().chain(&memory.old)))
}

/// Makes a purge known, here at once and everywhere within the bound.
pub(crate) async fn record(env: &Env, invalidation: &Invalidation) {
    let Some(purge) = invalidation.purge else { return };
    let at = now();
    MEMORY.with_borrow_mut(|memory| {
        for name in &invalidation.names {
            memory.record(name, at, Epoch { at, purge });
        }
    });
    let path = match purge {
        Purge::Hard => "purge/hard",
        Purge::Soft => "purge/soft",
    };
    let names: Vec<&String> = invalidation.names.iter().collect();
    if let Err(thrown) = ask(env, &names, path, at, PATIENCE).await {
        report_thrown("tiercel: a purge was not recorded:", &thrown);
    }
}

fn collect<'m>(learnt: impl Iterator<Item = (&'m String, &'m Learnt)>) -> TagEpochs {
    let mut epochs = TagEpochs::new();
    for (name, learnt) in learnt {
        for epoch in &learnt.epochs {
            epochs.record(name, *epoch);
        }
    }
    epochs
}

/// Asks the objects of all `names`, at the same time, and learns what they answer as of `at`. Without the binding, this
/// isolate's own purges are all there is.
///
/// # Errors
/// That of an object which did not answer; what the others say is learnt.
async fn ask(env: &Env, names: &[&String], path: &str, at: Timestamp, patience: DeltaSeconds) -> Result<()> {
    let namespace = env.get("EPOCHS");
    if namespace.is_undefined() {
        return Ok(());
    }
    let asked: Vec<_> = by_shard(names)
        .into_iter()
        .map(|(shard, names)| {
            let answer = call(&namespace, shard, path, &names.join("\n"));
            (names, answer)
        })
        .collect();
    let mut outcome = Ok(());
    for (names, answer) in asked {
        match in_time(patience.get(), &answer).await {
            Ok(lines) => learn(&names, &lines.as_string().unwrap_or_default(), at),
            Err(thrown) => outcome = Err(thrown),
        }
    }
    outcome
}

fn learn(names: &[&str], lines: &str, at: Timestamp) {
    MEMORY.with_borrow_mut(|memory| {
        for name in names {
            memory.slot(name, at);
        }
        for line in lines.lines() {
            let mut parts = line.split('\t');
            if let (Some(name), Some(Ok(millis)), Some(kind)) =
                (parts.next(), parts.next().map(str::parse), parts.next())
            {
                let purge = if kind == "soft" { Purge::Soft } else { Purge::Hard };
                memory.record(name, at, Epoch { at: Timestamp::from_millis(millis), purge });
            }
        }
    });
}

/// One object for each subject, `user:abc123` or `file:f1`, so that no object is asked by everybody.
fn by_shard<'n>(names: &[&'n String]) -> Vec<(&'n str, Vec<&'n str>)> {
    let mut shards: Vec<(&str, Vec<&str>)> = Vec::new();
    for name in names {
        let end = name.match_indices(':').nth(1).map_or(name.len(), |(at, _)| at);
        let shard = &name[..end];
        match shards.iter_mut().find(|(known, _)| *known == shard) {
            Some((_, of_shard)) => of_shard.push(name),
            None => shards.push((shard, vec![name])),
        }
    }
    shards
}
