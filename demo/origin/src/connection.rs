//! The connections of users to Spotify, in D1.
//!
//! Each change names the refresh token that it was decided for: whoever connects anew meanwhile is not undone.

use crate::call::now_millis;
use crate::db;
use crate::respond::Failure;
use crate::spotify::{Account, Tokens};
use serde::Deserialize;
use wasm_bindgen::JsValue;
use worker::D1Database;

/// A refresh that takes longer than this has died, in milliseconds.
const REFRESH_LASTS: f64 = 15_000.0;

/// One user's connection. It has no `Debug`: tokens do not belong into a log.
#[derive(Clone, Deserialize)]
pub(crate) struct Connection {
    pub(crate) user_id: String,
    pub(crate) account_id: String,
    pub(crate) account_name: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    /// When the access token runs out, in milliseconds since the Unix epoch, as all times.
    pub(crate) expires_at: f64,
    pub(crate) revoked_at: Option<f64>,
    pub(crate) connected_at: f64,
    pub(crate) synced_at: Option<f64>,
}

impl Connection {
    /// The connection of a user, if there is one.
    pub(crate) async fn of(db: &D1Database, user_id: &str) -> Result<Option<Self>, Failure> {
        db::first(
            db,
            "SELECT user_id, account_id, account_name, access_token, refresh_token, expires_at, revoked_at, \
             connected_at, synced_at FROM connections WHERE user_id = ?1 AND platform = 'spotify'",
            &[user_id.into()],
        )
        .await
    }

    /// Connects a user to an account, in the place of what was connected.
    pub(crate) async fn make(
        db: &D1Database,
        user_id: &str,
        account: &Account,
        tokens: &Tokens,
    ) -> Result<(), Failure> {
        let now = now_millis();
        db::run(
            db,
            "INSERT OR REPLACE INTO connections (user_id, platform, account_id, account_name, access_token, \
             refresh_token, expires_at, connected_at) VALUES (?1, 'spotify', ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                user_id.into(),
                account.id.as_str().into(),
                account.name.as_str().into(),
                tokens.access_token.as_str().into(),
                tokens.refresh_token.as_deref().unwrap_or_default().into(),
                (now + tokens.expires_in * 1000.0).into(),
                now.into(),
            ],
        )
        .await
    }

    /// Removes a user's connection and the scores that came of it; says whether there was one.
    pub(crate) async fn remove(db: &D1Database, user_id: &str) -> Result<bool, Failure> {
        let user = [user_id.into()];
        let removed = db
            .batch(vec![
                db::statement(db, "DELETE FROM connections WHERE user_id = ?1 RETURNING 1 AS one", &user)?,
                db::statement(db, "DELETE FROM artist_scores WHERE user_id = ?1", &user)?,
            ])
            .await?;
        Ok(removed.first().is_some_and(|rows| rows.results::<db::One>().is_ok_and(|rows| !rows.is_empty())))
    }

    /// Takes the refreshing of the tokens upon this request; false where another is at it, or is done.
    pub(crate) async fn begin_refresh(&self, db: &D1Database) -> Result<bool, Failure> {
        let now = now_millis();
        let begun: Option<db::One> = db::first(
            db,
            "UPDATE connections SET refreshing_at = ?4 WHERE user_id = ?1 AND platform = 'spotify' \
             AND access_token = ?2 AND refresh_token = ?3 AND (refreshing_at IS NULL OR refreshing_at < ?5) RETURNING 1 AS one",
            &[
                self.user_id.as_str().into(),
                self.access_token.as_str().into(),
                self.refresh_token.as_str().into(),
                now.into(),
                (now - REFRESH_LASTS).into(),
            ],
        )
        .await?;
        Ok(begun.is_some())
    }

    /// A refresh came to nothing: the next may try.
    pub(crate) async fn end_refresh(&self, db: &D1Database) -> Result<(), Failure> {
        self.change(db, "refreshing_at = NULL", &[]).await
    }

    /// Keeps new tokens, and the old refresh token where no new one came.
    pub(crate) async fn renew(&mut self, db: &D1Database, tokens: Tokens) -> Result<(), Failure> {
        let refresh_token = tokens.refresh_token.unwrap_or_else(|| self.refresh_token.clone());
        let expires_at = now_millis() + tokens.expires_in * 1000.0;
        self.change(
            db,
            "access_token = ?3, refresh_token = ?4, expires_at = ?5, refreshing_at = NULL",
            &[tokens.access_token.as_str().into(), refresh_token.as_str().into(), expires_at.into()],
        )
        .await?;
        (self.access_token, self.refresh_token, self.expires_at) = (tokens.access_token, refresh_token, expires_at);
        Ok(())
    }

    /// Notes that the platform has refused the refresh token for good.
    pub(crate) async fn mark_revoked(&self, db: &D1Database) -> Result<(), Failure> {
        self.change(db, "revoked_at = ?3, refreshing_at = NULL", &[now_millis().into()]).await
    }

    /// Sets columns, to values from `?3` on, where the row is still this connection.
    async fn change(&self, db: &D1Database, columns: &str, values: &[JsValue]) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE connections SET {columns} WHERE user_id = ?1 AND platform = 'spotify' AND refresh_token = ?2"
        );
        let mut parameters = vec![self.user_id.as_str().into(), self.refresh_token.as_str().into()];
        parameters.extend_from_slice(values);
        db::run(db, &sql, &parameters).await
    }
}
