//! The state of each list.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

/// `ETag`s by URL.
pub type Etags = BTreeMap<String, String>;

/// How the last attempt to renew a list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new edition is in force.
    Imported,
    /// The edition in force is the newest.
    Unchanged,
    /// The edition was refused as a whole.
    Refused,
    /// The official source could not be asked.
    Unreachable,
}

impl Outcome {
    /// As it is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imported => "IMPORTED",
            Self::Unchanged => "UNCHANGED",
            Self::Refused => "REFUSED",
            Self::Unreachable => "UNREACHABLE",
        }
    }
}

/// A list's row.
#[derive(Debug, Clone)]
pub struct StoredList {
    /// Its key.
    pub source: String,
    /// The edition in force.
    pub in_force: Option<i64>,
    /// When it was last tried to renew it.
    pub attempted_at: Option<DateTime<Utc>>,
    /// How that ended.
    pub outcome: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// All lists that were ever tried.
pub async fn all(db: impl PgExecutor<'_>) -> Result<Vec<StoredList>, sqlx::Error> {
    sqlx::query_as!(
        StoredList,
        "SELECT source, in_force, attempted_at, outcome, reason FROM gda.lists ORDER BY source"
    )
    .fetch_all(db)
    .await
}

/// Makes the row where it is missing, and keeps others from importing the same list until the transaction ends. Returns
/// the edition in force.
pub async fn lock(db: &mut PgConnection, source: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query!("INSERT INTO gda.lists (source) VALUES ($1) ON CONFLICT DO NOTHING", source)
        .execute(&mut *db)
        .await?;
    sqlx::query_scalar!("SELECT in_force FROM gda.lists WHERE source = $1 FOR UPDATE", source)
        .fetch_one(db)
        .await
}

/// Of these editions' lists, the editions in force that are others.
pub async fn newer(db: impl PgExecutor<'_>, editions: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT l.in_force AS "in_force!" FROM gda.lists l
           WHERE l.source IN (SELECT source FROM gda.editions WHERE id = ANY($1)) AND l.in_force <> ALL($1)"#,
        editions
    )
    .fetch_all(db)
    .await
}

/// Puts an edition in force.
pub async fn put_in_force(
    db: impl PgExecutor<'_>,
    source: &str,
    edition: i64,
    etags: &Etags,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE gda.lists SET in_force = $2, etags = $3, attempted_at = $4, outcome = 'IMPORTED', reason = NULL
         WHERE source = $1",
        source,
        edition,
        Json(etags) as _,
        now,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Notes an attempt that brought no new edition.
pub async fn note(
    db: impl PgExecutor<'_>,
    source: &str,
    outcome: Outcome,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO gda.lists (source, attempted_at, outcome, reason) VALUES ($1, $2, $3, $4)
         ON CONFLICT (source) DO UPDATE SET attempted_at = $2, outcome = $3, reason = $4",
        source,
        now,
        outcome.as_str(),
        reason,
    )
    .execute(db)
    .await
    .map(drop)
}

/// The `ETag`s that came with the edition in force.
pub async fn etags(db: impl PgExecutor<'_>, source: &str) -> Result<Etags, sqlx::Error> {
    let etags = sqlx::query_scalar!(
        r#"SELECT etags AS "etags: Json<Etags>" FROM gda.lists WHERE source = $1"#,
        source
    )
    .fetch_optional(db)
    .await?;
    Ok(etags.map(|etags| etags.0).unwrap_or_default())
}

/// Whether it is this replica's turn to renew a list: the last attempt is at least `every` ago, and nobody else has
/// begun one meanwhile.
pub async fn claim(
    db: impl PgExecutor<'_>,
    source: &str,
    every: TimeDelta,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let claimed = sqlx::query!(
        "INSERT INTO gda.lists (source, attempted_at) VALUES ($1, $2)
         ON CONFLICT (source) DO UPDATE SET attempted_at = $2
         WHERE lists.attempted_at IS NULL OR lists.attempted_at <= $3",
        source,
        now,
        now - every,
    )
    .execute(db)
    .await?;
    Ok(claimed.rows_affected() == 1)
}
