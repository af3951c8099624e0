//! `/api/watch-progress…`: how far the user got. Private, and never kept by any cache.

use crate::call::{Call, Verb, now_millis};
use crate::db;
use crate::library;
use crate::respond::{self, Answer, Failure};
use serde::{Deserialize, Serialize};

/// A year: beyond it a position is a mistake.
const MAX_SECONDS: f64 = 366.0 * 24.0 * 3600.0;

pub(crate) async fn route(call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match *path {
        [] => match call.verb() {
            Verb::Get => all(call).await,
            _ => Err(Failure::method_not_allowed("GET")),
        },
        [file_id] => match call.verb() {
            Verb::Get => one(call, file_id).await,
            Verb::Put => set(call, file_id).await,
            _ => Err(Failure::method_not_allowed("GET, PUT")),
        },
        _ => return None,
    })
}

#[derive(Deserialize, Serialize)]
struct Progress {
    file_id: String,
    seconds: f64,
    /// RFC 3339; `null` where the file was never played.
    updated_at: Option<Time>,
}

#[derive(Deserialize, Serialize)]
struct Time(#[serde(serialize_with = "db::as_rfc3339")] f64);

async fn all(call: &Call) -> Answer {
    #[derive(Serialize)]
    struct All {
        progress: Vec<Progress>,
    }
    let session = call.session().await?;
    let progress = db::all(
        &call.db()?,
        "SELECT file_id, seconds, updated_at FROM watch_progress WHERE user_id = ?1 \
         ORDER BY updated_at DESC, file_id",
        &[session.user_id.as_str().into()],
    )
    .await?;
    respond::fresh(200, &All { progress })
}

async fn one(call: &Call, file_id: &str) -> Answer {
    let session = call.session().await?;
    let db = call.db()?;
    library::must_exist(&db, file_id).await?;
    let progress = db::first(
        &db,
        "SELECT file_id, seconds, updated_at FROM watch_progress \
         WHERE user_id = ?1 AND file_id = ?2",
        &[session.user_id.as_str().into(), file_id.into()],
    )
    .await?;
    let never = || Progress { file_id: file_id.to_owned(), seconds: 0.0, updated_at: None };
    respond::fresh(200, &progress.unwrap_or_else(never))
}

async fn set(call: &Call, file_id: &str) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        seconds: f64,
    }
    const EXPECTED: &str = r#"{"seconds": n} with a number from 0"#;
    let session = call.session().await?;
    let Body { seconds } = call.json(EXPECTED).await?;
    if !(0.0..=MAX_SECONDS).contains(&seconds) {
        return Err(Failure::bad_request(format!("expected {EXPECTED}: it is {seconds}")));
    }
    let db = call.db()?;
    library::must_exist(&db, file_id).await?;
    let now = now_millis();
    db::run(
        &db,
        "INSERT INTO watch_progress (user_id, file_id, seconds, updated_at) \
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT (user_id, file_id) \
         DO UPDATE SET seconds = excluded.seconds, updated_at = excluded.updated_at",
        &[session.user_id.as_str().into(), file_id.into(), seconds.into(), now.into()],
    )
    .await?;
    let file_id = file_id.to_owned();
    respond::fresh(200, &Progress { file_id, seconds, updated_at: Some(Time(now)) })
}
