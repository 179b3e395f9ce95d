//! The binary's sub-commands.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand};
use common::clock::SystemClock;
use tokio::runtime::Runtime;

use crate::api::verify::VerifiedBody;
use crate::batch;
use crate::config::Config;
use crate::domain::screening::DEFAULT_THRESHOLD;
use crate::work::ledger::Ledger;
use crate::work::verify::Verifier;
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
    /// Verify the audit trail from its beginning to its end, and hold it to its anchor. What was found goes to standard
    /// output; exits with 1 if something is not as it was written.
    Verify,
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
        Command::Verify => Runtime::new()?.block_on(verify(load()?)),
        Command::Compare => batch::compare(std::io::stdin(), std::io::stdout().lock()),
    }
}

async fn verify(config: Config) -> anyhow::Result<()> {
    config.validate()?;
    let ledger = Arc::new(Ledger::open(&config.audit, SystemClock::shared())?);
    let report = Verifier::new(ledger).verify(&config.database.pool_of(1)?).await?;
    let body = VerifiedBody::from(report);
    println!("{}", serde_json::to_string_pretty(&body)?);
    match body.problem {
        Some(problem) => anyhow::bail!("the audit trail is not what was written: {problem}"),
        None => Ok(()),
    }
}

fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = config.telemetry.clone();
    common::server::serve(Runtime::new()?, &telemetry, SERVICE, &LOG_TARGETS, async |registry| {
        let application = Application::build(config, registry).await.context("cannot start")?;
        application.run_until_stopped().await
    })
}
