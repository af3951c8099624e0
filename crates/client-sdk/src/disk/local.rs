//! What only the device has: stores of the policy's `local`, in one object store.

use js_sys::Array;
use rexie::KeyRange;
use wasm_bindgen::prelude::*;

use super::plan::{Plan, Step};
use super::{Disk, LOCAL, ORDER, Unusable, Wanted};

impl Disk {
    /// The records under `ids`; `undefined` for each where there is none.
    pub(crate) async fn get_local(&self, ids: &Array) -> Result<Array, Unusable> {
        Ok(self.run(Plan::reading(LOCAL, Step::Get(ids.clone()))).await?.found)
    }

    /// What the local store has whose ids begin with `prefix`, the newest first: at most `limit`, if that is given, and only
    /// what comes after `after`, which is as in [`AT`](crate::local::AT).
    pub(crate) async fn local(&self, prefix: &str, after: Option<&str>, limit: Option<u32>) -> Result<Array, Unusable> {
        let range = Some(range(prefix, after)?);
        Ok(self.run(Plan::reading(LOCAL, Step::List { index: ORDER, range, limit })).await?.found)
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
        let mut steps = vec![Step::Put(records.clone())];
        if let Some(most) = most {
            steps.push(Step::Trim { index: ORDER, range: range(prefix, None)?, most });
        }
        Ok(self.run(Plan::writing(LOCAL, steps).if_wanted(wanted)).await?.room)
    }

    /// Removes everything under ids that begin with `prefix`.
    pub(crate) async fn clear_local(&self, prefix: &str) -> Result<(), Unusable> {
        let all = Step::Delete(range(prefix, None)?.into());
        self.run(Plan::writing(LOCAL, [all])).await.map(drop)
    }
}

/// What begins with `prefix`, which ends with a slash, and comes after `after`. "0" is the character after a slash.
fn range(prefix: &str, after: Option<&str>) -> Result<KeyRange, Unusable> {
    let (first, end) = (after.unwrap_or(prefix), [prefix.trim_end_matches('/'), "0"].concat());
    let [first, end] = [first, &end].map(JsValue::from_str);
    KeyRange::bound(&first, &end, Some(after.is_some()), Some(true)).map_err(|_| Unusable)
}
