//! IndexedDB, through rexie: one database per user, one object store of records.
//!
//! Nothing but IndexedDB is awaited inside a transaction. A connection that is lost (Safari drops them, another tab
//! deletes the database) is opened again and the operation tried once more. What then still fails, or takes too
//! long, fails for good: the caller falls back to memory.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use rexie::{Index, KeyRange, ObjectStore, Rexie, Transaction, TransactionMode};
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::record::{EXPIRES, GROUPS, KEY};
use crate::timer::within;

/// Raised when the object stores change. rexie creates what is missing and drops what is not named here.
const SCHEMA: u32 = 1;
/// The object store of records.
const ENTRIES: &str = "entries";
/// Safari may never answer the first open of a process. Milliseconds.
const OPEN_LIMIT: u64 = 3_000;
/// Longest wait for one operation, in milliseconds.
const LIMIT: u64 = 5_000;

/// An open connection. Dropping it closes it, when the last operation is done with it.
struct Connection(Option<Rexie>);

impl Connection {
    fn begin(&self, mode: TransactionMode) -> rexie::Result<Option<Transaction>> {
        self.0.as_ref().map(|rexie| rexie.transaction(&[ENTRIES], mode)).transpose()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // An open connection would hold up everyone who wants to delete the database.
        if let Some(rexie) = self.0.take() {
            rexie.close();
        }
    }
}

enum Link {
    /// Not open; the next operation opens it.
    Down,
    /// On its way.
    Opening(Promise),
    Up(Rc<Connection>),
    /// Not to be opened (again).
    Gone,
}

/// One user's database.
#[derive(Clone)]
pub(crate) struct Disk {
    name: Rc<str>,
    link: Rc<RefCell<Link>>,
}

/// Whether a write is still wanted, asked right before its transaction begins.
pub(crate) type Wanted = Rc<dyn Fn() -> bool>;

impl Disk {
    /// The database called `name`, which opens in the background.
    pub(crate) fn new(name: &str) -> Self {
        let disk = Self { name: name.into(), link: Rc::new(RefCell::new(Link::Down)) };
        // Settled in `connect`; a failure shows there.
        let _ = disk.opening();
        disk
    }

