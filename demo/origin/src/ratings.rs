//! `/api/ratings/…`: what everybody thinks of a file. The same for all who ask.

use crate::call::{Call, Verb, now_millis};
use crate::db;
use crate::library::{self, Category};
use crate::respond::{self, Answer, Failure, Keep};
use serde::{Deserialize, Serialize};
use worker::D1Database;

pub(crate) async fn route(call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match *path {
        ["top10"] => match call.verb() {
            Verb::Get => top10(call).await,
            _ => Err(Failure::method_not_allowed("GET")),
        },
        [file_id] => match call.verb() {
            Verb::Get => of_file(call, file_id).await,
            Verb::Post => rate(call, file_id).await,
            _ => Err(Failure::method_not_allowed("GET, POST")),
        },
        _ => return None,
    })
}

#[derive(Deserialize, Serialize)]
struct Rating {
    /// The mean score, to two decimals; `null` where nobody rated.
    average: Option<f64>,
    count: u32,
}

async fn of_file(call: &Call, file_id: &str) -> Answer {
    #[derive(Serialize)]
    struct OfFile<'a> {
        file_id: &'a str,
        #[serde(flatten)]
        rating: Rating,
    }
    let db = call.db()?;
    library::must_exist(&db, file_id).await?;
    let rating = rating(&db, file_id).await?;
    respond::read(call, Keep::Shared, &OfFile { file_id, rating }).await
}

async fn top10(call: &Call) -> Answer {
    #[derive(Deserialize, Serialize)]
    struct Entry {
        id: String,
        name: String,
        category: Category,
        average: f64,
        count: u32,
    }
    #[derive(Serialize)]
    struct Top {
        files: Vec<Entry>,
    }
    let files = db::all(
        &call.db()?,
        "SELECT f.id, f.name, f.category, r.average, r.count \
         FROM (SELECT file_id, ROUND(AVG(score), 2) AS average, COUNT(*) AS count \
               FROM ratings GROUP BY file_id) AS r \
         JOIN files AS f ON f.id = r.file_id \
         ORDER BY r.average DESC, r.count DESC, f.id LIMIT 10",
        &[],
    )
    .await?;
    respond::read(call, Keep::Shared, &Top { files }).await
}

async fn rate(call: &Call, file_id: &str) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        score: u8,
    }
    const EXPECTED: &str = r#"{"score": n} with a whole number from 1 to 5"#;
    let session = call.session().await?;
    let Body { score } = call.json(EXPECTED).await?;
    if !(1..=5).contains(&score) {
        return Err(Failure::bad_request(format!("expected {EXPECTED}: the score is {score}")));
    }
    let db = call.db()?;
    library::must_exist(&db, file_id).await?;
    db::run(
        &db,
        "INSERT INTO ratings (file_id, user_id, score, rated_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (file_id, user_id) \
         DO UPDATE SET score = excluded.score, rated_at = excluded.rated_at",
        &[file_id.into(), session.user_id.as_str().into(), score.into(), now_millis().into()],
    )
    .await?;
    respond::fresh(200, &rating(&db, file_id).await?)
}

async fn rating(db: &D1Database, file_id: &str) -> Result<Rating, Failure> {
    let row = db::first(
        db,
        "SELECT ROUND(AVG(score), 2) AS average, COUNT(*) AS count FROM ratings WHERE file_id = ?1",
        &[file_id.into()],
    )
    .await?;
    Ok(row.unwrap_or(Rating { average: None, count: 0 }))
}
