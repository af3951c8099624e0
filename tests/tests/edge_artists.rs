//! The edge before the demo's origin, which asks the stand-in for Spotify: what holds whoever pages the list.

use serde_json::{Value, json};
use tiercel_e2e::live::{Got, World, videomi_edge};

const PATH: &str = "/api/user/artists";
const HOURS: u32 = 3600;

struct Demo {
    world: World,
    ada: String,
}

impl Demo {
    fn start() -> Self {
        let world = World::demo(&videomi_edge(), 1);
        let credentials = json!({ "user": "abc123", "password": "demo" }).to_string();
        let signed_in = world.send_body(0, "POST", "/api/auth/login", &[], &credentials);
        let cookie = signed_in.fields.get("set-cookie").and_then(|cookie| cookie.split(';').next());
        Self { ada: format!("Cookie: {}", cookie.expect("a session")), world }
    }

    fn artists(&self) -> Got {
        self.world.send("GET", PATH, &[&self.ada])
    }

    fn post(&self, path: &str, body: &Value) {
        let fields = [self.ada.as_str(), "Content-Type: application/json"];
        let got = self.world.send_body(0, "POST", path, &fields, &body.to_string());
        assert_eq!(got.status, 200, "{path}: {got:?}");
    }
}

fn body(got: &Got) -> Value {
    serde_json::from_str(&got.body).unwrap_or_else(|error| panic!("{error}: {got:?}"))
}

fn assert_list(got: &Got) {
    let said = body(got);
    assert_eq!((got.status, &said["data"]["connected"]), (200, &json!(true)), "{got:?}");
    assert!(said["data"]["artists"][0]["score"].is_number(), "{got:?}");
}

#[test]
fn one_answer_of_spotify_serves_for_three_hours() {
    let mut demo = Demo::start();
    assert_list(&demo.artists());
    assert_list(&demo.world.warm(PATH, &[&demo.ada]));
    demo.world.spotify("forget", &json!({}));
    assert_list(&demo.artists());
    assert_eq!(demo.world.spotify_calls(), 0);
    // The access token has run out by now, by the clocks of both.
    demo.world.advance(3 * HOURS + 60);
    assert_list(&demo.artists());
    assert!(demo.world.spotify_calls() > 1);
}

#[test]
fn a_revoked_connection_without_a_list_is_the_origins_error_until_there_is_a_new_one() {
    let demo = Demo::start();
    assert_list(&demo.world.warm(PATH, &[&demo.ada]));
    demo.world.spotify("revoke", &json!({}));
    // Nobody knows it yet.
    assert_list(&demo.artists());
    demo.post("/api/user/artists/toggle", &json!({ "artist_id": "RQPF6kHggELcJF56uSDru5", "selected": false }));
    let refused = demo.artists();
    assert_eq!(
        (refused.status, &body(&refused)["error"]["code"]),
        (403, &json!("SPOTIFY_TOKEN_REVOKED")),
        "{refused:?}"
    );
    let redirect_uri = "http://videomi.example/";
    let code = demo.world.spotify_code(redirect_uri);
    let connection = json!({ "platform_slug": "spotify", "code": code, "redirect_uri": redirect_uri });
    demo.post("/api/user/platforms/connect", &connection);
    assert_list(&demo.artists());
}
