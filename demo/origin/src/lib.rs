//! Videomi's origin: the API of a small video, image and music library on D1 and R2.
//!
//! An ordinary origin, as any team would have one: it checks its own sessions, sends
//! validators and careful `Cache-Control` headers, and works with no cache in front of it.
//! Nothing here knows of Tiercel.
//!
//! Bindings: `DB` (D1), `MEDIA` (R2), `ASSETS` (the web app's files, optional), the
//! secret `JWT_SECRET` and, for artists, `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET`.

mod artists;
mod assets;
mod auth;
mod call;
mod condition;
mod connection;
mod db;
mod files;
mod library;
mod media;
mod placeholder;
mod platforms;
mod profile;
mod progress;
mod range;
mod ratings;
mod respond;
mod router;
mod session;
mod spotify;
mod stats;
mod upload;
mod webcrypto;

use call::{Call, Verb};
use worker::{Context, Env, Response, event};

/// Answers one request: `/api` from the routes of this crate, all else from the static files.
///
/// # Errors
/// Only when the runtime cannot build a response at all; every failure of a route is answered
/// as JSON with its own status.
#[event(fetch)]
pub async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<Response> {
    let call = match Call::new(request, env, context) {
        Ok(call) => call,
        Err(failure) => return failure.into_response(),
    };
    let Some(path) = call.api_path() else {
        return assets::serve(&call).await;
    };
    let response = match router::route(&call, &path).await {
        Ok(response) => response,
        Err(failure) => failure.into_response()?,
    };
    // RFC 9110 §9.3.2: HEAD answers as GET does, without the content.
    Ok(match call.verb() {
        Verb::Get if call.is_head() => respond::without_body(response),
        _ => response,
    })
}
