//! Starts `tools/world.mjs`, the small Cloudflare on this machine, and ends it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{command::Run, node, workspace::Workspace};

/// Files there are in memory, on Linux.
const MEMORY: &str = "/dev/shm";

/// A running world. Dropping it closes its stdin, at which it ends.
pub(crate) struct World {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The line it printed when everything answered: `url`, `controlUrl`, `originUrl`.
    pub(crate) ready: Value,
    /// Gone after the child, since fields are dropped last.
    storage: Option<Storage>,
}

/// A directory that goes with its world: Miniflare does not remove all that it makes.
struct Storage(PathBuf);

impl Drop for Storage {
    fn drop(&mut self) {
        // What is left is small, and goes when the machine restarts.
        let _ = fs::remove_dir_all(&self.0);
    }
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

    /// The same, with what the Workers store in memory, where this system has a place for that. workerd syncs what a
    /// Durable Object writes on the thread that answers all requests; in production, that is other machines' work.
    ///
    /// # Errors
    /// When it ends before it answers.
    pub(crate) fn start_in_memory(workspace: &Workspace, config: &Value) -> Result<Self> {
        let tool = node::tool(workspace, "world.mjs").arg(config.to_string());
        if !Path::new(MEMORY).is_dir() {
            return Self::run(tool);
        }
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let storage = Path::new(MEMORY).join(format!("tiercel-{}-{number}", std::process::id()));
        fs::create_dir(&storage).with_context(|| format!("cannot make {}", storage.display()))?;
        let storage = Storage(storage);
        let mut world = Self::run(tool.env("TMPDIR", &storage.0))?;
        world.storage = Some(storage);
        Ok(world)
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
        Ok(Self { child, stdout, ready, storage: None })
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
