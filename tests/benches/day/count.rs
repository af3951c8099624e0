//! What was counted: at the page, at the edge and at the origin, by class.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tiercel_e2e::counted::Counted;

use crate::origin::{D1, R2};

/// A day.
#[derive(Default)]
pub(crate) struct Day {
    pub(crate) classes: BTreeMap<String, Counts>,
}

/// What was counted of a class.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Reads of the page, and how many of them the device answered.
    pub(crate) reads: u64,
    pub(crate) by_device: u64,
    /// Those for what the device had asked for before.
    pub(crate) repeats: u64,
    pub(crate) repeats_by_device: u64,
    /// Changes.
    pub(crate) changes: u64,
    /// Reads that reached the origin.
    pub(crate) at_origin: u64,
    pub(crate) edge: Counted,
}

impl Day {
    /// What was counted of a class.
    pub(crate) fn of(&mut self, class: &str) -> &mut Counts {
        self.classes.entry(class.to_owned()).or_default()
    }

    fn total(&self, wanted: impl Fn(&str) -> bool) -> Counts {
        let mut total = Counts::default();
        for (_, counts) in self.classes.iter().filter(|(class, _)| wanted(class)) {
            total.reads += counts.reads;
            total.by_device += counts.by_device;
            total.repeats += counts.repeats;
            total.repeats_by_device += counts.repeats_by_device;
            total.changes += counts.changes;
            total.at_origin += counts.at_origin;
            total.edge += counts.edge;
        }
        total
    }

    /// What was promised, and what explains it. Only an ordinary day has `targets`.
    pub(crate) fn rows(&self, prefix: &str, when: &str, targets: bool, has_devices: bool) -> Vec<Value> {
        let all = self.total(|_| true);
        let (edge, artists) = (all.edge, self.total(|class| class == "artists"));
        let [d1, r2] = [&D1[..], &R2[..]].map(|classes| self.total(|class| classes.contains(&class)));
        let row = |id: &str, what: &str, part: u64, whole: u64, least: f64, of: String| {
            let least = targets.then_some(least);
            json!({ "id": format!("{prefix}{id}"), "what": format!("{when}{what}"), "value": percent(part, whole), "least": least, "of": of })
        };
        let mut rows = vec![row(
            "edge-hit",
            "edge: hit rate",
            edge.hits,
            edge.answerable(),
            80.0,
            format!("{} of {}; {} more were stale", edge.hits, edge.answerable(), edge.stale),
        )];
        rows.push(explaining(row(
            "edge-stored",
            "  edge: answered from what it has, stale too",
            edge.hits + edge.stale,
            edge.answerable(),
            0.0,
            "what is stale goes out at once, and is refreshed behind".to_owned(),
        )));
        if has_devices {
            let of = format!("{} of {}", all.repeats_by_device, all.repeats);
            rows.push(row(
                "device-repeat",
                "device: hit rate on repeats",
                all.repeats_by_device,
                all.repeats,
                90.0,
                of,
            ));
        }
        let spared = |counts: &Counts| counts.reads.saturating_sub(counts.at_origin);
        rows.push(row(
            "artists",
            "artists: pages without the origin",
            spared(&artists),
            artists.reads,
            95.0,
            format!("{} lists computed for {} pages", artists.at_origin, artists.reads),
        ));
        rows.push(row("d1-cut", "D1 reads cut", spared(&d1), d1.reads, 85.0, self.left(&D1)));
        rows.push(row("r2-cut", "R2 reads cut", spared(&r2), r2.reads, 75.0, self.left(&R2)));
        rows
    }

    /// What was read all the same, and of which classes most.
    fn left(&self, classes: &[&str]) -> String {
        let all = self.total(|class| classes.contains(&class));
        let of = |class: &&str| self.classes.get(*class).map_or(0, |counts| counts.at_origin);
        let mut most = classes.to_vec();
        most.sort_by_key(|class| std::cmp::Reverse(of(class)));
        let most: Vec<String> = most.iter().take(3).map(|class| format!("{class} {}", of(class))).collect();
        format!("{} of {} read, most of {}", all.at_origin, all.reads, most.join(", "))
    }

    /// A line for each class: how much of it never reached the origin, and who answered.
    pub(crate) fn by_class(&self) -> Vec<Value> {
        let rows = self.classes.iter().filter(|(_, counts)| counts.reads > 0);
        let row = |(class, counts): (&String, &Counts)| {
            let Counts { reads, by_device, repeats, repeats_by_device, at_origin, edge, .. } = *counts;
            let stored = format!(
                "edge {}: {:.0} % hit, {:.0} % stale",
                edge.answerable(),
                percent(edge.hits, edge.answerable()),
                percent(edge.stale, edge.answerable())
            );
            let again = format!("{:.0} % of repeats", percent(repeats_by_device, repeats));
            json!({
                "id": format!("class-{class}"),
                "what": format!("  {class}: not read of the origin"),
                "value": percent(reads.saturating_sub(at_origin), reads),
                "least": null,
                "of": format!("{reads} reads; device {by_device}, {again}; {stored}; origin {at_origin}"),
            })
        };
        rows.map(row).collect()
    }

    /// How much was asked.
    pub(crate) fn about(&self) -> Value {
        let all = self.total(|_| true);
        let [d1, r2] = [&D1[..], &R2[..]].map(|classes| self.total(|class| classes.contains(&class)).reads);
        json!({
            "reads": all.reads, "changes": all.changes, "d1_reads_without": d1, "r2_reads_without": r2,
            "edge_requests": all.edge.requests(), "origin_reads": all.at_origin,
        })
    }
}

/// A row of which nothing was promised.
fn explaining(mut row: Value) -> Value {
    row["least"] = Value::Null;
    row
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
