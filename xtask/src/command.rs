//! Runs other programs, and says which one failed and how.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead, BufReader, ErrorKind},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// A program to run, with the few settings that the tasks need.
pub(crate) struct Run {
    command: Command,
    shown: OsString,
}

impl Run {
    /// A program by name (looked up on `PATH`) or by path.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        command.stdin(Stdio::null());
        Self { command, shown: program.as_ref().to_owned() }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.shown.push(" ");
        self.shown.push(arg.as_ref());
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Without its stderr.
    pub(crate) fn quiet(mut self) -> Self {
        self.command.stderr(Stdio::null());
        self
    }

    /// Runs it with its output on ours.
    ///
    /// # Errors
    /// When it cannot be started or exits with anything but 0.
    pub(crate) fn status(self) -> Result<()> {
        let shown = self.shown.clone();
        let status = self.ends()?;
        if !status.success() {
            bail!("`{}` failed ({status})", shown.to_string_lossy());
        }
        Ok(())
    }

    /// Runs it with its output on ours and hands its exit status over, whatever it is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn ends(mut self) -> Result<std::process::ExitStatus> {
        self.command.status().map_err(|error| self.not_started(error))
    }

    /// Runs it, shows each line of its stdout as it comes, and hands the line over. Its stderr is ours.
    ///
    /// # Errors
    /// When it cannot be started, or its output cannot be read.
    pub(crate) fn each_line(mut self, mut line_read: impl FnMut(&str)) -> Result<std::process::ExitStatus> {
        let mut child = self.command.stdout(Stdio::piped()).spawn().map_err(|error| self.not_started(error))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        for line in BufReader::new(stdout).lines() {
            let line = line
                .with_context(|| format!("`{}` printed something that is not UTF-8", self.shown.to_string_lossy()))?;
            println!("{line}");
            line_read(&line);
        }
        Ok(child.wait()?)
    }

    /// Starts it with pipes for stdin and stdout; its stderr is ours.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn spawn(mut self) -> Result<Child> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| self.not_started(error))
    }

    /// Runs it and returns what it printed on stdout.
    ///
    /// # Errors
    /// When it cannot be started, exits with anything but 0 (its stderr is then part of the error), or prints
    /// something that is not UTF-8.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self.command.output().map_err(|error| self.not_started(error))?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!(
                "`{}` failed ({})\n{}",
                self.shown.to_string_lossy(),
                output.status,
                shortened(&String::from_utf8_lossy(&said))
            );
        }
        String::from_utf8(output.stdout)
            .with_context(|| format!("`{}` printed something that is not UTF-8", self.shown.to_string_lossy()))
    }

    fn not_started(&self, error: std::io::Error) -> anyhow::Error {
        let program = self.command.get_program().to_string_lossy();
        match error.kind() {
            ErrorKind::NotFound => anyhow::anyhow!("`{program}` is not on this machine's PATH"),
            _ => anyhow::Error::new(error).context(format!("`{program}` could not be started")),
        }
    }
}

/// Some tools print thousands of lines when they fail; the first ones say why and the last ones say what.
fn shortened(text: &str) -> String {
    const FIRST: usize = 20;
    const LAST: usize = 20;
    let lines: Vec<&str> = text.trim_end().lines().collect();
    if lines.len() <= FIRST + LAST {
        return lines.join("\n");
    }
    let (first, last) = (&lines[..FIRST], &lines[lines.len() - LAST..]);
    format!("{}\n… {} lines left out …\n{}", first.join("\n"), lines.len() - FIRST - LAST, last.join("\n"))
}
