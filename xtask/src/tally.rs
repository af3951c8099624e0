//! Counts what test runners report.

use std::{fmt, ops::AddAssign};

use anyhow::{Result, bail};

use crate::{command::Run, progress::say};

/// How many tests ended how.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) ignored: u32,
}

impl Tally {
    /// Runs `cargo test` and adds what it reports.
    ///
    /// # Errors
    /// When tests fail, or do not even build.
    pub(crate) fn cargo(&mut self, name: &str, run: Run) -> Result<()> {
        self.run(name, run, Self::read_cargo)
    }

    /// Runs `node --test` with the spec reporter and adds what it reports.
    ///
    /// # Errors
    /// When tests fail, or cannot even start.
    pub(crate) fn node(&mut self, name: &str, run: Run) -> Result<()> {
        self.run(name, run, Self::read_node)
    }

    fn run(&mut self, name: &str, run: Run, read: fn(&mut Self, &str)) -> Result<()> {
        say(&format!("\n▸ {name}"));
        let mut counted = Self::default();
        let status = run.each_line(|line| read(&mut counted, line))?;
        *self += counted;
        match (status.success(), counted) {
            (false, Self { failed: 0, .. }) => bail!("{name}: did not run to its end ({status})"),
            (false, Self { failed, .. }) => bail!("{name}: {failed} failed"),
            (true, Self { passed: 0, .. }) => bail!("{name}: no test ran"),
            (true, _) => Ok(()),
        }
    }

    /// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
    fn read_cargo(&mut self, line: &str) {
        let Some((_, counts)) = line.trim_start().strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for (count, what) in counts.split(';').filter_map(|part| part.trim().split_once(' ')) {
            self.add(count, what);
        }
    }

    /// `ℹ pass 12`
    fn read_node(&mut self, line: &str) {
        let Some((what, count)) = line.strip_prefix("ℹ ").and_then(|rest| rest.split_once(' ')) else {
            return;
        };
        match what {
            "pass" => self.add(count, "passed"),
            "fail" | "cancelled" => self.add(count, "failed"),
            "skipped" | "todo" => self.add(count, "ignored"),
            _ => {}
        }
    }

    fn add(&mut self, count: &str, what: &str) {
        let count = count.trim().parse().unwrap_or(0);
        match what {
            "passed" => self.passed += count,
            "failed" => self.failed += count,
            "ignored" => self.ignored += count,
            _ => {}
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        match self.ignored {
            0 => Ok(()),
            ignored => write!(formatter, ", {ignored} ignored"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn adds_up_what_cargo_reports() {
        let mut tally = Tally::default();
        tally.read_cargo(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
        );
        tally.read_cargo(
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        tally.read_cargo("test a_result: ok");
        assert_eq!(tally, Tally { passed: 14, failed: 1, ignored: 1 });
    }

    #[test]
    fn adds_up_what_node_reports() {
        let mut tally = Tally::default();
        for line in ["ℹ tests 6", "ℹ suites 0", "ℹ pass 4", "ℹ fail 1", "ℹ cancelled 0", "ℹ skipped 1", "ℹ todo 0"]
        {
            tally.read_node(line);
        }
        assert_eq!(tally, Tally { passed: 4, failed: 1, ignored: 1 });
    }
}
