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

/// The longest window in which failures are counted.
const ATTEMPTS_KEPT: TimeDelta = TimeDelta::days(1);

/// Deletes what has expired by `now`.
pub(crate) async fn purge(pool: &PgPool, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM identity.sessions WHERE expires_at < $1", now).execute(pool).await?;
    sqlx::query!("DELETE FROM identity.attempts WHERE began_at < $1", now - ATTEMPTS_KEPT)
        .execute(pool)
        .await?;
    sqlx::query!("DELETE FROM identity.revocations WHERE expires_at < $1", now).execute(pool).await?;
    sqlx::query!("DELETE FROM identity.grants WHERE expires_at < $1", now).execute(pool).await?;
    sqlx::query!("DELETE FROM identity.refresh_tokens WHERE expires_at < $1", now).execute(pool).await?;
    Ok(())
}

/// A migrated database, which lasts as long as its handle.
#[cfg(test)]
pub(crate) async fn empty_database() -> (testkit::postgres::Database, PgPool) {
    let database = testkit::postgres::Postgres::shared().await.unwrap().database("identity").await.unwrap();
    let config = common::db::DatabaseConfig {
        url: database.app_url.clone().into(),
        owner_url: Some(database.owner_url.clone().into()),
        app_role: Some(database.app_role.clone()),
        ..Default::default()
    };
    config.migrate(&[crate::part()]).await.unwrap();
    let pool = config.pool().unwrap();
    (database, pool)
}
