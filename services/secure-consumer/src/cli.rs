//! The binary's sub-commands.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use common::clock::{Clock, SystemClock};
use common::passwords::Passwords;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::reference::Reference;
use crate::store::accounts::{self, State};
use crate::work::batch;
use crate::work::calibrate::calibrate;
use crate::{Application, LOG_TARGETS, SERVICE, api, store};

/// Scores how genuine a consumer, a company and a bank account are before a SEPA direct debit.
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
    /// Merchants' accounts.
    #[command(subcommand)]
    Accounts(AccountsCommand),
    /// Score the consumers of standard input, one JSON object a line as the operation takes it; decisions go to standard
    /// output in the same order. Nobody is asked and nothing is kept. Needs no database.
    Check,
    /// Read past collections from standard input, one JSON object a line: the fields of a consumer, or the `reasons` of a
    /// decision, and as `outcome` the reason code of the R-transaction, or null. Prints how true the scores were, and the
    /// weights that they speak for. Needs no database.
    Calibrate {
        /// Write the reliability as a picture (SVG), too.
        #[arg(long)]
        plot: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum AccountsCommand {
    /// Add an account.
    Create {
        login: String,
        /// A network from which it may call (`192.0.2.0/24`); several may be given, none means from anywhere.
        #[arg(long = "network")]
        networks: Vec<IpNet>,
        #[command(flatten)]
        password: PasswordArguments,
    },
    /// Let an account in no longer, for the time being (AUTH_004).
    Disable { login: String },
    /// Let a disabled account in again.
    Enable { login: String },
    /// Let an account in never again (AUTH_005).
    Close { login: String },
    /// Give an account another password.
    Rotate {
        login: String,
        #[command(flatten)]
        password: PasswordArguments,
    },
    /// Login, state and networks of every account.
    List,
}

/// Without one of these a password is made up and printed.
#[derive(Args)]
struct PasswordArguments {
    /// Read it from a file.
    #[arg(long, conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Read it from standard input.
    #[arg(long)]
    password_stdin: bool,
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
            Runtime::new()?.block_on(config.database.migrate(&store::parts())).map_err(Into::into)
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
            ensure!(common::server::is_ready(load()?.management.listen), "not ready");
            Ok(())
        }
        Command::Accounts(command) => Runtime::new()?.block_on(command.run(&load()?, &mut std::io::stdout())),
        Command::Check => {
            let config = load()?;
            let reference = Reference::read(config.reference.directory.as_deref())?;
            let output = std::io::BufWriter::new(std::io::stdout().lock());
            batch::check(&reference, &config.weights()?, std::io::stdin(), output)
        }
        Command::Calibrate { plot } => {
            let config = load()?;
            let reference = Reference::read(config.reference.directory.as_deref())?;
            let plot = plot.map(std::fs::File::create).transpose().context("cannot write the plot")?;
            calibrate(&reference, &config.weights()?, std::io::stdin(), std::io::stdout().lock(), plot)
        }
    }
}

impl AccountsCommand {
    async fn run(self, config: &Config, output: &mut impl Write) -> anyhow::Result<()> {
        let (pool, now) = (config.database.pool()?, SystemClock.now());
        let passwords = || Passwords::new(&config.accounts.hashing);
        match self {
            Self::Create { login, networks, password } => {
                ensure!(
                    (1..=64).contains(&login.len())
                        && login.bytes().all(|b| b.is_ascii_graphic() && b != b':'),
                    "a login has 1 to 64 printable ASCII characters without spaces and colons"
                );
                let (password, made_up) = password.read()?;
                let hash = passwords()?.hash(&password).await?;
                ensure!(
                    accounts::insert(&pool, &login, &hash, &networks, now).await?,
                    "there is an account {login} already"
                );
                writeln!(output, "created {login}")?;
                print_password(output, &password, made_up)
            }
            Self::Disable { login } => {
                ensure!(accounts::set_state(&pool, &login, State::Inactive, now).await?, none_open(&login));
                Ok(writeln!(output, "disabled {login}")?)
            }
            Self::Enable { login } => {
                ensure!(accounts::set_state(&pool, &login, State::Active, now).await?, none_open(&login));
                Ok(writeln!(output, "enabled {login}")?)
            }
            Self::Close { login } => {
                ensure!(accounts::set_state(&pool, &login, State::Closed, now).await?, none_open(&login));
                Ok(writeln!(output, "closed {login}")?)
            }
            Self::Rotate { login, password } => {
                let (password, made_up) = password.read()?;
                let hash = passwords()?.hash(&password).await?;
                ensure!(
                    accounts::set_password(&pool, &login, &hash, now).await?,
                    "there is no account {login}"
                );
                writeln!(output, "rotated {login}")?;
                print_password(output, &password, made_up)
            }
            Self::List => {
                for account in accounts::all(&pool).await? {
                    let networks: Vec<String> = account.networks.iter().map(ToString::to_string).collect();
                    writeln!(output, "{}\t{}\t{}", account.login, account.state.name(), networks.join(","))?;
                }
                Ok(())
            }
        }
    }
}

fn none_open(login: &str) -> String {
    format!("there is no account {login}, or it is closed")
}

impl PasswordArguments {
    /// The password, and whether it was made up here.
    fn read(&self) -> anyhow::Result<(SecretString, bool)> {
        let text = match &self.password_file {
            Some(path) => std::fs::read_to_string(path).context("cannot read the password's file")?,
            None if self.password_stdin => {
                let mut text = String::new();
                std::io::stdin().take(4096).read_to_string(&mut text).context("cannot read the password")?;
                text
            }
            None => return Ok((random_password(), true)),
        };
        let text = text.trim_end_matches(['\r', '\n']);
        ensure!(!text.is_empty(), "the password is empty");
        Ok((text.into(), false))
    }
}

fn random_password() -> SecretString {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>()).into()
}

fn print_password(output: &mut impl Write, password: &SecretString, made_up: bool) -> anyhow::Result<()> {
    if made_up {
        writeln!(output, "password {}", password.expose_secret())?;
    }
    Ok(())
}

fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = config.telemetry.clone();
    common::server::serve(Runtime::new()?, &telemetry, SERVICE, &LOG_TARGETS, async |registry| {
        let application = Application::build(config, registry).await.context("cannot start")?;
        application.run_until_stopped().await
    })
}
