//! How much processor time the Workers take. On a machine that does other things too, it says more of a Worker than the
//! clock on the wall does.

use std::{fs, path::Path, time::Duration};

/// The processes below `parent`, with its own, as far as this system tells (Linux does).
pub(crate) fn below(parent: u32) -> Vec<u32> {
    let mut found = vec![parent];
    let mut at = 0;
    while let Some(process) = found.get(at) {
        let tasks = entries(format!("/proc/{process}/task"));
        let children = tasks.iter().filter_map(|task| fs::read_to_string(task.join("children")).ok());
        let children: Vec<u32> =
            children.flat_map(|list| list.split(' ').filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect();
        found.extend(children);
        at += 1;
    }
    found
}

/// The time that they have run until now. Zero where the system does not tell.
pub(crate) fn time(processes: &[u32]) -> Duration {
    let tasks = processes.iter().flat_map(|process| entries(format!("/proc/{process}/task")));
    let nanos = tasks.filter_map(|task| {
        let told = fs::read_to_string(task.join("schedstat")).ok()?;
        told.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn entries(dir: impl AsRef<Path>) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
