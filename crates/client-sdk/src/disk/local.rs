//! What only the device has: stores of the policy's `local`, in one object store.

use std::rc::Rc;

use js_sys::Array;
use rexie::{KeyRange, TransactionMode};
use wasm_bindgen::prelude::*;

use super::{Connection, Disk, LOCAL, ORDER, Operation, Unusable, Wanted, committed};

impl Disk {
    /// What the local store called `name` holds, the oldest first.
    pub(crate) async fn local(&self, name: &str) -> Result<Array, Unusable> {
        let name = JsValue::from_str(name);
        self.run(&|connection: Rc<Connection>| -> Operation {
            let name = name.clone();
            Box::pin(async move {
                let transaction = connection.begin(&[LOCAL], TransactionMode::ReadOnly)?;
                let index = transaction.store(LOCAL)?.index(ORDER)?;
                Ok(index.get_all(all_of(&name), None).await?.into_iter().collect::<Array>().into())
            })
        })
        .await
        .map(JsCast::unchecked_into)
    }

    /// Puts `record` into the local store called `name`, and removes the oldest beyond `most`, if that is still wanted.
    pub(crate) async fn put_local(
        &self,
        name: &str,
        record: &JsValue,
        most: usize,
        wanted: &Wanted,
    ) -> Result<(), Unusable> {
        let name = JsValue::from_str(name);
        self.run(&|connection: Rc<Connection>| -> Operation {
            let (name, record, wanted) = (name.clone(), record.clone(), Rc::clone(wanted));
            Box::pin(async move {
                if !wanted() {
                    return Ok(JsValue::UNDEFINED);
                }
                let transaction = connection.begin(&[LOCAL], TransactionMode::ReadWrite)?;
                let store = transaction.store(LOCAL)?;
                store.put(&record, None).await?;
                let keys: Vec<JsValue> = store.index(ORDER)?.get_all_keys(all_of(&name), None).await?;
                let over = keys.len().saturating_sub(most);
                for key in keys.into_iter().take(over) {
                    store.delete(key).await?;
                }
                committed(transaction).await
            })
        })
        .await
        .map(drop)
    }

    /// Removes everything from the local store called `name`.
    pub(crate) async fn clear_local(&self, name: &str) -> Result<(), Unusable> {
        let name = JsValue::from_str(name);
        self.run(&|connection: Rc<Connection>| -> Operation {
            let name = name.clone();
            Box::pin(async move {
                let transaction = connection.begin(&[LOCAL], TransactionMode::ReadWrite)?;
                let store = transaction.store(LOCAL)?;
                for key in store.index(ORDER)?.get_all_keys(all_of(&name), None).await? {
                    store.delete(key).await?;
                }
                committed(transaction).await
            })
        })
        .await
        .map(drop)
    }
}

/// Everything of the local store called `name`: an array comes after every number.
fn all_of(name: &JsValue) -> Option<KeyRange> {
    let (first, last) = (Array::of1(name), Array::of2(name, &Array::new()));
    KeyRange::bound(&first, &last, None, None).ok()
}
