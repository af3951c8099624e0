//! `cargo xtask check`: validates policies and explains each mistake with its place in the file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use console::style;
use tiercel_core::policy::document::{Diagnostic, Level, Reading, read, reference, schema};

use crate::workspace::Workspace;

/// `cargo xtask check`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The policies to check [default: every one in policies/]
    policies: Vec<PathBuf>,
    /// Write policies/policy.schema.json and docs/policy.md anew
    #[arg(long)]
    write_schema: bool,
}

/// Checks the policies. Warnings pass, errors fail.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    let mut failed = false;
    if args.write_schema {
        for (file, text) in generated(&workspace) {
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            println!("wrote {}", file.display());
        }
    }
    for file in policies(args, &workspace)? {
        failed |= read_and_report(&workspace, &file)?.has_errors();
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The files that are generated from the policy's document types, and what they should hold.
pub(crate) fn generated(workspace: &Workspace) -> [(PathBuf, String); 2] {
    [(workspace.path("policies/policy.schema.json"), schema()), (workspace.path("docs/policy.md"), reference())]
}

/// Reads a policy and prints what was found, as compilers do.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read_and_report(workspace: &Workspace, file: &Path) -> Result<Reading> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the policy {}", file.display()))?;
    let (reading, shown) = (read(&text), workspace.shown(file));
    for diagnostic in &reading.diagnostics {
        eprintln!("{}", render(&shown, diagnostic, reading.places.line(diagnostic.place.line)));
    }
    let verdict = verdict(&shown, &reading);
    match reading.has_errors() {
        true => eprintln!("{verdict}"),
        false => println!("{verdict}"),
    }
    Ok(reading)
}

/// What came of a policy, in one line.
pub(crate) fn verdict(shown: &str, reading: &Reading) -> String {
    let count = |level| reading.diagnostics.iter().filter(|d| d.level == level).count();
    let (errors, warnings) = (count(Level::Error), counted(count(Level::Warning), "warning", "warnings"));
    match &reading.policy {
        Some(policy) if errors == 0 => format!(
            "{} {shown}: {}, {}{}",
            style("✔").green(),
            counted(policy.classes.len(), "class", "classes"),
            counted(policy.events.len(), "event", "events"),
            if count(Level::Warning) == 0 { String::new() } else { format!(", {warnings}") }
        ),
        _ => format!("{} {shown}: {}, {warnings}", style("✘").red(), counted(errors, "error", "errors")),
    }
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

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn render(shown: &str, found: &Diagnostic, line: &str) -> String {
    let level = match found.level {
        Level::Error => style("error").red().bold(),
        Level::Warning => style("warning").yellow().bold(),
    };
    let (place, gutter) = (&found.place, " ".repeat(found.place.line.to_string().len()));
    let bar = style("|").blue();
    let pointer = if place.pointer.is_empty() { String::new() } else { format!("  {}", style(&place.pointer).dim()) };
    format!(
        "{level}[{}]: {}\n{gutter}{} {shown}:{}:{}{pointer}\n{gutter} {bar}\n{} {bar} {}\n{gutter} {bar} {}{}\n{gutter} = help: {}\n",
        found.id,
        found.message,
        style("-->").blue(),
        place.line,
        place.column,
        style(place.line).blue(),
        line.trim_end(),
        " ".repeat(place.column.saturating_sub(1)),
        style("^").red(),
        found.help,
    )
}
