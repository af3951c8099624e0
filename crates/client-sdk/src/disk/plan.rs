//! One transaction, said beforehand: what it reads and writes, step by step. Whoever fails to carry it out can try again.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::{MaybeDone, maybe_done};
use js_sys::Array;
use rexie::{KeyRange, Store, TransactionMode};
use wasm_bindgen::prelude::*;

use super::Connection;

/// Whether a write is still wanted, asked right before its transaction begins.
pub(crate) type Wanted = Rc<dyn Fn() -> bool>;
/// What to make of a stored record; `None` leaves it alone.
pub(crate) type Change = Box<dyn Fn(JsValue) -> Option<JsValue>>;

/// What is done in one object store.
pub(super) enum Step {
    /// Finds what stands under each of these keys; `undefined` where there is nothing.
    Get(Array),
    /// Finds what an index has in a range, in its order.
    List { index: &'static str, range: Option<KeyRange>, limit: Option<u32> },
    /// Puts these records.
    Put(Array),
    /// Replaces the record under this key, and finds the new one.
    Change(JsValue, Change),
    /// Removes what stands under a key, or in a range of keys.
    Delete(JsValue),
    /// Removes all but the first `most` that an index has in a range, and finds their keys.
    Trim { index: &'static str, range: KeyRange, most: usize },
}

/// The steps of one transaction.
pub(super) struct Plan {
    store: &'static str,
    mode: TransactionMode,
    wanted: Option<Wanted>,
    steps: Vec<Step>,
}

impl Plan {
    pub(super) fn reading(store: &'static str, step: Step) -> Self {
        Self { store, mode: TransactionMode::ReadOnly, wanted: None, steps: vec![step] }
    }

    pub(super) fn writing(store: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        Self { store, mode: TransactionMode::ReadWrite, wanted: None, steps: steps.into_iter().collect() }
    }

    /// Only while it is wanted.
    pub(super) fn if_wanted(self, wanted: &Wanted) -> Self {
        Self { wanted: Some(Rc::clone(wanted)), ..self }
    }

    /// How many records it names.
    pub(super) fn records(&self) -> u64 {
        let named = |step: &Step| match step {
            Step::Get(records) | Step::Put(records) => u64::from(records.length()),
            _ => 1,
        };
        self.steps.iter().map(named).sum()
    }
}

/// What came of a plan.
#[derive(Default)]
pub(super) struct Given {
    /// What its steps found.
    pub(super) found: Array,
    /// For how many more there was room, when the last [`Step::Trim`] began.
    pub(super) room: Option<usize>,
}

/// One request of a transaction.
type Request<'t> = Pin<Box<dyn Future<Output = rexie::Result<JsValue>> + 't>>;
/// The same, begun, with what came of it as soon as it has ended.
type Begun<'t> = Vec<MaybeDone<Request<'t>>>;

/// Carries a plan out.
///
/// # Errors
/// Nothing of it was done.
pub(super) async fn perform(connection: Rc<Connection>, plan: Rc<Plan>) -> rexie::Result<Given> {
    let mut given = Given::default();
    if plan.wanted.as_ref().is_some_and(|wanted| !wanted()) {
        return Ok(given);
    }
    // It is taken only to close it, when nobody holds this any more.
    let rexie = connection.0.as_ref().ok_or(rexie::Error::TransactionAbortFailed)?;
    let transaction = rexie.transaction(&[plan.store], plan.mode)?;
    let store = transaction.store(plan.store)?;
    let written = match follow(&plan.steps, &store, &mut given).await {
        Ok(last) if plan.mode == TransactionMode::ReadWrite => {
            // Not first to be waited for: a commit that comes with the requests saves the way there and back.
            let committed = transaction.commit().await;
            drop(last);
            committed
        }
        Ok(last) => {
            given.found.extend(ended(last).await?);
            Ok(())
        }
        Err(refused) => {
            // What is refused at once does not end the others by itself.
            let _ = transaction.abort().await;
            Err(refused)
        }
    };
    written.map(|()| given)
}

/// Follows the steps, and gives the requests of the last one, which have begun.
async fn follow<'t>(steps: &[Step], store: &'t Store, given: &mut Given) -> rexie::Result<Begun<'t>> {
    let mut last = Begun::new();
    for step in steps {
        ended(last).await?;
        let requests = match step {
            Step::Get(keys) => keys.iter().map(|key| get(store, key)).collect(),
            Step::List { index, range, limit } => {
                given.found.extend(store.index(index)?.get_all(range.clone(), *limit).await?);
                Vec::new()
            }
            Step::Put(records) => vec![put(store, records.clone())],
            Step::Change(key, change) => match change(get(store, key.clone()).await?) {
                Some(changed) => {
                    given.found.push(&changed);
                    vec![put(store, Array::of1(&changed))]
                }
                None => Vec::new(),
            },
            Step::Delete(query) => vec![delete(store, query.clone())],
            Step::Trim { index, range, most } => {
                let index = store.index(index)?;
                let count = index.count(Some(range.clone())).await? as usize;
                given.room = Some(most.saturating_sub(count));
                let keys = match count > *most {
                    true => index.get_all_keys(Some(range.clone()), None).await?,
                    false => Vec::new(),
                };
                let over: Vec<JsValue> = keys.into_iter().skip(*most).collect();
                given.found.extend(over.iter().cloned());
                over.into_iter().map(|key| delete(store, key)).collect()
            }
        };
        last = begin(requests).await?;
    }
    Ok(last)
}

fn get(store: &Store, key: JsValue) -> Request<'_> {
    Box::pin(async { Ok(store.get(key).await?.unwrap_or(JsValue::UNDEFINED)) })
}

fn put(store: &Store, records: Array) -> Request<'_> {
    Box::pin(async move {
        store.put_all(records.iter().map(|record| (record, None))).await?;
        Ok(JsValue::UNDEFINED)
    })
}

fn delete(store: &Store, query: JsValue) -> Request<'_> {
    Box::pin(async { store.delete(query).await.map(|()| JsValue::UNDEFINED) })
}

/// Begins all of them, before any is waited for. (`try_join_all` is 4 KB of wasm, gzip.)
///
/// # Errors
/// One was refused at once.
async fn begin(requests: Vec<Request<'_>>) -> rexie::Result<Begun<'_>> {
    let mut begun: Begun<'_> = requests.into_iter().map(maybe_done).collect();
    poll_fn(|context| {
        for request in &mut begun {
            let _ = Pin::new(request).poll(context);
        }
        Poll::Ready(())
    })
    .await;
    let refused = begun.iter_mut().find(|request| matches!(request, MaybeDone::Done(Err(_))));
    match refused.and_then(|request| Pin::new(request).take_output()) {
        Some(Err(refused)) => Err(refused),
        _ => Ok(begun),
    }
}

/// What came of them all.
async fn ended(begun: Begun<'_>) -> rexie::Result<Vec<JsValue>> {
    let mut found = Vec::new();
    for mut request in begun {
        (&mut request).await;
        if let Some(done) = Pin::new(&mut request).take_output() {
            found.push(done?);
        }
    }
    Ok(found)
}
