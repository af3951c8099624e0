//! Counting. The core says what an answer counts as; tools/edge-tally.js adds, and tells the object of statistics, which is
//! asked here for what all have counted.

use js_sys::Promise;
use tiercel_core::exchange::{Conclusion, Delivery, StoredEntry};
use tiercel_core::field::server_timing::ServerTiming;
use tiercel_core::key;
use tiercel_core::policy::Policy;
use tiercel_core::stats::Stats;
use tiercel_core::tally::{self, COUNTERS, Counter, INTERVAL, NO_CLASS};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::engine;
use crate::epochs::call;
use crate::runtime::{Env, in_millis, millis, report_thrown};

/// How long the object may take, in milliseconds: an operator waits.
const PATIENCE: u64 = 5_000;

#[wasm_bindgen(raw_module = "tiercel-tally")]
extern "C" {
    #[wasm_bindgen(js_name = begin)]
    fn tell(classes: &str, counters: &str, object: &str, interval: f64);
    #[wasm_bindgen(js_name = count)]
    fn add(place: u32, bytes: f64);
    /// Tells the object all that was counted here, if it can be told.
    #[wasm_bindgen(js_name = tellAll)]
    fn tell_all(env: &Env) -> Promise;
}

/// From now on it is counted.
pub(crate) fn begin(policy: &Policy) {
    let mut classes: Vec<&str> = policy.classes.iter().map(|class| class.name.as_str()).collect();
    classes.push(NO_CLASS);
    tell(&classes.join("\n"), COUNTERS, &key::statistics(&policy.name), millis(INTERVAL));
}

/// The place where an answer counts.
pub(crate) fn place(delivery: &Delivery, timing: &ServerTiming) -> u32 {
    at(Counter::of(delivery, timing), delivery.class)
}

/// Counts an answer that is sent.
pub(crate) fn count(delivery: &Delivery, timing: &ServerTiming) {
    add(place(delivery, timing), tally::bytes(delivery) as f64);
}

/// Counts a refresh.
pub(crate) fn behind(conclusion: &Conclusion) {
    add(at(Counter::behind(conclusion), conclusion.delivery.class), 0.0);
}

/// Counts an entry of the class called `class` that was put under a key that had none.
pub(crate) fn put(class: &str, bytes: u64) {
    let classes = &engine().policy().classes;
    let class = classes.iter().position(|known| known.name == class).and_then(|at| u16::try_from(at).ok());
    add(at(Counter::Put, class), bytes as f64);
}

/// Counts an entry that was removed.
pub(crate) fn removed(class: Option<u16>, entry: &StoredEntry) {
    add(at(Counter::Removed, class), entry.length().unwrap_or_default() as f64);
}

/// What was counted everywhere, with all of this isolate; `None` where there is no object (binding `STATS`), or it cannot be
/// asked.
pub(crate) async fn read(env: &Env, policy: &Policy) -> Option<Stats> {
    let namespace = env.get("STATS");
    if namespace.is_undefined() {
        return None;
    }
    let read = async {
        JsFuture::from(tell_all(env)).await?;
        in_millis(PATIENCE, &call(&namespace, &key::statistics(&policy.name), "")).await
    };
    match read.await {
        Ok(said) => Stats::read(&said.as_string()?),
        Err(thrown) => {
            report_thrown("tiercel: the object of statistics failed:", &thrown);
            None
        }
    }
}

fn at(counter: Counter, class: Option<u16>) -> u32 {
    counter.index(class, engine().policy().classes.len())
}
