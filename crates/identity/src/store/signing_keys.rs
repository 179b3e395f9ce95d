use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

/// Only one replica at a time makes or drops keys.
const LOCK: i64 = 0x6964_656e_7469_7479;

pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) private_key: Vec<u8>,
    pub(crate) active_from: DateTime<Utc>,
}

/// Keeps other replicas out until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", LOCK).execute(tx).await?;
    Ok(())
}

pub(crate) async fn all(db: impl PgExecutor<'_>) -> Result<Vec<StoredKey>, sqlx::Error> {
    sqlx::query_as!(StoredKey, "SELECT kid, public_key, private_key, active_from FROM identity.signing_keys")
        .fetch_all(db)
        .await
}

pub(crate) async fn insert(db: impl PgExecutor<'_>, key: &StoredKey) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO identity.signing_keys (kid, public_key, private_key, active_from) VALUES ($1, $2, $3, $4)",
        key.kid,
        key.public_key,
        key.private_key,
        key.active_from
    )
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn delete_before(db: impl PgExecutor<'_>, oldest: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM identity.signing_keys WHERE active_from < $1", oldest).execute(db).await?;
    Ok(())
}
