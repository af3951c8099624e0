//! Films whose origin is not what a cache would wish for: what cannot be cut is not cut, and what changes in the middle
//! breaks off, is asked for again, or is sent and not stored.

#![cfg(feature = "document")]

mod support;

use support::answers::{check, check_with, differs, get};
use support::edge::Edge;
use support::film::{Film, Reply, policy};
use tiercel_core::exchange::{FetchFailure, OriginRequest};
use tiercel_core::invalidation::Purge;

/// Length of a slice, in bytes.
const S: usize = 64 << 10;
/// What most films are long: two slices and a bit.
const LONG: usize = 2 * S + 1_000;
const TAG: &str = "ETag: \"v1\"";

/// What an origin does to an honest answer.
type Edit = fn(&mut Reply);
/// What happens between two requests.
type Event = fn(&mut Edge);
/// What the origin is asked for, and what is stored then.
type Comes = (&'static str, &'static str);

fn edge(lines: &[&str]) -> Edge {
    Edge::new(&policy(Some(S as u64), ""), Film::with(1, LONG, lines))
}

/// The ranges that the origin was asked for; `-` for none.
fn ranges(asked: &[OriginRequest]) -> String {
    let range = |request: &OriginRequest| {
        request.head.fields.get("range").map_or("-", |range| range.trim_start_matches("bytes=")).to_owned()
    };
    asked.iter().map(range).collect::<Vec<_>>().join(" ")
}

fn honest(_: &mut Reply) {}

/// Another answer, without a body.
fn instead(reply: &mut Reply, status: u16) {
    reply.head.status = status;
    reply.head.fields.remove("content-range");
    reply.head.fields.remove("content-length");
    reply.body.clear();
}

fn whole(reply: &mut Reply) {
    instead(reply, 200);
    reply.head.fields.set("content-length", LONG.to_string());
    reply.body = Film::new(1, LONG).bytes().to_vec();
}

/// Another part than was asked for.
fn part(reply: &mut Reply, first: usize, last: usize) {
    reply.head.fields.set("content-range", format!("bytes {first}-{last}/{LONG}"));
    reply.head.fields.set("content-length", (last - first + 1).to_string());
    reply.body = Film::new(1, LONG).bytes()[first..=last].to_vec();
}

/// SLICE-5 (RFC 9110 §8.8.1, §8.8.2.2, §14.4, §15.3.7; RFC 9111 §3): a 206 that cannot begin a body in slices is thrown
/// away, and the whole is asked for; that is stored unless the origin forbids it.
#[test]
fn what_cannot_be_cut() {
    const OLD: &str = "Last-Modified: Fri, 01 Jan 2010 00:00:00 GMT";
    const NOW: &str = "Last-Modified: Fri, 15 Jan 2027 08:00:00 GMT";
    const CUT: Comes = ("0-65535 65536-131071 131072-132071", "0 1 2 head");
    const WHOLE: Comes = ("0-65535 -", "whole");
    const NOT: Comes = ("0-65535 -", "");
    let cases: [(&str, &[&str], Edit, Comes); 23] = [
        ("a strong tag", &[TAG], honest, CUT),
        ("a date that tells", &[OLD], honest, CUT),
        ("a date of this second", &[NOW], honest, WHOLE),
        ("a weak tag", &["ETag: W/\"v1\""], honest, WHOLE),
        ("a weak tag and a date", &["ETag: W/\"v1\"", OLD], honest, WHOLE),
        ("a tag that is none", &["ETag: v1"], honest, WHOLE),
        ("no validator", &[], honest, WHOLE),
        ("another part", &[TAG], |reply| part(reply, 1, 65_536), WHOLE),
        ("a shorter part", &[TAG], |reply| part(reply, 0, 999), WHOLE),
        ("a longer part", &[TAG], |reply| part(reply, 0, 131_071), WHOLE),
        ("an unknown length", &[TAG], |reply| reply.head.fields.set("content-range", "bytes 0-65535/*"), WHOLE),
        ("a range past the end", &[TAG], |reply| reply.head.fields.set("content-range", "bytes 0-65535/65535"), WHOLE),
        ("no Content-Range", &[TAG], |reply| reply.head.fields.remove("content-range"), WHOLE),
        ("fewer bytes announced", &[TAG], |reply| reply.head.fields.set("content-length", "10"), WHOLE),
        ("encoded", &[TAG], |reply| reply.head.fields.set("content-encoding", "gzip"), WHOLE),
        ("416", &[TAG], |reply| instead(reply, 416), WHOLE),
        ("no ranges", &[TAG], whole, ("0-65535", "whole")),
        ("variants", &[TAG, "Vary: Accept-Language"], honest, ("0-65535 -", "head variant")),
        ("a cookie", &[TAG, "Set-Cookie: a=1"], honest, NOT),
        ("no-store", &[TAG, "Cache-Control: no-store"], honest, NOT),
        ("private", &[TAG, "Cache-Control: private"], honest, NOT),
        ("private, to CDNs", &[TAG, "CDN-Cache-Control: private"], honest, NOT),
        ("Vary: *", &[TAG, "Vary: *"], honest, NOT),
    ];
    for (name, lines, edit, (asked, kept)) in cases {
        let mut edge = edge(lines);
        edge.mood(move |_, mut reply| {
            if reply.head.status == 206 {
                edit(&mut reply);
            }
            Ok(reply)
        });
        let got = check(&mut edge, None);
        assert_eq!((ranges(&got.asked).as_str(), edge.kept().as_str()), (asked, kept), "{name}");
    }
}

