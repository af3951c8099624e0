//! The Durable Object that holds the epochs of one shard. `epochs` is its only caller.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};
use worker_sys::{DurableObjectState, SqlStorage};

use crate::now;
use crate::runtime::{Env, Result, promise};

/// Written once for each name and kind. `max`: a clock that steps back must not make a later purge an earlier one.
/// (`WHERE true` tells SQLite that what follows is no `ON` of a join.)
const PURGE: &str = "INSERT INTO epochs SELECT value, ?, ? FROM json_each(?) WHERE true \
    ON CONFLICT DO UPDATE SET at = max(at, excluded.at)";
const READ: &str = "SELECT group_concat(name || char(9) || CAST(at AS INTEGER) || char(9) || purge, char(10)) AS lines \
    FROM epochs WHERE name IN (SELECT value FROM json_each(?))";
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS epochs (name TEXT, purge TEXT, at INTEGER, PRIMARY KEY (name, purge)) WITHOUT ROWID";

#[wasm_bindgen]
extern "C" {
    type Row;
    #[wasm_bindgen(method, getter)]
    fn lines(this: &Row) -> Option<String>;
}

/// The last purges of the names of one shard, in SQLite.
#[wasm_bindgen]
pub struct TagEpochs {
    sql: SqlStorage,
}

#[wasm_bindgen]
impl TagEpochs {
    /// An object over its storage.
    ///
    /// # Errors
    /// When the table cannot be made.
    #[wasm_bindgen(constructor)]
    pub fn new(state: &DurableObjectState, _env: &Env) -> Result<Self> {
        let sql = state.storage()?.sql();
        sql.exec(TABLE, Array::new())?;
        Ok(Self { sql })
    }

    /// The epochs of the names in the body, a JSON array: lines of `name TAB millis TAB kind`. A path `/purge/KIND`
    /// purges them first. Fails as the storage does.
    pub fn fetch(&self, request: Request) -> Promise {
        let sql = self.sql.clone();
        promise(Box::pin(async move {
            let url = request.url();
            let names = JsFuture::from(request.text()?).await?;
            let mut path = url.rsplit('/');
            if let (Some(kind), Some("purge")) = (path.next(), path.next()) {
                let at = now().as_millis() as f64;
                sql.exec(PURGE, Array::of3(&kind.into(), &at.into(), &names))?;
            }
            let row: Row = sql.exec(READ, Array::of1(&names))?.one().unchecked_into();
            Response::new_with_opt_str(row.lines().as_deref()).map(Into::into)
        }))
    }
}
