//! All SQL of the service, one file per aggregate.

pub mod chain;
pub mod classifications;
pub mod contracts;
pub mod debtors;
pub mod events;
pub mod record;
pub mod situation;

use common::db::Part;

/// The migrations of schema `classifications`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The schemas of the service's database.
pub fn parts() -> [Part; 3] {
    [
        identity::part(),
        webhooks::part(),
        Part { schema: "classifications", migrator: &MIGRATOR, append_only: &["events", "decisions"] },
    ]
}

/// What is stored cannot be read.
fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// Numbers are counted from 1 and stay far below.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
