//! The way to the edge.

use tiercel_core::exchange::{FetchFailure, OriginRequest, Outcome};

use crate::{effect, queue};

/// Asks the network. A navigation leaves redirects to the browser.
pub(crate) async fn fetch(wanted: OriginRequest, navigates: bool) -> Outcome {
    let OriginRequest { head, timeout, revalidate } = wanted;
    let millis = timeout.map(|timeout| timeout.get().saturating_mul(1000).to_string()).unwrap_or_default();
    // The browser's own HTTP cache has lifetimes that are not ours.
    let cache = if revalidate { "no-cache" } else { "default" };
    let redirect = if navigates { "manual" } else { "follow" };
    effect::want(&["fetch", &head.method, &head.target.url(), &millis, cache, redirect, &head.fields.to_text()]);
    drop((head, millis));
    let answer = effect::came().await;
    match effect::head(&answer) {
        Some(head) => {
            queue::reached();
            Outcome::Response(head)
        }
        None if answer == "timeout" => Outcome::Failed(FetchFailure::Timeout),
        None => Outcome::Failed(FetchFailure::Network),
    }
}