/// What comes of a body when one of its slices is not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// It comes whole.
    Whole,
    /// It breaks off, and the next one is asked for anew.
    Changed,
    /// It breaks off; what is stored stays.
    Fails,
}

/// SLICE-6 (RFC 9110 §13.1.1, §15.3.7; RFC 9111 §3.4): the second slice is not what was asked for. Nothing of it goes
/// out, or what goes out is not stored.
#[test]
fn what_comes_in_the_middle() {
    use Ends::{Changed, Fails, Whole};
    // What is stored then: the slices that came.
    let cases: [(&str, Edit, Ends, &str); 25] = [
        ("honest", honest, Whole, "0 1 2 head"),
        ("412", |reply| instead(reply, 412), Changed, "0"),
        ("404", |reply| instead(reply, 404), Changed, "0"),
        ("416", |reply| instead(reply, 416), Changed, "0"),
        ("304", |reply| instead(reply, 304), Changed, "0"),
        ("302", |reply| instead(reply, 302), Changed, "0"),
        ("the whole", whole, Changed, "0"),
        ("another tag", |reply| reply.head.fields.set("etag", "\"v2\""), Changed, "0"),
        ("a weak tag", |reply| reply.head.fields.set("etag", "W/\"v1\""), Changed, "0"),
        ("no tag", |reply| reply.head.fields.remove("etag"), Changed, "0"),
        ("another length", |reply| reply.head.fields.set("content-range", "bytes 65536-131071/132073"), Changed, "0"),
        ("an unknown length", |reply| reply.head.fields.set("content-range", "bytes 65536-131071/*"), Changed, "0"),
        ("another part", |reply| part(reply, 65_537, 131_071), Changed, "0"),
        ("fewer bytes announced", |reply| reply.head.fields.set("content-length", "10"), Changed, "0"),
        ("encoded", |reply| reply.head.fields.set("content-encoding", "gzip"), Changed, "0"),
        ("503", |reply| instead(reply, 503), Fails, "0 head"),
        ("500", |reply| instead(reply, 500), Fails, "0 head"),
        ("429", |reply| instead(reply, 429), Fails, "0 head"),
        ("408", |reply| instead(reply, 408), Fails, "0 head"),
        ("half of it", |reply| (reply.body.truncate(S / 2), reply.breaks = true).1, Fails, "0 head"),
        (
            "fewer bytes, none announced",
            |reply| (reply.body.truncate(S / 2), reply.head.fields.remove("content-length")).1,
            Fails,
            "0 head",
        ),
        ("a cookie", |reply| reply.head.fields.append("set-cookie", "a=1"), Whole, "0 2 head"),
        ("no-store", |reply| reply.head.fields.append("cache-control", "no-store"), Whole, "0 2 head"),
        ("private", |reply| reply.head.fields.append("cache-control", "private"), Whole, "0 2 head"),
        (
            "private, to CDNs",
            |reply| reply.head.fields.append("cdn-cache-control", "max-age=60, private"),
            Whole,
            "0 2 head",
        ),
    ];
    for (name, edit, ends, kept) in cases {
        let mut edge = edge(&[TAG]);
        edge.mood(move |request, mut reply| {
            if request.head.fields.get("range") == Some("bytes=65536-131071") {
                edit(&mut reply);
            }
            Ok(reply)
        });
        let got = get(&mut edge, None);
        let film = edge.origin.film.clone();
        assert_eq!((differs(&got, &[], &film), got.broken), (Ok(()), ends != Whole), "{name}: {got:?}");
        assert_eq!(edge.kept(), kept, "{name}");
        edge.calm();
        let again = check(&mut edge, None);
        let expected = match (ends, kept) {
            (Changed, _) => "0-65535 65536-131071 131072-132071",
            (_, "0 1 2 head") => "",
            (Fails, _) => "65536-131071 131072-132071",
            (Whole, _) => "65536-131071",
        };
        assert_eq!(ranges(&again.asked), expected, "{name}, played again");
    }
}

