//! The edge in front of an origin that knows users, for `cargo xtask bench collections`: who asks for what, and whether what
//! comes is what is to be measured.

use std::{net::SocketAddr, path::Path, slice, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    collections::{LIMIT, LONG, SHORT},
    load::{self, Pace, Round, Until},
    origin::{Origin, Sessions, address},
};
use crate::{progress::step, workspace::Workspace, world::World};

/// The edge, and a Worker that passes on, in front of one origin.
pub(super) struct Stage<'a> {
    origin: &'a Origin,
    sessions: &'a Sessions,
    pub(super) world: World,
    pub(super) edge: String,
    pub(super) pass: String,
}

/// What is asked of a server, one after the other.
pub(super) struct Peer {
    pub(super) name: &'static str,
    address: SocketAddr,
    requests: Vec<String>,
    /// The status of every answer.
    status: u16,
    asked: usize,
}

impl Peer {
    /// Asks over so many connections, as fast as it goes.
    ///
    /// # Errors
    /// When an answer is none, or has another status.
    pub(super) fn round(&mut self, connections: usize, until: Until) -> Result<Round> {
        let Self { name, address, requests, status, asked } = self;
        let round = load::run(*address, connections, until, Pace::AtOnce, |out| {
            out.extend_from_slice(requests[*asked % requests.len()].as_bytes());
            *asked += 1;
        });
        let round = round.with_context(|| format!("the peer `{name}`"))?;
        let expected = if *status == 200 { 0 } else { round.answers };
        ensure!(round.others == expected, "not every answer of `{name}` was a {status}");
        Ok(round)
    }

    /// How long one answer takes on a connection that is open, in milliseconds.
    pub(super) fn once(&mut self) -> Result<f64> {
        Ok(self.round(1, Until::Answers(1))?.median_ms())
    }
}

/// What came, for a look at it.
pub(super) struct Got {
    status: u16,
    cache: String,
    /// Where it came from, as `Server-Timing` says.
    timing: String,
    tag: String,
    pub(super) body: String,
}

impl Got {
    /// Whether it came from the isolate's memory, without the store.
    pub(super) fn is_from_memory(&self) -> bool {
        self.cache.contains("; hit") && self.timing.contains("memory")
    }
}

impl<'a> Stage<'a> {
    /// Starts them; what is stored is then in memory. Where there is a `clock`, it can be moved.
    ///
    /// # Errors
    /// When they do not answer, or the edge keeps nothing.
    pub(super) fn open(
        workspace: &Workspace,
        edge: &Path,
        origin: &'a Origin,
        sessions: &'a Sessions,
        clock: bool,
    ) -> Result<Self> {
        let vars = json!({ "ORIGIN_URL": origin.url });
        let config = json!({
            "edge": { "dir": edge, "originUrl": origin.url, "vars": { "JWT_SECRET": sessions.secret } },
            "peers": [{ "name": "pass", "file": workspace.path("tools/bench/peers/pass.js"), "vars": vars }],
            "clock": clock,
        });
        let what = if clock { "an edge with a clock" } else { "the edge and its peer" };
        let world = step(what, || World::start(workspace, &config))?;
        let pass = world.ready["peers"]["pass"].as_str().context("the world names no peer")?.to_owned();
        let stage = Self { origin, sessions, edge: world.url()?, pass, world };
        for path in [page(0, LONG), page(0, SHORT), stored(SHORT)] {
            stage.until_in_memory(&path)?;
        }
        origin.settled()?;
        Ok(stage)
    }

    /// The edge, asked for these in turns.
    pub(super) fn hits(&self, name: &'static str, asked: &[Asked]) -> Result<Peer> {
        self.peer(name, &self.edge, asked, "")
    }

    /// The same with the validator that the client has.
    pub(super) fn unchanged(&self, name: &'static str, asked: &Asked) -> Result<Peer> {
        let tag = self.get(asked, "")?.tag;
        let got = self.get(asked, &tag)?;
        ensure!((got.status, got.cache.contains("; hit")) == (304, true), "`{name}`: {} {}", got.status, got.cache);
        let peer = self.peer(name, &self.edge, slice::from_ref(asked), &format!("If-None-Match: {tag}\r\n"))?;
        Ok(Peer { status: 304, ..peer })
    }

    /// A server that is asked for these in turns, with further `fields`.
    pub(super) fn peer(&self, name: &'static str, url: &str, asked: &[Asked], fields: &str) -> Result<Peer> {
        let requests = asked.iter().map(|asked| self.request(url, asked, fields)).collect();
        Ok(Peer { name, address: address(url)?, requests, status: 200, asked: 0 })
    }

    /// A request as a page's script sends it.
    fn request(&self, url: &str, asked: &Asked, fields: &str) -> String {
        let (host, path, bearer) = (url.trim_start_matches("http://"), &asked.path, self.bearer(asked.user));
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nAuthorization: {bearer}\r\n{fields}\r\n"
        )
    }

    pub(super) fn bearer(&self, user: usize) -> String {
        format!("Bearer {}", self.sessions.tokens[user])
    }

    /// What the edge answers, on the condition that it is no more as `tag` says.
    pub(super) fn get(&self, asked: &Asked, tag: &str) -> Result<Got> {
        let mut request =
            ureq::get(format!("{}{}", self.edge, asked.path)).header("authorization", self.bearer(asked.user));
        if !tag.is_empty() {
            request = request.header("if-none-match", tag);
        }
        let mut answer = request.call()?;
        let field = |name: &str| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (cache, timing, tag) = (field("cache-status"), field("server-timing"), field("etag"));
        Ok(Got { status: answer.status().as_u16(), cache, timing, tag, body: answer.body_mut().read_to_string()? })
    }

    /// Asks until it comes from memory.
    pub(super) fn until_in_memory(&self, asked: &Asked) -> Result<()> {
        for _ in 0..200 {
            if self.get(asked, "")?.is_from_memory() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        anyhow::bail!("the edge does not keep {}", asked.path)
    }

    /// A page that was none would be measured as one.
    pub(super) fn ensure_page(&self, asked: &Asked, total: usize) -> Result<()> {
        let got = self.get(asked, "")?;
        let body: Value = serde_json::from_str(&got.body)?;
        let items = body["data"]["artists"].as_array().map_or(0, Vec::len);
        let is_page = items == LIMIT && body["data"]["pagination"]["total"] == json!(total);
        ensure!(is_page && got.is_from_memory(), "{} gives {items} items; {}, {}", asked.path, got.cache, got.timing);
        Ok(())
    }

    /// A hit that was none would be measured as one.
    pub(super) fn nothing_reached_the_origin(&self) -> Result<()> {
        let given = self.origin.settled()?;
        ensure!(given.requests == 0, "{} of what should have been hits asked the origin", given.requests);
        Ok(())
    }
}

/// A path, and who asks for it.
pub(super) struct Asked {
    pub(super) path: String,
    user: usize,
}

/// A page of a user's list.
pub(super) fn page(number: usize, user: usize) -> Asked {
    Asked { path: format!("/api/user/artists?page={number}&limit={LIMIT}"), user }
}

/// The list as the origin has it.
pub(super) fn whole(user: usize) -> Asked {
    Asked { path: "/api/user/artists".to_owned(), user }
}

/// JSON that is stored as it goes out.
pub(super) fn stored(user: usize) -> Asked {
    Asked { path: format!("/api/upload/user/user{user}"), user }
}
