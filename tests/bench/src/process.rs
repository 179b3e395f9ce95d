//! What a process has used.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time of all its living threads, to the nanosecond.
///
/// # Errors
/// There is no such process.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let Ok(schedule) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += schedule.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Resident memory in MiB.
///
/// # Errors
/// There is no such process.
pub(crate) fn memory(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let kilobytes: f64 = kilobytes.context("no VmRSS")?.trim().parse()?;
    Ok(kilobytes / 1024.0)
}
