//! All SQL of the service, one file per aggregate.

pub mod audit;
pub mod audit_trail;
pub mod editions;
pub mod export;
pub mod flows;
pub mod folders;
pub mod heads;
pub mod imports;
pub mod lists;
pub mod persons;
pub mod proof;
pub mod rescreenings;

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

/// For bulk work, which is bounded by its input and not by time: its statements may run as long as they need, but none
/// waits long for a row that another transaction holds. They look for thousands of rows by key, among millions: not by
/// reading all, not by a plan that was made while the table was empty, and not by one that is worth compiling.
pub async fn bulk_settings(db: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT set_config('statement_timeout', '0', true) AS a, set_config('lock_timeout', '10s', true) AS b,
                set_config('plan_cache_mode', 'force_custom_plan', true) AS c, set_config('enable_seqscan', 'off', true) AS d,
                set_config('jit', 'off', true) AS e"
    )
    .fetch_one(db)
    .await
    .map(drop)
}
