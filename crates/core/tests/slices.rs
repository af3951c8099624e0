//! Bodies in slices: whatever is asked for, and whatever is stored, what goes out is what RFC 9110 §14 says of one
//! version of the film, or it breaks off.

#![cfg(feature = "document")]

mod support;

use proptest::prelude::*;
use support::answers::{check, differs, get};
use support::cases;
use support::edge::Edge;
use support::film::{Film, policy};
use tiercel_core::engine::Tier;
use tiercel_core::field::http_date;
use tiercel_core::invalidation::Purge;
use tiercel_core::time::Timestamp;

/// Length of a slice in most tests, in bytes: the shortest that a policy may say.
const S: usize = 64 << 10;
/// `Range` fields for a body of about three slices.
const RANGES: [&str; 27] = [
    "bytes=0-",
    "bytes=0-1",
    "bytes=5-5",
    "bytes=-1",
    "bytes=-70000",
    "bytes=-999999999",
    "bytes=-0",
    "bytes=65535-65536",
    "bytes=65536-",
    "bytes=65536-131071",
    "bytes=131071-131072",
    "bytes=0-65535",
    "bytes=0-65536",
    "bytes=100-99999999999",
    "bytes=0-99999999999999999999999",
    "bytes=999999999-",
    "bytes=0-1,-1",
    "bytes=140000-140009,3-4",
    "bytes=0-9,50-99",
    "bytes=0-1,999999999-",
    "bytes=65530-65540,131070-131080,5-",
    "bytes=9-1",
    "bytes=",
    "bytes=x-y",
    "bytes=0-1,x",
    "lines=0-1",
    "bytes 0-1",
];

/// SLICE-1 (RFC 9110 §14.1.2, §15.3.7, §15.5.17): every range of bodies around the ends of slices, whatever is stored
/// before, is answered exactly; and asked again, without the origin.
#[test]
fn every_range_of_every_length() {
    let lengths = [1, 2, S - 1, S, S + 1, 2 * S, 2 * S + 1, 3 * S - 1, 150_000];
    let befores: [&[Option<&str>]; 5] =
        [&[], &[None], &[Some("bytes=70000-70009")], &[Some("bytes=-1"), Some("bytes=0-1")], &[Some("bytes=0-1,-1")]];
    for length in lengths {
        for range in RANGES.into_iter().map(Some).chain([None]) {
            for before in befores {
                for (tier, slice) in [
                    (Tier::Edge, Some(S as u64)),
                    (Tier::Edge, Some(100_003)),
                    (Tier::Edge, None),
                    (Tier::ServiceWorker, Some(S as u64)),
                ] {
                    let mut edge = Edge::at(tier, &policy(slice, ""), Film::new(1, length));
                    for before in before {
                        get(&mut edge, *before);
                    }
                    let first = check(&mut edge, range);
                    // Without slices, a part of what is not stored goes through.
                    let passes = first.cache().contains("partial-not-stored");
                    let again = check(&mut edge, range);
                    let asked = again.asked.len();
                    let satisfiable = first.status != 416;
                    assert!(
                        passes || !satisfiable || asked == 0,
                        "{range:?} of {length} after {before:?}: {asked} more"
                    );
                }
            }
        }
    }
}

/// SLICE-2: nothing of an empty body can be cut (RFC 9110 §14.1.2), and it is stored as any other.
#[test]
fn an_empty_body() {
    let mut edge = Edge::new(&policy(Some(S as u64), ""), Film::new(1, 0));
    let passed = get(&mut edge, Some("bytes=0-1"));
    assert_eq!((passed.status, passed.body.len(), passed.broken), (416, 0, false), "{passed:?}");
    for again in [false, true] {
        let got = check(&mut edge, None);
        assert_eq!(got.asked.is_empty(), again, "{got:?}");
    }
    let got = get(&mut edge, Some("bytes=0-"));
    assert_eq!((got.status, got.fields.get("content-range"), got.asked.len()), (416, Some("bytes */0"), 0), "{got:?}");
}

