//! A user's access to Spotify: a token that is good, refreshed when it is not.

use super::exchange::Line;
use super::{Settings, revoked, token};
use crate::call::now_millis;
use crate::connection::Connection;
use crate::respond::Failure;
use futures_util::lock::Mutex;
use std::time::Duration;
use worker::{D1Database, Delay};

/// A token this close to its end is refreshed before it is used, in milliseconds.
const MARGIN: f64 = 60_000.0;
/// How often to look whether another request has refreshed the tokens, in milliseconds.
const LOOK: u64 = 100;

/// One user's connection in use. Calls side by side share it, and one refreshes for all.
pub(crate) struct Access<'a> {
    pub(super) line: Line,
    pub(super) settings: Settings,
    db: &'a D1Database,
    connection: Mutex<Connection>,
}

impl<'a> Access<'a> {
    /// # Errors
    /// `SPOTIFY_TOKEN_REVOKED` where that is known already: what was revoked never becomes good again.
    pub(crate) fn new(settings: Settings, db: &'a D1Database, connection: Connection) -> Result<Self, Failure> {
        if connection.revoked_at.is_some() {
            return Err(revoked());
        }
        Ok(Self { line: Line::open(&settings), settings, db, connection: Mutex::new(connection) })
    }

    /// An access token, refreshed where it is about to run out or is the one that was `refused`.
    ///
    /// # Errors
    /// `SPOTIFY_TOKEN_REVOKED`, and those of [`Line::send`].
    pub(super) async fn token(&self, refused: Option<&str>) -> Result<String, Failure> {
        let mut connection = self.connection.lock().await;
        let runs_out = connection.expires_at - MARGIN <= now_millis();
        if runs_out || refused == Some(connection.access_token.as_str()) {
            self.refresh(&mut connection).await?;
        }
        Ok(connection.access_token.clone())
    }

    /// Refreshes the tokens, or takes those that another request gets meanwhile: of two who send the same refresh token, the
    /// second may be told that it was revoked.
    async fn refresh(&self, connection: &mut Connection) -> Result<(), Failure> {
        while !connection.begin_refresh(self.db).await? {
            if self.line.is_over() {
                return Err(Line::timeout());
            }
            Delay::from(Duration::from_millis(LOOK)).await;
            let now = Connection::of(self.db, &connection.user_id).await?.ok_or_else(revoked)?;
            if now.revoked_at.is_some() {
                return Err(revoked());
            }
            let is_new = now.access_token != connection.access_token;
            *connection = now;
            if is_new {
                return Ok(());
            }
        }
        match token::refresh(&self.line, &self.settings, &connection.refresh_token).await {
            Ok(Some(tokens)) => connection.renew(self.db, tokens).await,
            Ok(None) => {
                connection.mark_revoked(self.db).await?;
                Err(revoked())
            }
            Err(failure) => {
                connection.end_refresh(self.db).await?;
                Err(failure)
            }
        }
    }
}
