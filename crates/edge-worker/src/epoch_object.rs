//! The Durable Object that holds the epochs of one shard. `epochs` is its only caller.

use worker::{DurableObject, Env, Request, Response, Result, SqlStorageValue, State, console_error, durable_object};

use crate::now;

/// The last purges of the names of one shard, in SQLite.
#[durable_object(fetch)]
pub struct TagEpochs {
    state: State,
}

impl DurableObject for TagEpochs {
    fn new(state: State, _env: Env) -> Self {
        let table = "CREATE TABLE IF NOT EXISTS epochs (name TEXT, purge TEXT, at INTEGER, PRIMARY KEY (name, purge)) WITHOUT ROWID";
        if let Err(error) = state.storage().sql().exec(table, None) {
            console_error!("tiercel: the table of epochs cannot be made: {error}");
        }
        Self { state }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        // Not `Request::url`, which would bring a URL parser of 46 KB into the wasm.
        let url = request.inner().url();
        let names = request.text().await?;
        let names: Vec<&str> = names.lines().collect();
        if let Some((_, purge)) = url.split_once("/purge/") {
            self.purge(&names, purge)?;
        }
        Response::ok(self.lines(&names)?)
    }
}

impl TagEpochs {
    fn purge(&self, names: &[&str], purge: &str) -> Result<()> {
        let sql = self.state.storage().sql();
        let at = i64::try_from(now().as_millis()).unwrap_or(i64::MAX);
        for name in names {
            // max: a clock that steps back must not make a later purge an earlier one.
            let upsert = "INSERT INTO epochs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)";
            sql.exec(upsert, vec![(*name).into(), purge.into(), SqlStorageValue::try_from_i64(at)?])?;
        }
        Ok(())
    }

    fn lines(&self, names: &[&str]) -> Result<String> {
        let sql = self.state.storage().sql();
        let mut lines = String::new();
        for name in names {
            let rows = sql.exec("SELECT purge, at FROM epochs WHERE name = ?", vec![(*name).into()])?;
            for row in rows.raw() {
                if let [SqlStorageValue::String(purge), at] = row?.as_slice() {
                    // As an integer: the text of a float costs 6 KB of wasm.
                    let at = match at {
                        SqlStorageValue::Integer(at) => *at,
                        SqlStorageValue::Float(at) => *at as i64,
                        _ => continue,
                    };
                    lines.push_str(&format!("{name}\t{at}\t{purge}\n"));
                }
            }
        }
        Ok(lines)
    }
}
