//! What `GET /pisteaudit` shows of a person, in one statement.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::PgExecutor;
use sqlx::types::Json;

/// A person with its first and last control, its folder and what happened to that.
#[derive(Debug)]
pub struct Trail {
    /// The person's number.
    pub person_id: i64,
    /// What is known of it, as JSON.
    pub document: String,
    /// In how many imports it was controlled for the type.
    pub stock: i32,
    /// The same, of accident imports.
    pub accident: i32,
    /// Its first control; `None` where it was never controlled for the type.
    pub first: Option<ControlOfTrail>,
    /// Its last control.
    pub last: Option<ControlOfTrail>,
    /// What was added to its folder by hand, as JSON.
    pub manual_information: Option<String>,
    /// What happened to its folder, the oldest first.
    pub events: Vec<EventOfTrail>,
}

/// A control.
#[derive(Debug)]
pub struct ControlOfTrail {
    /// Its segment.
    pub segment: i64,
    /// Its place there.
    pub position: i32,
    /// JSON of its segment's header.
    pub header: String,
    /// The import that had brought the person.
    pub import: Option<ImportOfTrail>,
}

/// An import.
#[derive(Debug)]
pub struct ImportOfTrail {
    /// Its number.
    pub id: i64,
    /// STOCK or ACCIDENT.
    pub kind: String,
    /// Parts of the source that it came from.
    pub sub_sources: Vec<String>,
}

/// What happened to a folder.
#[derive(Debug, Deserialize)]
pub struct EventOfTrail {
    /// Its segment.
    pub segment: i64,
    /// Its place there.
    pub position: i32,
    /// STATUS, COMMENT, COMMENT_DELETED or MANUAL_INFORMATION.
    pub kind: String,
    /// JSON.
    pub body: String,
    /// When, RFC 3339.
    pub at: String,
}

/// Finds the trail of a person by source and reference.
pub async fn find(
    db: impl PgExecutor<'_>,
    source: &str,
    reference: &str,
    control_type: i8,
) -> Result<Option<Trail>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT p.id, s.document,
                  CASE WHEN $3 = 'B'::"char" THEN p.stock_blacklist ELSE p.stock_pep END AS "stock!",
                  CASE WHEN $3 = 'B'::"char" THEN p.accident_blacklist ELSE p.accident_pep END AS "accident!",
                  first.segment_id AS "first_segment?", first.position AS "first_position?",
                  first.header AS "first_header?", first.import_id AS "first_import?",
                  first.import_type AS "first_import_type?", first.sub_sources AS "first_sub_sources?",
                  last.segment_id AS "last_segment?", last.position AS "last_position?",
                  last.header AS "last_header?", last.import_id AS "last_import?",
                  last.import_type AS "last_import_type?", last.sub_sources AS "last_sub_sources?",
                  f.manual_information AS "manual_information?", events.list AS "events?: Json<Vec<EventOfTrail>>"
           FROM gda.sources src
           JOIN gda.persons p ON p.source_id = src.id
           JOIN gda.person_snapshots s ON s.id = p.snapshot_id
           LEFT JOIN LATERAL (
               SELECT c.segment_id, c.position, seg.header, c.import_id, i.type AS import_type, i.sub_sources
               FROM (SELECT * FROM gda.controls
                     WHERE person_id = p.id AND type = $3 ORDER BY segment_id LIMIT 1) c
               JOIN gda.segments seg ON seg.id = c.segment_id LEFT JOIN gda.imports i ON i.id = c.import_id
           ) first ON true
           LEFT JOIN LATERAL (
               SELECT c.segment_id, c.position, seg.header, c.import_id, i.type AS import_type, i.sub_sources
               FROM (SELECT * FROM gda.controls
                     WHERE person_id = p.id AND type = $3 ORDER BY segment_id DESC LIMIT 1) c
               JOIN gda.segments seg ON seg.id = c.segment_id LEFT JOIN gda.imports i ON i.id = c.import_id
           ) last ON true
           LEFT JOIN gda.folders f ON f.person_id = p.id AND f.type = $3
           LEFT JOIN LATERAL (
               SELECT json_agg(json_build_object('segment', e.segment_id, 'position', e.position, 'kind', e.kind,
                                                 'body', e.body, 'at', seg.header::json ->> 'at')
                               ORDER BY e.segment_id, e.position) AS list
               FROM gda.events e JOIN gda.segments seg ON seg.id = e.segment_id
               WHERE e.person_id = p.id AND e.type = $3
           ) events ON f.person_id IS NOT NULL
           WHERE src.name = $1 AND p.reference = $2"#,
        source,
        reference,
        control_type,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Trail {
        person_id: row.id,
        document: row.document,
        stock: row.stock,
        accident: row.accident,
        first: control_of_row(
            (row.first_segment, row.first_position, row.first_header),
            (row.first_import, row.first_import_type, row.first_sub_sources),
        ),
        last: control_of_row(
            (row.last_segment, row.last_position, row.last_header),
            (row.last_import, row.last_import_type, row.last_sub_sources),
        ),
        manual_information: row.manual_information,
        events: row.events.map(|events| events.0).unwrap_or_default(),
    }))
}