/// SLICE-3: a seek costs its slice; what was played is not asked for again; each slice is asked for once, on the
/// condition that the version is the same (RFC 9110 §13.1.1).
#[test]
fn what_is_asked() {
    let mut edge = Edge::new(&policy(Some(S as u64), ""), Film::new(1, 5 * S + 7));
    for (range, asked) in [
        (Some("bytes=200000-200009"), &["196608-262143 of nothing"][..]),
        (Some("bytes=196608-262143"), &[]),
        (Some("bytes=-7"), &["327680-327686 of \"v1\""]),
        (Some("bytes=0-1"), &["0-65535 of \"v1\""]),
        (Some("bytes=65535-65536,131071-131072"), &["65536-131071 of \"v1\"", "131072-196607 of \"v1\""]),
        (None, &["262144-327679 of \"v1\""]),
        (None, &[]),
        (Some("bytes=3-9"), &[]),
    ] {
        let got = check(&mut edge, range);
        let lines = got.asked.iter().map(|asked| {
            let field = |name: &str| asked.head.fields.get(name).unwrap_or("nothing").to_owned();
            format!("{} of {}", field("range").trim_start_matches("bytes="), field("if-match"))
        });
        assert_eq!(lines.collect::<Vec<_>>(), asked, "{range:?}");
    }
}

/// SLICE-4 (RFC 9110 §14.6): several parts, in the order they were asked in, stored in slices or in one piece.
#[test]
fn several_parts() {
    for slice in [Some(S as u64), None] {
        let mut edge = Edge::new(&policy(slice, ""), Film::new(1, 3 * S));
        check(&mut edge, None);
        let got = check(&mut edge, Some("bytes=65534-65537, 0-1, -3"));
        let boundary = format!("tiercel-{}-{}", edge.now.as_millis(), 3 * S);
        assert_eq!(got.fields.get("content-type"), Some(format!("multipart/byteranges; boundary={boundary}").as_str()));
        let mut expected = Vec::new();
        for (range, bytes) in [
            ("65534-65537", &edge.origin.film.bytes()[65_534..65_538]),
            ("0-1", &edge.origin.film.bytes()[..2]),
            ("196605-196607", &edge.origin.film.bytes()[196_605..]),
        ] {
            let head =
                format!("\r\n--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes {range}/196608\r\n\r\n");
            expected.extend_from_slice(head.as_bytes());
            expected.extend_from_slice(bytes);
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert_eq!((got.body, got.asked.len()), (expected, 0));
    }
}

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    Get(Vec<String>),
    Advance(u64),
    /// The origin has another version, of this length.
    Change(usize),
    /// The origin has other bytes under the same validators, and the film is purged: what was before must not be seen.
    Replace,
    Purge(bool),
    Down,
    Calm,
    /// So many answers are honest, the next ones are failures.
    Fails(usize),
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![2 => 1..5 * S, 1 => (0..5usize, 0..3usize).prop_map(|(n, d)| (n * S + d).max(1) - 1), 1 => 0..10usize]
}

