//! `secure-consumer`: what a decision costs, alone and over HTTP, and how right the checks are, beside the open tools.

pub(crate) mod accuracy;
mod consumers;
mod http;
mod peers;
mod speed;

use std::time::Duration;

use anyhow::Result;
use secure_consumer::reference::Reference;

use crate::machine;

/// Consumers that are checked without HTTP.
const CONSUMERS: usize = 20_000;

/// Prints the tables of speed.
///
/// # Errors
/// The service does not run, or a tool fails.
pub(crate) fn run(seconds: u64, without_peers: bool) -> Result<()> {
    println!("\n## secure-consumer\n\nMachine: {}.", machine::name());
    let reference = Reference::read(None)?;
    let bodies = consumers::bodies(&reference, CONSUMERS, 1)?;
    speed::decisions(&reference, &bodies)?;
    speed::checks(&reference, &bodies, without_peers)?;
    tokio::runtime::Runtime::new()?.block_on(http::run(&reference, Duration::from_secs(seconds)))
}