/// SLICE-7 (product.md, "Freshness and failure"): before anything has gone out, a failure is told as one.
#[test]
fn what_fails_at_once() {
    let cases: [(&str, Event, u16, &str); 4] = [
        ("down", Edge::down, 502, "fwd=partial; detail=\"network-failure\""),
        ("too slow", |edge| edge.mood(|_, _| Err(FetchFailure::Timeout)), 504, "fwd=partial; detail=\"timeout\""),
        (
            "503",
            |edge| {
                edge.mood(|_, mut reply| {
                    instead(&mut reply, 503);
                    Ok(reply)
                });
            },
            502,
            "fwd=partial; detail=\"network-failure\"",
        ),
        (
            "another version",
            |edge| edge.origin.film = Film::new(2, LONG),
            502,
            "fwd=partial; detail=\"network-failure\"",
        ),
    ];
    for (name, happens, status, cache) in cases {
        let mut edge = edge(&[TAG]);
        check(&mut edge, Some("bytes=0-1"));
        happens(&mut edge);
        let got = get(&mut edge, Some("bytes=-1"));
        assert_eq!((got.status, got.cache(), got.broken), (status, cache, false), "{name}: {got:?}");
        assert_eq!(got.fields.get("cache-control"), Some("no-store"), "{name}");
        edge.calm();
        check(&mut edge, Some("bytes=-1"));
    }
}

/// SLICE-8 (RFC 9111 §4.3.4; product.md, "Purges"): a head that is found good again keeps its slices; a hard purge makes
/// them unreachable, and a soft one does not.
#[test]
fn a_stale_head() {
    const ALL: &str = "0-65535 65536-131071 131072-132071";
    let cases: [(&str, Event, &str); 8] = [
        ("stale", |edge| edge.advance(3_600), "0-65535"),
        (
            "stale, and confirmed by a weak tag",
            |edge| {
                edge.advance(3_600);
                edge.mood(|_, mut reply| {
                    reply.head.fields.set("etag", "W/\"v1\"");
                    Ok(reply)
                });
            },
            "0-65535",
        ),
        ("purged softly", |edge| edge.purge("film:7", Purge::Soft), "0-65535"),
        ("purged softly by its tag", |edge| edge.purge("all:films", Purge::Soft), "0-65535"),
        ("purged", |edge| edge.purge("film:7", Purge::Hard), ALL),
        ("purged by its tag", |edge| edge.purge("all:films", Purge::Hard), ALL),
        ("another version", |edge| (edge.advance(3_600), edge.origin.film = Film::new(2, LONG)).1, ALL),
        (
            "purged, and other bytes under the same tag",
            |edge| {
                edge.origin.film = Film::with(2, LONG, &[TAG]);
                edge.purge("film:7", Purge::Hard);
            },
            ALL,
        ),
    ];
    for (name, happens, asked) in cases {
        let mut edge = edge(&[TAG]);
        check(&mut edge, None);
        happens(&mut edge);
        let got = check(&mut edge, None);
        assert_eq!(ranges(&got.asked), asked, "{name}");
        edge.down();
        assert_eq!(check(&mut edge, None).asked.len(), 0, "{name}: all of it is stored");
    }
}

