//! From the name of an event to the request that causes it, and back.

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::field::Fields;
use tiercel_core::head::RequestHead;
use tiercel_core::key::Params;
use tiercel_core::policy::document::read;

/// The product's policy, with an event of two triggers, one with a query, and one of any method.
fn engine() -> Engine {
    let mut text = include_str!("../../../policies/videomi.json").to_owned();
    for (from, to) in [
        (r#""PUT /api/watch-progress/:fileId""#, r#"["PUT /api/watch-progress/:fileId", "POST /api/watch-progress"]"#),
        (r#""trigger": "POST /api/upload","#, r#""trigger": "POST /api/upload", "query": ["tag"],"#),
        (r#""POST /api/user/artists/sync""#, r#""* /api/user/artists/sync""#),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let reading = read(&text);
    Engine::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)), Tier::Sdk)
}

#[test]
fn the_trigger_with_most_of_the_parameters_is_taken() {
    let engine = engine();
    for (event, params, expected) in [
        ("watch-progress", &[("fileId", "7/a é")][..], Some(("PUT", "/api/watch-progress/7%2Fa%20%C3%A9"))),
        ("watch-progress", &[], Some(("POST", "/api/watch-progress"))),
        ("watch-progress", &[("fileId", "")], Some(("POST", "/api/watch-progress"))),
        ("watch-progress", &[("fileId", "..")], Some(("POST", "/api/watch-progress"))),
        ("upload", &[("tag", "a b&c"), ("other", "x")], Some(("POST", "/api/upload?tag=a%20b%26c"))),
        ("delete", &[("category", "v"), ("fileId", "1")], Some(("DELETE", "/api/files/v/1"))),
        ("delete", &[("fileId", "1")], None),
        ("artist-sync", &[], None),
        ("none", &[], None),
    ] {
        let params: Params = params.iter().copied().collect();
        let located = engine.locate_event(event, &params);
        let located = located.as_ref().map(|(method, path)| (*method, path.as_str()));
        assert_eq!(located, expected, "{event}");
    }
}

#[test]
fn what_is_located_causes_the_event() {
    let engine = engine();
    for (event, params) in [
        ("delete", &[("category", "a&b c"), ("fileId", "%2G?#")][..]),
        ("upload", &[("tag", "%2F/é+&=")]),
        ("upload", &[("tag", "")]),
    ] {
        let params: Params = params.iter().copied().collect();
        let (method, path) = engine.locate_event(event, &params).expect("a request");
        let head = RequestHead::new(method, &path, Fields::new());
        let happened = engine.event_of(&head, None).expect("an event");
        assert_eq!(happened.name, event);
        for (name, value) in params.iter() {
            assert_eq!(happened.params.get(name), Some(value), "{path}");
        }
    }
}
