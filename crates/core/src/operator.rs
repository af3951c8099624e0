//! What operators and webhooks ask of the edge itself, below the path that the policy's `operators` names: purges, and what
//! was counted.

use sha2::{Digest, Sha256};

use crate::exchange::{Body, Delivery, Served};
use crate::field::Fields;
use crate::field::cache_groups::{self, CACHE_GROUP_INVALIDATION};
use crate::field::cache_status::CacheStatus;
use crate::head::{RequestHead, ResponseHead};
use crate::invalidation::{Invalidation, Purge};
use crate::policy::Policy;
use crate::sorted;
use crate::stats::Stats;
use crate::tier::Tier;

/// Most names in one order.
const MOST_NAMES: usize = 100;
/// Longest name, in bytes: that of Cloudflare's `Cache-Tag`.
const LONGEST_NAME: usize = 1024;
/// Shortest token that guards anything, in bytes. What is shorter can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST …/purge` with `{"tags": ["file:f1"], "mode": "hard"}`.
    Purge,
    /// `GET …/stats`.
    Stats,
}

/// What a path asks of the edge itself; `None` is an ordinary request.
#[must_use]
pub fn operation(policy: &Policy, path: &str) -> Option<Operation> {
    match path.strip_prefix(policy.operators.as_deref()?)? {
        "/purge" => Some(Operation::Purge),
        "/stats" => Some(Operation::Stats),
        _ => None,
    }
}

/// Lets an operator in, who has the `token` as a bearer (RFC 6750).
///
/// # Errors
/// What everybody else is told: 401 without the right token, 403 where the edge has none, 405 for another method.
pub fn admit(asked: Operation, request: &RequestHead, token: Option<&str>) -> Result<(), Box<Delivery>> {
    let Some(token) = token.filter(|token| token.len() >= SHORTEST_TOKEN) else {
        let text = "No operator token of 16 characters or more is set at the edge.";
        return Err(refusal(403, "no-operator-token", text));
    };
    let mut lines = request.fields.all("authorization");
    let shown = match (lines.next().and_then(|line| line.trim().split_once(' ')), lines.next()) {
        (Some((scheme, shown)), None) if scheme.eq_ignore_ascii_case("bearer") => shown.trim(),
        _ => "",
    };
    // Digests are compared: how long that takes says nothing of the token.
    if Sha256::digest(shown.as_bytes()) != Sha256::digest(token.as_bytes()) {
        return Err(refusal(401, "operator-token", "The operator's bearer token is wanted."));
    }
    let (is_allowed, allowed) = match asked {
        Operation::Purge => (request.method == "POST", "POST"),
        Operation::Stats => (matches!(&*request.method, "GET" | "HEAD"), "GET, HEAD"),
    };
    if is_allowed {
        return Ok(());
    }
    let mut refused = refusal(405, "method", &["Here is answered: ", allowed].concat());
    refused.head.fields.set("allow", allowed);
    Err(refused)
}

/// What is to be purged, by the `tags` and the `mode` of an order.
///
/// # Errors
/// What is wrong with it, for whoever sent it.
pub fn order(tags: Option<Vec<String>>, mode: Option<&str>) -> Result<Invalidation, Box<Delivery>> {
    let bad = |text| refusal(400, "operator-order", text);
    let purge = match mode {
        None | Some("hard") => Purge::Hard,
        Some("soft") => Purge::Soft,
        Some(_) => {
            return Err(bad(
                "`mode` is \"hard\" (gone, the default) or \"soft\" (stale, served when the origin fails).",
            ));
        }
    };
    let tags = tags.ok_or_else(|| bad("The body is JSON: {\"tags\": [\"file:f1\"], \"mode\": \"hard\"}."))?;
    if tags.is_empty() || tags.len() > MOST_NAMES {
        return Err(bad("`tags` holds 1 to 100 names."));
    }
    let is_name =
        |tag: &String| tag.len() <= LONGEST_NAME && !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_graphic());
    if !tags.iter().all(is_name) {
        return Err(bad("A tag is 1 to 1,024 characters of ASCII without spaces, as it stands in Cache-Tags."));
    }
    Ok(Invalidation { names: sorted::set(tags), purge: Some(purge), ..Invalidation::default() })
}

/// Says that an order was carried out. Not `recorded` everywhere yet is 202.
#[must_use]
pub fn purged(order: &Invalidation, recorded: bool) -> Delivery {
    let mode = if order.purge == Some(Purge::Soft) { "soft" } else { "hard" };
    let names = cache_groups::write(order.names.iter().map(String::as_str));
    let is_recorded = if recorded { "true" } else { "false" };
    let ends = ["], \"mode\": \"", mode, "\", \"recorded\": ", is_recorded, "}\n"].concat();
    let json = ["{\"success\": true, \"purged\": [", &names, &ends].concat();
    let reason = if recorded { "operator-purge" } else { "purge-pending" };
    let mut delivery = answer(if recorded { 200 } else { 202 }, reason, "application/json", json);
    delivery.head.fields.set(CACHE_GROUP_INVALIDATION, names);
    delivery
}

