//! Bad input at the edge: a clear 4xx or a pass-through; never a 5xx that the origin did not give, never an entry
//! under a wrong key, never a crash.

use tiercel_e2e::jwt::token;
use tiercel_e2e::live::{World, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply, lines};

/// The body names the request that it answers: an entry under a wrong key gives itself away.
fn name(request: &Arrived) -> Reply {
    Reply::new(200, &["Content-Type: text/plain"], &request.line())
}

fn world() -> World {
    World::start(&videomi_edge(), 1, Origin::start(name))
}

fn status_of(raw: &str) -> Option<u16> {
    raw.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// Some of these never reach a Worker: the server in front of it cannot read them. On Cloudflare that is a 400 of
/// the network's own, in workerd alone it is a 500 of the server's; what counts is that nothing goes on to the origin.
const OF_THE_SERVER: [&str; 8] = [
    "a path without a slash",
    "an absolute URL",
    "a URL with a broken port",
    "two Hosts",
    "a Host with a path",
    "CONNECT",
    "OPTIONS *",
    "two lengths",
];

/// What reaches the Worker comes back whole, or as a 4xx, and the edge goes on working.
#[test]
fn odd_bytes() {
    let world = world();
    let long = "x".repeat(100_000);
    let session = token("abc123");
    let cases: Vec<(&str, String)> = vec![
        ("no path", "GET  HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("a path without a slash", "GET api/stats HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("an absolute URL", "GET http://evil.example/api/ratings/f1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("a URL with a broken port", "GET http://a:b/ HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("two slashes", "GET //evil.example/api/ratings/f1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("a control character", "GET /api/ratings/f\u{1}1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("raw UTF-8", "GET /api/ratings/é HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("a broken escape", "GET /api/ratings/%zz HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("half an escape", "GET /api/ratings/% HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("an escaped null", "GET /api/ratings/%00 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("escaped bytes that are no UTF-8", "GET /api/ratings/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("an escaped line break", "GET /api/ratings/a%0d%0aX-A:%201 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("a backslash", "GET /api\\ratings\\f1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("a fragment", "GET /api/ratings/f1#top HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("no Host", "GET /api/ratings/f1 HTTP/1.1\r\n\r\n".into()),
        ("two Hosts", "GET /api/ratings/f1 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".into()),
        ("a Host with a path", "GET /api/ratings/f1 HTTP/1.1\r\nHost: x/../y\r\n\r\n".into()),
        ("100 KB in one field", format!("GET /api/ratings/f1 HTTP/1.1\r\nHost: x\r\nX-A: {long}\r\n\r\n")),
        (
            "100 KB of cookies",
            format!("GET /api/stats HTTP/1.1\r\nHost: x\r\nCookie: a={long}; videomi_session={session}\r\n\r\n"),
        ),
        (
            "100 KB of fields",
            format!("GET /api/ratings/f1 HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: 0123456789\r\n".repeat(6_000)),
        ),
        ("100 KB of URL", format!("GET /api/ratings/{long} HTTP/1.1\r\nHost: x\r\n\r\n")),
        ("a token of 100 KB", format!("GET /api/stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {long}\r\n\r\n")),
        ("an unknown method", "FROB /api/ratings/f1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("a method in lower case", "get /api/ratings/f1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("PURGE", "PURGE /api/ratings/f1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("TRACE", "TRACE /api/ratings/f1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("CONNECT", "CONNECT /api/ratings/f1 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        ("a GET with a body", "GET /api/stats HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}".into()),
        ("a GET with a body, passed", "GET /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}".into()),
        (
            "a GET with a chunked body",
            "GET /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".into(),
        ),
        ("a HEAD with a body", "HEAD /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}".into()),
        (
            "two lengths",
            "POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".into(),
        ),
        (
            "a length and chunks",
            "POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .into(),
        ),
        ("a field without a colon", "GET /api/ratings/f1 HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n".into()),
        ("a folded field", "GET /api/ratings/f1 HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n".into()),
        ("a field with a lone CR", "GET /api/ratings/f1 HTTP/1.1\r\nHost: x\r\nX-A: 1\rX-B: 2\r\n\r\n".into()),
        ("a field that is no UTF-8", "GET /api/ratings/f1 HTTP/1.1\r\nHost: x\r\nX-A: \u{fffd}\r\n\r\n".into()),
        (
            "an upgrade",
            "GET /api/ratings/f1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".into(),
        ),
        (
            "Expect",
            "POST /api/upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}".into(),
        ),
    ];
    let mut failures = Vec::new();
    for (name, request) in &cases {
        world.origin.take_log();
        let answer = world.raw(request.as_bytes());
        let reached = lines(&world.origin.take_log());
        let status = status_of(&answer);
        // 501 is what the server says to a method that it does not know (RFC 9110 §9.1).
        let fine = if OF_THE_SERVER.contains(name) {
            reached.is_empty() && status.is_none_or(|status| status >= 400)
        } else {
            matches!(status, None | Some(100..=499 | 501 | 505))
        };
        if !fine {
            failures.push(format!("{name}: {}", answer.chars().take(300).collect::<String>()));
        }
        let alive = world.send("GET", "/api/ratings/alive", &[]);
        if (alive.status, alive.body.as_str()) != (200, "GET /api/ratings/alive") {
            failures.push(format!("{name}: afterwards {alive:?}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// INPUT-KEY (product.md, "Keys"): paths that two parsers may read differently, and what they must not become.
#[test]
fn odd_paths_store_nothing_under_a_wrong_key() {
    let world = world();
    let good = [
        "/api/files/videos/f1",
        "/api/files/videos/f1/info",
        "/api/files/videos/f1/thumbnail",
        "/api/ratings/f1",
        "/assets/app.js",
    ];
    let odd = [
        "/api/files/videos%2Ff1",
        "/api/files/videos/f1%2Finfo",
        "/api/files/videos/f1%2fthumbnail",
        "/api/files/videos/x%2F..%2Ff1",
        "/api/files/videos/..%2fvideos%2ff1",
        "/api/files/videos/f1/..%2Ff1",
        "/api/ratings/x/..%2ff1",
        "/api/ratings//f1",
        "//api/ratings/f1",
        "/api/ratings/f1/",
        "/api/ratings/f1%20",
        "/api/ratings/%66%31x",
        "/api/ratings/f1;a=b",
        "/api/ratings/f1%00",
        "/api/ratings/f1%5c",
        "/api/ratings/f1%3F",
        "/api/ratings/f1%23",
        "/API/ratings/f1",
        "/api/ratings/F1",
        "/assets/..%2fapp.js",
        "/assets/x/%2e%2e/app.js",
        "/assets/app.js%2f",
        "/assets//app.js",
        "/assets/app%2ejs?x=1&x=2",
        "/api/ratings/f1?fileId=f2",
        "/api/files/videos/f1?category=musics",
        "/api/files/a:b/f1",
        "/api/files/videos:f1/x",
    ];
    let ada = format!("Authorization: Bearer {}", token("abc123"));
    // Twice, so that what the first round stored comes back in the second.
    for round in 0..2 {
        for path in odd.iter().chain(&good) {
            let got = world.send("GET", path, &[&ada]);
            assert!(got.status < 500, "{path}: {got:?}");
            let asked = got.body.trim_start_matches("GET ").split('?').next().unwrap_or("");
            // The runtime's URL parser may resolve `%2e%2e`; then the origin saw the resolved path too.
            let sent = path.split('?').next().unwrap_or("");
            let same =
                asked == sent || (sent.contains("%2e%2e") && asked == "/assets/app.js") || sent.contains("%66%31");
            assert!(same || got.status >= 400, "round {round}: {path} got the answer to {asked}: {got:?}");
        }
        let _ = world.warm(good[0], &[&ada]);
    }
}

/// INPUT-PAST (docs/headers.md): what goes past the cache because of its form goes with its cookies, and comes back for
/// nobody to keep, whatever the origin says and the class has for browsers.
#[test]
fn what_odd_requests_bring_is_kept_by_nobody() {
    let world = world();
    let long = format!("/assets/a?{}", "x".repeat(9_000));
    for says in ["Cache-Control: private, no-store", "Cache-Control: public, max-age=600", "Set-Cookie: a=1"] {
        let fields = [says, "CDN-Cache-Control: max-age=600", "Cloudflare-CDN-Cache-Control: max-age=600"];
        world.origin.answer(Reply::new(200, &fields, "hers"));
        for (path, reason) in [
            ("/assets/..%2fapi%2fprofile%2fme", "ambiguous-path"),
            ("/api/ratings/x%5c..%5cme", "ambiguous-path"),
            (&long, "too-long"),
        ] {
            let got = world.send("GET", path, &["Cookie: session=hers"]);
            assert!(got.status == 200 && got.cache().contains(reason), "{says}: {path}: {got:?}");
            let sent = world.origin.take_log().pop().expect("it was asked");
            assert_eq!(sent.fields.get("cookie"), Some("session=hers"), "{path}");
            let said: Vec<_> = got.fields.iter().filter(|(name, _)| name.ends_with("cache-control")).collect();
            assert_eq!(said, [("cache-control", "no-store")], "{says}: {path}: {got:?}");
        }
    }
}

/// INPUT-OWNER: another user's path stays another user's, however it is spelt.
#[test]
fn odd_owners() {
    let world = world();
    let ada = format!("Authorization: Bearer {}", token("a/b"));
    let mine = world.send("GET", "/api/upload/user/a%2Fb", &[&ada]);
    assert_eq!(mine.status, 200, "{mine:?}");
    assert!(mine.cache().contains("stored"), "a user whose id holds a slash has a cache too: {mine:?}");
    for path in ["/api/upload/user/a", "/api/upload/user/a%2Fc", "/api/upload/user/A%2Fb", "/api/upload/user/a%252Fb"] {
        let got = world.send("GET", path, &[&ada]);
        assert_eq!((got.status, got.cache()), (403, "detail=\"not-the-owner\""), "{path}: {got:?}");
    }
    // Neither spelling reaches the list of `a`, whose path a careless parser would see.
    for path in
        ["/api/upload/user/a/../b", "/api/upload/user/a%2Fb/..", "/api/upload/user//a%2Fb", "/api/upload/user/%"]
    {
        let got = world.send("GET", path, &[&ada]);
        assert!(got.status < 500 && !got.cache().contains("stored"), "{path}: {got:?}");
    }
}

/// INPUT-CRLF (RFC 9110 §5.5): nothing that a client sends becomes a field line of ours.
#[test]
fn no_header_is_smuggled() {
    let world = world();
    let ada = format!("Authorization: Bearer {}", token("abc123"));
    for path in [
        "/api/upload/user/abc123?category=a%0d%0aX-Injected:%201",
        "/api/ratings/f1%0d%0aX-Injected:%201",
        "/assets/a%0aX-Injected:1?b=%0d%0aX-Injected:2",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let got = world.send(method, path, &[&ada]);
            assert!(got.status < 500, "{method} {path}: {got:?}");
            assert!(!got.fields.has("x-injected"), "{method} {path}: {got:?}");
        }
    }
    for asked in world.origin.take_log() {
        assert!(!asked.fields.has("x-injected"), "{asked:?}");
    }
    // A category that is no header-safe text: the tag is escaped.
    let got = world.send("GET", "/api/upload/user/abc123?category=%22%2C%20%22user%3Abob", &[&ada]);
    assert_eq!(got.status, 200, "{got:?}");
    let groups = got.fields.get("cache-groups").unwrap_or("");
    assert_eq!(groups.matches('"').count(), 4, "two groups and no third: {groups}");
    assert!(!groups.contains("\"user:bob"), "{groups}");
}
