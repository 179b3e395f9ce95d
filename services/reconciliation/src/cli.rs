//! The binary's sub-commands.

use std::io::Stdout;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

use anyhow::Context;
use clap::{Parser, Subcommand};
use common::clock::{SharedClock, SystemClock};
use identity::{Administration, ClientsCommand, UsersCommand};
use sqlx::PgPool;
use tokio::runtime::Runtime;

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

static CLOCK: LazyLock<SharedClock> = LazyLock::new(SystemClock::shared);

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
    let runtime = Runtime::new()?;
    match command {
        Command::Serve => serve(runtime, config),
        Command::Migrate => runtime.block_on(config.database.migrate(&store::parts())).map_err(Into::into),
        Command::Openapi => Ok(()),
        Command::CheckConfig => {
            config.validate()?;
            println!("configuration is valid");
            Ok(())
        }
        Command::Healthcheck => {
            anyhow::ensure!(common::server::is_ready(config.management.listen), "not ready");
            Ok(())
        }
        Command::Clients(command) => runtime.block_on(async {
            let pool = config.database.pool()?;
            command.run(&mut administration(&config, &pool, &mut std::io::stdout())).await
        }),
        Command::Users(command) => runtime.block_on(async {
            let pool = config.database.pool()?;
            command.run(&mut administration(&config, &pool, &mut std::io::stdout())).await
        }),
    }
}

fn administration<'a>(config: &'a Config, pool: &'a PgPool, output: &'a mut Stdout) -> Administration<'a> {
    Administration { pool, hashing: &config.identity.hashing, clock: &CLOCK, service: SERVICE, output }
}

fn serve(runtime: Runtime, config: Config) -> anyhow::Result<()> {
    let telemetry = config.telemetry.clone();
    // What still reads or matches on a thread of its own is done again after the next start.
    common::server::serve(runtime, &telemetry, SERVICE, &LOG_TARGETS, async |registry| {
        let application = Application::build(config, registry).await.context("cannot start")?;
        application.run_until_stopped().await
    })
}
