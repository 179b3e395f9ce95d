//! `with-postgres COMMAND…` runs a command with `DATABASE_URL` set to a fresh database of a throwaway server.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use testkit::postgres::{Postgres, Purpose};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("usage: with-postgres COMMAND…")?;
    let postgres = Postgres::acquire(Purpose::Ordinary).await?;
    let database = postgres.database("prepare").await?;
    let status =
        Command::new(program).args(arguments).env("DATABASE_URL", &database.superuser_url).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
