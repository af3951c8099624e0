//! Short forms of the D1 calls that the routes make.

use crate::respond::Failure;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement};

/// A statement with its parameters bound.
pub(crate) fn statement(db: &D1Database, sql: &str, parameters: &[JsValue]) -> Result<D1PreparedStatement, Failure> {
    Ok(db.prepare(sql).bind(parameters)?)
}

/// The row of `RETURNING 1 AS one`.
#[derive(Deserialize)]
pub(crate) struct One {
    #[expect(dead_code, reason = "that there is a row says it all")]
    one: u8,
}

/// All rows of a query.
pub(crate) async fn all<T: DeserializeOwned>(
    db: &D1Database,
    sql: &str,
    parameters: &[JsValue],
) -> Result<Vec<T>, Failure> {
    Ok(statement(db, sql, parameters)?.all().await?.results()?)
}

/// The first row of a query, if it has any.
pub(crate) async fn first<T: DeserializeOwned>(
    db: &D1Database,
    sql: &str,
    parameters: &[JsValue],
) -> Result<Option<T>, Failure> {
    Ok(statement(db, sql, parameters)?.first(None).await?)
}

/// Runs a statement for its effect.
pub(crate) async fn run(db: &D1Database, sql: &str, parameters: &[JsValue]) -> Result<(), Failure> {
    statement(db, sql, parameters)?.run().await?;
    Ok(())
}

/// Writes a time of the database, in milliseconds, as RFC 3339 in UTC.
pub(crate) fn as_rfc3339<S: Serializer>(millis: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    rfc3339(*millis).serialize(serializer)
}

/// A time in milliseconds as RFC 3339 in UTC, such as `2026-04-18T09:30:00.000Z`.
pub(crate) fn rfc3339(millis: f64) -> String {
    js_sys::Date::new(&JsValue::from_f64(millis)).to_iso_string().into()
}
