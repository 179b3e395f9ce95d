//! The audit trail: rows are added and read, never changed.

use common::copy::Rows;
use sqlx::PgConnection;

use crate::domain::audit::{ControlRow, EventRow};
use crate::domain::person::Hash;

/// A place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// From 1; 0 where there is nothing yet.
    pub seq: i64,
    /// The chain's hash there.
    pub hash: Hash,
}

/// A number for a new segment.
pub async fn reserve_segment(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT nextval('gda.segment_id') AS "id!""#).fetch_one(db).await
}

/// Adds the controls of a segment, from position 0.
pub async fn add_controls(
    db: &mut PgConnection,
    segment: i64,
    controls: &[ControlRow],
    hashes: &[Hash],
) -> Result<(), sqlx::Error> {
    let mut rows = Rows::of(8);
    for (position, (control, hash)) in controls.iter().zip(hashes).enumerate() {
        rows.row();
        rows.bigint(segment);
        rows.integer(position as i32);
        rows.bigint(control.person_id);
        rows.char(control.control_type.code());
        rows.bigint(control.snapshot_id);
        rows.optional(control.import_id, Rows::bigint);
        rows.optional(control.hits.as_deref(), Rows::text);
        rows.bytes(hash);
    }
    let copy = "COPY gda.controls (segment_id, position, person_id, type, snapshot_id, import_id, hits, hash)
                FROM STDIN (FORMAT binary)";
    rows.send(db, copy).await.map(drop)
}

/// Adds the events of a segment, from position `first`.
pub async fn add_events(
    db: &mut PgConnection,
    segment: i64,
    first: i32,
    events: &[EventRow],
    hashes: &[Hash],
) -> Result<(), sqlx::Error> {
    let mut rows = Rows::of(7);
    for (position, (event, hash)) in (first..).zip(events.iter().zip(hashes)) {
        rows.row();
        rows.bigint(segment);
        rows.integer(position);
        rows.bigint(event.person_id);
        rows.char(event.control_type.code());
        rows.text(event.kind.as_str());
        rows.text(&event.body);
        rows.bytes(hash);
    }
    let copy = "COPY gda.events (segment_id, position, person_id, type, kind, body, hash) FROM STDIN (FORMAT binary)";
    rows.send(db, copy).await.map(drop)
}

/// The head of the chain. Whoever asks is alone in appending until the transaction ends.
pub async fn lock_head(db: &mut PgConnection) -> Result<Head, sqlx::Error> {
    let row = sqlx::query!("SELECT seq, hash FROM gda.chain FOR UPDATE").fetch_one(db).await?;
    Ok(Head { seq: row.seq, hash: row.hash.as_slice().try_into().unwrap_or_default() })
}

/// A segment's row.
pub struct NewSegment<'a> {
    /// Its place in the chain and the chain's hash there.
    pub head: Head,
    /// Its number.
    pub id: i64,
    /// JSON.
    pub header: &'a str,
    /// How many rows it has.
    pub rows: usize,
    /// Its root.
    pub root: Hash,
}

/// Appends a segment to the chain.
pub async fn append(db: &mut PgConnection, segment: &NewSegment<'_>) -> Result<(), sqlx::Error> {
    let Head { seq, hash } = segment.head;
    sqlx::query!(
        "WITH moved AS (UPDATE gda.chain SET seq = $1, hash = $6)
         INSERT INTO gda.segments (seq, id, header, rows, root, hash) VALUES ($1, $2, $3, $4, $5, $6)",
        seq,
        segment.id,
        segment.header,
        segment.rows as i32,
        segment.root.as_slice(),
        hash.as_slice(),
    )
    .execute(db)
    .await
    .map(drop)
}
