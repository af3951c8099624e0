//! What a person sees while they wait.

use std::{
    io::{IsTerminal, Write},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

/// How long a step may be silent before a line says that it is still going.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Runs one step: names it, shows that it is alive, and says how long it took.
///
/// # Errors
/// Those of the step.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("{} {name}", paint("▸", "1;36")));
    let started = Instant::now();
    let (done, waiting) = mpsc::channel::<()>();
    let outcome = thread::scope(|scope| {
        scope.spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(HEARTBEAT) {
                say(&format!("  … {name}: {:.0} s", started.elapsed().as_secs_f32()));
            }
        });
        let outcome = work();
        drop(done);
        outcome
    });
    let took = started.elapsed().as_secs_f32();
    match &outcome {
        Ok(_) => say(&format!("{} {name} ({took:.1} s)", paint("✔", "1;32"))),
        Err(_) => say(&format!("{} {name} ({took:.1} s)", paint("✘", "1;31"))),
    }
    outcome
}

/// One line for the person at the terminal. Progress goes to stderr; stdout belongs to results.
pub(crate) fn say(line: &str) {
    // A closed stderr is no reason to stop the work.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Colours a word when a terminal is there to show it.
pub(crate) fn paint(text: &str, sgr: &str) -> String {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{sgr}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
