//! `cargo xtask dev`: the whole system on this machine, or the edge alone in front of somebody's origin.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use tiercel_core::policy::{Policy, document};

use crate::{
    build::{self, Part},
    progress::{paint, say},
    workspace::Workspace,
    world::World,
};

const HOST: &str = "127.0.0.1";

/// Signs the demo's sessions. It opens nothing but a library that lives on this machine.
const DEMO_SECRET: &str = "videomi-local-secret-not-for-deployment";

/// Lets whoever sits at this machine purge and read the statistics.
const DEMO_OPERATOR: &str = "videomi-local-operator";

/// The edge's secret for operators.
const OPERATOR: &str = "TIERCEL_OPERATOR_TOKEN";

/// `cargo xtask dev`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Serve only the edge, in front of this HTTP origin, for example http://127.0.0.1:3000 (a policy with users
    /// verifies their tokens by the environment's JWT_SECRET, or what else it names; operators need
    /// TIERCEL_OPERATOR_TOKEN)
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
    ensure!(
        args.origin.is_some() || build::is_default(&workspace, &policy),
        "the demo is of {} alone: with --policy, name your origin with --origin URL",
        build::DEFAULT_POLICY
    );
    let mode = if args.origin.is_some() { "edge" } else { "dev" };
    let state = workspace.path(".tiercel").join(mode);
    if args.fresh && state.exists() {
        fs::remove_dir_all(&state).with_context(|| format!("cannot clear {}", state.display()))?;
    }
    let mut setting = Setting::default();
    let config = match &args.origin {
        Some(origin) => {
            ensure!(
                origin.starts_with("http://") || origin.starts_with("https://"),
                "--origin is `{origin}`, but must start with http:// or https://"
            );
            // Not into dist/, which is what gets deployed: this may be a policy that is only being tried.
            let dist = workspace.path(".tiercel/edge-dist");
            build::build(&workspace, &policy, &dist, &[Part::Edge])?;
            setting = setting_of(&policy)?;
            json!({
                "port": args.port, "host": HOST, "persist": state,
                "edge": { "dir": dist.join("edge"), "originUrl": origin, "vars": setting.vars },
            })
        }
        None => {
            let dist = workspace.path("dist");
            build::build(&workspace, &policy, &dist, &[Part::All])?;
            json!({
                "port": args.port, "host": HOST, "persist": state,
                "edge": { "dir": dist.join("edge"), "vars": { "JWT_SECRET": DEMO_SECRET, OPERATOR: DEMO_OPERATOR } },
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
        Some(origin) => edge_banner(&world.ready, origin, &workspace.shown(&policy), &setting),
        None => demo_banner(&world.ready),
    }
    world.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// What the edge before somebody's origin is given from the environment.
#[derive(Debug, Default, PartialEq, Eq)]
struct Setting {
    vars: Map<String, Value>,
    /// For the person at the terminal, a line each: what can be tried, and what is missing.
    notes: Vec<String>,
}

/// By the names that the policy gives them, from this environment.
fn setting_of(policy: &Path) -> Result<Setting> {
    let text = fs::read_to_string(policy).with_context(|| format!("cannot read {}", policy.display()))?;
    let policy = document::read(&text).policy;
    Ok(policy.map_or_else(Setting::default, |policy| setting(&policy, |name| std::env::var(name).ok())))
}

fn setting(policy: &Policy, environment: impl Fn(&str) -> Option<String>) -> Setting {
    let mut setting = Setting::default();
    let mut take = |name: &str| match environment(name).filter(|value| !value.is_empty()) {
        Some(value) => setting.vars.insert(name.to_owned(), Value::String(value)).is_none(),
        None => false,
    };
    let proof = policy.identity.as_ref().map(|identity| identity.proof.variable.as_str());
    if let Some(name) = proof.filter(|name| !name.is_empty() && !take(name)) {
        setting.notes.push(format!("{name} is not set: nobody is recognised, and nothing of a user is stored"));
    }
    if let Some(path) = &policy.operators {
        setting.notes.push(match take(OPERATOR) {
            true => format!("operators  {path}/stats and {path}/purge, with {OPERATOR}"),
            false => format!("{OPERATOR} is not set: nobody can purge by hand or read the statistics"),
        });
    }
    setting
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
    · reload: thumbnails come from the Service Worker, lists from IndexedDB, and the origin is asked for no data
    · upload or delete a file: the list is new at once, in every tab
    · Artists: they come from a stand-in for Spotify, whose switches are at {spotify}
    · stop this server, or go offline in the developer tools: the page still works
    · curl -si {url}/api/ratings/top10 | grep -i cache
    · curl -s {url}/api/cache/stats -H 'Authorization: Bearer {DEMO_OPERATOR}'

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

fn edge_banner(ready: &Value, origin: &str, policy: &str, setting: &Setting) {
    let url = address(ready, "url");
    let notes: String = setting.notes.iter().map(|note| format!("  {note}\n")).collect();
    say(&format!(
        "
  {title}   {link}

  origin   {origin}
  policy   {policy}
{notes}
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

#[cfg(test)]
mod tests {
    use std::fs;

    use tiercel_core::policy::document;

    use super::setting;
    use crate::workspace::Workspace;

    #[test]
    fn the_edge_gets_what_its_policy_names_and_says_what_is_missing() {
        let workspace = Workspace::locate().expect("cargo metadata answers");
        let both = "JWT_SECRET TIERCEL_OPERATOR_TOKEN";
        let cases: [(&str, &str, &str, &[&str]); 5] = [
            (
                "policies/videomi.json",
                "HOME",
                "",
                &["JWT_SECRET is not set: nobody is", "TIERCEL_OPERATOR_TOKEN is not set: nobody can"],
            ),
            ("policies/videomi.json", both, both, &["operators  /api/cache/stats and /api/cache/purge"]),
            ("policies/http.json", both, "", &[]),
            ("tests/cases/auth/es256.json", both, "", &["JWT_PUBLIC_KEY is not set: nobody is"]),
            // The issuer publishes its keys.
            ("tests/cases/auth/rs256.json", both, "", &[]),
        ];
        for (file, environment, vars, notes) in cases {
            let text = fs::read_to_string(workspace.path(file)).expect(file);
            let policy = document::read(&text).policy.expect(file);
            let found =
                setting(&policy, |name| environment.split(' ').any(|set| set == name).then(|| name.to_lowercase()));
            assert_eq!(found.vars.keys().map(String::as_str).collect::<Vec<_>>().join(" "), vars, "{file}");
            assert!(found.vars.iter().all(|(name, value)| *value == name.to_lowercase()), "{file}");
            assert_eq!(found.notes.len(), notes.len(), "{file}: {:?}", found.notes);
            for (note, start) in found.notes.iter().zip(notes) {
                assert!(note.starts_with(start), "{file}: {note}");
            }
        }
    }
}
