//! All SQL of the service, one file per aggregate.

pub mod audit;
pub mod audit_trail;
pub mod editions;
pub mod export;
pub mod flows;
pub mod folders;
pub mod heads;
pub mod lists;
pub mod persons;
pub mod proof;

use common::db::Part;

/// The migrations of schema `gda`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Tables whose rows are never changed.
const APPEND_ONLY: [&str; 8] = [
    "editions",
    "records",
    "edition_records",
    "changes",
    "person_snapshots",
    "segments",
    "controls",
    "events",
];

/// The schemas of the service's database.
pub fn parts() -> [Part; 3] {
    [
        webhooks::part(),
        Part { schema: "jobs", migrator: &jobs::MIGRATOR, append_only: &[] },
        Part { schema: "gda", migrator: &MIGRATOR, append_only: &APPEND_ONLY },
    ]
}
