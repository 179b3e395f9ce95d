use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

pub(crate) async fn insert(
    db: impl PgExecutor<'_>,
    digest: &[u8; 32],
    user_id: i64,
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO identity.sessions (digest, user_id, expires_at) VALUES ($1, $2, $3)",
        digest,
        user_id,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The id of the user whose session it is.
pub(crate) async fn user_id(
    db: impl PgExecutor<'_>,
    digest: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT user_id FROM identity.sessions WHERE digest = $1 AND expires_at > $2",
        digest,
        now
    )
    .fetch_optional(db)
    .await
}

pub(crate) async fn delete(db: impl PgExecutor<'_>, digest: &[u8; 32]) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM identity.sessions WHERE digest = $1", digest).execute(db).await?;
    Ok(())
}
