//! `cargo xtask check`: validates policies and explains each mistake with its place in the file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use console::style;
use tiercel_core::policy::document::{Diagnostic, Level, Reading, read, schema};

use crate::workspace::Workspace;

/// `cargo xtask check`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The policies to check [default: every one in policies/]
    policies: Vec<PathBuf>,
    /// Write policies/policy.schema.json anew
    #[arg(long)]
    write_schema: bool,
    /// Fail when policies/policy.schema.json is not what the code generates
    #[arg(long)]
    schema_fresh: bool,
}

/// Checks the policies. Warnings pass, errors fail.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    let schema_file = workspace.path("policies/policy.schema.json");
    if args.write_schema {
        fs::write(&schema_file, schema()).with_context(|| format!("cannot write {}", schema_file.display()))?;
        println!("wrote {}", schema_file.display());
    }
    let mut failed = false;
    if args.schema_fresh && fs::read_to_string(&schema_file).unwrap_or_default() != schema() {
        eprintln!(
            "{}: policies/policy.schema.json is stale\n  = help: run `cargo xtask check --write-schema`",
            error()
        );
        failed = true;
    }
    for file in policies(args, &workspace)? {
        failed |= read_and_report(&file)?.has_errors();
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads a policy and prints what was found, as compilers do.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read_and_report(file: &Path) -> Result<Reading> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the policy {}", file.display()))?;
    let reading = read(&text);
    for diagnostic in &reading.diagnostics {
        eprintln!("{}", render(file, diagnostic, reading.places.line(diagnostic.place.line)));
    }
    let count = |level| reading.diagnostics.iter().filter(|d| d.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    match &reading.policy {
        Some(policy) if errors == 0 => println!(
            "{} {}: {} classes, {} events{}",
            style("✔").green(),
            file.display(),
            policy.classes.len(),
            policy.events.len(),
            if warnings == 0 { String::new() } else { format!(", {warnings} warnings") }
        ),
        _ => eprintln!("{} {}: {errors} errors, {warnings} warnings", style("✘").red(), file.display()),
    }
    Ok(reading)
}

fn policies(args: &Args, workspace: &Workspace) -> Result<Vec<PathBuf>> {
    if !args.policies.is_empty() {
        return Ok(args.policies.clone());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(workspace.path("policies")).context("cannot list policies/")? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if name.ends_with(".json") && !name.ends_with(".schema.json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn error() -> impl std::fmt::Display {
    style("error").red().bold()
}

fn render(file: &Path, found: &Diagnostic, line: &str) -> String {
    let level = match found.level {
        Level::Error => style("error").red().bold(),
        Level::Warning => style("warning").yellow().bold(),
    };
    let (place, gutter) = (&found.place, " ".repeat(found.place.line.to_string().len()));
    let bar = style("|").blue();
    let pointer = if place.pointer.is_empty() { String::new() } else { format!("  {}", style(&place.pointer).dim()) };
    format!(
        "{level}[{}]: {}\n{gutter}{} {}:{}:{}{pointer}\n{gutter} {bar}\n{} {bar} {}\n{gutter} {bar} {}{}\n{gutter} = help: {}\n",
        found.id,
        found.message,
        style("-->").blue(),
        file.display(),
        place.line,
        place.column,
        style(place.line).blue(),
        line.trim_end(),
        " ".repeat(place.column.saturating_sub(1)),
        style("^").red(),
        found.help,
    )
}
