//! What was decided.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

/// A decision, ready to be stored.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Its number.
    pub id: Uuid,
    /// Who asked.
    pub account_id: i64,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// 0–100
    pub score: i16,
    /// Before the caps.
    pub raw: i16,
    /// JSON.
    pub reasons: String,
    /// Connectors that did not answer, with a comma between.
    pub degraded: String,
}

/// Adds decisions.
pub async fn add(db: &mut PgConnection, decisions: &[Decision]) -> Result<(), sqlx::Error> {
    let of = |read: fn(&Decision) -> i16| decisions.iter().map(read).collect::<Vec<_>>();
    let ids: Vec<Uuid> = decisions.iter().map(|decision| decision.id).collect();
    let accounts: Vec<i64> = decisions.iter().map(|decision| decision.account_id).collect();
    let times: Vec<DateTime<Utc>> = decisions.iter().map(|decision| decision.decided_at).collect();
    let reasons: Vec<&str> = decisions.iter().map(|decision| decision.reasons.as_str()).collect();
    let degraded: Vec<&str> = decisions.iter().map(|decision| decision.degraded.as_str()).collect();
    sqlx::query!(
        "INSERT INTO consumer.decisions (id, account_id, decided_at, score, raw, reasons, degraded)
         SELECT id, account_id, decided_at, score, raw, reasons, string_to_array(degraded, ',')
         FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::smallint[], $5::smallint[], $6::text[], $7::text[])
              AS new (id, account_id, decided_at, score, raw, reasons, degraded)",
        &ids,
        &accounts,
        &times,
        &of(|decision| decision.score),
        &of(|decision| decision.raw),
        &reasons as &[&str],
        &degraded as &[&str],
    )
    .execute(db)
    .await
    .map(drop)
}

/// A stored decision.
#[derive(Debug)]
pub struct StoredDecision {
    /// When.
    pub decided_at: DateTime<Utc>,
    /// 0–100
    pub score: i16,
    /// Before the caps.
    pub raw: i16,
    /// JSON.
    pub reasons: String,
    /// Connectors that did not answer.
    pub degraded: Vec<String>,
}

/// A decision of an account.
pub async fn of_account(
    db: impl PgExecutor<'_>,
    account_id: i64,
    id: Uuid,
) -> Result<Option<StoredDecision>, sqlx::Error> {
    sqlx::query_as!(
        StoredDecision,
        "SELECT decided_at, score, raw, reasons, degraded FROM consumer.decisions WHERE id = $2 AND account_id = $1",
        account_id,
        id,
    )
    .fetch_optional(db)
    .await
}

/// Deletes decisions from before an instant, some at a time; how many.
pub async fn delete_before(db: impl PgExecutor<'_>, instant: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM consumer.decisions WHERE id IN
             (SELECT id FROM consumer.decisions WHERE decided_at < $1 ORDER BY decided_at LIMIT 10000)",
        instant
    )
    .execute(db)
    .await?;
    Ok(deleted.rows_affected())
}
