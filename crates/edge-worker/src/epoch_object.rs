//! The Durable Object that holds the epochs of one shard. `epochs` is its only caller, and says what they say to one
//! another: core/src/epochs/wire.rs.

use js_sys::{Array, Promise};
use tiercel_core::epochs::{Asked, MOST_IN_FEED};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};
use worker_sys::{DurableObjectState, SqlStorage};

use crate::now;
use crate::runtime::{Env, Result, promise};

/// `born` is when there was nothing yet.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS epochs (name TEXT, purge TEXT, at INTEGER, PRIMARY KEY (name, purge)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_moment ON epochs (at);
    CREATE TABLE IF NOT EXISTS born (at INTEGER);
    INSERT INTO born SELECT ? WHERE NOT EXISTS (SELECT 1 FROM born)";
/// `max`: a clock that steps back must not make a later purge an earlier one.
const PURGE: &str = "INSERT INTO epochs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)";
/// The newest first. Where there are more than fit, those of the last moment may not all be there.
const FEED: &str = "
    SELECT printf('%d %d %d', ?1, iif(count(*) > ?3, min(at) + 1, ?2), (SELECT at FROM born)) || char(10)
        || coalesce(group_concat(name || char(9) || at || char(9) || purge || char(10), ''), '') AS lines
    FROM (SELECT * FROM epochs WHERE at >= ?2 ORDER BY at DESC LIMIT ?3 + 1)";
const OF_NAME: &str = "SELECT group_concat(name || char(9) || at || char(9) || purge || char(10), '') AS lines FROM epochs WHERE name = ?";

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
    /// When the tables cannot be made.
    #[wasm_bindgen(constructor)]
    pub fn new(state: &DurableObjectState, _env: &Env) -> Result<Self> {
        let sql = state.storage()?.sql();
        sql.exec(TABLES, Array::of1(&moment()))?;
        Ok(Self { sql })
    }

    /// Answers the question in the body. Fails when it is none, and as the storage does.
    pub fn fetch(&self, request: Request) -> Promise {
        let sql = self.sql.clone();
        promise(Box::pin(async move {
            let text = JsFuture::from(request.text()?).await?.as_string().unwrap_or_default();
            let asked = Asked::read(&text).ok_or("that is no question")?;
            let now = moment();
            for (name, purge) in &asked.purges {
                sql.exec(PURGE, Array::of3(&(*name).into(), &(*purge).into(), &now))?;
            }
            let since = asked.since.as_millis() as f64;
            let mut answer = lines(&sql, FEED, Array::of3(&now, &since.into(), &(MOST_IN_FEED as f64).into()))?;
            for name in &asked.look_up {
                answer.push_str(&lines(&sql, OF_NAME, Array::of1(&(*name).into()))?);
            }
            Response::new_with_opt_str(Some(&answer)).map(Into::into)
        }))
    }
}

fn lines(sql: &SqlStorage, query: &str, values: Array) -> Result<String> {
    let row: Row = sql.exec(query, values)?.one().unchecked_into();
    Ok(row.lines().unwrap_or_default())
}

fn moment() -> JsValue {
    (now().as_millis() as f64).into()
}
