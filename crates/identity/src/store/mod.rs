//! All SQL, one file per aggregate. Every statement runs under a role that has DML only.

pub(crate) mod attempts;
pub(crate) mod clients;
pub(crate) mod grants;
pub(crate) mod revocations;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod users;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

/// Failures older than this no longer count as "in a row".
const ATTEMPTS_KEPT: TimeDelta = TimeDelta::days(1);

/// Deletes what has expired by `now`.
pub(crate) async fn purge(pool: &PgPool, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM identity.sessions WHERE expires_at < $1", now).execute(pool).await?;
    sqlx::query!("DELETE FROM identity.attempts WHERE updated_at < $1", now - ATTEMPTS_KEPT)
        .execute(pool)
        .await?;
    sqlx::query!("DELETE FROM identity.revocations WHERE expires_at < $1", now).execute(pool).await?;
    sqlx::query!("DELETE FROM identity.grants WHERE expires_at < $1", now).execute(pool).await?;
    sqlx::query!("DELETE FROM identity.refresh_tokens WHERE expires_at < $1", now).execute(pool).await?;
    Ok(())
}
