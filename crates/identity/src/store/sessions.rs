use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::users::Account;

/// Stores a session, unless the user was disabled or got another password since `account` was read.
pub(crate) async fn insert(
    db: impl PgExecutor<'_>,
    digest: &[u8; 32],
    account: &Account,
    expires_at: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO identity.sessions (digest, user_id, expires_at)
         SELECT $1, u.id, $4
         FROM identity.users u WHERE u.id = $2 AND u.password_hash = $3 AND u.disabled_at IS NULL
         FOR SHARE",
        digest,
        account.user.id,
        account.password_hash.expose(),
        expires_at
    );
    Ok(done.execute(db).await?.rows_affected() == 1)
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
