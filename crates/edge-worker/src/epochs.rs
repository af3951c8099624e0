//! When names were last purged. Durable Objects (binding `EPOCHS`) hold the truth; what this isolate knows of it, and
//! what it must still ask, is the core's [`Knowledge`]. Here it is asked: first the data centre's store, where another
//! isolate may have left what it learnt, then the objects.

use std::cell::RefCell;

use js_sys::Promise;
use tiercel_core::epochs::{Judgement, Knowledge, Shards};
use tiercel_core::exchange::{Fetch, Found, Sliced};
use tiercel_core::head::ResponseHead;
use tiercel_core::invalidation::{Invalidation, TagEpochs};
use tiercel_core::key::Shard;
use tiercel_core::policy::Policy;
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::behind::hand_over;
use crate::runtime::{Context, Env, in_millis, pause, report, report_thrown, wait_until};
use crate::{now, ready};

/// Shortest and longest pause before a purge that could not be recorded is told again, in milliseconds.
const PAUSES: (u64, u64) = (250, 1_000);
/// How long that goes on behind an answer, in milliseconds. The runtime ends it after 30 s.
const BEHIND: u64 = 25_000;

thread_local! {
    static KNOWN: RefCell<Knowledge> = RefCell::default();
}

#[wasm_bindgen(inline_js = r#"
export async function call(namespace, object, question) {
  const answer = await namespace.getByName(object).fetch("https://epochs/", { method: "POST", body: question });
  if (!answer.ok) throw new Error(`the object answered ${answer.status}`);
  return answer.text();
}
export async function find(url) {
  return (await caches.default.match(url))?.text();
}
export async function keep(url, text, seconds) {
  const headers = { "Cache-Control": `public, max-age=${seconds}` };
  await caches.default.put(url, new Response(text, { headers }));
}
"#)]
extern "C" {
    /// What an object answers to a question.
    pub(crate) fn call(namespace: &JsValue, object: &str, question: &str) -> Promise;
    /// A text in the data centre's store.
    fn find(url: &str) -> Promise;
    fn keep(url: &str, text: &str, seconds: f64) -> Promise;
}

/// The purges of what was found, where this isolate knows all that can be known without waiting. When that will soon be
/// too old, it is brought up to date behind the answer.
pub(crate) fn at_hand(env: &Env, context: &Context, found: &Found, policy: &'static Policy) -> Option<TagEpochs> {
    let judgement = judge(found, now(), policy);
    if !judgement.refresh.is_empty() {
        KNOWN.with_borrow_mut(|known| known.begin(judgement.refresh, now()));
        let env = env.clone();
        wait_until(context, async move {
            take_copies(policy).await;
            let answered = ask(&env, due(judgement.refresh, policy), &[], patience(policy), policy).await;
            leave_copies(answered, policy).await;
        });
    }
    judgement.wait.is_empty().then_some(judgement.epochs)
}

/// Until when what is known of what was found can be said again.
pub(crate) fn good_until(found: &Found, policy: &Policy) -> Timestamp {
    KNOWN.with_borrow(|known| known.good_until(found.groups(), policy.bound))
}

/// The purges of what was found, as new as the policy asks for. What cannot be had in time is unreadable.
pub(crate) async fn read(env: &Env, context: Option<&Context>, found: &Found, policy: &'static Policy) -> TagEpochs {
    let began = now();
    let judgement = judge(found, began, policy);
    if judgement.wait.is_empty() {
        return judgement.epochs;
    }
    KNOWN.with_borrow_mut(|known| known.begin(judgement.wait, began));
    take_copies(policy).await;
    let wait = judge(found, began, policy).wait;
    let answered = ask(env, wait, found.groups(), patience(policy) * 3 / 4, policy).await;
    if let Some(context) = context.filter(|_| !answered.is_empty()) {
        wait_until(context, leave_copies(answered, policy));
    }
    judge(found, began, policy).epochs
}

/// Has the objects of `names` know of them, if this isolate never asked: an object that is made later than an entry
/// cannot tell whether it was purged.
pub(crate) async fn introduce(env: &Env, names: &[String], policy: &'static Policy) {
    let strangers = || KNOWN.with_borrow(|known| known.strangers(names));
    if strangers().is_empty() {
        return;
    }
    take_copies(policy).await;
    let strangers = strangers();
    if !strangers.is_empty() {
        KNOWN.with_borrow_mut(|known| known.begin(strangers, now()));
        leave_copies(ask(env, strangers, &[], patience(policy), policy).await, policy).await;
    }
}

/// What this isolate knows to have been purged of what `answer` would be stored as, since it was asked for.
pub(crate) fn since(fetch: &Fetch<'_>, answer: Option<&ResponseHead>) -> TagEpochs {
    KNOWN.with_borrow(|known| known.hits(&fetch.groups(answer), fetch.oldest()))
}

/// The same of a slice that was asked for at `requested`.
pub(crate) fn since_slice(sliced: &Sliced, requested: Timestamp) -> TagEpochs {
    KNOWN.with_borrow(|known| known.hits(&sliced.groups(), requested))
}

