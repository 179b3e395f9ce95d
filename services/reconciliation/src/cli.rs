//! The binary's sub-commands.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use common::clock::SystemClock;
use common::telemetry::Telemetry;
use identity::{Administration, ClientsCommand, UsersCommand};

use crate::config::Config;
use crate::{Application, LOG_TARGETS, SERVICE, api, store};

/// Matches a payment aggregator's transactions with each operator's statement.
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
    /// Run the migrations as the database's owner, and grant the application's role what it needs.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
    /// Read the configuration and say whether it is valid.
    CheckConfig,
    /// Exit with 0 if the service on this machine is ready.
    Healthcheck,
    /// OAuth clients.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Users.
    #[command(subcommand)]
    Users(UsersCommand),
}

/// What an administrator's command works on.
macro_rules! administration {
    ($config:ident) => {
        Administration {
            pool: &$config.database.pool()?,
            hashing: &$config.identity.hashing,
            clock: &SystemClock::shared(),
            service: SERVICE,
            output: &mut std::io::stdout(),
        }
    };
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{SERVICE}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> anyhow::Result<()> {
    let command = cli.command.unwrap_or(Command::Serve);
    if matches!(command, Command::Openapi) {
        println!("{}", api::openapi::document().to_pretty_json()?);
        return Ok(());
    }
    let config: Config = common::config::load(cli.config.as_deref())?;
    let runtime = tokio::runtime::Runtime::new()?;
    match command {
        Command::Serve => serve(&runtime, config),
        Command::Migrate => runtime.block_on(config.database.migrate(&store::parts())).map_err(Into::into),
        Command::Openapi => Ok(()),
        Command::CheckConfig => {
            config.database.pool()?;
            config.identity.validate()?;
            println!("configuration is valid");
            Ok(())
        }
        Command::Healthcheck => {
            anyhow::ensure!(common::server::is_ready(config.management.listen), "not ready");
            Ok(())
        }
        Command::Clients(command) => {
            runtime.block_on(async { command.run(&mut administration!(config)).await })
        }
        Command::Users(command) => {
            runtime.block_on(async { command.run(&mut administration!(config)).await })
        }
    }
}

fn serve(runtime: &tokio::runtime::Runtime, config: Config) -> anyhow::Result<()> {
    let telemetry = Telemetry::install(&config.telemetry, SERVICE, &LOG_TARGETS)?;
    common::server::install_panic_hook();
    let registry = telemetry.registry();
    let outcome = runtime.block_on(async {
        let application = Application::build(config, registry).await.context("cannot start")?;
        application.run_until_stopped().await
    });
    telemetry.flush();
    outcome
}
