//! IndexedDB, through rexie: one database per user, one object store of records, and one of what is only local.
//!
//! Nothing but IndexedDB is awaited inside a transaction. A connection that is lost (Safari drops them, another tab
//! deletes the database) is opened again and the operation tried once more. What then still fails, or takes too
//! long, fails for good: the caller falls back to memory.

mod local;

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Promise};
use rexie::{Index, KeyRange, ObjectStore, Rexie, Transaction, TransactionMode};
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::js::{self, Work};
use crate::local::{AT, ID};
use crate::record::{EXPIRES, GROUPS, KEY};
use crate::timer::within;

/// Raised when the object stores change. rexie creates what is missing and drops what is not named here.
const SCHEMA: u32 = 3;
/// The object store of records.
pub(crate) const ENTRIES: &str = "entries";
/// The object store of what only the device has.
pub(crate) const LOCAL: &str = "local";
/// There, the index that orders a local store by time, the newest first: browsers read forwards in one request.
const ORDER: &str = "newest";
/// Safari may never answer the first open of a process. Milliseconds.
const OPEN_LIMIT: u64 = 3_000;
/// Longest wait for one operation, in milliseconds.
const LIMIT: u64 = 5_000;

/// IndexedDB did not do it, not even the second time.
#[derive(Debug)]
pub(crate) struct Unusable;

/// Whether a write is still wanted, asked right before its transaction begins.
pub(crate) type Wanted = Rc<dyn Fn() -> bool>;
/// What to make of a stored record; `None` leaves it alone.
pub(crate) type Change = Rc<dyn Fn(JsValue) -> Option<JsValue>>;
/// One transaction.
type Operation = Work<rexie::Result<JsValue>>;

/// An open connection. Dropping it closes it, when the last operation is done with it.
struct Connection(Option<Rexie>);

