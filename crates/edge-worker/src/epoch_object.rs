//! The Durable Object that holds the epochs of one shard. `epochs` is its only caller, and says what they say to one
//! another: core/src/epochs/wire.rs. Where a zone is configured, its alarm has Cloudflare remove what was purged
//! (core/src/hygiene.rs).

use js_sys::{Array, Promise};
use tiercel_core::epochs::{Asked, MOST_IN_FEED};
use tiercel_core::hygiene::{self, Next};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};
use worker_sys::{DurableObjectState, SqlStorage};

use crate::now;
use crate::runtime::{Env, Result, promise, report};

/// `born` is when there was nothing yet.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS epochs (name TEXT, purge TEXT, at INTEGER, PRIMARY KEY (name, purge)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_moment ON epochs (at);
    CREATE TABLE IF NOT EXISTS cleaned (at INTEGER);
    INSERT INTO cleaned SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM cleaned);
    CREATE TABLE IF NOT EXISTS born (at INTEGER);
    INSERT INTO born SELECT ? WHERE NOT EXISTS (SELECT 1 FROM born)";
/// The hard purges after ?1 of which Cloudflare has not been told, the earliest first: the moment of the last one, and
/// their names.
const DIRTY: &str = "
    SELECT max(at) || group_concat(char(10) || name, '') AS lines
    FROM (SELECT name, at FROM epochs WHERE at > max(?1, (SELECT at FROM cleaned)) AND purge = 'h' ORDER BY at LIMIT ?2)";
const CLEANED: &str = "UPDATE cleaned SET at = ?";
/// How long purges are gathered before the first call, in milliseconds.
const GATHER: u64 = 1_000;
/// `max`: a clock that steps back must not make a later purge an earlier one.
const PURGE: &str = "INSERT INTO epochs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)";
/// The newest first. Where there are more than fit, those of the last moment may not all be there.
const FEED: &str = "
    SELECT printf('%d %d %d', ?1, iif(count(*) > ?3, min(at) + 1, ?2), (SELECT at FROM born)) || char(10)
        || coalesce(group_concat(name || char(9) || at || char(9) || purge || char(10), ''), '') AS lines
    FROM (SELECT * FROM epochs WHERE at >= ?2 ORDER BY at DESC LIMIT ?3 + 1)";
const OF_NAME: &str = "SELECT group_concat(name || char(9) || at || char(9) || purge || char(10), '') AS lines FROM epochs WHERE name = ?";

#[wasm_bindgen(inline_js = r#"
export async function arm(storage, millis, anew) {
  if (anew || (await storage.getAlarm()) === null) await storage.setAlarm(Date.now() + millis);
}
export async function clean(env, tags) {
  const url = `${env.CLOUDFLARE_API_URL ?? "https://api.cloudflare.com/client/v4"}/zones/${env.CLOUDFLARE_ZONE_ID}/purge_cache`;
  const headers = { Authorization: `Bearer ${env.CLOUDFLARE_PURGE_TOKEN}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ tags: tags.split("\n") });
  const answer = await fetch(url, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) });
  await answer.body?.cancel();
  return `${answer.status} ${answer.headers.get("retry-after") ?? ""}`;
}
"#)]
extern "C" {
    /// Sets the alarm in so many milliseconds, unless one is set; `anew`, also then.
    fn arm(storage: &JsValue, millis: f64, anew: bool) -> Promise;
    /// Has Cloudflare purge the tags: status and `Retry-After` of its answer.
    fn clean(env: &Env, tags: &str) -> Promise;
}

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
    storage: JsValue,
    env: Env,
}

#[wasm_bindgen]
impl TagEpochs {
    /// An object over its storage.
    ///
    /// # Errors
    /// When the tables cannot be made.
    #[wasm_bindgen(constructor)]
    pub fn new(state: &DurableObjectState, env: &Env) -> Result<Self> {
        let storage = state.storage()?;
        let sql = storage.sql();
        sql.exec(TABLES, Array::of1(&moment()))?;
        Ok(Self { sql, storage: storage.into(), env: env.clone() })
    }

    /// Answers the question in the body. Fails when it is none, and as the storage does.
    pub fn fetch(&self, request: Request) -> Promise {
        let (sql, storage, env) = (self.sql.clone(), self.storage.clone(), self.env.clone());
        promise(Box::pin(async move {
            let text = JsFuture::from(request.text()?).await?.as_string().unwrap_or_default();
            let asked = Asked::read(&text).ok_or("that is no question")?;
            let now = moment();
            for (name, purge) in &asked.purges {
                sql.exec(PURGE, Array::of3(&(*name).into(), &(*purge).into(), &now))?;
            }
            if !asked.purges.is_empty() && env.get("CLOUDFLARE_ZONE_ID").is_string() {
                JsFuture::from(arm(&storage, GATHER as f64, false)).await?;
            }
            let since = asked.since.as_millis() as f64;
            let mut answer = lines(&sql, FEED, Array::of3(&now, &since.into(), &(MOST_IN_FEED as f64).into()))?;
            for name in &asked.look_up {
                answer.push_str(&lines(&sql, OF_NAME, Array::of1(&(*name).into()))?);
            }
            Response::new_with_opt_str(Some(&answer)).map(Into::into)
        }))
    }

    /// Hygiene: has Cloudflare remove what was purged.
    pub fn alarm(&self) -> Promise {
        let (sql, storage, env) = (self.sql.clone(), self.storage.clone(), self.env.clone());
        promise(Box::pin(async move {
            match clean_up(&sql, &env).await? {
                // Purges that came meanwhile have set it, for too early.
                Some(millis) => JsFuture::from(arm(&storage, millis as f64, true)).await,
                None => Ok(JsValue::UNDEFINED),
            }
        }))
    }
}

/// Has Cloudflare remove what was purged since the last time, and says when the next time is, if there is one.
async fn clean_up(sql: &SqlStorage, env: &Env) -> Result<Option<u64>> {
    let oldest = now().as_millis().saturating_sub(hygiene::OLDEST) as f64;
    let dirty = lines(sql, DIRTY, Array::of2(&oldest.into(), &(hygiene::MOST_TAGS as f64).into()))?;
    let Some((last, tags)) = dirty.split_once('\n') else { return Ok(None) };
    let answer = JsFuture::from(clean(env, tags)).await.ok().and_then(|answer| answer.as_string()).unwrap_or_default();
    let rate = env.get("CLOUDFLARE_PURGES_A_MINUTE").as_string().and_then(|rate| rate.parse().ok());
    let interval = hygiene::interval(rate.unwrap_or(hygiene::USUAL_RATE));
    let next = hygiene::next(&answer, interval);
    if let Next::Again(millis) = next {
        return Ok(Some(millis));
    }
    if next == Next::Never {
        report(
            "tiercel: Cloudflare refuses to purge by tag: see CLOUDFLARE_ZONE_ID and CLOUDFLARE_PURGE_TOKEN in docs/deploying.md",
        );
    }
    sql.exec(CLEANED, Array::of1(&last.into()))?;
    Ok(Some(interval))
}

fn lines(sql: &SqlStorage, query: &str, values: Array) -> Result<String> {
    let row: Row = sql.exec(query, values)?.one().unchecked_into();
    Ok(row.lines().unwrap_or_default())
}

fn moment() -> JsValue {
    (now().as_millis() as f64).into()
}
