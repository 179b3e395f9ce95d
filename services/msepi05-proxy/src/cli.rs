//! The binary's sub-commands.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::config::{Config, OpenApiConfig};
use crate::{Application, LOG_TARGETS, SERVICE, api};

/// Looks hashed phone numbers and e-mail addresses up in the European payment directory.
#[derive(Parser)]
#[command(name = SERVICE, version)]
struct Cli {
    /// Configuration file; by default `garant.toml`, where there is one.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the contract (default).
    Serve,
    /// Nothing to do: this service has no database. For installations that migrate every service.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Read the configuration and say whether it is valid.
    CheckConfig,
    /// Exit with 0 if the service on this machine is ready.
    Healthcheck,
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{SERVICE}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<()> {
    let command = cli.command.unwrap_or(Command::Serve);
    let load = || common::config::load::<Config>(cli.config.as_deref());
    match command {
        Command::Serve => serve(load()?),
        Command::Migrate => {
            println!("{SERVICE} has no database: nothing to migrate");
            Ok(())
        }
        Command::Openapi => {
            println!("{:#}", api::openapi::document(&OpenApiConfig::default())?);
            Ok(())
        }
        Command::CheckConfig => {
            load()?.validate()?;
            println!("configuration is valid");
            Ok(())
        }
        Command::Healthcheck => {
            anyhow::ensure!(common::server::is_ready(load()?.management.listen), "not ready");
            Ok(())
        }
    }
}

fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = config.telemetry.clone();
    common::server::serve(Runtime::new()?, &telemetry, SERVICE, &LOG_TARGETS, async |registry| {
        let application = Application::build(config, registry).await.context("cannot start")?;
        application.run_until_stopped().await
    })
}
