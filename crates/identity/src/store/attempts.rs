use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use common::back_off::Allowance;

/// Counts an attempt as a failure before it is looked at, so that no other can slip through at the same time.
///
/// # Errors
/// Inner: until when the key is blocked; then nothing was counted.
pub(crate) async fn count(
    tx: &mut PgConnection,
    key: &[u8; 32],
    allowance: Allowance,
    now: DateTime<Utc>,
) -> Result<Result<(), DateTime<Utc>>, sqlx::Error> {
    let failures = sqlx::query_scalar!(
        "INSERT INTO identity.attempts AS a (key, failures, began_at) VALUES ($1, 1, $2)
         ON CONFLICT (key) DO UPDATE
         SET failures = CASE WHEN a.began_at > $3 THEN a.failures + 1 ELSE 1 END,
             began_at = CASE WHEN a.began_at > $3 THEN a.began_at ELSE $2 END
         WHERE a.blocked_until IS NULL OR a.blocked_until <= $2
         RETURNING failures",
        key,
        now,
        now - allowance.window
    );
    let Some(failures) = failures.fetch_optional(&mut *tx).await? else {
        return Ok(Err(blocked_until(tx, key).await?.unwrap_or(now)));
    };
    if let Some(block) = allowance.block_after(failures) {
        sqlx::query!("UPDATE identity.attempts SET blocked_until = $2 WHERE key = $1", key, now + block)
            .execute(tx)
            .await?;
    }
    Ok(Ok(()))
}

async fn blocked_until(
    db: impl PgExecutor<'_>,
    key: &[u8; 32],
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let found = sqlx::query_scalar!("SELECT blocked_until FROM identity.attempts WHERE key = $1", key);
    Ok(found.fetch_optional(db).await?.flatten())
}

/// Takes back what [`count`] counted, with the block if it takes one failure less to lift it.
pub(crate) async fn uncount(
    tx: &mut PgConnection,
    key: &[u8; 32],
    allowance: Allowance,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE identity.attempts
         SET failures = greatest(failures - 1, 0),
             blocked_until = CASE WHEN failures - 1 >= $2 THEN blocked_until END
         WHERE key = $1",
        key,
        allowance.failures
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM identity.attempts WHERE key = $1 AND failures = 0", key).execute(tx).await?;
    Ok(())
}

/// Forgets the failures: the last attempt was right.
pub(crate) async fn forget(db: impl PgExecutor<'_>, key: &[u8; 32]) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM identity.attempts WHERE key = $1", key).execute(db).await?;
    Ok(())
}
