//! What the benches in a browser share: a script that measures several, round by round, and what it prints.

use std::{path::Path, thread};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::report::{self, Row, Target, median};
use crate::{
    node,
    progress::{say, step},
    workspace::Workspace,
};

/// The times of each by its name, in milliseconds a round, and what else is known of it.
pub(crate) struct Found(pub(crate) Value);

impl Found {
    /// What `tool` finds that was given `order`. `what` says what takes so long.
    ///
    /// # Errors
    /// When it fails, or prints something else.
    pub(crate) fn of(workspace: &Workspace, tool: &str, order: &Value, what: &str) -> Result<Self> {
        let told = step(what, || node::tool(workspace, tool).arg(order.to_string()).output())?;
        serde_json::from_str(&told).map(Self).with_context(|| format!("tools/{tool} did not print JSON"))
    }

    /// All that was measured of one.
    pub(crate) fn all(&self, who: &str, measure: &str) -> Vec<f64> {
        self.0[who][measure].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    }

    /// How long `who` took for each `measure` beside `peer`, round by round, so that what slowed a round slowed both.
    pub(crate) fn ratio(
        &self,
        id: &str,
        what: &str,
        (who, peer): (&str, &str),
        measure: &str,
        most: Option<f64>,
    ) -> Row {
        let (own, theirs) = (self.all(who, measure), self.all(peer, measure));
        let ratio = median(own.iter().zip(&theirs).map(|(own, theirs)| own / theirs));
        row(id, what, (ratio, "×"), most, format!("{:.2} ms, {:.2} ms", median(own), median(theirs)))
    }
}

/// A figure in its unit, and the most that it should be.
pub(crate) fn row(id: &str, what: &str, (value, unit): (f64, &'static str), most: Option<f64>, of: String) -> Row {
    Row { id: id.into(), what: what.into(), value, unit, target: most.map(Target::AtMost), of }
}

/// Prints the rows of the bench called `bench` and writes them to `target/bench/`.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn publish(rows: &[Row], bench: &str, quick: bool, effort: &Value, target: &Path) -> Result<()> {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let about = json!({ "bench": bench, "quick": quick, "cores": cores, "effort": effort });
    if quick {
        say("--quick: a look, not a claim");
    }
    report::publish(rows, about, &target.join(format!("bench/{bench}.json")))
}
