//! Films through the built edge in workerd: slices, seeks, several parts, versions that change, clients that go. Every
//! body is compared byte by byte. `cargo xtask test edge` builds the edge first.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tiercel_e2e::film::{Film, Played, ask, play, ranges, read};
use tiercel_e2e::jwt::bearer;
use tiercel_e2e::live::{World, http_edge, videomi_edge};
use tiercel_e2e::origin::{Origin, Reply};

/// A class in slices of 2 MiB.
const MEDIA: &str = "/api/files/videos/f1";
const SLICE: usize = 2 << 20;
/// Four slices and a half, and a bit.
const LONG: usize = 9 * (1 << 20) + 123;
/// The slices of that.
const SLICES: [&str; 5] = ["0-2097151", "2097152-4194303", "4194304-6291455", "6291456-8388607", "8388608-9437306"];

fn world(film: &Film) -> World {
    let film = film.clone();
    World::start(&videomi_edge(), 1, Origin::start(move |request| film.answer(request)))
}

#[track_caller]
fn expect(got: &Played, status: u16, cache: &str, body: &[u8]) {
    assert_eq!((got.status, got.cache(), got.broken), (status, cache, false), "{got:?}");
    assert!(got.body == body, "other bytes: {got:?}");
}

/// Plays until the origin is asked for nothing: what goes out last is stored last.
fn play_until_stored(world: &World, fields: &[&str]) -> Played {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        world.origin.take_log();
        let got = play(world, MEDIA, fields);
        if world.origin.take_log().is_empty() {
            return got;
        }
        assert!(Instant::now() < deadline, "it is never stored: {got:?}");
    }
}

/// MEDIA-1 (RFC 9110 §14; issue "1 GiB in slices"): a film is fetched slice by slice, and played again without the
/// origin: whole, in part, in several parts, from its end, as Safari probes it.
#[test]
fn a_film_is_played() {
    let film = Film::new(1, LONG);
    let world = world(&film);
    let first = play(&world, MEDIA, &[]);
    expect(&first, 200, "fwd=uri-miss; fwd-status=206; stored; ttl=31536000", film.bytes());
    assert_eq!(first.fields.get("content-length"), Some(LONG.to_string().as_str()));
    let asked = world.origin.take_log();
    assert_eq!(ranges(&asked), SLICES);
    for (at, asked) in asked.iter().enumerate() {
        let expected = (at > 0).then_some("\"v1\"");
        assert_eq!((asked.fields.get("if-match"), asked.fields.get("accept-encoding")), (expected, Some("identity")));
    }
    let again = play_until_stored(&world, &[]);
    assert_eq!((again.status, again.broken), (200, false), "{again:?}");
    assert!(again.cache().starts_with("hit; ttl=") && again.body == film.bytes(), "{again:?}");

    let whole = film.bytes();
    for (range, content_range, part) in [
        ("bytes=0-1", "bytes 0-1/9437307", &whole[..2]),
        ("bytes=0-", "bytes 0-9437306/9437307", whole),
        ("bytes=5000000-5000009", "bytes 5000000-5000009/9437307", &whole[5_000_000..5_000_010]),
        ("bytes=2097150-2097153", "bytes 2097150-2097153/9437307", &whole[2_097_150..2_097_154]),
        ("bytes=2097152-4194303", "bytes 2097152-4194303/9437307", &whole[SLICE..2 * SLICE]),
        ("bytes=1000000-7000000", "bytes 1000000-7000000/9437307", &whole[1_000_000..=7_000_000]),
        ("bytes=-500", "bytes 9436807-9437306/9437307", &whole[LONG - 500..]),
        ("bytes=9437306-99999999", "bytes 9437306-9437306/9437307", &whole[LONG - 1..]),
    ] {
        let got = play(&world, MEDIA, &[&format!("Range: {range}")]);
        assert_eq!((got.status, got.fields.get("content-range")), (206, Some(content_range)), "{range}: {got:?}");
        assert_eq!(got.fields.get("content-length"), Some(part.len().to_string().as_str()), "{range}");
        assert!(got.body == part && !got.broken && got.cache().starts_with("hit"), "{range}: {got:?}");
    }
    let several = play(&world, MEDIA, &["Range: bytes=2097150-2097153, 0-1, -2"]);
    assert_eq!((several.status, several.broken), (206, false), "{several:?}");
    let parts = [
        ("2097150-2097153", &whole[2_097_150..2_097_154]),
        ("0-1", &whole[..2]),
        ("9437305-9437306", &whole[LONG - 2..]),
    ];
    assert!(several.body == multipart(&several, "video/mp4", LONG, &parts), "{several:?}");
    let past = play(&world, MEDIA, &["Range: bytes=9437307-"]);
    assert_eq!((past.status, past.fields.get("content-range"), past.body.len()), (416, Some("bytes */9437307"), 0));
    for (field, status, length) in [
        ("If-None-Match: \"v1\"", 304, 0),
        ("If-None-Match: \"x\"", 200, LONG),
        ("If-Range: \"v1\"", 206, 2),
        ("If-Range: \"x\"", 200, LONG),
    ] {
        let range = field.starts_with("If-Range").then_some("Range: bytes=0-1");
        let fields: Vec<&str> = range.into_iter().chain([field]).collect();
        let got = play(&world, MEDIA, &fields);
        assert_eq!((got.status, got.body.len(), got.broken), (status, length, false), "{field}: {got:?}");
    }
    let head = read(ask(&world, 0, "HEAD", MEDIA, &[]), false);
    assert_eq!((head.status, head.fields.get("content-length")), (200, Some("9437307")), "{head:?}");
    assert!(world.origin.take_log().is_empty(), "all of that was stored");
}

