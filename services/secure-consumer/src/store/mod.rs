//! All SQL of the service, one file per aggregate.

pub mod accounts;
pub mod decisions;
pub mod sightings;

use common::db::Part;

/// The migrations of schema `consumer`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The schemas of the service's database.
pub fn parts() -> [Part; 1] {
    [Part { schema: "consumer", migrator: &MIGRATOR, append_only: &[] }]
}
