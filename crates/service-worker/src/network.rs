//! The way to the edge.

use tiercel_core::exchange::{Fetch, FetchFailure, OriginRequest, Outcome};
use tiercel_core::text;
use tiercel_core::time::DeltaSeconds;

use crate::{effect, queue};

/// Asks the network, for a page where it `navigates`: redirects are left to the browser then. `None`: it has not begun to
/// answer in the time that [`Fetch::patience`] gives it, and [`late`] waits for it.
pub(crate) async fn fetch(fetch: &Fetch<'_>, navigates: bool, patience: Option<DeltaSeconds>) -> Option<Outcome> {
    let ahead = if navigates && fetch.is_network_first() { "1" } else { "" };
    let answer = begin(fetch.request(), navigates, ahead, patience).await;
    (answer != "late").then(|| outcome(&answer))
}

/// Asks the network for a part of a body.
pub(crate) async fn part(wanted: OriginRequest) -> Outcome {
    outcome(&begin(wanted, false, "", None).await)
}

fn begin(
    wanted: OriginRequest,
    navigates: bool,
    ahead: &str,
    patience: Option<DeltaSeconds>,
) -> impl Future<Output = String> + use<> {
    let OriginRequest { head, timeout, revalidate } = wanted;
    let [millis, patience] = [timeout, patience].map(|limit| limit.map(millis).unwrap_or_default());
    // The browser's own HTTP cache has lifetimes that are not ours. It must not see parts at all: it would keep them a
    // second time, and Chromium puts the head that it has of one version before the bytes of another.
    let cache = match revalidate {
        _ if head.fields.has("range") => "no-store",
        true => "no-cache",
        false => "default",
    };
    let redirect = if navigates { "manual" } else { "follow" };
    let (url, fields) = (head.target.url(), head.fields.to_text());
    effect::ask(&["fetch", &head.method, &url, &millis, cache, redirect, ahead, &patience, &fields])
}

/// What [`fetch`] did not wait for.
pub(crate) async fn late() -> Outcome {
    effect::want(&["wait"]);
    outcome(&effect::came().await)
}

fn millis(limit: DeltaSeconds) -> String {
    text![limit.get().saturating_mul(1000)]
}

fn outcome(answer: &str) -> Outcome {
    match effect::head(answer) {
        Some(head) => {
            queue::reached();
            Outcome::Response(head)
        }
        None if answer == "timeout" => Outcome::Failed(FetchFailure::Timeout),
        None => Outcome::Failed(FetchFailure::Network),
    }
}
