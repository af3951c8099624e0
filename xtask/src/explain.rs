//! `cargo xtask explain`: what each tier does with a request, and which line of the policy says so.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use console::style;
use tiercel_core::{
    explain::{Fact, explain},
    policy::document::Reading,
};

use crate::{build::DEFAULT_POLICY, check, workspace::Workspace};

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
    let file = policy_file(&workspace, args);
    let reading = check::read_and_report(&workspace, &file)?;
    if !args.url.starts_with('/') && !args.url.contains("://") {
        bail!("`{}` is neither a path that starts with `/` nor a URL", args.url);
    }
    let Some(told) = told(&reading, args, &workspace.shown(&file)) else { return Ok(ExitCode::FAILURE) };
    println!("{told}");
    Ok(ExitCode::SUCCESS)
}

fn policy_file(workspace: &Workspace, args: &Args) -> PathBuf {
    args.policy.clone().unwrap_or_else(|| workspace.path(DEFAULT_POLICY))
}

/// The explanation, behind an empty line for each part; nothing where the policy has errors.
fn told(reading: &Reading, args: &Args, shown: &str) -> Option<String> {
    let policy = reading.policy.as_ref()?;
    let method = args.method.to_ascii_uppercase();
    let explanation = explain(policy, &reading.places, &method, &args.url, args.user.as_deref());
    let mut lines = Vec::new();
    for part in explanation.parts {
        lines.push(format!("\n{}", style(part.title).bold()));
        lines.extend(part.facts.iter().map(|fact| line(fact, shown)));
    }
    lines.push(String::new());
    Some(lines.join("\n"))
}

fn line(fact: &Fact, file: &str) -> String {
    let place = match &fact.place {
        Some(place) => style(format!("  {file}:{}", place.line)).dim().to_string(),
        None => String::new(),
    };
    format!("  {:<18} {}{place}", fact.label, fact.value)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;
    use console::strip_ansi_codes;
    use tiercel_core::policy::document::read;

    use super::{Args, policy_file, told};
    use crate::{check, workspace::Workspace};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_readme_shows_what_is_printed() {
        let workspace = Workspace::locate().expect("cargo metadata answers");
        let readme = fs::read_to_string(workspace.path("README.md")).expect("README.md");
        let (_, section) = readme.split_once("### Explain\n").expect("a section on explain");
        let mut blocks = section.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
        let (_, command) = blocks.next().expect("the command");
        let (_, shown) = blocks.next().expect("what it prints");

        let words = command.strip_prefix("cargo xtask ").expect("a command of xtask").split_whitespace();
        let Command { args } = Command::parse_from(words.map(|word| word.trim_matches('\'')));
        let file = policy_file(&workspace, &args);
        let reading = read(&fs::read_to_string(&file).expect("the policy"));
        let name = workspace.shown(&file);
        let printed =
            format!("{}\n{}", check::verdict(&name, &reading), told(&reading, &args, &name).expect("no errors"));
        assert_eq!(strip_ansi_codes(&printed).trim_end(), shown);
    }
}
