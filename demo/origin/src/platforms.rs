//! `/api/user/platforms…`: connecting accounts of music platforms, of which there is one.

use crate::call::{Call, Verb};
use crate::connection::Connection;
use crate::db;
use crate::respond::{self, Answer, Failure};
use crate::spotify::{self, Line, Settings};
use serde::{Deserialize, Serialize};
use worker::D1Database;

const SPOTIFY: &str = "spotify";

pub(crate) async fn route(call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match *path {
        [] => match call.verb() {
            Verb::Get => list(call).await,
            _ => Err(Failure::method_not_allowed("GET")),
        },
        ["connect"] => match call.verb() {
            Verb::Post => connect(call).await,
            _ => Err(Failure::method_not_allowed("POST")),
        },
        ["disconnect"] => match call.verb() {
            Verb::Post => disconnect(call).await,
            _ => Err(Failure::method_not_allowed("POST")),
        },
        _ => return None,
    })
}

#[derive(Serialize)]
struct Platform {
    slug: &'static str,
    name: &'static str,
    connected: bool,
    /// The platform accepts the connection no more.
    revoked: bool,
    account: Option<Account>,
    connected_at: Option<String>,
    /// When scores were last stored, and how many.
    synced_at: Option<String>,
    scores: u32,
    /// Where a browser goes to connect; `redirect_uri` and `state` are to be added. `null` where this origin is no client there.
    authorize_url: Option<String>,
}

#[derive(Serialize)]
struct Account {
    id: String,
    name: String,
}

async fn list(call: &Call) -> Answer {
    #[derive(Serialize)]
    struct Platforms {
        platforms: [Platform; 1],
    }
    let session = call.session().await?;
    let platforms = [platform(call, &call.db()?, &session.user_id).await?];
    respond::fresh(200, &Platforms { platforms })
}

async fn connect(call: &Call) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        platform_slug: String,
        code: String,
        redirect_uri: String,
    }
    #[derive(Serialize)]
    struct Connected {
        platform: Platform,
    }
    const EXPECTED: &str = r#"{"platform_slug": "spotify", "code": "...", "redirect_uri": "..."}"#;
    let session = call.session().await?;
    let body: Body = call.json(EXPECTED).await?;
    known(&body.platform_slug, EXPECTED)?;
    if body.code.is_empty() || body.redirect_uri.is_empty() {
        return Err(Failure::bad_request(format!("expected {EXPECTED}: code and redirect_uri must not be empty")));
    }
    let settings = Settings::of(call)?;
    let line = Line::open(&settings);
    // A code is good once: who has gone away by now is connected all the same.
    let _outliving = call.outlive_client();
    let tokens = spotify::exchange_code(&line, &settings, &body.code, &body.redirect_uri).await?;
    if tokens.refresh_token.is_none() {
        return Err(Failure::new(502, "spotify_failed", "Spotify did not answer as it should: no refresh token came"));
    }
    let account = spotify::account(&line, &settings, &tokens).await?;
    let db = call.db()?;
    Connection::make(&db, &session.user_id, &account, &tokens).await?;
    respond::fresh(200, &Connected { platform: platform(call, &db, &session.user_id).await? })
}

async fn disconnect(call: &Call) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        platform_slug: String,
    }
    #[derive(Serialize)]
    struct Disconnected {
        platform_slug: &'static str,
        /// Whether there was a connection.
        was_connected: bool,
    }
    const EXPECTED: &str = r#"{"platform_slug": "spotify"}"#;
    let session = call.session().await?;
    let body: Body = call.json(EXPECTED).await?;
    known(&body.platform_slug, EXPECTED)?;
    let was_connected = Connection::remove(&call.db()?, &session.user_id).await?;
    respond::fresh(200, &Disconnected { platform_slug: SPOTIFY, was_connected })
}

fn known(platform_slug: &str, expected: &str) -> Result<(), Failure> {
    if platform_slug == SPOTIFY {
        return Ok(());
    }
    Err(Failure::bad_request(format!("expected {expected}: there is no platform but {SPOTIFY}")))
}

async fn platform(call: &Call, db: &D1Database, user_id: &str) -> Result<Platform, Failure> {
    #[derive(Deserialize)]
    struct Count {
        scores: u32,
    }
    let connection = Connection::of(db, user_id).await?;
    let count: Option<Count> =
        db::first(db, "SELECT COUNT(*) AS scores FROM artist_scores WHERE user_id = ?1", &[user_id.into()]).await?;
    let time = |of: fn(&Connection) -> Option<f64>| connection.as_ref().and_then(of).map(db::rfc3339);
    Ok(Platform {
        slug: SPOTIFY,
        name: "Spotify",
        connected: connection.is_some(),
        revoked: connection.as_ref().is_some_and(|connection| connection.revoked_at.is_some()),
        connected_at: time(|connection| Some(connection.connected_at)),
        synced_at: time(|connection| connection.synced_at),
        scores: count.map_or(0, |count| count.scores),
        authorize_url: Settings::of(call).ok().map(|settings| settings.authorize_url()),
        account: connection.map(|connection| Account { id: connection.account_id, name: connection.account_name }),
    })
}