/// SLICE-9 (RFC 5861 §4): when the origin fails, the slices that are stored are served stale, also after a soft purge.
#[test]
fn a_stale_film_when_the_origin_fails() {
    let cases: [(&str, Event, bool); 5] = [
        ("stale", |edge| edge.advance(3_600), true),
        ("at the end of its window", |edge| edge.advance(3_600 + 86_399), true),
        ("past its window", |edge| edge.advance(3_600 + 86_400), false),
        ("purged softly", |edge| edge.purge("film:7", Purge::Soft), true),
        ("purged", |edge| edge.purge("film:7", Purge::Hard), false),
    ];
    for (name, happens, served) in cases {
        let mut edge = edge(&[TAG]);
        check(&mut edge, None);
        edge.down();
        happens(&mut edge);
        let got = get(&mut edge, Some("bytes=65530-65540"));
        assert_eq!(got.status, if served { 206 } else { 502 }, "{name}: {got:?}");
        if served {
            check(&mut edge, Some("bytes=65530-65540"));
        }
    }
}

/// SLICE-10 (RFC 9110 §9.3.2, §13.1.2, §13.1.3, §13.1.5): HEAD and conditions are answered from the head, without a slice.
#[test]
fn conditions_of_a_client() {
    const MODIFIED: &str = "Last-Modified: Fri, 01 Jan 2010 00:00:00 GMT";
    const RANGE: &str = "Range: bytes=100000-100001";
    let cases: [(&str, &[&str], u16, &str); 13] = [
        ("GET", &[RANGE], 206, "65536-131071"),
        ("GET", &[RANGE, "If-Range: \"v1\""], 206, "65536-131071"),
        ("GET", &[RANGE, "If-Range: W/\"v1\""], 200, "65536-131071 131072-132071"),
        ("GET", &[RANGE, "If-Range: \"x\""], 200, "65536-131071 131072-132071"),
        ("GET", &[RANGE, "If-Range: Fri, 01 Jan 2010 00:00:00 GMT"], 206, "65536-131071"),
        ("GET", &[RANGE, "If-Range: Sat, 02 Jan 2010 00:00:00 GMT"], 200, "65536-131071 131072-132071"),
        ("GET", &[RANGE, "If-None-Match: \"v1\""], 304, ""),
        ("GET", &[RANGE, "If-None-Match: W/\"v1\""], 304, ""),
        ("GET", &["If-None-Match: \"x\""], 200, "65536-131071 131072-132071"),
        ("GET", &["If-Modified-Since: Fri, 01 Jan 2010 00:00:00 GMT"], 304, ""),
        ("GET", &["If-Modified-Since: Thu, 31 Dec 2009 00:00:00 GMT"], 200, "65536-131071 131072-132071"),
        ("HEAD", &[], 200, ""),
        ("HEAD", &[RANGE], 200, ""),
    ];
    for (method, lines, status, asked) in cases {
        let mut edge = edge(&[TAG, MODIFIED]);
        check(&mut edge, Some("bytes=0-1"));
        let got = edge.send(method, lines);
        assert_eq!((got.status, ranges(&got.asked).as_str()), (status, asked), "{method} {lines:?}: {got:?}");
        assert_eq!(got.fields.get("etag"), Some("\"v1\""));
        if method == "HEAD" {
            assert_eq!((got.body.len(), got.fields.get("content-length")), (0, Some("132072")), "{got:?}");
        } else if status != 304 {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            check_with(&mut edge, &lines);
        }
        for sent in got.asked {
            let fields = sent.head.fields;
            assert_eq!((fields.get("if-match"), fields.get("accept-encoding")), (Some("\"v1\""), Some("identity")));
            let clients = ["if-range", "if-none-match", "if-modified-since"];
            assert!(clients.iter().all(|name| !fields.has(name)), "{method} {lines:?}: {fields:?} went on");
        }
    }
}

/// SLICE-11: a film that was purged while its first slice was under way goes out to nobody else (product.md, "A fetch
/// that began before the mutation").
#[test]
fn purged_meanwhile() {
    let mut edge = edge(&[TAG]);
    edge.purge("film:7", Purge::Hard);
    // The request begins at the very moment: a clock of milliseconds cannot tell which came first.
    edge.now = tiercel_core::time::Timestamp::from_millis(edge.now.as_millis() - 1);
    let got = check(&mut edge, Some("bytes=0-1"));
    assert_eq!(got.cache(), "fwd=uri-miss; fwd-status=206; detail=\"purged-meanwhile\"");
    assert_eq!((got.fields.get("cache-control"), edge.kept().as_str()), (Some("no-store"), ""));
    let got = check(&mut edge, Some("bytes=0-1"));
    assert_eq!(got.cache(), "fwd=uri-miss; fwd-status=206; stored; ttl=3600");
}
