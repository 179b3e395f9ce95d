//! Operators and every version of their configuration.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

/// An operator with its configuration in force, or the one of a given version.
#[derive(Debug, Clone)]
pub struct StoredOperator {
    /// Its number on the wire.
    pub id: i32,
    /// The version of the configuration.
    pub version: i32,
    /// The configuration, as `OperatorConfig` serialises.
    pub configuration: Value,
}

/// All operators, by number.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<StoredOperator>, sqlx::Error> {
    sqlx::query_as!(
        StoredOperator,
        "SELECT o.id, o.version, v.configuration
         FROM reconciliation.operators o
         JOIN reconciliation.operator_versions v ON v.operator_id = o.id AND v.version = o.version
         ORDER BY o.id"
    )
    .fetch_all(db)
    .await
}

/// One operator by number.
pub async fn by_id(db: impl PgExecutor<'_>, id: i32) -> Result<Option<StoredOperator>, sqlx::Error> {
    sqlx::query_as!(
        StoredOperator,
        "SELECT o.id, o.version, v.configuration
         FROM reconciliation.operators o
         JOIN reconciliation.operator_versions v ON v.operator_id = o.id AND v.version = o.version
         WHERE o.id = $1",
        id
    )
    .fetch_optional(db)
    .await
}

/// One operator by code.
pub async fn by_code(db: impl PgExecutor<'_>, code: &str) -> Result<Option<StoredOperator>, sqlx::Error> {
    sqlx::query_as!(
        StoredOperator,
        "SELECT o.id, o.version, v.configuration
         FROM reconciliation.operators o
         JOIN reconciliation.operator_versions v ON v.operator_id = o.id AND v.version = o.version
         WHERE o.code = $1",
        code
    )
    .fetch_optional(db)
    .await
}

/// The configuration that an operator had at `version`.
pub async fn configuration(
    db: impl PgExecutor<'_>,
    operator_id: i32,
    version: i32,
) -> Result<Value, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT configuration FROM reconciliation.operator_versions WHERE operator_id = $1 AND version = $2",
        operator_id,
        version
    )
    .fetch_one(db)
    .await
}

/// Creates the operator, or gives it a new version; the same configuration again changes nothing. The number is
/// `wanted_id` for a new operator where one is wanted (the sandbox's), else the next free one.
pub async fn put(
    db: &mut PgConnection,
    wanted_id: Option<i32>,
    code: &str,
    configuration: &Value,
    by: &str,
    at: DateTime<Utc>,
) -> Result<(StoredOperator, bool), sqlx::Error> {
    // Either statement locks the code's row for the rest of the transaction, so versions have no gap and no double.
    let known =
        sqlx::query!("SELECT id, version FROM reconciliation.operators WHERE code = $1 FOR UPDATE", code)
            .fetch_optional(&mut *db)
            .await?;
    let (id, current) = match known {
        Some(row) => (row.id, row.version),
        None => insert(db, wanted_id, code).await?,
    };
    let created = current == 0;
    if !created && self::configuration(&mut *db, id, current).await? == *configuration {
        let same = StoredOperator { id, version: current, configuration: configuration.clone() };
        return Ok((same, false));
    }
    let version = current + 1;
    sqlx::query!(
        "INSERT INTO reconciliation.operator_versions (operator_id, version, configuration, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5)",
        id,
        version,
        configuration,
        at,
        by
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!("UPDATE reconciliation.operators SET version = $2 WHERE id = $1", id, version)
        .execute(&mut *db)
        .await?;
    Ok((StoredOperator { id, version, configuration: configuration.clone() }, created))
}

/// A new operator, without a configuration yet; the one that another transaction has just made, if it was quicker.
async fn insert(
    db: &mut PgConnection,
    wanted_id: Option<i32>,
    code: &str,
) -> Result<(i32, i32), sqlx::Error> {
    let row = sqlx::query!(
        "INSERT INTO reconciliation.operators (id, code, version)
         VALUES (COALESCE($1, nextval(pg_get_serial_sequence('reconciliation.operators', 'id'))::integer), $2, 0)
         ON CONFLICT (code) DO UPDATE SET code = excluded.code
         RETURNING id, version",
        wanted_id,
        code
    )
    .fetch_one(db)
    .await?;
    Ok((row.id, row.version))
}
