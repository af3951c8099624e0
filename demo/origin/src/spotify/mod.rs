//! Spotify's Web API: whose artists a user listens to, and how much.
//!
//! `exchange` sends one request and knows what becomes of it, `token` speaks to the accounts service, `access` keeps a user's
//! tokens good, `client` reads lists, `score` merges them. No token leaves this Worker but for Spotify, and none is logged.

mod access;
mod client;
mod exchange;
mod score;
mod token;

pub(crate) use access::Access;
pub(crate) use client::{Account, account, artists};
pub(crate) use exchange::Line;
pub(crate) use score::Artist;
pub(crate) use token::{Tokens, exchange as exchange_code};

use crate::call::Call;
use crate::respond::Failure;

/// What the origin asks the user to allow: reading top artists, and whom they follow.
const SCOPE: &str = "user-top-read user-follow-read";
/// What all of Spotify's answers to one request of ours may take, in milliseconds.
const TIMEOUT: u32 = 8_000;

/// Where Spotify is, and who we are there.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The Web API, without a slash at its end.
    api: String,
    /// The accounts service, likewise.
    accounts: String,
    client_id: String,
    client_secret: String,
    /// In milliseconds.
    timeout: u32,
}

impl Settings {
    /// # Errors
    /// 500 where this origin has no client at Spotify.
    pub(crate) fn of(call: &Call) -> Result<Self, Failure> {
        let needed = |name: &str| {
            call.setting(name).ok_or_else(|| {
                Failure::new(
                    500,
                    "not_configured",
                    format!("{name} is not set: demo/README.md says what Spotify needs"),
                )
            })
        };
        let base = |name: &str, usual: &str| {
            let url = call.setting(name);
            url.as_deref().unwrap_or(usual).trim_end_matches('/').to_owned()
        };
        Ok(Self {
            api: base("SPOTIFY_API_URL", "https://api.spotify.com"),
            accounts: base("SPOTIFY_ACCOUNTS_URL", "https://accounts.spotify.com"),
            client_id: needed("SPOTIFY_CLIENT_ID")?,
            client_secret: needed("SPOTIFY_CLIENT_SECRET")?,
            timeout: call.setting("SPOTIFY_TIMEOUT_MS").and_then(|text| text.parse().ok()).unwrap_or(TIMEOUT),
        })
    }

    /// Where a browser goes to ask the user for a connection; `redirect_uri` and `state` are the page's to add.
    pub(crate) fn authorize_url(&self) -> String {
        let scope = SCOPE.replace(' ', "%20");
        let client = js_sys::encode_uri_component(&self.client_id);
        format!("{}/authorize?response_type=code&client_id={client}&scope={scope}", self.accounts)
    }
}

/// The connection is of no use any more: the user has to make a new one.
fn revoked() -> Failure {
    Failure::new(
        403,
        "SPOTIFY_TOKEN_REVOKED",
        "Spotify no longer accepts this connection: disconnect, and connect again",
    )
}

/// Spotify answered what its documentation does not know.
fn failed(what: &str) -> Failure {
    Failure::new(502, "spotify_failed", format!("Spotify did not answer as it should: {what}"))
}
