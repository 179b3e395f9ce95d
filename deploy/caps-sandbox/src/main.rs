//! `caps-sandbox`: a made-up CAPS directory, with faults on demand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use caps_sandbox::{Options, Sandbox, Tls};
use clap::{Parser, value_parser};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "A made-up CAPS directory, with faults on demand")]
struct Arguments {
    /// Beyond loopback only with TLS: the sandbox has no authentication of its own.
    #[arg(long, default_value = "127.0.0.1:8110")]
    listen: SocketAddr,
    /// Phone numbers in the directory.
    #[arg(long, default_value_t = 150, value_parser = value_parser!(u16).range(..=10_000))]
    phones: u16,
    /// E-mail addresses in the directory.
    #[arg(long, default_value_t = 50, value_parser = value_parser!(u16).range(..=10_000))]
    addresses: u16,
    /// The server's certificate chain (PEM): serve HTTPS and demand a client certificate.
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "client_ca"])]
    tls_certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires_all = ["tls_certificate", "client_ca"])]
    tls_key: Option<PathBuf>,
    /// The authority that signs the clients' certificates (PEM).
    #[arg(long, value_name = "FILE", requires_all = ["tls_certificate", "tls_key"])]
    client_ca: Option<PathBuf>,
}

impl From<Arguments> for Options {
    fn from(arguments: Arguments) -> Self {
        let Arguments { listen, phones, addresses, tls_certificate, tls_key, client_ca } = arguments;
        let tls = match (tls_certificate, tls_key, client_ca) {
            (Some(certificate), Some(key), Some(client_ca)) => Some(Tls { certificate, key, client_ca }),
            _ => None,
        };
        Self { listen, phones, addresses, tls }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().into()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("caps-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sandbox = Sandbox::bind(&options)?;
    println!("caps-sandbox: listening on {}", sandbox.url());
    tokio::select! {
        served = sandbox.run() => served,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
