//! `cargo xtask dev`: the whole system on this machine, or the edge alone in front of somebody's origin.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tiercel_core::policy::document;

use crate::{
    build::{self, Part},
    progress::{paint, say},
    workspace::Workspace,
    world::World,
};

const HOST: &str = "127.0.0.1";

/// Signs the demo's sessions. It opens nothing but a library that lives on this machine.
const DEMO_SECRET: &str = "videomi-local-secret-not-for-deployment";

/// `cargo xtask dev`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Serve only the edge, in front of this HTTP origin, for example http://127.0.0.1:3000 (a policy with users
    /// verifies their tokens by the environment's JWT_SECRET, or what else it names)
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// The policy to compile in
    #[arg(long, value_name = "FILE", default_value = build::DEFAULT_POLICY)]
    policy: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "N", default_value_t = 8787)]
    port: u16,
    /// Forget what earlier runs stored: caches, files, ratings
    #[arg(long)]
    fresh: bool,
}

/// Builds, serves until Ctrl-C.
///
/// # Errors
/// When the port is taken, the build fails or the Workers do not start.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    // Before the build, which takes a while.
    port_is_free(args.port)?;
    let workspace = Workspace::locate()?;
    let policy = build::policy_path(&workspace, &args.policy)?;
    let mode = if args.origin.is_some() { "edge" } else { "dev" };
    let state = workspace.path(".tiercel").join(mode);
    if args.fresh && state.exists() {
        fs::remove_dir_all(&state).with_context(|| format!("cannot clear {}", state.display()))?;
    }
    let config = match &args.origin {
        Some(origin) => {
            ensure!(
                origin.starts_with("http://") || origin.starts_with("https://"),
                "--origin is `{origin}`, but must start with http:// or https://"
            );
            // Not into dist/, which is what gets deployed: this may be a policy that is only being tried.
            let dist = workspace.path(".tiercel/edge-dist");
            build::build(&workspace, &policy, &dist, &[Part::Edge])?;
            let secret = secret_of(&policy)?;
            json!({
                "port": args.port, "host": HOST, "persist": state,
                "edge": { "dir": dist.join("edge"), "originUrl": origin, "vars": secret },
            })
        }
        None => {
            let dist = workspace.path("dist");
            build::build(&workspace, &policy, &dist, &[Part::All])?;
            json!({
                "port": args.port, "host": HOST, "persist": state,
                "edge": { "dir": dist.join("edge"), "vars": { "JWT_SECRET": DEMO_SECRET } },
                "origin": {
                    "dir": dist.join("demo/origin"), "assetsDir": dist.join("demo/web"),
                    "vars": { "JWT_SECRET": DEMO_SECRET }, "seed": true,
                },
                // Beside the page, and there again after a restart: what is stored names its pictures.
                "spotify": { "port": args.port.saturating_add(1) },
            })
        }
    };
    let world = World::start(&workspace, &config)?;
    match &args.origin {
        Some(origin) => edge_banner(&world.ready, origin, &policy.display().to_string()),
        None => demo_banner(&world.ready),
    }
    world.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// What proves who the origin's users are, by the name that the policy gives it, from this environment.
fn secret_of(policy: &Path) -> Result<Value> {
    let text = fs::read_to_string(policy).with_context(|| format!("cannot read {}", policy.display()))?;
    let identity = document::read(&text).policy.and_then(|policy| policy.identity);
    let name = identity.map(|identity| identity.proof.variable).filter(|name| !name.is_empty());
    let secret = name.and_then(|name| Some((std::env::var(&name).ok()?, name)));
    Ok(secret.map_or(json!({}), |(secret, name)| json!({ name: secret })))
}

fn port_is_free(port: u16) -> Result<()> {
    if let Err(error) = TcpListener::bind((HOST, port)) {
        bail!("port {port} cannot be used ({error}): stop what listens there, or choose another with --port N");
    }
    Ok(())
}

fn demo_banner(ready: &Value) {
    let url = address(ready, "url");
    say(&format!(
        "
  {title}   {link}

  Sign in as   abc123 / demo   or   bob7 / demo

  What to try
    · reload: thumbnails come from the Service Worker, lists from IndexedDB, and nothing reaches the origin
    · upload or delete a file: the list is new at once, in every tab
    · Artists: they come from a stand-in for Spotify, whose switches are at {spotify}
    · stop this server, or go offline in the developer tools: the page still works
    · curl -si {url}/api/ratings/top10 | grep -i cache

  edge {url}   origin {origin}   requests that reached it {control}/origin-requests
  State is kept in .tiercel/dev; --fresh forgets it. Ctrl-C ends.
",
        title = paint("Videomi, behind Tiercel", "1"),
        link = paint(url, "1;4;36"),
        origin = address(ready, "originUrl"),
        control = address(ready, "controlUrl"),
        spotify = address(ready, "spotifyUrl"),
    ));
}

fn edge_banner(ready: &Value, origin: &str, policy: &str) {
    let url = address(ready, "url");
    say(&format!(
        "
  {title}   {link}

  origin   {origin}
  policy   {policy}

  Ask twice and read Cache-Status:
    curl -si {url}/ | grep -i -e cache -e age

  State is kept in .tiercel/edge; --fresh forgets it. Ctrl-C ends.
",
        title = paint("Tiercel's edge", "1"),
        link = paint(url, "1;4;36"),
    ));
}

fn address<'a>(ready: &'a Value, name: &str) -> &'a str {
    ready[name].as_str().unwrap_or("–")
}
