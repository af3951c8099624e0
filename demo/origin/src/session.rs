//! Sessions: a JWT (RFC 7519) signed with HS256, in a cookie or in `Authorization`.

use crate::call::{Call, now_millis};
use crate::respond::Failure;
use crate::webcrypto::{base64url, from_base64url, hmac_sign, hmac_verify};
use serde::{Deserialize, Serialize};

/// The cookie that holds the token.
pub(crate) const COOKIE: &str = "videomi_session";

const ISSUER: &str = "videomi";
/// How long a session lasts, in seconds.
const LIFETIME: u64 = 7 * 24 * 60 * 60;

/// Who is asking, by a token whose signature, issuer and expiry were checked.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user_id: String,
}

#[derive(Deserialize, Serialize)]
struct Header {
    alg: String,
    typ: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Claims {
    sub: String,
    name: String,
    iat: u64,
    exp: u64,
    iss: String,
}

/// Checks the token of a request. `Authorization` wins over the cookie: a client that sends a
/// bearer token means it, and a broken one must not fall back to somebody else's cookie.
///
/// # Errors
/// 401 without a valid token.
pub(crate) async fn verify(call: &Call) -> Result<Session, Failure> {
    let token = match call.header("Authorization") {
        Some(value) => {
            bearer(&value).ok_or_else(|| Failure::unauthorized("Authorization must be `Bearer <token>`"))?.to_owned()
        }
        None => call.cookie(COOKIE).ok_or_else(|| Failure::unauthorized("sign in first: POST /api/auth/login"))?,
    };
    let claims = check(&secret(call)?, &token).await?;
    Ok(Session { user_id: claims.sub })
}

/// The `Set-Cookie` value that starts a session.
pub(crate) async fn start(call: &Call, user_id: &str, name: &str) -> Result<String, Failure> {
    let now = now_seconds();
    let claims = Claims {
        sub: user_id.to_owned(),
        name: name.to_owned(),
        iat: now,
        exp: now + LIFETIME,
        iss: ISSUER.to_owned(),
    };
    let token = sign(&secret(call)?, &claims).await?;
    Ok(set_cookie(call, &token, LIFETIME))
}

/// The `Set-Cookie` value that ends one. Tokens are stateless: a copy kept elsewhere stays valid
/// until it expires.
pub(crate) fn end(call: &Call) -> String {
    set_cookie(call, "", 0)
}

async fn sign(secret: &str, claims: &Claims) -> Result<String, Failure> {
    let header = Header { alg: "HS256".into(), typ: Some("JWT".into()) };
    let signed = format!("{}.{}", part(&header)?, part(claims)?);
    let mac = hmac_sign(secret, &signed).await?;
    Ok(format!("{signed}.{}", base64url(&mac)))
}

async fn check(secret: &str, token: &str) -> Result<Claims, Failure> {
    let invalid = || Failure::unauthorized("the session token is not valid: sign in again");
    let (signed, mac) = token.rsplit_once('.').ok_or_else(invalid)?;
    let (header, payload) = signed.split_once('.').ok_or_else(invalid)?;
    // RFC 8725 §3.1: the algorithm is ours to choose, never the token's.
    let header: Header = read_part(header).ok_or_else(invalid)?;
    if header.alg != "HS256" {
        return Err(invalid());
    }
    let mac = from_base64url(mac).ok_or_else(invalid)?;
    if !hmac_verify(secret, &mac, signed).await? {
        return Err(invalid());
    }
    let claims: Claims = read_part(payload).ok_or_else(invalid)?;
    if claims.iss != ISSUER {
        return Err(invalid());
    }
    if claims.exp <= now_seconds() {
        return Err(Failure::unauthorized("the session has run out: sign in again"));
    }
    Ok(claims)
}

fn secret(call: &Call) -> Result<String, Failure> {
    let secret = call.env().secret("JWT_SECRET").map(|secret| secret.to_string());
    secret.ok().filter(|secret| !secret.is_empty()).ok_or_else(|| {
        Failure::new(
            500,
            "not_configured",
            "JWT_SECRET is not set: run `wrangler secret put JWT_SECRET`, or set it under vars \
             in wrangler.jsonc for local use",
        )
    })
}

/// The token of a `Bearer` credential; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn set_cookie(call: &Call, value: &str, max_age: u64) -> String {
    // Browsers drop a Secure cookie on plain http, which is what a local server speaks.
    let secure = if call.is_https() { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}")
}

fn part<T: Serialize>(value: &T) -> Result<String, Failure> {
    Ok(base64url(&serde_json::to_vec(value).map_err(worker::Error::from)?))
}

fn read_part<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&from_base64url(part)?).ok()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date after 1970")]
fn now_seconds() -> u64 {
    (now_millis() / 1000.0) as u64
}