impl Connection {
    fn begin(&self, stores: &[&str], mode: TransactionMode) -> rexie::Result<Transaction> {
        // It is taken only to close it, when nobody holds this any more.
        self.0.as_ref().ok_or(rexie::Error::TransactionAbortFailed)?.transaction(stores, mode)
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
pub(crate) struct Disk {
    name: Rc<str>,
    link: Rc<RefCell<Link>>,
}

impl Disk {
    /// The database called `name`, which opens in the background.
    pub(crate) fn new(name: &str) -> Self {
        let disk = Self { name: name.into(), link: Rc::new(RefCell::new(Link::Down)) };
        // Awaited in `connect`, where a failure shows.
        let _ = disk.opening();
        disk
    }

    /// What `store` has under `key`, as it was stored; `undefined` when there is nothing.
    pub(crate) async fn get(&self, store: &'static str, key: &str) -> Result<JsValue, Unusable> {
        let key = JsValue::from_str(key);
        self.run(&|connection| {
            let key = key.clone();
            Box::pin(async move {
                let transaction = connection.begin(&[store], TransactionMode::ReadOnly)?;
                Ok(transaction.store(store)?.get(key).await?.unwrap_or(JsValue::UNDEFINED))
            })
        })
        .await
    }

    /// Every record.
    pub(crate) async fn all(&self) -> Result<Array, Unusable> {
        let all = |connection: Rc<Connection>| -> Operation {
            Box::pin(async move {
                let transaction = connection.begin(&[ENTRIES], TransactionMode::ReadOnly)?;
                Ok(transaction.store(ENTRIES)?.get_all(None, None).await?.into_iter().collect::<Array>().into())
            })
        };
        self.run(&all).await.map(JsCast::unchecked_into)
    }

    /// Stores records in one transaction, if that is still wanted when it begins.
    pub(crate) async fn put(&self, records: &[JsValue], wanted: &Wanted) -> Result<(), Unusable> {
        let put = |connection: Rc<Connection>| -> Operation {
            let (records, wanted) = (records.to_vec(), Rc::clone(wanted));
            Box::pin(async move {
                if !wanted() {
                    return Ok(JsValue::UNDEFINED);
                }
                let transaction = connection.begin(&[ENTRIES], TransactionMode::ReadWrite)?;
                transaction.store(ENTRIES)?.put_all(records.into_iter().map(|record| (record, None))).await?;
                committed(transaction).await
            })
        };
        self.run(&put).await.map(drop)
    }

    /// Replaces the record under `key` by what `change` makes of it, in one transaction, and gives the new one.
    /// `undefined` says that there is no such record, or that `change` left it alone.
    pub(crate) async fn update(&self, key: &str, wanted: &Wanted, change: &Change) -> Result<JsValue, Unusable> {
        let key = JsValue::from_str(key);
        self.run(&|connection| {
            let (key, wanted, change) = (key.clone(), Rc::clone(wanted), Rc::clone(change));
            Box::pin(async move {
                if !wanted() {
                    return Ok(JsValue::UNDEFINED);
                }
                let transaction = connection.begin(&[ENTRIES], TransactionMode::ReadWrite)?;
                let store = transaction.store(ENTRIES)?;
                let changed = store.get(key).await?.and_then(|value| change(value));
                let Some(changed) = changed else { return Ok(JsValue::UNDEFINED) };
                store.put(&changed, None).await?;
                committed(transaction).await?;
                Ok(changed)
            })
        })
        .await
    }

    /// Removes what `store` has under `key`.
    pub(crate) async fn remove(&self, store: &'static str, key: &str) -> Result<(), Unusable> {
        let key = JsValue::from_str(key);
        let remove = |connection: Rc<Connection>| -> Operation {
            let key = key.clone();
            Box::pin(async move {
                let transaction = connection.begin(&[store], TransactionMode::ReadWrite)?;
                transaction.store(store)?.delete(key).await?;
                committed(transaction).await
            })
        };
        self.run(&remove).await.map(drop)
    }

    /// Removes every record that one of `names` purges, and gives their keys.
    pub(crate) async fn purge(&self, names: &[String]) -> Result<Vec<String>, Unusable> {
        let names: Rc<[JsValue]> = names.iter().map(|name| JsValue::from_str(name)).collect();
        let purge =
            |connection| -> Operation { Box::pin(remove_ranges(connection, ENTRIES, GROUPS, Rc::clone(&names), only)) };
        Ok(js::strings_of(&self.run(&purge).await?))
    }

    /// Removes what has expired by `now`, and records whose keys do not begin with `version`.
    pub(crate) async fn sweep(&self, now: Timestamp, version: &str) -> Result<(), Unusable> {
        let until: Rc<[JsValue]> = [JsValue::from_f64(now.as_millis() as f64)].into();
        for store in [ENTRIES, LOCAL] {
            let sweep = |connection| -> Operation {
                Box::pin(remove_ranges(connection, store, EXPIRES, Rc::clone(&until), up_to))
            };
            self.run(&sweep).await?;
        }
        let first = JsValue::from_str(version);
        // No key holds a character that comes after this one.
        let last = JsValue::from_str(&[version, "\u{ffff}"].concat());
        let others = |connection: Rc<Connection>| -> Operation {
            let ranges = [KeyRange::upper_bound(&first, Some(true)), KeyRange::lower_bound(&last, Some(true))];
            Box::pin(async move {
                let transaction = connection.begin(&[ENTRIES], TransactionMode::ReadWrite)?;
                let store = transaction.store(ENTRIES)?;
                for range in ranges.into_iter().flatten() {
                    store.delete(range.into()).await?;
                }
                committed(transaction).await
            })
        };
        self.run(&others).await.map(drop)
    }

    /// Removes everything, then closes: empty even where another tab holds up the deletion of the database.
    pub(crate) async fn clear(&self) {
        let up = match &*self.link.borrow() {
            Link::Up(connection) => Some(Rc::clone(connection)),
            _ => None,
        };
        if let Some(connection) = up {
            let clearing: Operation = Box::pin(async move {
                let transaction = connection.begin(&[ENTRIES, LOCAL], TransactionMode::ReadWrite)?;
                for store in [ENTRIES, LOCAL] {
                    transaction.store(store)?.clear().await?;
                }
                committed(transaction).await
            });
            // The deletion that follows does the same.
            let _ = within(LIMIT, clearing).await;
        }
        self.close();
    }

    /// Closes for good. Transactions that have begun end by themselves.
    pub(crate) fn close(&self) {
        self.link.replace(Link::Gone);
    }

    /// Runs an operation, a second time on a new connection when it fails.
    async fn run(&self, operation: &dyn Fn(Rc<Connection>) -> Operation) -> Result<JsValue, Unusable> {
        self.run_within(LIMIT, operation).await
    }

    /// The same, with a limit of its own, in milliseconds.
    async fn run_within(
        &self,
        limit: u64,
        operation: &dyn Fn(Rc<Connection>) -> Operation,
    ) -> Result<JsValue, Unusable> {
        for _ in 0..2 {
            let connection = self.connect().await.ok_or(Unusable)?;
            match within(limit, operation(Rc::clone(&connection))).await {
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
        let promise = js::promise(Box::pin(async move {
            let opening = async move { build(&name).await.map(|rexie| Rc::new(Connection(Some(rexie)))) };
            let opened = within(OPEN_LIMIT, Box::pin(opening)).await;
            let mut link = link.borrow_mut();
            if matches!(*link, Link::Opening(_)) {
                *link = match opened {
                    Some(Ok(connection)) => Link::Up(connection),
                    // No IndexedDB, forbidden, broken, of a newer release, or hanging.
                    Some(Err(_)) | None => Link::Gone,
                };
            }
            Ok(JsValue::UNDEFINED)
        }));
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

/// Deletes the database called `name`. Other connections close when they are asked to (`versionchange`); one that
/// does not makes this end before the deletion does, which then follows when it can.
pub(crate) async fn delete(name: &str) {
    let name = name.to_owned();
    let deletion: Operation = Box::pin(async move { Rexie::delete(&name).await.map(|()| JsValue::UNDEFINED) });
    let _ = within(LIMIT, deletion).await;
}

async fn build(name: &str) -> rexie::Result<Rexie> {
    let entries = ObjectStore::new(ENTRIES)
        .key_path(KEY)
        .add_index(Index::new(GROUPS, GROUPS).multi_entry(true))
        .add_index(Index::new(EXPIRES, EXPIRES));
    let local =
        ObjectStore::new(LOCAL).key_path(ID).add_index(Index::new(ORDER, AT)).add_index(Index::new(EXPIRES, EXPIRES));
    // rexie closes the connection when another tab deletes or upgrades the database.
    Rexie::builder(name).version(SCHEMA).add_object_store(entries).add_object_store(local).build().await
}

/// Removes the records in some ranges of an index in one transaction, and gives their keys.
async fn remove_ranges(
    connection: Rc<Connection>,
    store: &'static str,
    index: &'static str,
    ends: Rc<[JsValue]>,
    range: fn(&JsValue) -> Option<KeyRange>,
) -> rexie::Result<JsValue> {
    let transaction = connection.begin(&[store], TransactionMode::ReadWrite)?;
    let store = transaction.store(store)?;
    let removed = Array::new();
    for range in ends.iter().filter_map(range) {
        for key in store.index(index)?.get_all_keys(Some(range), None).await? {
            store.delete(key.clone()).await?;
            removed.push(&key);
        }
    }
    committed(transaction).await?;
    Ok(removed.into())
}

fn only(name: &JsValue) -> Option<KeyRange> {
    KeyRange::only(name).ok()
}

fn up_to(moment: &JsValue) -> Option<KeyRange> {
    KeyRange::upper_bound(moment, None).ok()
}

/// Waits until the transaction is on the disk: a full one aborts only now.
async fn committed(transaction: Transaction) -> rexie::Result<JsValue> {
    match transaction.done().await?.is_committed() {
        true => Ok(JsValue::UNDEFINED),
        false => Err(rexie::Error::TransactioncommitFailed),
    }
}