fn control_of_row(
    (segment, position, header): (Option<i64>, Option<i32>, Option<String>),
    (import, kind, sub_sources): (Option<i64>, Option<String>, Option<Vec<String>>),
) -> Option<ControlOfTrail> {
    let import = import.zip(kind).map(|(id, kind)| ImportOfTrail {
        id,
        kind,
        sub_sources: sub_sources.unwrap_or_default(),
    });
    Some(ControlOfTrail { segment: segment?, position: position?, header: header?, import })
}

/// A person's first control for a type.
#[derive(Debug, Clone, Copy)]
pub struct FirstControl {
    /// Its segment.
    pub segment: i64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The person's source.
    pub source_id: i64,
}

/// The first control of a person for a type.
pub async fn first_control(
    db: impl PgExecutor<'_>,
    person_id: i64,
    control_type: i8,
) -> Result<Option<FirstControl>, sqlx::Error> {
    sqlx::query_as!(
        FirstControl,
        r#"SELECT c.segment_id AS segment, (seg.header::json ->> 'at')::timestamptz AS "at!", p.source_id
           FROM gda.controls c JOIN gda.segments seg ON seg.id = c.segment_id
           JOIN gda.persons p ON p.id = c.person_id
           WHERE c.person_id = $1 AND c.type = $2 ORDER BY c.segment_id LIMIT 1"#,
        person_id,
        control_type,
    )
    .fetch_optional(db)
    .await
}

/// What happened to a folder, the oldest first.
pub async fn events(
    db: impl PgExecutor<'_>,
    person_id: i64,
    control_type: i8,
) -> Result<Vec<EventOfTrail>, sqlx::Error> {
    sqlx::query_as!(
        EventOfTrail,
        r#"SELECT e.segment_id AS segment, e.position, e.kind, e.body, seg.header::json ->> 'at' AS "at!"
           FROM gda.events e JOIN gda.segments seg ON seg.id = e.segment_id
           WHERE e.person_id = $1 AND e.type = $2 ORDER BY e.segment_id, e.position"#,
        person_id,
        control_type,
    )
    .fetch_all(db)
    .await
}

/// A control with its person's snapshot.
#[derive(Debug)]
pub struct StoredControl {
    /// Its segment.
    pub segment: i64,
    /// Its place there.
    pub position: i32,
    /// What was controlled.
    pub r#type: i8,
    /// JSON of its segment's header.
    pub header: String,
    /// What was known of the person, as JSON.
    pub document: String,
    /// What was found, as JSON; `None` for nothing.
    pub hits: Option<String>,
}

/// One control of a person.
pub async fn control(
    db: impl PgExecutor<'_>,
    person_id: i64,
    (segment, position): (i64, i32),
) -> Result<Option<StoredControl>, sqlx::Error> {
    sqlx::query_as!(
        StoredControl,
        r#"SELECT c.segment_id AS segment, c.position, c.type AS "type: i8", seg.header, s.document, c.hits
           FROM gda.controls c JOIN gda.segments seg ON seg.id = c.segment_id
           JOIN gda.person_snapshots s ON s.id = c.snapshot_id
           WHERE c.person_id = $1 AND c.segment_id = $2 AND c.position = $3"#,
        person_id,
        segment,
        position,
    )
    .fetch_optional(db)
    .await
}

/// A person's controls before one (segment and position), the newest first.
pub async fn controls(
    db: impl PgExecutor<'_>,
    person_id: i64,
    (segment, position): (i64, i32),
    limit: i64,
) -> Result<Vec<StoredControl>, sqlx::Error> {
    sqlx::query_as!(
        StoredControl,
        r#"SELECT c.segment_id AS segment, c.position, c.type AS "type: i8", seg.header, s.document, c.hits
           FROM gda.controls c JOIN gda.segments seg ON seg.id = c.segment_id
           JOIN gda.person_snapshots s ON s.id = c.snapshot_id
           WHERE c.person_id = $1 AND (c.segment_id, c.position) < ($2, $3)
           ORDER BY c.segment_id DESC, c.position DESC LIMIT $4"#,
        person_id,
        segment,
        position,
        limit,
    )
    .fetch_all(db)
    .await
}

/// The last control of a person for a type.
pub async fn last_control(
    db: impl PgExecutor<'_>,
    person_id: i64,
    control_type: i8,
) -> Result<Option<StoredControl>, sqlx::Error> {
    sqlx::query_as!(
        StoredControl,
        r#"SELECT c.segment_id AS segment, c.position, c.type AS "type: i8", seg.header, s.document, c.hits
           FROM gda.controls c JOIN gda.segments seg ON seg.id = c.segment_id
           JOIN gda.person_snapshots s ON s.id = c.snapshot_id
           WHERE c.person_id = $1 AND c.type = $2 ORDER BY c.segment_id DESC LIMIT 1"#,
        person_id,
        control_type,
    )
    .fetch_optional(db)
    .await
}
