//! A plain shared cache (policies/http.json), case by case. The cases are in `cases/rfc9111.json` and in
//! `cases/rfc9111/`, a file for each part of the RFC:
//!
//! - `section` is what a case stands on; `kind` says whether the RFC requires or allows it, or it is our own promise;
//! - a step sends `request` (default `GET /a`) `with` these fields, `at` so many seconds after the start;
//! - `origin` is what the origin answers: a status, `down` or `timeout`, then fields. Without it the origin must
//!   not be asked;
//! - `cache` is our member of `Cache-Status` (`*`: any); `status` (default 200), `has` and `lacks` judge the answer;
//! - `asks` judges what the origin was asked: a field line, `-name` for one that must not be there, `url: …`;
//! - `@60` in a field stands for the date 60 s after the start.

#![cfg(feature = "document")]

mod support;

use serde_json::Value;
use support::{Cache, HTTP, engine};
use tiercel_core::engine::Tier;
use tiercel_core::exchange::{FetchFailure, OriginRequest, Outcome};
use tiercel_core::field::{Fields, http_date};
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::principal::Credential;
use tiercel_core::time::{DeltaSeconds, Timestamp};

const FILES: [&str; 10] = [
    include_str!("cases/rfc9111.json"),
    include_str!("cases/rfc9111/storing.json"),
    include_str!("cases/rfc9111/freshness.json"),
    include_str!("cases/rfc9111/stale.json"),
    include_str!("cases/rfc9111/targeted.json"),
    include_str!("cases/rfc9111/requests.json"),
    include_str!("cases/rfc9111/vary.json"),
    include_str!("cases/rfc9111/validation.json"),
    include_str!("cases/rfc9111/conditions.json"),
    include_str!("cases/rfc9111/methods.json"),
];
const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOST: &str = "https://shop.example";

#[test]
fn every_case() {
    let read = |file: &&str| serde_json::from_str::<Vec<Value>>(file).expect("a file of cases is a list");
    let cases: Vec<Value> = FILES.iter().flat_map(read).collect();
    let mut failures = Vec::new();
    let mut ids = std::collections::HashSet::new();
    for case in &cases {
        let id = text(case, "id");
        assert!(ids.insert(id), "two cases are called {id}");
        assert!(["required", "allowed", "ours"].contains(&text(case, "kind")), "{id}: kind");
        if let Err(failure) = check(case) {
            failures.push(format!("{id} ({}, {})\n{failure}", text(case, "section"), text(case, "kind")));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// Runs one case through a cache of its own.
fn check(case: &Value) -> Result<(), String> {
    let mut cache = Cache::new(engine(HTTP, Tier::Edge));
    let mut failures = String::new();
    for (index, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
        for failure in judge(&mut cache, step) {
            failures.push_str(&format!("  step {}: {failure}\n", index + 1));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

fn judge(cache: &mut Cache, step: &Value) -> Vec<String> {
    let now = START + DeltaSeconds::new(step["at"].as_u64().unwrap_or(0));
    let (method, url) = step["request"].as_str().unwrap_or("GET /a").split_once(' ').expect("METHOD URL");
    let url = if url.starts_with('/') { format!("{HOST}{url}") } else { url.to_owned() };
    let request = RequestHead::new(method, &url, fields(&step["with"]));
    let mut asked = None;
    let mut origin = |request: &OriginRequest| {
        asked = Some(request.clone());
        outcome(&step["origin"])
    };
    let answer = cache.send(request, Credential::None, now, &mut origin).delivery;

    let mut failures = Vec::new();
    let mut differs = |what: &str, expected: &str, found: &str| {
        if expected != found {
            failures.push(format!("{what}: expected `{expected}`, found `{found}`"));
        }
    };
    differs("asks the origin", &(!step["origin"].is_null()).to_string(), &asked.is_some().to_string());
    differs("status", &step["status"].as_u64().unwrap_or(200).to_string(), &answer.head.status.to_string());
    let line = answer.head.fields.get("cache-status").unwrap_or("");
    let member = line.rsplit("tiercel-edge; ").next().unwrap_or("");
    let expected = step["cache"].as_str().expect("`cache`");
    differs("cache", if expected == "*" { member } else { expected }, member);
    for (name, value) in fields(&step["has"]).iter() {
        differs(name, value, &answer.head.fields.combined(name).unwrap_or_else(|| "nothing".into()));
    }
    for name in strings(&step["lacks"]) {
        differs(&name, "nothing", answer.head.fields.get(&name).unwrap_or("nothing"));
    }
    for line in strings(&step["asks"]) {
        let Some(asked) = &asked else { break };
        match line.split_once(": ") {
            None => {
                let name = line.trim_start_matches('-');
                differs(&line, "nothing", asked.head.fields.get(name).unwrap_or("nothing"));
            }
            Some(("url", url)) => differs("url", url, &asked.head.target.path_and_query()),
            Some((name, value)) => differs(name, &dated(value), asked.head.fields.get(name).unwrap_or("nothing")),
        }
    }
    failures
}

fn outcome(origin: &Value) -> Outcome {
    let mut lines = strings(origin);
    if lines.is_empty() {
        return Outcome::Failed(FetchFailure::Network);
    }
    match lines.remove(0).as_str() {
        "down" => Outcome::Failed(FetchFailure::Network),
        "timeout" => Outcome::Failed(FetchFailure::Timeout),
        status => {
            let fields = lines.iter().map(|line| dated(line)).collect::<Vec<_>>();
            let status = status.parse().expect("a status, `down` or `timeout`");
            Outcome::Response(ResponseHead { status, fields: support::fields(&fields) })
        }
    }
}

fn fields(lines: &Value) -> Fields {
    support::fields(&strings(lines).iter().map(|line| dated(line)).collect::<Vec<_>>())
}

/// `@60` becomes the date 60 s after the start.
fn dated(text: &str) -> String {
    match text.split_once('@').and_then(|(before, after)| Some((before, after.parse::<u64>().ok()?))) {
        Some((before, seconds)) => format!("{before}{}", http_date::write(START + DeltaSeconds::new(seconds))),
        None => text.to_owned(),
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_else(|| panic!("a case lacks `{name}`: {case}"))
}
