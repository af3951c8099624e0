//! Starts `tools/world.mjs`, the small Cloudflare on this machine, and ends it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{command::Run, node, workspace::Workspace};

/// A running world. Dropping it closes its stdin, at which it ends.
pub(crate) struct World {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The line it printed when everything answered: `url`, `controlUrl`, `originUrl`.
    pub(crate) ready: Value,
}

impl World {
    /// Starts a world and waits until it answers.
    ///
    /// # Errors
    /// When it ends before that; it has then said why on stderr.
    pub(crate) fn start(workspace: &Workspace, config: &Value) -> Result<Self> {
        Self::run(node::tool(workspace, "world.mjs").arg(config.to_string()))
    }

    /// The same, for a world in which failures are what is wanted: nothing of its log is shown.
    ///
    /// # Errors
    /// When it ends before it answers.
    pub(crate) fn start_quietly(workspace: &Workspace, config: &Value) -> Result<Self> {
        Self::run(node::tool(workspace, "world.mjs").arg(config.to_string()).quiet())
    }

    fn run(tool: Run) -> Result<Self> {
        let mut child = tool.spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        if line.is_empty() {
            bail!("the local Workers did not start ({}); the reason is above", child.wait()?);
        }
        let ready =
            serde_json::from_str(&line).with_context(|| format!("tools/world.mjs printed `{}`", line.trim()))?;
        Ok(Self { child, stdout, ready })
    }

    /// The process that it runs in, with workerd below it.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits until somebody ends it, for example with Ctrl-C.
    ///
    /// # Errors
    /// When it ends with a failure.
    pub(crate) fn wait(mut self) -> Result<()> {
        std::io::copy(&mut self.stdout, &mut std::io::sink())?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the local Workers ended ({status}); the reason is above");
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It has ended, or ends within a moment of its stdin.
        let _ = self.child.wait();
    }
}
