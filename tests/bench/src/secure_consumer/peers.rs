//! The open tools that the checks are held against, in a Python environment of their own.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use testkit::{python, workspace};

/// Runs a script of `peers/`; the tools are installed where they are missing.
///
/// # Errors
/// The tools cannot be had from PyPI, or the script fails.
pub(super) fn run(script: &str, arguments: &[impl AsRef<OsStr>]) -> Result<String> {
    let peers: PathBuf = workspace::root().join("tests/bench/peers");
    let python =
        python::with_requirements("consumer-peers", &peers.join("secure_consumer_requirements.txt"))?;
    let run = Command::new(python)
        .arg(peers.join(script))
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run Python")?;
    ensure!(run.status.success(), "{script} ended with {}", run.status);
    Ok(String::from_utf8(run.stdout)?)
}
