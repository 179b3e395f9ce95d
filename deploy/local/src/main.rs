//! `garant-local`: the local stack behind `make run`, and made-up data for it.
#![allow(
    clippy::disallowed_methods,
    reason = "the local stack is an outside client, common::client is for services"
)]

mod demonstration;
mod environment;
mod sample_data;
mod sandbox;
mod settings;
mod stack;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::sample_data::Format;

#[derive(Parser)]
#[command(about = "The local stack of Garant, and made-up data for it")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything, makes one real request to each service through the gateway and stays until Ctrl-C.
    Run {
        /// Stop after the requests; the exit code is 1 if one of them failed.
        #[arg(long)]
        once: bool,
    },
    /// Writes an operator's file and the aggregator's transactions, with known differences.
    SampleData {
        /// Rows of the operator's file.
        #[arg(long)]
        rows: u64,
        /// Samples of different seeds share no id.
        #[arg(long, default_value_t = 1)]
        seed: u32,
        /// Format of the operator's file.
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
        /// Directory to write into; made where missing.
        #[arg(long)]
        out: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run { once } => stack::run(once).await,
        Command::SampleData { rows, seed, format, out } => sample_data::write(rows, seed, format, &out),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("garant-local: {error:#}");
            ExitCode::FAILURE
        }
    }
}
