//! `outside-sandbox`: the outside systems that `secure-consumer` asks, made up, with faults on demand.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use outside_sandbox::{Options, Sandbox};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(
    about = "A made-up company register, address base, payee verification and DNS, with faults on demand"
)]
struct Arguments {
    /// Loopback only: the sandbox has no authentication of its own. DNS is on the same number, over UDP and TCP.
    #[arg(long, default_value = "127.0.0.1:8111")]
    listen: SocketAddr,
    /// Searches of the company register in a second, beyond which it answers 429; 0 for no limit.
    #[arg(long, default_value_t = 7)]
    register_rate: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { listen, register_rate } = Arguments::parse();
    match run(&Options { listen, register_rate }).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outside-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sandbox = Sandbox::bind(options)?;
    println!("outside-sandbox: listening on {}, DNS on {}", sandbox.url(), sandbox.address());
    tokio::select! {
        served = sandbox.run() => served,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
