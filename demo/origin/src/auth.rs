//! `/api/auth/…`: signing in and out.

use crate::call::{Call, Verb};
use crate::respond::{self, Answer, Failure};
use crate::{db, session, webcrypto};
use serde::{Deserialize, Serialize};

pub(crate) async fn route(call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match *path {
        ["login"] => match call.verb() {
            Verb::Post => login(call).await,
            _ => Err(Failure::method_not_allowed("POST")),
        },
        ["logout"] => match call.verb() {
            Verb::Post => logout(call),
            _ => Err(Failure::method_not_allowed("POST")),
        },
        ["session"] => match call.verb() {
            Verb::Get => current(call).await,
            _ => Err(Failure::method_not_allowed("GET")),
        },
        _ => return None,
    })
}

#[derive(Deserialize, Serialize)]
struct User {
    id: String,
    name: String,
}

#[derive(Serialize)]
struct SignedIn {
    user: User,
}

/// What an unknown user's password is checked against, so that the answer takes as long as for a
/// known one and does not tell which it was. No password has an all-zero hash in practice.
const NOBODY: &str = "pbkdf2-sha256$100000$bm9ib2R5$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

async fn login(call: &Call) -> Answer {
    #[derive(Deserialize)]
    struct Credentials {
        user: String,
        password: String,
    }
    #[derive(Deserialize)]
    struct Row {
        name: String,
        password: String,
    }
    let given: Credentials = call.json(r#"{"user": "...", "password": "..."}"#).await?;
    let row: Option<Row> =
        db::first(&call.db()?, "SELECT name, password FROM users WHERE id = ?1", &[given.user.as_str().into()]).await?;
    let stored = row.as_ref().map_or(NOBODY, |row| &row.password);
    let right = password_matches(stored, &given.password).await?;
    let Some(row) = row.filter(|_| right) else {
        return Err(Failure::unauthorized("no such user, or another password"));
    };
    let cookie = session::start(call, &given.user, &row.name).await?;
    let mut response = respond::fresh(200, &SignedIn { user: User { id: given.user, name: row.name } })?;
    response.headers_mut().set("Set-Cookie", &cookie)?;
    Ok(response)
}

/// Answers everybody alike: a page whose session has run out must be able to clear its cookie.
fn logout(call: &Call) -> Answer {
    #[derive(Serialize)]
    struct SignedOut {
        signed_out: bool,
    }
    let mut response = respond::fresh(200, &SignedOut { signed_out: true })?;
    response.headers_mut().set("Set-Cookie", &session::end(call))?;
    Ok(response)
}

/// Asks the database rather than the token, whose name is as old as the session.
async fn current(call: &Call) -> Answer {
    let session = call.session().await?;
    let user: User =
        db::first(&call.db()?, "SELECT id, name FROM users WHERE id = ?1", &[session.user_id.as_str().into()])
            .await?
            .ok_or_else(|| Failure::unauthorized("this account is gone: sign in again"))?;
    respond::fresh(200, &SignedIn { user })
}

/// Whether `password` is the one of `stored`, `pbkdf2-sha256$iterations$salt$hash`.
async fn password_matches(stored: &str, password: &str) -> Result<bool, Failure> {
    let malformed = || worker::Error::RustError("users.password is not pbkdf2-sha256$n$salt$hash".into());
    let mut parts = stored.split('$');
    let (Some("pbkdf2-sha256"), Some(iterations), Some(salt), Some(hash), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed().into());
    };
    let iterations = iterations.parse().map_err(|_| malformed())?;
    let salt = webcrypto::from_base64url(salt).ok_or_else(malformed)?;
    let hash = webcrypto::from_base64url(hash).ok_or_else(malformed)?;
    let derived = webcrypto::pbkdf2(password, &salt, iterations).await?;
    // Every byte is compared, so that the time taken does not tell where they differ.
    let difference = derived.iter().zip(&hash).fold(0, |sum, (a, b)| sum | (a ^ b));
    Ok(derived.len() == hash.len() && difference == 0)
}
