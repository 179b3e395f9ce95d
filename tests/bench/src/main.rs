//! `garant-bench`: what `make bench`, `make quality` and `make accuracy` run. Each table of speed has its baseline in the
//! same run, on the same machine.
#![allow(clippy::disallowed_methods, reason = "a benchmark is an outside client")]

mod echo;
mod gda_audit;
mod load;
mod machine;
mod msepi05_proxy;
mod process;
mod screening;
mod secure_consumer;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Benchmarks of Garant's services; without a command all that measure speed")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The directory facade: CPU per request, latency at a fixed rate, memory.
    Msepi05Proxy {
        /// Seconds of each measurement.
        #[arg(long, default_value_t = SECONDS)]
        seconds: u64,
        /// Minutes of the measurement of memory; 0 leaves it out.
        #[arg(long, default_value_t = SOAK_MINUTES)]
        soak_minutes: u64,
    },
    /// The screening's index on real lists, beside open tools from PyPI: screenings/s, latency, memory.
    Screening {
        /// Leave out the open tools.
        #[arg(long)]
        without_peers: bool,
    },
    /// How well the screening finds, by class of variation.
    Quality(screening::quality::Options),
    /// Screening: a batch, a new edition, the audit trail.
    GdaAudit {
        /// Persons of the batch.
        #[arg(long, default_value_t = PERSONS)]
        persons: usize,
        /// Seconds of each measurement of requests.
        #[arg(long, default_value_t = SECONDS)]
        seconds: u64,
    },
    /// The score of a consumer: CPU per decision without network and over HTTP, single checks beside open tools.
    SecureConsumer {
        /// Seconds of each measurement over HTTP.
        #[arg(long, default_value_t = SECONDS)]
        seconds: u64,
        /// Leave out the open tools.
        #[arg(long)]
        without_peers: bool,
    },
    /// How right secure-consumer's checks are on the vectors of open packages' own tests.
    Accuracy(secure_consumer::accuracy::Options),
    /// The baseline: a route that only echoes, behind the middleware that every service has.
    #[command(hide = true)]
    Serve,
}

const PERSONS: usize = 1_000_000;
const SECONDS: u64 = 10;
const SOAK_MINUTES: u64 = 10;

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Some(Command::Msepi05Proxy { seconds, soak_minutes }) => msepi05_proxy::run(seconds, soak_minutes),
        Some(Command::Screening { without_peers }) => screening::speed::run(without_peers),
        Some(Command::Quality(options)) => screening::quality::run(&options),
        Some(Command::GdaAudit { persons, seconds }) => gda_audit::run(persons, seconds),
        Some(Command::SecureConsumer { seconds, without_peers }) => {
            secure_consumer::run(seconds, without_peers)
        }
        Some(Command::Accuracy(options)) => secure_consumer::accuracy::run(&options),
        Some(Command::Serve) => echo::serve(),
        None => every(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("garant-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Every measurement of speed.
fn every() -> anyhow::Result<()> {
    msepi05_proxy::run(SECONDS, SOAK_MINUTES)?;
    gda_audit::run(PERSONS, SECONDS)?;
    secure_consumer::run(SECONDS, false)?;
    if screening::are_at_hand() {
        return screening::speed::run(false);
    }
    println!(
        "\nLeft out: screening. GARANT_TEST_DATA names no directory with real editions of lists in `lists/`."
    );
    Ok(())
}