/// What a multipart body must be (RFC 9110 §14.6).
fn multipart(got: &Played, kind: &str, complete: usize, parts: &[(&str, &[u8])]) -> Vec<u8> {
    let boundary = got.fields.get("content-type").and_then(|kind| kind.strip_prefix("multipart/byteranges; boundary="));
    let boundary = boundary.expect("a boundary");
    let mut body = Vec::new();
    for (range, bytes) in parts {
        let head =
            format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: bytes {range}/{complete}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

/// MEDIA-2 (issue "a seek: at most 2 slices"): in a film that nobody has played, a seek costs its slice.
#[test]
fn seeks() {
    let film = Film::new(1, LONG);
    let world = world(&film);
    let whole = film.bytes();
    for (range, asked, part) in [
        ("bytes=5000000-5000009", &[SLICES[2]][..], &whole[5_000_000..5_000_010]),
        ("bytes=-10", &[SLICES[4]], &whole[LONG - 10..]),
        ("bytes=0-1", &[SLICES[0]], &whole[..2]),
        ("bytes=4194303-4194304", &[SLICES[1]], &whole[4_194_303..4_194_305]),
    ] {
        let got = play_once(&world, range);
        assert!((got.status, got.broken) == (206, false) && got.body == part, "{range}: {got:?}");
        assert_eq!(ranges(&world.origin.take_log()), asked, "{range}");
        // Not before the next one: a slice is stored while it goes out.
        play_until_stored(&world, &[&format!("Range: {range}")]);
    }
    let unknown = "/api/files/videos/f2";
    let got = play(&world, unknown, &["Range: bytes=-10"]);
    assert!((got.status, got.broken) == (206, false) && got.body == whole[LONG - 10..], "{got:?}");
    assert_eq!(ranges(&world.origin.take_log()), [SLICES[0], SLICES[4]], "its length was not known");
    let got = play(&world, unknown, &["Range: bytes=0-9"]);
    assert!(got.status == 206 && got.body == whole[..10], "{got:?}");
    assert!(world.origin.take_log().is_empty(), "what came with its length was stored, though nobody read it");
}

fn play_once(world: &World, range: &str) -> Played {
    play(world, MEDIA, &[&format!("Range: {range}")])
}

/// MEDIA-3 (RFC 9110 §14.6): several parts of answers that are stored in one piece, short and long.
#[test]
fn several_parts_of_one_piece() {
    let world = World::start(&http_edge(), 1, Origin::start(|_| Reply::Reset));
    for (path, length) in [("/short", 1_000), ("/long", 300_000)] {
        let body = Film::new(1, length).bytes().to_vec();
        let fields =
            ["Cache-Control: max-age=600", "Content-Type: audio/ogg", "ETag: \"a\""].map(str::to_owned).to_vec();
        world.origin.answer(Reply::Answer { status: 200, fields, body: body.clone() });
        let _ = world.warm(path, &[]);
        // Three times: from the store, and from memory where that has it.
        for _ in 0..3 {
            let got = play(&world, path, &["Range: bytes=900-909,0-9,-1"]);
            let last = format!("{}-{}", length - 1, length - 1);
            let parts = [("900-909", &body[900..910]), ("0-9", &body[..10]), (last.as_str(), &body[length - 1..])];
            assert!(!got.broken && got.status == 206, "{path}: {got:?}");
            assert!(got.body == multipart(&got, "audio/ogg", length, &parts), "{path}: {got:?}");
            let one = play(&world, path, &["Range: bytes=-100"]);
            assert!(one.status == 206 && one.body == body[length - 100..], "{path}: {one:?}");
        }
        assert!(world.origin.take_log().is_empty(), "{path}: all of that was stored");
    }
}

/// MEDIA-10 (RFC 9110 §13.2.2): a client that has it already gets a 304 on a miss, and what came for it is stored.
#[test]
fn a_miss_that_nobody_reads() {
    let body = Film::new(1, 4 << 20).bytes().to_vec();
    let fields = ["Cache-Control: max-age=600", "ETag: \"a\""].map(str::to_owned).to_vec();
    let reply = Reply::Answer { status: 200, fields, body: body.clone() };
    let world = World::start(&http_edge(), 1, Origin::start(move |_| reply.clone()));
    let got = play(&world, "/long", &["If-None-Match: \"a\""]);
    assert_eq!((got.status, got.cache()), (304, "fwd=uri-miss; stored; ttl=600"), "{got:?}");
    let got = play(&world, "/long", &[]);
    assert!(got.status == 200 && got.body == body && !got.broken, "{got:?}");
    assert_eq!(world.origin.take_log().len(), 1, "it was stored: {got:?}");
}

/// MEDIA-4: a client that goes in the middle ends nothing but its own answer, and what has come is kept.
#[test]
fn a_client_that_goes() {
    let film = Film::new(1, LONG);
    let world = world(&film);
    let mut client = ask(&world, 0, "GET", MEDIA, &[]);
    let mut some = vec![0; 100_000];
    client.read_exact(&mut some).expect("the film begins");
    drop(client);
    // What it saw is stored: the first slice is not asked for again.
    let got = play_until_stored(&world, &["Range: bytes=0-99"]);
    assert!(got.body == film.bytes()[..100], "{got:?}");

    // One that goes before its slice has come: others get it, and need not wait for the one who is gone.
    let slow = film.clone();
    world.origin.answer_by(move |request| Reply::Slow(Duration::from_millis(500), Box::new(slow.answer(request))));
    drop(ask(&world, 0, "GET", MEDIA, &["Range: bytes=8388608-8388617"]));
    let mut gone = ask(&world, 0, "GET", MEDIA, &["Range: bytes=5000000-5000009"]);
    let _ = world.origin.wait_for(1);
    gone.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout can be set");
    let _ = gone.read(&mut [0]);
    drop(gone);
    let began = Instant::now();
    for range in ["bytes=5000000-5000009", "bytes=8388608-8388617"] {
        let got = play_once(&world, range);
        assert_eq!((got.status, got.broken, got.body.len()), (206, false, 10), "{range}: {got:?}");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "those who came later waited {took:?} for one who is gone");
    let rest = play(&world, MEDIA, &[]);
    assert!(rest.body == film.bytes() && !rest.broken, "{rest:?}");
}

/// MEDIA-5 (RFC 9110 §13.1.1): the origin has another version between two slices. The body breaks off, and never has
/// bytes of both; the next play is the new one.
#[test]
fn another_version_between_slices() {
    let (old, new) = (Film::new(1, LONG), Film::new(2, LONG + 5));
    let world = world(&old);
    let served = Arc::new(AtomicUsize::new(0));
    let (first, then) = (old.clone(), new.clone());
    world.origin.answer_by(move |request| {
        let film = if served.fetch_add(1, Ordering::SeqCst) < 2 { &first } else { &then };
        film.answer(request)
    });
    let got = play(&world, MEDIA, &[]);
    assert_eq!((got.status, got.broken), (200, true), "{got:?}");
    assert!(old.bytes().starts_with(&got.body) && got.body.len() <= 2 * SLICE, "{got:?}");
    let next = play(&world, MEDIA, &[]);
    assert!((next.status, next.broken) == (200, false) && next.body == new.bytes(), "{next:?}");
    let again = play_until_stored(&world, &[]);
    assert!(again.body == new.bytes(), "{again:?}");
}

/// MEDIA-6 (product.md, "Freshness and failure"): the origin is down. What is stored of the film plays; what is not
/// fails: before anything has gone out with a status, after that by breaking off.
#[test]
fn half_a_film_and_no_origin() {
    let film = Film::new(1, LONG);
    let world = world(&film);
    play_until_stored(&world, &["Range: bytes=0-4194303"]);
    let short = film.clone();
    for (how, reply) in
        [("reset", Reply::Reset), ("503", Reply::new(503, &[], "overloaded")), ("cut", Reply::Truncated)]
    {
        world.origin.answer(reply);
        let got = play_once(&world, "bytes=4194200-4194303");
        assert!(got.body == short.bytes()[4_194_200..4_194_304] && !got.broken, "{how}: {got:?}");
        let got = play_once(&world, "bytes=4194304-4194400");
        assert_eq!((got.status, got.broken), (502, false), "{how}: {got:?}");
        assert_eq!(got.cache(), "fwd=partial; detail=\"network-failure\"", "{how}");
        assert_eq!(got.fields.get("cache-control"), Some("no-store"), "{how}");
        if how == "cut" {
            // A 200 is another version: the head of the old one is gone, and with it what is known of its length.
            break;
        }
        let got = play(&world, MEDIA, &[]);
        assert!((got.status, got.broken) == (200, true) && got.body == film.bytes()[..2 * SLICE], "{how}: {got:?}");
    }
    world.origin.answer_by(move |request| film.answer(request));
    let got = play(&world, MEDIA, &[]);
    assert!((got.status, got.broken) == (200, false) && got.body == short.bytes(), "{got:?}");
}

/// MEDIA-7 (RFC 9112 §8): a slice that ends early, with no length announced, does not let the next one take its place.
#[test]
fn a_slice_that_is_too_short() {
    let film = Film::new(1, LONG);
    let world = world(&film);
    for missing in [1, SLICE / 2] {
        for wrong in [SLICES[0], SLICES[2], SLICES[4]] {
            let path = format!("{MEDIA}-{missing}-{wrong}");
            let honest = film.clone();
            world.origin.answer_by(move |request| match honest.answer(request) {
                Reply::Answer { status: 206, mut fields, mut body }
                    if ranges(std::slice::from_ref(request)) == [wrong] =>
                {
                    body.truncate(body.len() - missing);
                    let framed = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
                    fields.push("Transfer-Encoding: chunked".to_owned());
                    Reply::Answer { status: 206, fields, body: framed }
                }
                other => other,
            });
            let got = play(&world, &path, &[]);
            assert!(got.broken && film.bytes().starts_with(&got.body), "{wrong}, {missing} missing: {got:?}");
            let honest = film.clone();
            world.origin.answer_by(move |request| honest.answer(request));
            let got = play(&world, &path, &[]);
            assert!(!got.broken && got.body == film.bytes(), "{wrong}, {missing} missing, played again: {got:?}");
        }
    }
}

/// MEDIA-8 (product.md, "Events"): a film that was deleted is gone at once, slices and all.
#[test]
fn a_film_that_is_deleted() {
    let (old, new) = (Film::new(1, LONG), Film::new(2, LONG));
    let mut world = world(&old);
    play_until_stored(&world, &[]);
    world.advance(1);
    world.origin.answer(Reply::new(204, &[], ""));
    let deleted = world.send("DELETE", MEDIA, &[&bearer("abc123")]);
    assert_eq!(deleted.status, 204, "{deleted:?}");
    world.origin.answer(Reply::new(404, &[], "gone"));
    let got = play(&world, MEDIA, &["Range: bytes=0-1"]);
    assert_eq!((got.status, got.body.as_slice()), (404, &b"gone"[..]), "{got:?}");
    world.advance(1);
    // Another film, and by mistake under the same tag: no byte of the old one may come out.
    let reused = new.clone();
    world.origin.answer_by(move |request| match reused.answer(request) {
        Reply::Answer { status, fields, body } => {
            let fields = fields.into_iter().map(|line| line.replace("\"v2\"", "\"v1\"")).collect();
            Reply::Answer { status, fields, body }
        }
        other => other,
    });
    let got = play(&world, MEDIA, &["If-Range: \"v2\""]);
    assert!((got.status, got.broken) == (200, false) && got.body == new.bytes(), "{got:?}");
}

/// MEDIA-9 (product.md, "Concurrent misses"): twenty players of the same new film ask the origin once for each slice.
#[test]
fn many_players() {
    let film = Film::new(1, LONG);
    let world = world(&film);
    let slow = film.clone();
    world.origin.answer_by(move |request| Reply::Slow(Duration::from_millis(200), Box::new(slow.answer(request))));
    thread::scope(|scope| {
        let players: Vec<_> = (0..20).map(|_| scope.spawn(|| play(&world, MEDIA, &[]))).collect();
        for player in players {
            let got = player.join().expect("a player ends");
            assert!((got.status, got.broken) == (200, false) && got.body == film.bytes(), "{got:?}");
        }
    });
    assert_eq!(ranges(&world.origin.take_log()), SLICES);
    // And seeks to the same place.
    let path = "/api/files/videos/f2";
    let _ = play(&world, path, &["Range: bytes=0-1"]);
    world.origin.take_log();
    thread::scope(|scope| {
        let seek = || play(&world, path, &["Range: bytes=5000000-5000009"]);
        let players: Vec<_> = (0..20).map(|_| scope.spawn(seek)).collect();
        for player in players {
            let got = player.join().expect("a player ends");
            assert!(got.status == 206 && got.body == film.bytes()[5_000_000..5_000_010], "{got:?}");
        }
    });
    assert_eq!(ranges(&world.origin.take_log()), [SLICES[2]]);
}
