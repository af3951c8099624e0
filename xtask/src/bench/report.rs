//! What a benchmark found: a table for people, JSON for tools.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// What was promised.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// One line of the table.
pub(crate) struct Row {
    /// Stable, for tools.
    pub(crate) id: String,
    /// For people.
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// None where nothing was promised and the figure only explains others.
    pub(crate) target: Option<Target>,
    /// What the value was computed from, for people.
    pub(crate) of: String,
}

impl Row {
    fn verdict(&self) -> &'static str {
        match self.target {
            None => "",
            Some(target) if target.is_met(self.value) => "met",
            Some(_) => "MISSED",
        }
    }

    fn promised(&self) -> String {
        match self.target {
            None => String::new(),
            Some(Target::AtLeast(least)) => format!("≥ {}", shown(least, self.unit)),
            Some(Target::AtMost(most)) => format!("≤ {}", shown(most, self.unit)),
        }
    }

    fn json(&self) -> Value {
        let (least, most) = match self.target {
            None => (None, None),
            Some(Target::AtLeast(least)) => (Some(least), None),
            Some(Target::AtMost(most)) => (None, Some(most)),
        };
        json!({
            "id": self.id, "what": self.what, "value": self.value, "unit": self.unit, "of": self.of,
            "at_least": least, "at_most": most, "met": self.target.map(|target| target.is_met(self.value)),
        })
    }
}

/// Prints the table on stdout and writes the JSON to `file`. `about` says how it was measured.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn publish(rows: &[Row], about: Value, file: &Path) -> Result<()> {
    let heading = ["", "measured", "target", "", "of"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        [row.what.clone(), shown(row.value, row.unit), row.promised(), row.verdict().to_owned(), row.of.clone()]
    });
    let cells: Vec<[String; 5]> = std::iter::once(heading).chain(cells).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [what, measured, promised, verdict] = [width(0), width(1), width(2), width(3)];
    println!();
    for [a, b, c, d, e] in &cells {
        println!("{}", format!("  {a:what$}  {b:>measured$}  {c:>promised$}  {d:verdict$}  {e}").trim_end());
    }
    let missed = rows.iter().filter(|row| row.verdict() == "MISSED").count();
    let promised = rows.iter().filter(|row| row.target.is_some()).count();
    println!("\n  {} of {promised} targets met, {missed} MISSED", promised - missed);
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    let text = serde_json::to_string_pretty(&json!({ "about": about, "rows": rows }))?;
    fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    println!("  {}", file.display());
    Ok(())
}

fn shown(value: f64, unit: &str) -> String {
    if value.fract() == 0.0 && unit != "×" { format!("{value} {unit}") } else { format!("{value:.2} {unit}") }
}

/// The one in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
