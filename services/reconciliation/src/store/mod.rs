//! All SQL of the service, one file per aggregate.

pub mod operators;
pub mod profiles;
pub mod results;
pub mod statement_rows;
pub mod tasks;
pub mod transactions;

mod copy;

use common::db::Part;

/// The migrations of schema `reconciliation`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The schemas of the service's database.
pub fn parts() -> [Part; 3] {
    [
        identity::part(),
        Part { schema: "jobs", migrator: &jobs::MIGRATOR, append_only: &[] },
        Part { schema: "reconciliation", migrator: &MIGRATOR, append_only: &[] },
    ]
}

/// For bulk work, which is bounded by its input and not by time: its statements may run as long as they need, but none
/// waits long for a row that another transaction holds.
pub async fn bulk_timeouts(db: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT set_config('statement_timeout', '0', true) AS a, set_config('lock_timeout', '10s', true) AS b"
    )
    .fetch_one(db)
    .await
    .map(drop)
}
