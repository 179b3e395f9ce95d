//! What is kept only for so long.

use std::time::Duration;

use chrono::TimeDelta;
use common::clock::SharedClock;
use sqlx::PgPool;

use crate::domain::history;
use crate::store::{decisions, sightings};

const EVERY: Duration = Duration::from_secs(600);

/// Deletes expired sightings and decisions, for as long as the process lives. Several replicas may do it at once.
pub fn watch(pool: PgPool, clock: SharedClock, retention_days: u32) {
    tokio::spawn(async move {
        loop {
            if let Err(error) = expire(&pool, &clock, retention_days).await {
                tracing::warn!(error = common::db::loggable(&error), "what has expired cannot be deleted");
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

/// Deletes all that has expired.
pub async fn expire(pool: &PgPool, clock: &SharedClock, retention_days: u32) -> Result<(), sqlx::Error> {
    let now = clock.now();
    while sightings::delete_before(pool, now - TimeDelta::days(history::DAYS)).await? > 0 {}
    while decisions::delete_before(pool, now - TimeDelta::days(retention_days.into())).await? > 0 {}
    Ok(())
}
