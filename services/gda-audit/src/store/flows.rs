//! Sources and flows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::domain::control::ControlType;
use crate::domain::flow::Flow;

/// Adds a source, unless there is one of this name. Its number, and whether it is new.
pub async fn add_source(
    db: impl PgExecutor<'_>,
    name: &str,
    now: DateTime<Utc>,
    by: &str,
) -> Result<(i64, bool), sqlx::Error> {
    // The update changes nothing; it makes the statement give the row back.
    let row = sqlx::query!(
        r#"INSERT INTO gda.sources (name, created_at, created_by) VALUES ($1, $2, $3)
           ON CONFLICT (name) DO UPDATE SET name = excluded.name
           RETURNING id, (xmax = 0) AS "new!""#,
        name,
        now,
        by,
    )
    .fetch_one(db)
    .await?;
    Ok((row.id, row.new))
}

/// The number of a source.
pub async fn source(db: impl PgExecutor<'_>, name: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM gda.sources WHERE name = $1", name).fetch_optional(db).await
}

/// A flow to be added.
pub struct NewFlow<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its source.
    pub source_id: i64,
    /// What it controls.
    pub control_types: &'a [ControlType],
    /// The lists that it screens against.
    pub lists: &'a [String],
    /// Least scores.
    pub thresholds: &'a BTreeMap<ControlType, f32>,
}

/// Adds a flow, unless there is one of this name. Whether it is new.
pub async fn add(
    db: impl PgExecutor<'_>,
    flow: &NewFlow<'_>,
    now: DateTime<Utc>,
    by: &str,
) -> Result<bool, sqlx::Error> {
    let control_types: Vec<String> = flow.control_types.iter().map(|it| it.as_str().to_owned()).collect();
    let added = sqlx::query!(
        "INSERT INTO gda.flows (name, source_id, control_types, lists, thresholds, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING",
        flow.name,
        flow.source_id,
        &control_types,
        flow.lists,
        Json(flow.thresholds) as _,
        now,
        by,
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}

struct Row {
    id: i64,
    name: String,
    source_id: i64,
    source: String,
    control_types: Vec<String>,
    lists: Vec<String>,
    thresholds: Json<BTreeMap<ControlType, f32>>,
}

impl From<Row> for Flow {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            source_id: row.source_id,
            source: row.source,
            control_types: row.control_types.iter().filter_map(|it| ControlType::parse(it)).collect(),
            lists: row.lists,
            thresholds: row.thresholds.0,
        }
    }
}

/// All flows, by name.
pub async fn all(db: impl PgExecutor<'_>) -> Result<Vec<Flow>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT f.id, f.name, f.source_id, s.name AS source, f.control_types, f.lists,
                  f.thresholds AS "thresholds: Json<BTreeMap<ControlType, f32>>"
           FROM gda.flows f JOIN gda.sources s ON s.id = f.source_id ORDER BY f.name"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Flow::from).collect())
}

/// The flow of a name.
pub async fn by_name(db: impl PgExecutor<'_>, name: &str) -> Result<Option<Flow>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT f.id, f.name, f.source_id, s.name AS source, f.control_types, f.lists,
                  f.thresholds AS "thresholds: Json<BTreeMap<ControlType, f32>>"
           FROM gda.flows f JOIN gda.sources s ON s.id = f.source_id WHERE f.name = $1"#,
        name
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Flow::from))
}

/// The flow of a number.
pub async fn by_id(db: impl PgExecutor<'_>, id: i64) -> Result<Option<Flow>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT f.id, f.name, f.source_id, s.name AS source, f.control_types, f.lists,
                  f.thresholds AS "thresholds: Json<BTreeMap<ControlType, f32>>"
           FROM gda.flows f JOIN gda.sources s ON s.id = f.source_id WHERE f.id = $1"#,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Flow::from))
}
