//! `/api/user/artists…`: the artists that the user listens to, by score, and which of them are selected.

use crate::call::{Call, Verb, now_millis};
use crate::connection::Connection;
use crate::db;
use crate::respond::{self, Answer, Failure, Keep};
use crate::spotify::{self, Access, Artist, Settings};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use worker::D1Database;

/// How many artists a page has where `limit` does not say, and at most.
const LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// The longest id, in characters; Spotify's have 22.
const MAX_ID: usize = 64;

pub(crate) async fn route(call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match *path {
        [] => match call.verb() {
            Verb::Get => list(call).await,
            _ => Err(Failure::method_not_allowed("GET")),
        },
        ["toggle"] => match call.verb() {
            Verb::Post => toggle(call).await,
            _ => Err(Failure::method_not_allowed("POST")),
        },
        ["sync"] => match call.verb() {
            Verb::Post => sync(call).await,
            _ => Err(Failure::method_not_allowed("POST")),
        },
        _ => return None,
    })
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    artist: Artist,
    selected: bool,
}

/// All artists, or a page of them where `page` or `limit` asks for one. Without a connection there are none.
async fn list(call: &Call) -> Answer {
    #[derive(Serialize)]
    struct List {
        artists: Vec<Listed>,
        connected: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        pagination: Option<Pagination>,
    }
    let session = call.session().await?;
    let asked = Page::asked(call)?;
    let db = call.db()?;
    let connection = Connection::of(&db, &session.user_id).await?;
    let connected = connection.is_some();
    // A refresh token may be good for one use only: what comes for it must be kept.
    let _outliving = call.outlive_client();
    let artists = match connection {
        Some(connection) => spotify::artists(&Access::new(Settings::of(call)?, &db, connection)?).await?,
        None => Vec::new(),
    };
    let pagination = asked.map(|page| page.of(artists.len()));
    let artists = match asked {
        Some(page) => page.cut(artists),
        None => artists,
    };
    let selected = selected(&db, &session.user_id).await?;
    let artists =
        artists.into_iter().map(|artist| Listed { selected: selected.contains(&artist.id), artist }).collect();
    respond::read(call, Keep::PerUser, &List { artists, connected, pagination }).await
}

/// Which part of the list is wanted.
#[derive(Clone, Copy)]
struct Page {
    page: usize,
    limit: usize,
}

#[derive(Serialize)]
struct Pagination {
    total: usize,
    page: usize,
    limit: usize,
    has_more: bool,
}

impl Page {
    /// # Errors
    /// 400 for anything but whole numbers that make sense.
    fn asked(call: &Call) -> Result<Option<Self>, Failure> {
        let number = |name: &str, least: usize, most: usize| {
            let Some(text) = call.query(name) else { return Ok(None) };
            let digits = text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
            match text.parse() {
                Ok(number) if digits && (least..=most).contains(&number) => Ok(Some(number)),
                _ => Err(Failure::bad_request(format!("{name} must be a whole number from {least} to {most}"))),
            }
        };
        let (page, limit) = (number("page", 0, 999_999_999)?, number("limit", 1, MAX_LIMIT)?);
        let is_asked = page.is_some() || limit.is_some();
        Ok(is_asked.then(|| Self { page: page.unwrap_or(0), limit: limit.unwrap_or(LIMIT) }))
    }

    fn start(self) -> usize {
        self.page.saturating_mul(self.limit)
    }

    fn cut(self, artists: Vec<Artist>) -> Vec<Artist> {
        artists.into_iter().skip(self.start()).take(self.limit).collect()
    }

    fn of(self, total: usize) -> Pagination {
        let has_more = self.start().saturating_add(self.limit) < total;
        Pagination { total, page: self.page, limit: self.limit, has_more }
    }
}

async fn selected(db: &D1Database, user_id: &str) -> Result<HashSet<String>, Failure> {
    #[derive(Deserialize)]
    struct Row {
        artist_id: String,
    }
    let rows: Vec<Row> =
        db::all(db, "SELECT artist_id FROM selected_artists WHERE user_id = ?1", &[user_id.into()]).await?;
    Ok(rows.into_iter().map(|row| row.artist_id).collect())
}

async fn toggle(call: &Call) -> Answer {
    #[derive(Deserialize, Serialize)]
    struct Toggle {
        artist_id: String,
        selected: bool,
    }
    const EXPECTED: &str = r#"{"artist_id": "...", "selected": true or false}"#;
    let session = call.session().await?;
    let toggle: Toggle = call.json(EXPECTED).await?;
    let id = &toggle.artist_id;
    if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Failure::bad_request(format!("expected {EXPECTED}: this is no artist's id")));
    }
    let (user, artist) = (session.user_id.as_str().into(), id.as_str().into());
    let db = call.db()?;
    if toggle.selected {
        let sql = "INSERT OR IGNORE INTO selected_artists (user_id, artist_id, selected_at) VALUES (?1, ?2, ?3)";
        db::run(&db, sql, &[user, artist, now_millis().into()]).await?;
    } else {
        db::run(&db, "DELETE FROM selected_artists WHERE user_id = ?1 AND artist_id = ?2", &[user, artist]).await?;
    }
    respond::fresh(200, &toggle)
}

/// Stores the scores as they are now; what the list shows comes from Spotify each time, and does not change by this.
async fn sync(call: &Call) -> Answer {
    #[derive(Serialize)]
    struct Synced {
        artists: usize,
        synced_at: String,
    }
    let session = call.session().await?;
    let db = call.db()?;
    let connection = Connection::of(&db, &session.user_id)
        .await?
        .ok_or_else(|| Failure::new(409, "not_connected", "connect Spotify first: POST /api/user/platforms/connect"))?;
    let _outliving = call.outlive_client();
    let access = Access::new(Settings::of(call)?, &db, connection)?;
    let artists = spotify::artists(&access).await?;
    let scores: Vec<(&str, f64)> = artists.iter().map(|artist| (artist.id.as_str(), artist.score)).collect();
    let scores = serde_json::to_string(&scores).map_err(worker::Error::from)?;
    let now = now_millis();
    let user = session.user_id.as_str();
    db.batch(vec![
        db::statement(&db, "DELETE FROM artist_scores WHERE user_id = ?1", &[user.into()])?,
        db::statement(
            &db,
            // Only while the connection is there: it may have been removed meanwhile.
            "INSERT INTO artist_scores (user_id, artist_id, score) \
             SELECT user_id, value ->> 0, value ->> 1 FROM connections, json_each(?2) \
             WHERE user_id = ?1 AND platform = 'spotify'",
            &[user.into(), scores.into()],
        )?,
        db::statement(
            &db,
            "UPDATE connections SET synced_at = ?2 WHERE user_id = ?1 AND platform = 'spotify'",
            &[user.into(), now.into()],
        )?,
    ])
    .await?;
    respond::fresh(200, &Synced { artists: artists.len(), synced_at: db::rfc3339(now) })
}
