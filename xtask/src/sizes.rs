//! The table of sizes that ends a build.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};

use crate::progress::say;

/// Prints each file's size, raw and as gzip would send it.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn print(root: &Path, files: &[PathBuf]) -> Result<()> {
    let rows = files.iter().map(|file| measure(root, file)).collect::<Result<Vec<_>>>()?;
    let width = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    say(&format!("\n  {:width$}  {:>10}  {:>10}", "file", "raw", "gzip"));
    for (name, raw, gzip) in rows {
        say(&format!("  {name:width$}  {:>10}  {:>10}", kib(raw), kib(gzip)));
    }
    Ok(())
}

fn measure(root: &Path, file: &Path) -> Result<(String, usize, usize)> {
    let (raw, gzip) = of(file)?;
    let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
    Ok((name, raw, gzip))
}

/// Holds files to a size together, each as gzip would send it, in bytes.
///
/// # Errors
/// When they are larger, or cannot be read.
pub(crate) fn at_most(files: &[PathBuf], limit: usize) -> Result<()> {
    let mut gzip = 0;
    for file in files {
        gzip += of(file)?.1;
    }
    let first = files.first().map(|file| file.display().to_string()).unwrap_or_default();
    let names = if files.len() > 1 { format!("{first} and {} more files", files.len() - 1) } else { first };
    ensure!(
        gzip <= limit,
        "{names}: {gzip} bytes (gzip), {} more than the limit of {limit} in xtask/src/test.rs: see what grew",
        gzip.saturating_sub(limit)
    );
    Ok(())
}

/// A file's size in bytes, raw and as gzip would send it.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn of(file: &Path) -> Result<(usize, usize)> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&bytes)?;
    Ok((bytes.len(), gzip.finish()?.len()))
}

#[expect(clippy::cast_precision_loss, reason = "a size in KiB with one decimal")]
fn kib(bytes: usize) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}
