//! `cargo xtask`: everything this repository does to itself, one file per command.
//!
//! `dev` and `test` need nothing but rustup, a C linker and Node 20.18.1 or newer: they install what they can by
//! themselves and say plainly what they cannot (see [`setup`]).

mod bench;
mod browser;
mod build;
mod bundle;
mod check;
mod ci;
mod command;
mod dev;
mod explain;
mod node;
mod npm;
mod precache;
mod progress;
mod setup;
mod sizes;
mod tally;
mod test;
mod wasm;
mod workspace;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tiercel's tasks. Start with `cargo xtask dev`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Compile a policy and every bundle into dist/
    Build(build::Args),
    /// Build, then serve the whole demo (or only the edge, in front of your own origin) on this machine
    Dev(dev::Args),
    /// Run the tests: units, edge (in workerd), browser (in Chromium)
    Test(test::Args),
    /// Validate a policy and explain each mistake with its place in the file
    Check(check::Args),
    /// Print what each tier does with a request, and which line of the policy says so
    Explain(explain::Args),
    /// Run a benchmark
    Bench(bench::Args),
    /// What must hold beside the tests before a change is merged: format, lints, generated files, licences
    Ci(ci::Args),
    /// Install what building and testing need: the wasm targets, npm packages, a browser
    Setup(setup::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Build(args) => build::run(&args),
        Task::Dev(args) => dev::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Check(args) => check::run(&args),
        Task::Explain(args) => explain::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Ci(args) => ci::run(&args),
        Task::Setup(args) => setup::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("\nerror: {error:#}");
        ExitCode::FAILURE
    })
}
