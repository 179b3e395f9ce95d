use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::domain::back_off::Allowance;

/// Counts an attempt as a failure before it is looked at, so that no other can slip through at the same time.
///
/// # Errors
/// Inner: until when the key is blocked; then nothing was counted.
pub(crate) async fn count(
    tx: &mut PgConnection,
    key: &[u8],
    allowance: Allowance,
    now: DateTime<Utc>,
) -> Result<Result<(), DateTime<Utc>>, sqlx::Error> {
    let failures = sqlx::query_scalar!(
        "INSERT INTO identity.attempts AS a (key, failures, updated_at) VALUES ($1, 1, $2)
         ON CONFLICT (key) DO UPDATE SET failures = a.failures + 1, updated_at = $2
         WHERE a.blocked_until IS NULL OR a.blocked_until <= $2
         RETURNING failures",
        key,
        now
    );
    let Some(failures) = failures.fetch_optional(&mut *tx).await? else {
        return Ok(Err(blocked_until(tx, &[key.to_vec()], now).await?.unwrap_or(now)));
    };
    if let Some(block) = allowance.block_after(failures) {
        sqlx::query!("UPDATE identity.attempts SET blocked_until = $2 WHERE key = $1", key, now + block)
            .execute(tx)
            .await?;
    }
    Ok(Ok(()))
}

/// Until when one of the keys is blocked, if one is.
pub(crate) async fn blocked_until(
    db: impl PgExecutor<'_>,
    keys: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT max(blocked_until) FROM identity.attempts WHERE key = ANY ($1) AND blocked_until > $2",
        keys,
        now
    )
    .fetch_one(db)
    .await
}

/// Takes back what [`count`] counted: the attempt was neither right nor wrong.
pub(crate) async fn uncount(db: impl PgExecutor<'_>, key: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE identity.attempts SET failures = greatest(failures - 1, 0), blocked_until = NULL WHERE key = $1",
        key
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets the failures: the last attempt was right.
pub(crate) async fn forget(db: impl PgExecutor<'_>, key: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM identity.attempts WHERE key = $1", key).execute(db).await?;
    Ok(())
}
