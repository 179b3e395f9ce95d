//! The audit trail's rows with what they are about, to be given to somebody else.

use sqlx::PgExecutor;

/// Whose rows.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Of persons of this source.
    pub source_id: Option<i64>,
    /// Of controls and folders of this type.
    pub control_type: Option<i8>,
}

/// A row's place, and whom it is about.
#[derive(Debug)]
pub struct Place {
    /// Its segment.
    pub segment: i64,
    /// Its position there.
    pub position: i32,
    /// The person.
    pub person_id: i64,
    /// What was controlled.
    pub control_type: i8,
    /// The person's source.
    pub source: String,
    /// The person's reference there.
    pub reference: String,
    /// The row's hash.
    pub hash: Vec<u8>,
}

/// A control.
#[derive(Debug)]
pub struct ExportedControl {
    /// Where it stands.
    pub place: Place,
    /// What was known of the person, as JSON.
    pub document: String,
    /// The import that had brought the person.
    pub import_id: Option<i64>,
    /// What was found, as JSON; `None` for nothing.
    pub hits: Option<String>,
}

/// The controls of segments.
pub async fn controls(
    db: impl PgExecutor<'_>,
    segments: &[i64],
    filter: Filter,
) -> Result<Vec<ExportedControl>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT c.segment_id, c.position, c.person_id, c.type AS "type: i8", src.name AS source, p.reference, c.hash,
                  s.document, c.import_id, c.hits
           FROM gda.controls c
           JOIN gda.person_snapshots s ON s.id = c.snapshot_id
           JOIN gda.persons p ON p.id = c.person_id
           JOIN gda.sources src ON src.id = p.source_id
           WHERE c.segment_id = ANY($1) AND ($2::bigint IS NULL OR p.source_id = $2)
             AND ($3::"char" IS NULL OR c.type = $3)
           ORDER BY c.segment_id, c.position"#,
        segments,
        filter.source_id,
        filter.control_type as Option<i8>,
    )
    .fetch_all(db)
    .await?;
    let control = rows.into_iter().map(|row| ExportedControl {
        place: Place {
            segment: row.segment_id,
            position: row.position,
            person_id: row.person_id,
            control_type: row.r#type,
            source: row.source,
            reference: row.reference,
            hash: row.hash,
        },
        document: row.document,
        import_id: row.import_id,
        hits: row.hits,
    });
    Ok(control.collect())
}

/// An event.
#[derive(Debug)]
pub struct ExportedEvent {
    /// Where it stands.
    pub place: Place,
    /// What happened.
    pub kind: String,
    /// JSON of the rest.
    pub body: String,
}

/// The events of segments.
pub async fn events(
    db: impl PgExecutor<'_>,
    segments: &[i64],
    filter: Filter,
) -> Result<Vec<ExportedEvent>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT e.segment_id, e.position, e.person_id, e.type AS "type: i8", src.name AS source, p.reference, e.hash,
                  e.kind, e.body
           FROM gda.events e
           JOIN gda.persons p ON p.id = e.person_id
           JOIN gda.sources src ON src.id = p.source_id
           WHERE e.segment_id = ANY($1) AND ($2::bigint IS NULL OR p.source_id = $2)
             AND ($3::"char" IS NULL OR e.type = $3)
           ORDER BY e.segment_id, e.position"#,
        segments,
        filter.source_id,
        filter.control_type as Option<i8>,
    )
    .fetch_all(db)
    .await?;
    let event = rows.into_iter().map(|row| ExportedEvent {
        place: Place {
            segment: row.segment_id,
            position: row.position,
            person_id: row.person_id,
            control_type: row.r#type,
            source: row.source,
            reference: row.reference,
            hash: row.hash,
        },
        kind: row.kind,
        body: row.body,
    });
    Ok(event.collect())
}