    /// The record under `key`, as it was stored.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<JsValue>, Unusable> {
        let key = JsValue::from_str(key);
        self.run(move |connection| {
            let key = key.clone();
            async move {
                let Some(transaction) = connection.begin(TransactionMode::ReadOnly)? else { return Ok(None) };
                let found = transaction.store(ENTRIES)?.get(key).await?;
                Ok(found.filter(|value| !value.is_undefined()))
            }
        })
        .await
    }

    /// Stores records in one transaction, if that is still wanted when it begins.
    pub(crate) async fn put(&self, records: Vec<JsValue>, wanted: Wanted) -> Result<(), Unusable> {
        self.run(move |connection| {
            let (records, wanted) = (records.clone(), Rc::clone(&wanted));
            async move {
                if !wanted() {
                    return Ok(());
                }
                let Some(transaction) = connection.begin(TransactionMode::ReadWrite)? else { return Ok(()) };
                transaction.store(ENTRIES)?.put_all(records.into_iter().map(|record| (record, None))).await?;
                committed(transaction).await
            }
        })
        .await
    }

    /// Replaces the record under `key` by what `change` makes of it, in one transaction. `change` gives `None` to
    /// leave it alone; so does a record that is not there.
    pub(crate) async fn update(
        &self,
        key: &str,
        wanted: Wanted,
        change: Rc<dyn Fn(JsValue) -> Option<JsValue>>,
    ) -> Result<Option<JsValue>, Unusable> {
        let key = JsValue::from_str(key);
        self.run(move |connection| {
            let (key, wanted, change) = (key.clone(), Rc::clone(&wanted), Rc::clone(&change));
            async move {
                if !wanted() {
                    return Ok(None);
                }
                let Some(transaction) = connection.begin(TransactionMode::ReadWrite)? else { return Ok(None) };
                let store = transaction.store(ENTRIES)?;
                let Some(changed) = store.get(key).await?.and_then(|value| change(value)) else { return Ok(None) };
                store.put(&changed, None).await?;
                committed(transaction).await?;
                Ok(Some(changed))
            }
        })
        .await
    }

    /// Removes the record under `key`.
    pub(crate) async fn remove(&self, key: &str) -> Result<(), Unusable> {
        let key = JsValue::from_str(key);
        self.run(move |connection| {
            let key = key.clone();
            async move {
                let Some(transaction) = connection.begin(TransactionMode::ReadWrite)? else { return Ok(()) };
                transaction.store(ENTRIES)?.delete(key).await?;
                committed(transaction).await
            }
        })
        .await
    }

    /// Removes every record that one of `names` purges, and gives their keys.
    pub(crate) async fn purge(&self, names: &[String]) -> Result<Vec<String>, Unusable> {
        let names: Rc<[JsValue]> = names.iter().map(|name| JsValue::from_str(name)).collect();
        self.run(move |connection| {
            let names = Rc::clone(&names);
            async move {
                let Some(transaction) = connection.begin(TransactionMode::ReadWrite)? else { return Ok(Vec::new()) };
                let mut removed = Vec::new();
                for name in names.iter() {
                    removed.extend(remove_range(&transaction, GROUPS, KeyRange::only(name)).await?);
                }
                committed(transaction).await?;
                Ok(removed)
            }
        })
        .await
    }

    /// Removes what has expired by `now`.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<(), Unusable> {
        let until = JsValue::from_f64(now.as_millis() as f64);
        self.run(move |connection| {
            let until = until.clone();
            async move {
                let Some(transaction) = connection.begin(TransactionMode::ReadWrite)? else { return Ok(()) };
                remove_range(&transaction, EXPIRES, KeyRange::upper_bound(&until, None)).await?;
                committed(transaction).await
            }
        })
        .await
    }

    /// Removes everything, then closes: empty even where another tab holds up the deletion of the database.
    pub(crate) async fn clear(&self) {
        let up = match &*self.link.borrow() {
            Link::Up(connection) => Some(Rc::clone(connection)),
            _ => None,
        };
        if let Some(connection) = up {
            let cleared = within(LIMIT, async move {
                let Some(transaction) = connection.begin(TransactionMode::ReadWrite)? else { return Ok(()) };
                transaction.store(ENTRIES)?.clear().await?;
                committed(transaction).await
            });
            // The deletion that follows does the same.
            let _ = cleared.await;
        }
        self.close();
    }

    /// Closes for good. Transactions that have begun end by themselves.
    pub(crate) fn close(&self) {
        self.link.replace(Link::Gone);
    }

    /// Runs an operation, a second time on a new connection when it fails.
    async fn run<T, O, F>(&self, operation: O) -> Result<T, Unusable>
    where
        T: 'static,
        O: Fn(Rc<Connection>) -> F,
        F: Future<Output = rexie::Result<T>> + 'static,
    {
        for _ in 0..2 {
            let connection = self.connect().await.ok_or(Unusable)?;
            match within(LIMIT, operation(Rc::clone(&connection))).await {
                Some(Ok(done)) => return Ok(done),
                Some(Err(_)) => self.lost(&connection),
                None => {
                    self.close();
                    return Err(Unusable);
                }
            }
        }
        Err(Unusable)
    }

    async fn connect(&self) -> Option<Rc<Connection>> {
        if let Some(opening) = self.opening() {
            // It never rejects: what came of it stands in `link`.
            let _ = JsFuture::from(opening).await;
        }
        match &*self.link.borrow() {
            Link::Up(connection) => Some(Rc::clone(connection)),
            _ => None,
        }
    }

    /// What to wait for; `None` when it is open, or gone.
    fn opening(&self) -> Option<Promise> {
        match &*self.link.borrow() {
            Link::Opening(promise) => return Some(promise.clone()),
            Link::Up(_) | Link::Gone => return None,
            Link::Down => {}
        }
        let (name, link) = (Rc::clone(&self.name), Rc::clone(&self.link));
        let promise = future_to_promise(async move {
            let opened = within(OPEN_LIMIT, async move { build(&name).await.map(|rexie| Rc::new(Connection(Some(rexie)))) });
            let opened = opened.await;
            let mut link = link.borrow_mut();
            if matches!(*link, Link::Opening(_)) {
                *link = match opened {
                    Some(Ok(connection)) => Link::Up(connection),
                    // No IndexedDB, forbidden, broken, of a newer release, or hanging.
                    Some(Err(_)) | None => Link::Gone,
                };
            }
            Ok(JsValue::UNDEFINED)
        });
        self.link.replace(Link::Opening(promise.clone()));
        Some(promise)
    }

    fn lost(&self, connection: &Rc<Connection>) {
        let mut link = self.link.borrow_mut();
        if matches!(&*link, Link::Up(current) if Rc::ptr_eq(current, connection)) {
            *link = Link::Down;
        }
    }
}

/// IndexedDB did not do it, not even the second time.
#[derive(Debug)]
pub(crate) struct Unusable;

/// Deletes the database called `name`. Other connections close when they are asked to (`versionchange`); one that
/// does not makes this end before the deletion does, which then follows when it can.
pub(crate) async fn delete(name: &str) {
    let name = name.to_owned();
    let _ = within(LIMIT, async move { Rexie::delete(&name).await }).await;
}

async fn build(name: &str) -> rexie::Result<Rexie> {
    let entries = ObjectStore::new(ENTRIES)
        .key_path(KEY)
        .add_index(Index::new(GROUPS, GROUPS).multi_entry(true))
        .add_index(Index::new(EXPIRES, EXPIRES));
    // rexie closes the connection when another tab deletes or upgrades the database.
    Rexie::builder(name).version(SCHEMA).add_object_store(entries).build().await
}

/// Removes the records in a range of an index, and gives their keys.
async fn remove_range<E>(transaction: &Transaction, index: &str, range: Result<KeyRange, E>) -> rexie::Result<Vec<String>> {
    let Ok(range) = range else { return Ok(Vec::new()) };
    let store = transaction.store(ENTRIES)?;
    let keys = store.index(index)?.get_all_keys(Some(range), None).await?;
    for key in &keys {
        store.delete(key.clone()).await?;
    }
    Ok(keys.iter().filter_map(JsValue::as_string).collect())
}

/// Waits until the transaction is on the disk: a full one aborts only now.
async fn committed(transaction: Transaction) -> rexie::Result<()> {
    if transaction.done().await?.is_committed() { Ok(()) } else { Err(rexie::Error::TransactioncommitFailed) }
}