fn range() -> impl Strategy<Value = Option<String>> {
    let position = || prop_oneof![3 => 0..6 * S, 2 => (0..6usize, 0..3usize).prop_map(|(n, d)| (n * S + d).max(1) - 1), 1 => 0..9usize];
    let spec = prop_oneof![
        3 => (position(), position()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        2 => position().prop_map(|a| format!("{a}-")),
        2 => position().prop_map(|a| format!("-{a}")),
        1 => prop::sample::select(vec!["9-1", "", "x", "0-99999999999999999999999"]).prop_map(str::to_owned),
    ];
    let several = prop::collection::vec(spec.clone(), 2..5).prop_map(|specs| specs.join(", "));
    prop_oneof![
        2 => Just(None),
        1 => prop::sample::select(RANGES.to_vec()).prop_map(|range| Some(range.to_owned())),
        3 => spec.prop_map(|spec| Some(format!("bytes={spec}"))),
        2 => several.prop_map(|specs| Some(format!("bytes={specs}"))),
    ]
}

/// A client's own conditions.
const CONDITIONS: [&str; 10] = [
    "If-Range: \"v0\"",
    "If-Range: \"v1\"",
    "If-Range: W/\"v0\"",
    "If-Range: Mon, 01 Nov 2010 00:00:00 GMT",
    "If-None-Match: \"v0\"",
    "If-None-Match: \"v1\", \"v0\"",
    "If-None-Match: \"x\"",
    "If-Modified-Since: Mon, 01 Nov 1999 00:00:00 GMT",
    "If-Match: \"v0\"",
    "If-Unmodified-Since: Mon, 01 Nov 1999 00:00:00 GMT",
];

fn step() -> impl Strategy<Value = Step> {
    let conditions = prop_oneof![2 => Just(None), 1 => prop::sample::select(CONDITIONS.to_vec()).prop_map(Some)];
    let fields = (range(), conditions).prop_map(|(range, condition)| {
        let range = range.map(|range| format!("Range: {range}"));
        range.into_iter().chain(condition.map(str::to_owned)).collect()
    });
    prop_oneof![
        12 => fields.prop_map(Step::Get),
        2 => prop::sample::select(vec![10, 3_599, 3_600, 50_000, 90_000]).prop_map(Step::Advance),
        2 => length().prop_map(Step::Change),
        1 => Just(Step::Replace),
        2 => any::<bool>().prop_map(Step::Purge),
        1 => Just(Step::Down),
        3 => Just(Step::Calm),
        1 => (0..3usize).prop_map(Step::Fails),
    ]
}

proptest! {
    #![proptest_config(cases(400))]

    /// SLICE-12: through any history, an answer is by one version that the origin had since the last hard purge, or it
    /// breaks off; when the origin is well and still has what is stored, it is whole; and asked again, it asks nothing.
    #[test]
    fn any_history(
        slice in prop::sample::select(vec![Some(S as u64), Some(100_003), None]),
        first in length(),
        by_date in any::<bool>(),
        on_device in any::<bool>(),
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let film = |version: usize, length: usize| match by_date {
            true => {
                let modified = Timestamp::from_secs(1_288_569_600 + version as u64);
                Film::with(version, length, &[&format!("Last-Modified: {}", http_date::write(modified))])
            }
            false => Film::new(version, length),
        };
        let tier = if on_device { Tier::ServiceWorker } else { Tier::Edge };
        let mut edge = Edge::at(tier, &policy(slice, ""), film(0, first));
        let (mut versions, mut newest, mut well) = (vec![edge.origin.film.clone()], 0, true);
        for step in &steps {
            match step {
                Step::Advance(seconds) => edge.advance(*seconds),
                Step::Change(length) => {
                    newest = (newest + 1) % 9;
                    edge.origin.film = film(newest, *length);
                    versions.push(edge.origin.film.clone());
                }
                Step::Replace => {
                    edge.origin.film.version += 9;
                    edge.purge("all:films", Purge::Hard);
                    versions = vec![edge.origin.film.clone()];
                }
                Step::Purge(hard) => {
                    edge.purge("film:7", if *hard { Purge::Hard } else { Purge::Soft });
                    if *hard {
                        versions = vec![edge.origin.film.clone()];
                    }
                }
                Step::Down => {
                    edge.down();
                    well = false;
                }
                Step::Calm => {
                    edge.calm();
                    well = true;
                }
                Step::Fails(after) => {
                    let mut left = *after;
                    edge.mood(move |_, mut reply| {
                        if left == 0 {
                            reply.head.status = 503;
                            reply.body.clear();
                        }
                        left = left.saturating_sub(1);
                        Ok(reply)
                    });
                    well = false;
                }
                Step::Get(range) => {
                    let got = edge.get(range);
                    let failed = matches!(got.status, 502..=504);
                    let by: Vec<&Film> = versions.iter().filter(|film| differs(&got, range, film).is_ok()).collect();
                    prop_assert!(failed || !by.is_empty(), "{range:?}: {} {:?}, {} bytes, broken: {}; by none of {versions:?}",
                        got.status, got.fields, got.body.len(), got.broken);
                    let unchanged = versions.len() == 1;
                    prop_assert!(!well || !unchanged || (!failed && !got.broken), "{range:?}: {got:?}");
                    let again = edge.get(range);
                    let kept = !failed && !got.broken && got.status != 416 && !got.cache().contains("partial-not-stored");
                    // What is served stale, or for a reason, asks each time.
                    let fresh = !got.cache().contains("detail") && !got.cache().contains("ttl=0");
                    prop_assert!(!kept || !fresh || again.asked.is_empty(), "{range:?}: {:?}", again.asked);
                    let same = by.iter().any(|film| differs(&again, range, film).is_ok());
                    // A device refreshes behind a stale answer.
                    let refreshed = got.cache().contains("stale-while-revalidate");
                    prop_assert!(!kept || same || refreshed, "{range:?} differs the second time: {} {:?}", again.status, again.fields);
                }
            }
        }
    }
}
