//! Laws of HTTP caching that hold for any response and any request, where the origin's word rules.

#![cfg(feature = "document")]

mod support;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use support::{Cache, HTTP, cases, engine, fields, get};
use tiercel_core::engine::Tier;
use tiercel_core::exchange::{Delivery, FetchFailure, Outcome, Served};
use tiercel_core::field::cache_control::CacheControl;
use tiercel_core::field::etag::none_match_hits;
use tiercel_core::field::{Fields, targeted};
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::principal::Credential;
use tiercel_core::semantics::freshness::initial_age;
use tiercel_core::time::{DeltaSeconds, Timestamp};

const CASES: u32 = 1_000;
const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const URL: &str = "https://shop.example/a";

/// Directives of a response, as numbers.
#[derive(Clone, Debug)]
struct Directives {
    max_age: Option<u64>,
    s_maxage: Option<u64>,
    swr: Option<u64>,
    sie: Option<u64>,
    flags: Vec<&'static str>,
}

impl Directives {
    fn list(&self) -> Vec<String> {
        let numbers = [
            ("max-age", self.max_age),
            ("s-maxage", self.s_maxage),
            ("stale-while-revalidate", self.swr),
            ("stale-if-error", self.sie),
        ];
        let numbers = numbers.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        self.flags.iter().map(|flag| (*flag).to_owned()).chain(numbers).collect()
    }

    fn line(&self) -> String {
        format!("Cache-Control: {}", self.list().join(", "))
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }
}

const FLAGS: [&str; 9] = [
    "no-store",
    "no-cache",
    "no-cache=\"x-a\"",
    "private",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "immutable",
    "x=\"no-store, max-age=9999\"",
];

fn seconds() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(0u64..40)
}

fn directives() -> impl Strategy<Value = Directives> {
    (seconds(), seconds(), seconds(), seconds(), subsequence(FLAGS.to_vec(), 0..=2))
        .prop_map(|(max_age, s_maxage, swr, sie, flags)| Directives { max_age, s_maxage, swr, sie, flags })
}

/// Lines of a response beside its directives.
fn lines() -> impl Strategy<Value = Vec<&'static str>> {
    const LINES: [&str; 8] = [
        "ETag: \"a\"",
        "Last-Modified: Thu, 14 Jan 2027 08:00:00 GMT",
        "Date: Fri, 15 Jan 2027 08:00:00 GMT",
        "Expires: Fri, 15 Jan 2027 08:00:20 GMT",
        "Age: 5",
        "Vary: X-A",
        "Pragma: no-cache",
        "CDN-Cache-Control: max-age=10, stale-if-error=10",
    ];
    subsequence(LINES.to_vec(), 0..=LINES.len())
}

fn at(seconds: u64) -> Timestamp {
    START + DeltaSeconds::new(seconds)
}

fn cache() -> Cache {
    Cache::new(engine(HTTP, Tier::Edge))
}

fn response(status: u16, lines: &[String]) -> ResponseHead {
    ResponseHead { status, fields: fields(lines) }
}

fn fill(cache: &mut Cache, request: RequestHead, response: &ResponseHead) -> Delivery {
    cache.send(request, Credential::None, START, &mut |_| Outcome::Response(response.clone())).delivery
}

/// What comes out when the origin is down.
fn without_origin(cache: &mut Cache, request: RequestHead, now: Timestamp) -> Delivery {
    cache.send(request, Credential::None, now, &mut |_| Outcome::Failed(FetchFailure::Network)).delivery
}

/// How much of use an answer is: nothing, stale on a failure, stale, fresh.
fn worth(delivery: &Delivery) -> u8 {
    match (delivery.served, delivery.status.hit) {
        (Served::Fresh, _) => 3,
        (Served::Stale, true) => 2,
        (Served::Stale, false) => 1,
        _ => 0,
    }
}

fn all_lines(directives: &Directives, lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).chain([directives.line()]).collect()
}

