//! All SQL of the service, one file per aggregate.

pub mod editions;
pub mod lists;

use common::db::Part;

/// The migrations of schema `gda`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Tables whose rows are never changed.
const APPEND_ONLY: [&str; 4] = ["editions", "records", "edition_records", "changes"];

/// The schemas of the service's database.
pub fn parts() -> [Part; 2] {
    [Part { schema: "gda", migrator: &MIGRATOR, append_only: &APPEND_ONLY }, webhooks::part()]
}