/// Makes a purge known: here at once, and everywhere within the bound from the moment that this returns. `false` when
/// not every object could be told in the policy's time; they are told behind the answer.
pub(crate) async fn record(env: &Env, context: &Context, invalidation: &Invalidation, policy: &'static Policy) -> bool {
    let Some(purge) = invalidation.purge else { return true };
    let (env, names, began) = (env.clone(), invalidation.names.clone(), now());
    hear(|known| known.record(&names, purge, began));
    let recorded = hand_over(context, move |hand| async move {
        let mut told = ask(&env, untold(&names), &[], patience(policy), policy).await;
        let mut waiting = Some(hand);
        let mut millis = PAUSES.0;
        // Whom an object has answered, it has heard. What others purge under the same names meanwhile, they tell.
        let left = |told| untold(&names).without(told);
        while !left(told).is_empty() {
            let waited = now().as_millis().saturating_sub(began.as_millis());
            let patient = policy.record_timeout.get() * 1000;
            if let Some(hand) = waiting.take_if(|_| waited >= patient) {
                hand.over(false);
            }
            if waited >= patient + BEHIND {
                report("tiercel: a purge was not recorded; it is told with the next question of this isolate");
                break;
            }
            pause(millis).await;
            millis = PAUSES.1.min(millis * 2);
            told = told | ask(&env, left(told), &[], patience(policy), policy).await;
        }
        if let Some(hand) = waiting {
            hand.over(true);
        }
        if !told.is_empty() {
            // What the data centre has is older than the purge.
            write_copies(policy).await;
        }
    });
    recorded.await.unwrap_or(false)
}

fn judge(found: &Found, now: Timestamp, policy: &Policy) -> Judgement {
    KNOWN.with_borrow(|known| known.judge(found.groups(), found.requested(), now, policy.bound))
}

/// Hears of purges, maybe. Nothing that is ready outlives one.
fn hear<T>(of: impl FnOnce(&mut Knowledge) -> T) -> T {
    KNOWN.with_borrow_mut(|known| {
        let before = known.heard();
        let heard = of(known);
        if known.heard() != before {
            ready::forget_all();
        }
        heard
    })
}

/// Those whose knowledge is old.
fn due(shards: Shards, policy: &Policy) -> Shards {
    KNOWN.with_borrow(|known| known.due(shards, now(), policy.bound))
}

/// Those that have not been told of a purge of `names`.
fn untold(names: &[String]) -> Shards {
    KNOWN.with_borrow(|known| known.untold(names))
}

/// How long an object may take to answer, in milliseconds.
fn patience(policy: &Policy) -> u64 {
    policy.edge.store_timeout.get() * 1000
}

/// Takes over what other isolates of this data centre have learnt.
async fn take_copies(policy: &Policy) {
    if !KNOWN.with_borrow_mut(|known| known.takes_copies(now(), policy.bound)) {
        return;
    }
    let copies = in_millis(patience(policy) / 4, &find(&Shard::copies(&policy.name))).await;
    // A store that fails has none.
    if let Some(copies) = copies.ok().and_then(|copies| copies.as_string()) {
        hear(|known| known.learn_copies(&copies, now()));
    }
}

/// Now and then leaves what was `learnt` for the data centre's other isolates.
async fn leave_copies(learnt: Shards, policy: &Policy) {
    if KNOWN.with_borrow_mut(|known| known.leaves_copies(learnt, now(), policy.bound)) {
        write_copies(policy).await;
    }
}

async fn write_copies(policy: &Policy) {
    let copies = KNOWN.with_borrow(Knowledge::copies);
    let seconds = policy.bound.get().max(1) as f64;
    let kept = in_millis(patience(policy), &keep(&Shard::copies(&policy.name), &copies, seconds)).await;
    if let Err(thrown) = kept {
        report_thrown("tiercel: copies of epochs were not stored:", &thrown);
    }
}

/// Asks the objects of `shards`, at the same time, what was purged; tells them what they have not heard yet, and has
/// them look up those of `names` that they hold. Those that answered within so many milliseconds.
async fn ask(env: &Env, shards: Shards, names: &[String], millis: u64, policy: &Policy) -> Shards {
    let mut answered = Shards::default();
    let namespace = env.get("EPOCHS");
    if namespace.is_undefined() {
        // This isolate's own purges are all there is.
        KNOWN.with_borrow_mut(Knowledge::stand_alone);
        return answered;
    }
    let asking = |shard: Shard| {
        let question = KNOWN.with_borrow(|known| known.ask(shard, names, now()));
        let answer = in_millis(millis, &call(&namespace, &shard.object(&policy.name), &question.text()));
        (shard, question, answer)
    };
    for (shard, question, answer) in shards.iter().map(asking).collect::<Vec<_>>() {
        let problem = match answer.await {
            Ok(answer) => {
                let answer = answer.as_string().unwrap_or_default();
                if hear(|known| known.learn(shard, &question, &answer)) {
                    answered.insert(shard);
                    continue;
                }
                "its answer cannot be read".into()
            }
            Err(thrown) => thrown,
        };
        KNOWN.with_borrow_mut(|known| known.failed(shard));
        report_thrown("tiercel: an object of epochs failed:", &problem);
    }
    answered
}
