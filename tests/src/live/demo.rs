//! The demo's origin behind the edge, with the stand-in for Spotify.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{World, echo, root};
use crate::jwt;
use crate::origin::Origin;

impl World {
    /// Starts the edge in `dir` with so many isolates in front of the demo's origin, with its library and the stand-in for
    /// Spotify: Ada is `abc123` and connected, Bob is `bob7` and not. No request reaches [`Self::origin`].
    ///
    /// # Panics
    /// When it does not start; the reason is on stderr.
    #[must_use]
    pub fn demo(dir: &Path, isolates: usize) -> Self {
        let config = json!({
            "edge": { "dir": dir, "isolates": isolates, "vars": { "JWT_SECRET": jwt::SECRET } },
            "origin": { "dir": demo_origin(), "vars": { "JWT_SECRET": jwt::SECRET }, "seed": true },
            "spotify": {},
            "clock": true,
        });
        Self::run(&config, Origin::start(echo))
    }

    /// Turns a switch of the stand-in for Spotify, such as `revoke`; demo/spotify/control.mjs lists them.
    ///
    /// # Panics
    /// When there is no such switch, or no stand-in.
    pub fn spotify(&self, switch: &str, told: &Value) {
        self.ask(&format!("{}/control/{switch}", self.spotify_url()), told);
    }

    /// How often Spotify was asked for anything since `forget`.
    ///
    /// # Panics
    /// When there is no stand-in.
    #[must_use]
    pub fn spotify_calls(&self) -> u64 {
        let url = format!("{}/control/calls", self.spotify_url());
        let said = self.agent.get(url).call().expect("the stand-in answers").body_mut().read_to_string();
        let said: Value = serde_json::from_str(&said.expect("its answer is text")).expect("its answer is JSON");
        said["total"].as_u64().expect("a number")
    }

    /// A code that Spotify gives to whoever comes back to `redirect_uri`, as it does to a browser.
    ///
    /// # Panics
    /// When there is no stand-in.
    #[must_use]
    pub fn spotify_code(&self, redirect_uri: &str) -> String {
        let client = "response_type=code&client_id=videomi-demo";
        let url = format!("{}/authorize?{client}&redirect_uri={redirect_uri}", self.spotify_url());
        let answer = self.agent.get(url).call().expect("the stand-in answers");
        let back = answer.headers().get("location").and_then(|back| back.to_str().ok()).expect("it redirects");
        back.split_once("code=").expect("there is a code").1.to_owned()
    }

    fn spotify_url(&self) -> &str {
        self.spotify.as_deref().expect("this world has a stand-in for Spotify")
    }
}

/// The demo's origin: `$TIERCEL_DIST/demo/origin`.
fn demo_origin() -> PathBuf {
    let dist = std::env::var_os("TIERCEL_DIST").map_or_else(|| PathBuf::from("dist"), PathBuf::from);
    let origin = root().join(dist).join("demo/origin");
    let how = "cargo xtask build --only origin";
    assert!(
        origin.join("index.js").is_file(),
        "{} holds no origin; run `{how}`, or set TIERCEL_DIST",
        origin.display()
    );
    origin
}
