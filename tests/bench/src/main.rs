//! `garant-bench`: what `make bench` runs. Each table has its baseline in the same run, on the same machine.
#![allow(clippy::disallowed_methods, reason = "a benchmark is an outside client")]

mod echo;
mod gda_audit;
mod load;
mod machine;
mod msepi05_proxy;
mod process;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Benchmarks of Garant's services")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The directory facade: CPU per request, latency at a fixed rate, memory.
    Msepi05Proxy {
        /// Seconds of each measurement.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Minutes of the measurement of memory; 0 leaves it out.
        #[arg(long, default_value_t = 10)]
        soak_minutes: u64,
    },
    /// Screening: a batch, a new edition, the audit trail.
    GdaAudit {
        /// Persons of the batch.
        #[arg(long, default_value_t = 1_000_000)]
        persons: usize,
        /// Seconds of each measurement of requests.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// The baseline: a route that only echoes, behind the middleware that every service has.
    #[command(hide = true)]
    Serve,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Msepi05Proxy { seconds, soak_minutes } => msepi05_proxy::run(seconds, soak_minutes),
        Command::GdaAudit { persons, seconds } => gda_audit::run(persons, seconds),
        Command::Serve => echo::serve(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("garant-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
