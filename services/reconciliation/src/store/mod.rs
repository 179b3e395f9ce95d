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

/// Lets the statements of this transaction run as long as they need: bulk work is bounded by its input, not by time.
pub async fn lift_statement_timeout(db: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SET LOCAL statement_timeout = 0").execute(db).await.map(drop)
}
