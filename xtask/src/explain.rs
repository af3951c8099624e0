//! `cargo xtask explain`: what each tier does with a request, and which line of the policy says so.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use console::style;
use tiercel_core::explain::{Fact, explain};

use crate::{check, workspace::Workspace};

/// `cargo xtask explain GET /api/stats --user abc123`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The method, such as GET
    method: String,
    /// Path and query, or the whole URL
    url: String,
    /// The verified user who asks
    #[arg(long)]
    user: Option<String>,
    /// The policy [default: policies/videomi.json]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Prints the explanation.
///
/// # Errors
/// When the policy cannot be read, or has errors, or the URL is none.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    let file = args.policy.clone().unwrap_or_else(|| workspace.path("policies/videomi.json"));
    let reading = check::read_and_report(&file)?;
    let Some(policy) = &reading.policy else { return Ok(ExitCode::FAILURE) };
    if !args.url.starts_with('/') && !args.url.contains("://") {
        bail!("`{}` is neither a path that starts with `/` nor a URL", args.url);
    }
    let method = args.method.to_ascii_uppercase();
    let shown = file.strip_prefix(&workspace.root).unwrap_or(&file).display().to_string();
    for part in explain(policy, &reading.places, &method, &args.url, args.user.as_deref()).parts {
        println!("\n{}", style(part.title).bold());
        for fact in &part.facts {
            println!("{}", line(fact, &shown));
        }
    }
    println!();
    Ok(ExitCode::SUCCESS)
}

fn line(fact: &Fact, file: &str) -> String {
    let place = match &fact.place {
        Some(place) => style(format!("  {file}:{}", place.line)).dim().to_string(),
        None => String::new(),
    };
    format!("  {:<18} {}{place}", fact.label, fact.value)
}
