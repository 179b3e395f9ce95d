//! Who is screened again because of an edition.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::domain::control::ControlType;
use crate::domain::person::Hash;

/// Numbers of persons between which so many of a flow are each.
pub async fn boundaries(
    db: &mut PgConnection,
    flow: i64,
    control_type: ControlType,
    persons: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT id FROM (
               SELECT id, row_number() OVER (ORDER BY id) AS place FROM gda.persons
               WHERE CASE WHEN $2 = 'B'::"char" THEN flow_blacklist ELSE flow_pep END = $1
           ) numbered
           WHERE place % $3 = 0 ORDER BY id"#,
        flow,
        control_type.code(),
        persons,
    )
    .fetch_all(db)
    .await
}

/// Adds chunks of persons of a flow.
pub async fn add_chunks(
    db: &mut PgConnection,
    edition: i64,
    flow: i64,
    chunks: i32,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO gda.rescreenings AS known (edition_id, flow_id, chunks, started_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (edition_id, flow_id) DO UPDATE SET chunks = known.chunks + excluded.chunks, ended_at = NULL",
        edition,
        flow,
        chunks,
        now,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Counts a chunk and the persons of it that were controlled.
pub async fn count_chunk(
    db: &mut PgConnection,
    (edition, flow): (i64, i64),
    persons: i64,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE gda.rescreenings
         SET chunks_done = chunks_done + 1, persons = persons + $3,
             ended_at = CASE WHEN chunks_done + 1 = chunks THEN $4::timestamptz END
         WHERE edition_id = $1 AND flow_id = $2",
        edition,
        flow,
        persons,
        now,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Notes that a chunk was given up.
pub async fn fail(
    db: &mut PgConnection,
    (edition, flow): (i64, i64),
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE gda.rescreenings SET failure = $3 WHERE edition_id = $1 AND flow_id = $2",
        edition,
        flow,
        reason
    )
    .execute(db)
    .await
    .map(drop)
}

/// How far the persons of a flow are.
#[derive(Debug)]
pub struct StoredRescreening {
    /// The flow's name.
    pub flow_name: String,
    /// Chunks of persons.
    pub chunks: i32,
    /// How many of them were worked on.
    pub chunks_done: i32,
    /// Who was controlled.
    pub persons: i64,
    /// Why a chunk was given up.
    pub failure: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// How far an edition is, by the flows' names.
pub async fn of_edition(
    db: impl PgExecutor<'_>,
    edition: i64,
) -> Result<Vec<StoredRescreening>, sqlx::Error> {
    sqlx::query_as!(
        StoredRescreening,
        "SELECT f.name AS flow_name, r.chunks, r.chunks_done, r.persons, r.failure, r.started_at, r.ended_at
         FROM gda.rescreenings r JOIN gda.flows f ON f.id = r.flow_id WHERE r.edition_id = $1 ORDER BY f.name",
        edition
    )
    .fetch_all(db)
    .await
}

/// A person and its last control of a type.
pub struct Controlled {
    /// The person's number.
    pub id: i64,
    /// What is known of it.
    pub snapshot_id: i64,
    /// SHA-256 of that.
    pub snapshot: Vec<u8>,
    /// What a search looks up for it.
    pub search_keys: Option<Vec<u8>>,
    /// The import that brought it last.
    pub import_id: Option<i64>,
    /// The control's segment.
    pub segment: i64,
    /// What was known of the person then.
    pub controlled_snapshot: i64,
    /// What it found, as JSON.
    pub hits: Option<String>,
}

impl Controlled {
    /// SHA-256 of what is known of it.
    pub fn snapshot_hash(&self) -> Hash {
        self.snapshot.as_slice().try_into().unwrap_or_default()
    }
}

/// The persons of a flow in a range of numbers, the first one excluded, by number.
pub async fn in_range(
    db: &mut PgConnection,
    flow: i64,
    control_type: ControlType,
    (after, until): (i64, i64),
) -> Result<Vec<Controlled>, sqlx::Error> {
    sqlx::query_as!(
        Controlled,
        r#"SELECT p.id, p.snapshot_id, s.hash AS snapshot, s.search_keys, p.import_id,
                  c.segment_id AS segment, c.snapshot_id AS controlled_snapshot, c.hits
           FROM gda.persons p JOIN gda.person_snapshots s ON s.id = p.snapshot_id
           CROSS JOIN LATERAL (
               SELECT segment_id, snapshot_id, hits FROM gda.controls
               WHERE person_id = p.id AND type = $2 ORDER BY segment_id DESC LIMIT 1) c
           WHERE p.id > $3 AND p.id <= $4
             AND CASE WHEN $2 = 'B'::"char" THEN p.flow_blacklist ELSE p.flow_pep END = $1
           ORDER BY p.id"#,
        flow,
        control_type.code(),
        after,
        until,
    )
    .fetch_all(db)
    .await
}

/// The persons of a flow that a segment controlled, by number.
pub async fn of_segment(
    db: &mut PgConnection,
    flow: i64,
    control_type: ControlType,
    segment: i64,
) -> Result<Vec<Controlled>, sqlx::Error> {
    sqlx::query_as!(
        Controlled,
        r#"SELECT p.id, p.snapshot_id, s.hash AS snapshot, s.search_keys, p.import_id,
                  c.segment_id AS segment, c.snapshot_id AS controlled_snapshot, c.hits
           FROM gda.controls late JOIN gda.persons p ON p.id = late.person_id
           JOIN gda.person_snapshots s ON s.id = p.snapshot_id
           CROSS JOIN LATERAL (
               SELECT segment_id, snapshot_id, hits FROM gda.controls
               WHERE person_id = p.id AND type = $2 ORDER BY segment_id DESC LIMIT 1) c
           WHERE late.segment_id = $3 AND late.type = $2
             AND CASE WHEN $2 = 'B'::"char" THEN p.flow_blacklist ELSE p.flow_pep END = $1
           ORDER BY p.id"#,
        flow,
        control_type.code(),
        segment,
    )
    .fetch_all(db)
    .await
}

/// JSON of snapshots, by their numbers.
pub async fn documents(
    db: impl PgExecutor<'_>,
    snapshots: &[i64],
) -> Result<HashMap<i64, String>, sqlx::Error> {
    if snapshots.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!("SELECT id, document FROM gda.person_snapshots WHERE id = ANY($1)", snapshots);
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| (row.id, row.document)).collect())
}

/// JSON of segments' headers.
pub async fn headers(db: &mut PgConnection, segments: &[i64]) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let rows = sqlx::query!("SELECT id, header FROM gda.segments WHERE id = ANY($1)", segments)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.header)).collect())
}

/// Locks persons, as a control of them does, always in the same order.
pub async fn lock(db: &mut PgConnection, persons: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT id FROM gda.persons WHERE id = ANY($1) ORDER BY id FOR UPDATE", persons)
        .fetch_all(db)
        .await
        .map(drop)
}

/// Whether these persons' snapshots and last controls are still these.
pub async fn are_unchanged(
    db: &mut PgConnection,
    control_type: ControlType,
    persons: &[i64],
    snapshots: &[i64],
    segments: &[i64],
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (
               SELECT FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS known (id, snapshot, segment)
               JOIN gda.persons p USING (id)
               WHERE p.snapshot_id <> known.snapshot
                  OR (SELECT max(segment_id) FROM gda.controls c WHERE c.person_id = known.id AND c.type = $1)
                     <> known.segment) AS "unchanged!""#,
        control_type.code(),
        persons,
        snapshots,
        segments,
    )
    .fetch_one(db)
    .await
}
