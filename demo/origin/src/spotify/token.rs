//! The accounts service: tokens for a code (RFC 6749 §4.1.3) and for a refresh token (§6).

use super::exchange::{Ask, Line, Reply};
use super::{Settings, failed};
use crate::respond::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Tokens as they are given (RFC 6749 §5.1).
#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    /// In seconds.
    pub(crate) expires_in: f64,
    /// Left out where the one that was sent stays good.
    pub(crate) refresh_token: Option<String>,
}

/// Tokens for the code that the user's browser brought back from `redirect_uri`.
///
/// # Errors
/// 400 where the code is not good, and those of [`Line::send`].
pub(crate) async fn exchange(
    line: &Line,
    settings: &Settings,
    code: &str,
    redirect_uri: &str,
) -> Result<Tokens, Failure> {
    let given = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
    tokens(&ask(line, settings, &given).await?)?.ok_or_else(|| {
        Failure::new(
            400,
            "spotify_code_refused",
            "Spotify does not accept this code: it was used before, or is too old",
        )
    })
}

/// New tokens for a refresh token; `None` where it was revoked.
///
/// # Errors
/// Those of [`Line::send`].
pub(super) async fn refresh(line: &Line, settings: &Settings, refresh_token: &str) -> Result<Option<Tokens>, Failure> {
    tokens(&ask(line, settings, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await?)
}

async fn ask(line: &Line, settings: &Settings, form: &[(&str, &str)]) -> Result<Reply, Failure> {
    let credentials = STANDARD.encode(format!("{}:{}", settings.client_id, settings.client_secret));
    let form: Vec<String> =
        form.iter().map(|(name, value)| format!("{name}={}", js_sys::encode_uri_component(value))).collect();
    let url = format!("{}/api/token", settings.accounts);
    let authorization = format!("Basic {credentials}");
    line.send(&Ask { url: &url, authorization: &authorization, form: Some(&form.join("&")) }).await
}

/// What an answer grants; `None` where it says `invalid_grant` (RFC 6749 §5.2).
fn tokens(reply: &Reply) -> Result<Option<Tokens>, Failure> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    match reply.status {
        200 => reply.json().map(Some),
        400 | 401 => match reply.json::<Refusal>()?.error.as_str() {
            "invalid_grant" => Ok(None),
            "invalid_client" => Err(Failure::new(
                500,
                "not_configured",
                "Spotify does not know SPOTIFY_CLIENT_ID with this SPOTIFY_CLIENT_SECRET",
            )),
            _ => Err(failed("it understood no request for a token")),
        },
        status => Err(failed(&format!("the accounts service says {status}"))),
    }
}
