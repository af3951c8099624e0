//! `cargo xtask bench`: what the product promises of speed and size, measured side by side with its peers.
//!
//! A missed target is a line in the table, never a failure: how fast a machine is says nothing of whether the code is
//! right.

mod cloudflare;
mod collections;
mod cpu;
mod day;
mod edge;
mod flow;
mod load;
mod media;
mod mutations;
mod open;
mod origin;
mod report;
mod rounds;
mod sdk;
mod speed;
mod stage;
mod sw;

use std::process::ExitCode;

use anyhow::Result;

use crate::progress::say;

/// `cargo xtask bench`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The benchmark to run; none lists them
    #[command(subcommand)]
    bench: Option<Bench>,
}

#[derive(clap::Subcommand)]
enum Bench {
    /// The edge beside a Worker that returns a constant and one that only asks the Cache API
    Edge(edge::Args),
    /// Pages of a long list at the edge, beside what is stored as it goes out
    Collections(collections::Args),
    /// A simulated day of Videomi's users: hit rates, and reads of D1 and R2 that are spared
    Day(day::Args),
    /// The Service Worker beside one written by hand and Workbox, in Chromium
    Sw(sw::Args),
    /// The client SDK beside Dexie and IndexedDB by hand, in Chromium
    Sdk(sdk::Args),
}

/// Runs a benchmark, or lists them.
///
/// # Errors
/// When something could not be measured. A target that is missed is no error.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match &args.bench {
        Some(Bench::Edge(args)) => edge::run(args)?,
        Some(Bench::Collections(args)) => collections::run(args)?,
        Some(Bench::Day(args)) => day::run(args)?,
        Some(Bench::Sw(args)) => sw::run(args)?,
        Some(Bench::Sdk(args)) => sdk::run(args)?,
        None => {
            say("  edge         the edge beside a Worker that returns a constant and one that only asks the Cache API");
            say("  collections  pages of a long list at the edge, beside what is stored as it goes out");
            say("  day          a simulated day of Videomi's users: hit rates, and reads of D1 and R2 that are spared");
            say("  sw           the Service Worker beside one written by hand and Workbox, in Chromium");
            say("  sdk          the client SDK beside Dexie and IndexedDB by hand, in Chromium");
        }
    }
    Ok(ExitCode::SUCCESS)
}