proptest! {
    #![proptest_config(cases(CASES))]

    /// HTTP-1 (RFC 9111 §4.2.4): nothing is served staler than the origin's windows or the client allow, and nothing
    /// stale at all where the origin forbids it.
    #[test]
    fn never_staler_than_allowed(
        directives in directives(), age in 0u64..20, when in 0u64..100,
        max_stale in prop::option::of(prop::option::of(0u64..40)), asked_on_error in seconds(),
    ) {
        let mut cache = cache();
        fill(&mut cache, get(URL), &response(200, &[directives.line(), "ETag: \"a\"".into(), format!("Age: {age}")]));
        let mut request = get(URL);
        match max_stale {
            Some(Some(most)) => request.fields.append("cache-control", format!("max-stale={most}")),
            Some(None) => request.fields.append("cache-control", "max-stale"),
            None => {}
        }
        if let Some(window) = asked_on_error {
            request.fields.append("cache-control", format!("stale-if-error={window}"));
        }
        let delivery = without_origin(&mut cache, request, at(when));
        if worth(&delivery) == 0 {
            return Ok(());
        }
        prop_assert!(!directives.has("no-store") && !directives.has("private"));
        prop_assert!(!directives.has("no-cache") && !directives.has("no-cache=\"x-a\""));
        let lifetime = directives.s_maxage.or(directives.max_age).unwrap_or(0);
        let age = age + when;
        let is_fresh = lifetime > age;
        prop_assert_eq!(worth(&delivery) == 3, is_fresh);
        if is_fresh {
            return Ok(());
        }
        prop_assert!(directives.s_maxage.is_none());
        prop_assert!(!directives.has("must-revalidate") && !directives.has("proxy-revalidate"));
        // The client's bound includes its end, a window does not.
        let by_client = max_stale.map(|most| most.map_or(u64::MAX, |most| most + 1));
        let on_error = directives.sie.max(asked_on_error);
        let window = if delivery.status.hit { directives.swr.max(by_client) } else { on_error };
        prop_assert!(window.is_some_and(|window| age - lifetime < window));
    }

    /// HTTP-2 (RFC 9111 §4.2.1): a directive or field that restricts never makes more of use, whatever else stands there.
    #[test]
    fn restrictions_only_restrict(
        directives in directives(), lines in lines(), when in 0u64..60, first: bool, status in select(vec![200u16, 302, 404]),
        more in select(vec![
            "Cache-Control: no-store", "Cache-Control: private", "Cache-Control: private=\"x\"", "Cache-Control: no-cache",
            "Cache-Control: no-cache=\"x\"", "Cache-Control: must-revalidate", "Cache-Control: proxy-revalidate",
            "Vary: *", "Set-Cookie: a=1", "Age: 3",
        ]),
    ) {
        let plain = all_lines(&directives, &lines);
        let mut restricted = plain.clone();
        restricted.insert(if first { 0 } else { plain.len() }, more.to_owned());
        let used = |lines: &[String]| {
            let mut cache = cache();
            fill(&mut cache, get(URL), &response(status, lines));
            (cache.store.len(), worth(&without_origin(&mut cache, get(URL), at(when))))
        };
        let ((stored, worth), (stored_less, worth_less)) = (used(&plain), used(&restricted));
        prop_assert!(stored_less <= stored);
        // Of two Age fields the first counts, as the RFC has it.
        prop_assert!(worth_less <= worth || (more.starts_with("Age") && first));
    }

    /// HTTP-3 (RFC 9111 §5.2, RFC 9110 §5.3, §5.6.1): case, white space, empty members, order and how directives are
    /// spread over lines do not matter.
    #[test]
    fn how_directives_are_written(
        directives in directives(), order: prop::sample::Index, cases: u64, spaces in "[ \t]{0,2}", empty: bool, split: bool,
    ) {
        let plain = directives.list();
        let mut written: Vec<String> = plain.iter().map(|text| mixed(text, cases)).collect();
        if !written.is_empty() {
            let turn = order.index(written.len());
            written.rotate_left(turn);
        }
        let comma = format!("{spaces},{spaces}{}", if empty { ", ," } else { "" });
        let written: Vec<(&str, String)> = if split {
            written.into_iter().map(|directive| ("Cache-Control", format!("{spaces}{directive}{spaces}"))).collect()
        } else {
            vec![("CACHE-CONTROL", written.join(&comma))]
        };
        let written: Fields = written.into_iter().collect();
        prop_assert_eq!(CacheControl::of(&written), CacheControl::parse(&plain.join(",")), "{:?}", written);
    }

    /// HTTP-4 (RFC 9110 §5.3): the order of lines with different names does not matter.
    #[test]
    fn the_order_of_lines(directives in directives(), lines in lines(), turn: prop::sample::Index, when in 0u64..60) {
        let plain = all_lines(&directives, &lines);
        let mut turned = plain.clone();
        turned.rotate_left(turn.index(plain.len()));
        let outcome = |lines: &[String]| {
            let mut cache = cache();
            let filled = fill(&mut cache, get(URL), &response(200, lines));
            let later = without_origin(&mut cache, get(URL), at(when));
            (filled.status, later.status, later.head.status, later.served)
        };
        prop_assert_eq!(outcome(&plain), outcome(&turned));
    }

    /// HTTP-5 (RFC 9111 §4.1): what was stored for one request answers another exactly when all the fields that it
    /// names are the same, however they are written.
    #[test]
    fn variants_are_told_apart(
        names in subsequence(vec!["x-a", "x-b", "x-c"], 0..=3),
        one in prop::collection::vec(values(), 3), other in prop::collection::vec(values(), 3), spaces in " {0,2}", split: bool,
    ) {
        let request = |values: &[Option<Vec<&str>>], spaces: &str, split: bool| {
            let mut request = get(URL);
            for (name, values) in ["x-a", "x-b", "x-c"].into_iter().zip(values) {
                match values {
                    Some(values) if split => values.iter().for_each(|value| request.fields.append(name, *value)),
                    Some(values) => request.fields.append(name, values.join(&format!("{spaces},{spaces}"))),
                    None => {}
                }
            }
            request
        };
        let mut cache = cache();
        let vary = format!("Vary: {}", names.join(", "));
        fill(&mut cache, request(&one, "", false), &response(200, &["Cache-Control: max-age=60".into(), vary]));
        let same = ["x-a", "x-b", "x-c"]
            .into_iter()
            .zip(one.iter().zip(&other))
            .all(|(name, (one, other))| !names.contains(&name) || one == other);
        prop_assert_eq!(without_origin(&mut cache, request(&other, &spaces, split), at(1)).status.hit, same);
    }

    /// HTTP-6 (RFC 9110 §9.3.2): HEAD is answered as GET is, but for the body.
    #[test]
    fn head_is_get_without_a_body(directives in directives(), lines in lines(), when in 0u64..60, tag: bool) {
        let mut cache = cache();
        fill(&mut cache, get(URL), &response(200, &all_lines(&directives, &lines)));
        let mut answer = |method: &str| {
            let mut request = RequestHead::new(method, URL, Fields::new());
            if tag {
                request.fields.append("if-none-match", "\"a\"");
            }
            let answer = without_origin(&mut cache, request, at(when));
            (answer.head, answer.status, answer.served)
        };
        prop_assert_eq!(answer("GET"), answer("HEAD"));
    }

    /// HTTP-7 (RFC 9110 §13.1.2): `If-None-Match` hits exactly when one of its tags is the current one, weakly.
    #[test]
    fn tags_in_a_list(tags in prop::collection::vec(tag(), 1..5), current in tag(), comma in "[ \t]?,[ ,\t]{0,3}") {
        let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
        let expected = tags.iter().any(|tag| opaque(tag) == opaque(&current));
        prop_assert_eq!(none_match_hits(&tags.join(&comma), Some(&current)), expected);
    }

    /// HTTP-8 (RFC 9213 §2.1, RFC 9651): every well-formed Dictionary is read, and read as `Cache-Control` would be; with
    /// one broken member the field is as if it were not there.
    #[test]
    fn targeted_fields(directives in directives(), at: prop::sample::Index, parameter: bool, broken in select(vec![
        "a b", "A=1", "a=\"", "a=&", "=1", "a=(1", "a=1.2345", "a=:é:", "a=?2", "a=1;", "", "a=\"\\x\"",
    ])) {
        let members: Vec<String> = directives.list();
        prop_assume!(!members.is_empty());
        let written = if parameter { members.join(";p=\"a,b\" , ") } else { members.join(",") };
        let read = |text: &str| targeted::effective(&fields(&[format!("CDN-Cache-Control: {text}")]));
        let plain = CacheControl { targeted: true, ..CacheControl::parse(&members.join(",")) };
        prop_assert_eq!(read(&written), plain);
        let mut with_broken = members.clone();
        with_broken.insert(at.index(members.len() + 1), broken.to_owned());
        prop_assert_eq!(read(&with_broken.join(",")), CacheControl::default(), "{:?}", with_broken);
    }

    /// HTTP-9 (RFC 9111 §4.2.3): the age on arrival, by the RFC's own formula.
    #[test]
    fn the_age_on_arrival(date in prop::option::of(0u64..200), age in prop::option::of(0u64..200), sent in 0u64..200, took in 0u64..200) {
        let received = sent + took;
        let mut lines = Vec::new();
        lines.extend(date.map(|date| format!("Date: {}", tiercel_core::field::http_date::write(at(date)))));
        lines.extend(age.map(|age| format!("Age: {age}")));
        let apparent = date.map_or(0, |date| received.saturating_sub(date));
        let corrected = age.map_or(0, |age| age + took);
        prop_assert_eq!(initial_age(&fields(&lines), at(sent), at(received)).get(), apparent.max(corrected));
    }
}

/// Upper case where the bits of `cases` say so. What stands in quotes is left alone.
fn mixed(text: &str, cases: u64) -> String {
    let name = text.split('=').next().map_or(0, str::len);
    let change = |(at, c): (usize, char)| {
        if at < name && cases >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }
    };
    text.char_indices().map(change).collect()
}

fn values() -> impl Strategy<Value = Option<Vec<&'static str>>> {
    prop::option::of(prop::collection::vec(select(vec!["1", "2", "a b", "\"x, y\"", "\"x,y\""]), 1..3))
}

fn tag() -> impl Strategy<Value = String> {
    ("(W/)?", "[a-c,\\\\ ]{0,2}").prop_map(|(weak, opaque)| format!("{weak}\"{}\"", opaque.replace(' ', "é")))
}
