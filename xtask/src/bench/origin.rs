//! Starts `tools/bench/origin.mjs`, the origin of the benchmarks, and ends it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::Child,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{node, workspace::Workspace};

/// A running origin. Dropping it closes its stdin, at which it ends.
pub(crate) struct Origin {
    child: Child,
    control: String,
    pub(crate) url: String,
}

/// Whom the origin knows.
pub(crate) struct Sessions {
    /// What their tokens are signed with.
    pub(crate) secret: String,
    /// One for each user.
    pub(crate) tokens: Vec<String>,
}

/// What the origin gave since it was asked to count anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given {
    /// Requests that reached it.
    pub(crate) requests: u64,
    /// Bytes of bodies.
    pub(crate) bytes: u64,
}

impl Origin {
    /// Starts an origin whose small bodies are `length` bytes.
    ///
    /// # Errors
    /// When it does not start; it has then said why on stderr.
    pub(crate) fn start(workspace: &Workspace, length: usize) -> Result<Self> {
        let mut child = node::tool(workspace, "bench/origin.mjs").arg(length.to_string()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout is piped")?).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line).context("the origin did not start")?;
        let text = |name: &str| ready[name].as_str().map(str::to_owned).with_context(|| format!("no `{name}`"));
        Ok(Self { control: text("controlUrl")?, url: text("url")?, child })
    }

    /// What it gave until now, once that does not grow any more; it then counts anew.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn settled(&self) -> Result<Given> {
        let mut before = self.given()?;
        loop {
            thread::sleep(Duration::from_millis(200));
            let now = self.given()?;
            if now == before {
                ureq::post(format!("{}/given", self.control)).send_empty()?;
                return Ok(now);
            }
            before = now;
        }
    }

    /// Sessions of so many users.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn sessions(&self, users: usize) -> Result<Sessions> {
        let text = ureq::get(format!("{}/sessions/{users}", self.control)).call()?.body_mut().read_to_string()?;
        let told: Value = serde_json::from_str(&text)?;
        let tokens = told["tokens"].as_array().context("no `tokens`")?.iter().filter_map(Value::as_str);
        let secret = told["secret"].as_str().context("no `secret`")?.to_owned();
        Ok(Sessions { secret, tokens: tokens.map(str::to_owned).collect() })
    }

    /// Lets it answer, or nobody listen.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn listen(&self, up: bool) -> Result<()> {
        ureq::post(format!("{}/{}", self.control, if up { "up" } else { "down" })).send_empty()?;
        Ok(())
    }

    fn given(&self) -> Result<Given> {
        let text = ureq::get(format!("{}/given", self.control)).call()?.body_mut().read_to_string()?;
        let given: Value = serde_json::from_str(&text)?;
        let number = |name: &str| given[name].as_u64().with_context(|| format!("no `{name}`"));
        Ok(Given { requests: number("requests")?, bytes: number("bytes")? })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends within a moment of its stdin.
        let _ = self.child.wait();
    }
}

/// The socket that an `http://` URL of this machine names.
///
/// # Errors
/// When it names none.
pub(crate) fn address(url: &str) -> Result<SocketAddr> {
    url.trim_start_matches("http://").parse().with_context(|| format!("`{url}` names no socket"))
}
