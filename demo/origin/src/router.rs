//! Which subject answers which path.
//!
//! Each subject is a file with a `route` function that matches the rest of the path and answers
//! `None` where it has no such resource. A new subject is one more file and one more line here.

use crate::call::Call;
use crate::respond::{Answer, Failure};
use crate::{artists, auth, files, platforms, profile, progress, ratings, stats, upload};

/// Answers the API request for `path`, the decoded segments after `/api`.
pub(crate) async fn route(call: &Call, path: &[String]) -> Answer {
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    let Some((&subject, rest)) = segments.split_first() else {
        return Err(unknown());
    };
    let answer = match subject {
        "auth" => auth::route(call, rest).await,
        "billing" | "profile" => profile::route(call, subject, rest).await,
        "files" => files::route(call, rest).await,
        "ratings" => ratings::route(call, rest).await,
        "stats" => stats::route(call, rest).await,
        "upload" => upload::route(call, rest).await,
        "user" => match rest {
            ["artists", rest @ ..] => artists::route(call, rest).await,
            ["platforms", rest @ ..] => platforms::route(call, rest).await,
            _ => None,
        },
        "watch-progress" => progress::route(call, rest).await,
        _ => None,
    };
    answer.unwrap_or_else(|| Err(unknown()))
}

fn unknown() -> Failure {
    Failure::not_found("there is no such resource under /api; demo/README.md lists what there is")
}