/// Says what was counted: as JSON, or as Prometheus has it where the request asks for that first (RFC 9110 §12.5.1; weights
/// are not looked at).
///
/// # Errors
/// 503 where nothing can be said now.
pub fn told(request: &RequestHead, stats: Option<&Stats>, policy: &Policy) -> Result<Delivery, Box<Delivery>> {
    let Some(stats) = stats else {
        let text = "The statistics cannot be read now. Is the Durable Object STATS bound (docs/stats.md)?";
        return Err(refusal(503, "operator-stats", text));
    };
    let wants_text = |range: &str| match range.split(';').next().unwrap_or_default().trim() {
        "text/plain" | "application/openmetrics-text" => Some(true),
        "application/json" | "*/*" => Some(false),
        _ => None,
    };
    let is_text = request.fields.list("accept").find_map(wants_text).unwrap_or(false);
    let (kind, text) = match is_text {
        true => ("text/plain; version=0.0.4; charset=utf-8", stats.prometheus()),
        false => ("application/json", stats.json(policy)),
    };
    let mut delivery = answer(200, "operator-stats", kind, text);
    delivery.head.fields.set("vary", "Accept");
    if request.method == "HEAD" {
        delivery.body = Body::Empty;
    }
    Ok(delivery)
}

fn refusal(status: u16, reason: &'static str, text: &str) -> Box<Delivery> {
    let mut delivery = answer(status, reason, "text/plain; charset=utf-8", [text, "\n"].concat());
    if status == 401 {
        delivery.head.fields.set("www-authenticate", "Bearer");
    }
    Box::new(delivery)
}

fn answer(code: u16, reason: &'static str, kind: &str, text: String) -> Delivery {
    let status = CacheStatus::default().because(reason);
    let mut fields: Fields = [("content-type", kind), ("cache-control", "no-store")].into_iter().collect();
    fields.set("cache-status", status.member(Tier::Edge.cache_name()));
    let head = ResponseHead { status: code, fields };
    let (body, served) = (Body::Text(text), Served::Fresh);
    Delivery { head, body, status, served, class: None, is_repeatable: false, same_until: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn only_the_token_lets_in() {
        let long = format!("Authorization: Bearer {TOKEN}0");
        let cases: &[(Option<&str>, &str, &[&str], u16)] = &[
            (Some(TOKEN), "POST", &["Authorization: Bearer 0123456789abcdef"], 200),
            (Some(TOKEN), "POST", &["Authorization: bearer  0123456789abcdef "], 200),
            (Some(TOKEN), "GET", &["Authorization: Bearer 0123456789abcdef"], 405),
            (Some(TOKEN), "POST", &[], 401),
            (Some(TOKEN), "GET", &[], 401),
            (Some(TOKEN), "POST", &["Authorization: Bearer"], 401),
            (Some(TOKEN), "POST", &["Authorization: Bearer "], 401),
            (Some(TOKEN), "POST", &["Authorization: Basic 0123456789abcdef"], 401),
            (Some(TOKEN), "POST", &["Authorization: Bearer 0123456789abcdeF"], 401),
            (Some(TOKEN), "POST", &["Authorization: Bearer 0123456789abcde"], 401),
            (Some(TOKEN), "POST", &[&long], 401),
            (Some(TOKEN), "POST", &["Authorization: Bearer x", "Authorization: Bearer 0123456789abcdef"], 401),
            (Some(TOKEN), "POST", &["Cookie: token=0123456789abcdef"], 401),
            (Some("short"), "POST", &["Authorization: Bearer short"], 403),
            (Some(""), "POST", &["Authorization: Bearer "], 403),
            (None, "POST", &["Authorization: Bearer 0123456789abcdef"], 403),
        ];
        for (token, method, lines, expected) in cases {
            let fields = lines.iter().filter_map(|line| line.split_once(':')).map(|(n, v)| (n, v.trim())).collect();
            let request = RequestHead::new(method, "https://shop.example/api/cache/purge", fields);
            let status = admit(Operation::Purge, &request, *token).map_or_else(|refused| refused.head.status, |()| 200);
            assert_eq!(status, *expected, "{token:?} {method} {lines:?}");
        }
    }

    #[test]
    fn an_order_is_read_strictly() {
        let long = "x".repeat(LONGEST_NAME + 1);
        type Case<'a> = (Option<&'a [&'a str]>, Option<&'a str>, Result<(&'a [&'a str], Purge), u16>);
        let cases: &[Case<'_>] = &[
            (Some(&["file:f1"]), None, Ok((&["file:f1"], Purge::Hard))),
            (Some(&["b", "a", "b"]), Some("soft"), Ok((&["a", "b"], Purge::Soft))),
            (Some(&["user:a%20b:files"]), Some("hard"), Ok((&["user:a%20b:files"], Purge::Hard))),
            (None, None, Err(400)),
            (Some(&[]), None, Err(400)),
            (Some(&[""]), None, Err(400)),
            (Some(&["a b"]), None, Err(400)),
            (Some(&["a", "b\nc"]), None, Err(400)),
            (Some(&["é"]), None, Err(400)),
            (Some(&[long.as_str()]), None, Err(400)),
            (Some(&["x"; MOST_NAMES + 1]), None, Err(400)),
            (Some(&["x"]), Some("Hard"), Err(400)),
            (Some(&["x"]), Some(""), Err(400)),
        ];
        for (tags, mode, expected) in cases {
            let tags = tags.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect());
            let read = order(tags, *mode).map_err(|refused| refused.head.status);
            let expected = expected.map(|(names, purge)| Invalidation {
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                purge: Some(purge),
                ..Invalidation::default()
            });
            assert_eq!(read, expected, "{mode:?}");
        }
    }

    #[test]
    fn what_was_done_is_said() {
        let order = order(Some(vec!["a\"b".into(), "c\\".into()]), Some("soft")).expect("an order");
        let Body::Text(text) = purged(&order, false).body else { panic!("a text") };
        assert_eq!(
            text,
            "{\"success\": true, \"purged\": [\"a\\\"b\", \"c\\\\\"], \"mode\": \"soft\", \"recorded\": false}\n"
        );
    }
}
