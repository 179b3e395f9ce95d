//! The binary's sub-commands.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::batch;
use crate::config::Config;
use crate::domain::screening::DEFAULT_THRESHOLD;
use crate::{Application, LOG_TARGETS, SERVICE, api, store};

/// Screens people and companies against official lists.
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
    /// Screen the persons of standard input, one JSON object a line, against lists in files; hits go to standard output
    /// in the same order. Needs no database.
    Screen {
        /// A list's file in any official format; of OFAC's CSV the main file with its companions beside it.
        #[arg(long = "list", required = true)]
        lists: Vec<PathBuf>,
        /// The least score of a hit, 0 to 100.
        #[arg(long, default_value_t = DEFAULT_THRESHOLD)]
        threshold: f32,
    },
    /// Compare the pairs of standard input, one JSON object a line. Needs no database.
    Compare,
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
    let load = || common::config::load::<Config>(cli.config.as_deref());
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(load()?),
        Command::Migrate => {
            let config = load()?;
            let runtime = Runtime::new()?;
            runtime.block_on(config.database.migrate(&store::parts())).map_err(Into::into)
        }
        Command::Openapi => {
            println!("{}", api::openapi::document().to_pretty_json()?);
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
        Command::Screen { lists, threshold } => {
            batch::screen(&lists, threshold, std::io::stdin(), std::io::stdout().lock())
        }
        Command::Compare => batch::compare(std::io::stdin(), std::io::stdout().lock()),
    }
}

fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = config.telemetry.clone();
    common::server::serve(Runtime::new()?, &telemetry, SERVICE, &LOG_TARGETS, async |registry| {
        let application = Application::build(config, registry).await.context("cannot start")?;
        application.run_until_stopped().await
    })
}
