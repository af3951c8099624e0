//! Where records live: on the disk, and in memory what the disk would not take.

use std::cell::RefCell;
use std::rc::Rc;

use tiercel_core::exchange::PutPlan;
use tiercel_core::text;
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::disk::{self, Change, Disk, ENTRIES, Unusable, Wanted};
use crate::host::Host;
use crate::js;
use crate::memory::{Kept, Memory};
use crate::record::{KEY, Record};

impl Kept for Record {
    fn key(&self) -> &str {
        &self.key
    }

    fn groups(&self) -> &[String] {
        &self.groups
    }

    fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// One user's records. No method fails: what IndexedDB does not do, memory does.
pub(crate) struct Store {
    name: String,
    host: Rc<Host>,
    pub(crate) disk: Disk,
    /// Goes before the disk: it holds what is newer than there.
    memory: RefCell<Memory<Record>>,
}

impl Store {
    /// The records in the database called `name`.
    pub(crate) fn open(name: &str, host: &Rc<Host>) -> Self {
        let disk = Disk::new(name, host);
        Self { name: name.to_owned(), host: Rc::clone(host), disk, memory: RefCell::new(Memory::new()) }
    }

    /// The record under `key`, with a body of its own. What has expired, or is not ours, is dropped.
    pub(crate) async fn get(&self, key: &str, now: Timestamp) -> Option<Record> {
        let held = self.memory.borrow().get(key).cloned();
        let found = match held {
            Some(record) => copy(&record),
            None => {
                let value = self.disk.get(ENTRIES, key).await.ok().filter(|value| !value.is_undefined())?;
                Record::read(value, key)
            }
        };
        match found {
            Some(record) if record.expires > now => Some(record),
            _ => {
                self.remove(key).await;
                None
            }
        }
    }

    /// Stores a response, and the marker of its variants, if `wanted` still holds when the write begins.
    pub(crate) async fn put(&self, plan: &PutPlan, data: &JsValue, now: Timestamp, wanted: Wanted) {
        let records: Vec<Record> = Record::new(plan, data, now).into_iter().chain(Record::marker(plan, now)).collect();
        let values = records.iter().map(|record| record.value().clone()).collect();
        let on_disk = self.disk.put(values, &wanted).await.is_ok();
        let mut memory = self.memory.borrow_mut();
        for record in records {
            if on_disk {
                memory.remove(&record.key);
            } else if wanted()
                && let Some(copy) = copy(&record)
            {
                memory.put(copy);
            }
        }
    }

    /// Gives the stored body of `kept` a new head. Where another tab stored something else meanwhile, that stays.
    /// Returns the record as it is now, with a body of its own.
    pub(crate) async fn freshen(
        &self,
        plan: &PutPlan,
        kept: &Record,
        now: Timestamp,
        wanted: Wanted,
    ) -> Option<Record> {
        let key = plan.key.as_str();
        let held = self.memory.borrow().get(key).cloned();
        if let Some(held) = held {
            if !held.is_same_entry(kept) || !wanted() {
                return None;
            }
            let fresh = Record::new(plan, &held.data(), now)?;
            self.memory.borrow_mut().put(copy(&fresh)?);
            return copy(&fresh);
        }
        let (kept, plan, of) = (kept.clone(), plan.clone(), key.to_owned());
        let change = move |value: JsValue| {
            let stored = Record::read(value, &of).filter(|stored| stored.is_same_entry(&kept))?;
            Some(Record::new(&plan, &stored.data(), now)?.value().clone())
        };
        let change: Change = Box::new(change);
        Record::read(self.disk.update(key, &wanted, change).await.ok()?, key)
    }

    /// Removes the record under `key`.
    pub(crate) async fn remove(&self, key: &str) {
        self.memory.borrow_mut().remove(key);
        if self.disk.remove(ENTRIES, key).await.is_err() {
            self.distrust();
        }
    }

    /// Removes every record that one of `names` purges, and gives their keys.
    pub(crate) async fn purge(&self, names: &[String]) -> Vec<String> {
        let mut keys = self.memory.borrow_mut().purge(names);
        match self.disk.purge(names).await {
            Ok(removed) => keys.extend(removed),
            Err(Unusable) => self.distrust(),
        }
        keys
    }

    /// The disk has what is not true any more: it is not read again, neither here nor by the next page.
    fn distrust(&self) {
        self.disk.close();
        self.host.distrust(&self.name, true);
    }

    /// Removes what has expired, and what an older or newer policy than `version` stored.
    pub(crate) async fn sweep(&self, now: Timestamp, version: u32) {
        self.memory.borrow_mut().sweep(now);
        let _ = self.disk.sweep(now, &text!["v", u64::from(version), "/"]).await;
    }

    /// Every record that is not expired. Bodies are not copied.
    pub(crate) async fn all(&self, now: Timestamp) -> Vec<Record> {
        let mut records = self.memory.borrow().iter().cloned().collect::<Vec<Record>>();
        for value in self.disk.all().await.unwrap_or_default().iter() {
            let key = js::get(&value, KEY).as_string().unwrap_or_default();
            records
                .extend(Record::read(value, &key).filter(|found| records.iter().all(|known| known.key != found.key)));
        }
        records.retain(|record| record.expires > now);
        records
    }

    /// Closes. What was stored stays.
    pub(crate) fn close(&self) {
        self.memory.borrow_mut().clear();
        self.disk.close();
    }

    /// Removes everything and the database itself. Works on a closed store too.
    pub(crate) async fn delete(&self) {
        self.memory.borrow_mut().clear();
        self.disk.clear().await;
        disk::delete(&self.name).await;
        self.host.distrust(&self.name, false);
    }
}

/// The same record with a body of its own, as IndexedDB gives; `None` for a body that cannot be copied, which no
/// JSON is.
fn copy(record: &Record) -> Option<Record> {
    Record::read(js::structured_clone(record.value()).ok()?, &record.key)
}
