//! IndexedDB, through rexie: one database per user, one object store of records, and one of what is only local.
//!
//! Nothing but IndexedDB is awaited inside a transaction. A connection that is lost (Safari drops them, another tab
//! deletes the database) is opened again and the operation tried once more. What then still fails, or takes too
//! long, fails for good: the caller falls back to memory.

mod local;
mod plan;

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Promise};
use rexie::{Index, KeyRange, ObjectStore, Rexie};
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

pub(crate) use self::plan::{Change, Wanted};
use self::plan::{Given, Plan, Step, perform};
use crate::host::Host;
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
/// What every record adds to that.
const LIMIT_EACH: u64 = 2;

/// IndexedDB did not do it, not even the second time.
#[derive(Debug)]
pub(crate) struct Unusable;

/// An open connection, there until it is dropped: that closes it, when the last operation is done with it.
struct Connection(Option<Rexie>);

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
    host: Rc<Host>,
}

impl Disk {
    /// The database called `name`, which opens in the background.
    pub(crate) fn new(name: &str, host: &Rc<Host>) -> Self {
        let disk = Self { name: name.into(), link: Rc::new(RefCell::new(Link::Down)), host: Rc::clone(host) };
        // Awaited in `connect`, where a failure shows.
        let _ = disk.opening();
        disk
    }

    /// What `store` has under `key`, as it was stored; `undefined` when there is nothing.
    pub(crate) async fn get(&self, store: &'static str, key: &str) -> Result<JsValue, Unusable> {
        let given = self.run(Plan::reading(store, Step::Get(Array::of1(&JsValue::from_str(key))))).await?;
        Ok(given.found.get(0))
    }

    /// Every record.
    pub(crate) async fn all(&self) -> Result<Array, Unusable> {
        let all = Step::List { index: EXPIRES, range: None, limit: None };
        Ok(self.run(Plan::reading(ENTRIES, all)).await?.found)
    }

    /// Stores records in one transaction, if that is still wanted when it begins.
    pub(crate) async fn put(&self, records: Array, wanted: &Wanted) -> Result<(), Unusable> {
        self.run(Plan::writing(ENTRIES, [Step::Put(records)]).if_wanted(wanted)).await.map(drop)
    }

    /// Replaces the record under `key` by what `change` makes of it, in one transaction, and gives the new one.
    /// `undefined` says that there is no such record, or that `change` left it alone.
    pub(crate) async fn update(&self, key: &str, wanted: &Wanted, change: Change) -> Result<JsValue, Unusable> {
        let change = Step::Change(JsValue::from_str(key), change);
        Ok(self.run(Plan::writing(ENTRIES, [change]).if_wanted(wanted)).await?.found.get(0))
    }

    /// Removes what `store` has under `key`.
    pub(crate) async fn remove(&self, store: &'static str, key: &str) -> Result<(), Unusable> {
        self.run(Plan::writing(store, [Step::Delete(JsValue::from_str(key))])).await.map(drop)
    }

    /// Removes every record that one of `names` purges, and gives their keys.
    pub(crate) async fn purge(&self, names: &[String]) -> Result<Vec<String>, Unusable> {
        let only = |name: &String| KeyRange::only(&JsValue::from_str(name)).ok();
        let trim = |range| Step::Trim { index: GROUPS, range, most: 0 };
        let given = self.run(Plan::writing(ENTRIES, names.iter().filter_map(only).map(trim))).await?;
        Ok(js::strings_of(&given.found))
    }

    /// Removes what has expired by `now`, and records whose keys do not begin with `version`.
    pub(crate) async fn sweep(&self, now: Timestamp, version: &str) -> Result<(), Unusable> {
        let now = JsValue::from_f64(now.as_millis() as f64);
        let until = || KeyRange::upper_bound(&now, None).map(|range| Step::Trim { index: EXPIRES, range, most: 0 });
        let first = KeyRange::upper_bound(&JsValue::from_str(version), Some(true));
        // No key holds a character that comes after this one.
        let last = KeyRange::lower_bound(&JsValue::from_str(&[version, "\u{ffff}"].concat()), Some(true));
        let others = [first, last].into_iter().flatten().map(|range| Step::Delete(range.into()));
        self.run(Plan::writing(ENTRIES, until().into_iter().chain(others))).await?;
        self.run(Plan::writing(LOCAL, until())).await.map(drop)
    }

    /// Removes everything, then closes: empty even where another tab holds up the deletion of the database.
    pub(crate) async fn clear(&self) {
        let up = match &*self.link.borrow() {
            Link::Up(connection) => Some(Rc::clone(connection)),
            _ => None,
        };
        if let Some(connection) = up {
            for store in [ENTRIES, LOCAL] {
                // Keys are strings, and none comes before this one.
                let everything =
                    KeyRange::lower_bound(&JsValue::from_str(""), None).map(|all| Step::Delete(all.into()));
                let clearing = Box::pin(perform(Rc::clone(&connection), Rc::new(Plan::writing(store, everything))));
                // The deletion that follows does the same.
                let _ = within(LIMIT, clearing).await;
            }
        }
        self.close();
    }

    /// Closes for good. Transactions that have begun end by themselves.
    pub(crate) fn close(&self) {
        self.link.replace(Link::Gone);
    }

    /// Carries a plan out, a second time on a new connection when it fails.
    async fn run(&self, plan: Plan) -> Result<Given, Unusable> {
        let (limit, plan) = (LIMIT + plan.records() * LIMIT_EACH, Rc::new(plan));
        for _ in 0..2 {
            let connection = self.connect().await.ok_or(Unusable)?;
            match within(limit, Box::pin(perform(Rc::clone(&connection), Rc::clone(&plan)))).await {
                Some(Ok(given)) => return Ok(given),
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
        let (name, link, host) = (Rc::clone(&self.name), Rc::clone(&self.link), Rc::clone(&self.host));
        let promise = js::promise(Box::pin(async move {
            let opening = async move {
                let connection = Rc::new(Connection(Some(build(&name).await?)));
                if host.is_distrusted(&name) {
                    perform(Rc::clone(&connection), Rc::new(emptying(ENTRIES))).await?;
                    host.distrust(&name, false);
                }
                Ok::<_, rexie::Error>(connection)
            };
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
    let deletion: Work<rexie::Result<Given>> =
        Box::pin(async move { Rexie::delete(&name).await.map(|()| Given::default()) });
    let _ = within(LIMIT, deletion).await;
}

fn emptying(store: &'static str) -> Plan {
    // Keys are strings, and none comes before this one.
    let everything = KeyRange::lower_bound(&JsValue::from_str(""), None);
    Plan::writing(store, everything.map(|all| Step::Delete(all.into())))
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
