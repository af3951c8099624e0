//! What only the device has: stores of the policy's `local`, in one object store.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::future::maybe_done;
use js_sys::Array;
use rexie::{KeyRange, TransactionMode};
use wasm_bindgen::prelude::*;

use super::{Connection, Disk, LIMIT, LOCAL, ORDER, Operation, Unusable, Wanted, committed};

/// What every record adds to the longest wait for an operation, in milliseconds.
const LIMIT_EACH: u64 = 2;

/// One request of a transaction.
type Request<'t> = Pin<Box<dyn Future<Output = rexie::Result<JsValue>> + 't>>;

impl Disk {
    /// The records under `ids`; `undefined` for each where there is none.
    pub(crate) async fn get_local(&self, ids: &Array) -> Result<Array, Unusable> {
        let limit = LIMIT + u64::from(ids.length()) * LIMIT_EACH;
        self.run_within(limit, &|connection: Rc<Connection>| -> Operation {
            let ids = ids.clone();
            Box::pin(async move {
                let transaction = connection.begin(&[LOCAL], TransactionMode::ReadOnly)?;
                let store = transaction.store(LOCAL)?;
                let get =
                    |id| -> Request<'_> { Box::pin(async { Ok(store.get(id).await?.unwrap_or(JsValue::UNDEFINED)) }) };
                Ok(together(ids.iter().map(get).collect()).await?.into())
            })
        })
        .await
        .map(JsCast::unchecked_into)
    }

    /// What the local store has whose ids begin with `prefix`, the newest first: at most `limit`, and only what comes after
    /// `after`, which is as in [`AT`](crate::local::AT).
    pub(crate) async fn local(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Array, Unusable> {
        let (first, end) = (JsValue::from_str(after.unwrap_or(prefix)), end_of(prefix));
        let limit = u32::try_from(limit).ok();
        self.run(&|connection: Rc<Connection>| -> Operation {
            let range = KeyRange::bound(&first, &end, Some(true), Some(true));
            Box::pin(async move {
                let transaction = connection.begin(&[LOCAL], TransactionMode::ReadOnly)?;
                let index = transaction.store(LOCAL)?.index(ORDER)?;
                Ok(index.get_all(Some(range?), limit).await?.into_iter().collect::<Array>().into())
            })
        })
        .await
        .map(JsCast::unchecked_into)
    }

    /// Puts `records` into the local store whose ids begin with `prefix`, if that is still wanted. Where `most` is given,
    /// removes the oldest beyond that many, and gives for how many more there is room.
    pub(crate) async fn put_local(
        &self,
        prefix: &str,
        records: &Array,
        most: Option<usize>,
        wanted: &Wanted,
    ) -> Result<Option<usize>, Unusable> {
        let (first, end) = (JsValue::from_str(prefix), end_of(prefix));
        let limit = LIMIT + u64::from(records.length()) * LIMIT_EACH;
        let room = self
            .run_within(limit, &|connection: Rc<Connection>| -> Operation {
                let (records, wanted) = (records.clone(), Rc::clone(wanted));
                let range = || KeyRange::bound(&first, &end, None, Some(true));
                let (counted, removed) = (range(), range());
                Box::pin(async move {
                    if !wanted() {
                        return Ok(JsValue::UNDEFINED);
                    }
                    let transaction = connection.begin(&[LOCAL], TransactionMode::ReadWrite)?;
                    let store = transaction.store(LOCAL)?;
                    if let Err(refused) = store.put_all(records.iter().map(|record| (record, None))).await {
                        // What is refused at once does not end the others by itself.
                        let _ = transaction.abort().await;
                        return Err(refused);
                    }
                    let mut room = JsValue::UNDEFINED;
                    if let Some(most) = most {
                        let index = store.index(ORDER)?;
                        let count = index.count(Some(counted?)).await? as usize;
                        room = JsValue::from(most.saturating_sub(count) as f64);
                        if count > most {
                            let keys = index.get_all_keys(Some(removed?), None).await?;
                            let delete = |key| -> Request<'_> {
                                Box::pin(async { store.delete(key).await.map(|()| JsValue::UNDEFINED) })
                            };
                            together(keys.into_iter().skip(most).map(delete).collect()).await?;
                        }
                    }
                    committed(transaction).await?;
                    Ok(room)
                })
            })
            .await?;
        Ok(room.as_f64().map(|room| room as usize))
    }

    /// Removes everything under ids that begin with `prefix`.
    pub(crate) async fn clear_local(&self, prefix: &str) -> Result<(), Unusable> {
        let (first, end) = (JsValue::from_str(prefix), end_of(prefix));
        self.run(&|connection: Rc<Connection>| -> Operation {
            let range = KeyRange::bound(&first, &end, None, Some(true));
            Box::pin(async move {
                let transaction = connection.begin(&[LOCAL], TransactionMode::ReadWrite)?;
                transaction.store(LOCAL)?.delete(range?.into()).await?;
                committed(transaction).await
            })
        })
        .await
        .map(drop)
    }
}

/// What all of `requests` give: all begin before any is waited for. (`try_join_all` is 4 KB of wasm, gzip.)
async fn together(requests: Vec<Request<'_>>) -> rexie::Result<Array> {
    let mut requests: Vec<_> = requests.into_iter().map(|request| Box::pin(maybe_done(request))).collect();
    poll_fn(|context| {
        for request in &mut requests {
            // What is ready already, gives its output below.
            let _ = request.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
    let given = Array::new();
    for mut request in requests {
        request.as_mut().await;
        if let Some(done) = request.as_mut().take_output() {
            given.push(&done?);
        }
    }
    Ok(given)
}

/// What comes after everything that begins with `prefix`, which ends with a slash: "0" is the character after it.
fn end_of(prefix: &str) -> JsValue {
    JsValue::from_str(&[prefix.trim_end_matches('/'), "0"].concat())
}
