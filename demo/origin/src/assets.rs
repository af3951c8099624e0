//! The web app's own files, everything outside `/api`.

use crate::call::{Call, Verb};
use crate::respond::Failure;
use worker::Response;

/// Answers from the static files; a page that they do not have is a route of the app, which
/// starts from `/`.
///
/// # Errors
/// When the static files' binding fails.
pub(crate) async fn serve(call: &Call) -> worker::Result<Response> {
    let Ok(assets) = call.env().assets("ASSETS") else {
        return Failure::not_found("no web app is bound as ASSETS: this origin serves /api alone").into_response();
    };
    let response = assets.fetch_request(call.request().clone()?).await?;
    if response.status_code() != 404 || !is_navigation(call) {
        return Ok(response);
    }
    // `/`, not `/index.html`: the platform's asset server redirects the latter to the former.
    let url = call.url();
    assets.fetch(format!("{}/", url.origin()), None).await
}

/// Whether a browser asks for a page, as opposed to a script or an image that is missing.
fn is_navigation(call: &Call) -> bool {
    call.verb() == Verb::Get
        && (call.header("Sec-Fetch-Mode").is_some_and(|mode| mode == "navigate")
            || call.header("Accept").is_some_and(|accept| accept.contains("text/html")))
}
