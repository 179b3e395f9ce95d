//! What is read to verify the audit trail: all of it, as it is stored, believing nothing.

use chrono::{DateTime, Utc};
use futures_util::Stream;
use sqlx::{PgExecutor, PgPool, Postgres, Transaction};

/// Segments of a page at most.
const SEGMENTS: i64 = 1_000;
/// How long a statement of a verification may run, and how long it may think between two.
const PATIENCE: &str = "15min";

/// Begins to read: all that follows sees the database as it is now.
pub async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut tx = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    sqlx::query!(
        r#"SELECT set_config(name, $1, true)
           FROM unnest(ARRAY['statement_timeout', 'idle_in_transaction_session_timeout']) AS name"#,
        PATIENCE
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(tx)
}

/// A segment.
#[derive(Debug)]
pub struct StoredSegment {
    /// Its place in the chain.
    pub seq: i64,
    /// Its number.
    pub id: i64,
    /// JSON.
    pub header: String,
    /// How many rows it says to have.
    pub rows: i32,
    /// Its root.
    pub root: Vec<u8>,
    /// The chain's hash there.
    pub hash: Vec<u8>,
}

/// The segments after a place that have so many rows together, but for the last one's.
pub async fn segments(
    db: impl PgExecutor<'_>,
    after: i64,
    rows: i64,
) -> Result<Vec<StoredSegment>, sqlx::Error> {
    sqlx::query_as!(
        StoredSegment,
        r#"SELECT seq AS "seq!", id AS "id!", header AS "header!", rows AS "rows!", root AS "root!", hash AS "hash!"
           FROM (SELECT *, sum(rows) OVER (ORDER BY seq) - rows AS before
                 FROM (SELECT * FROM gda.segments WHERE seq > $1 ORDER BY seq LIMIT $2) next) counted
           WHERE before < $3 ORDER BY seq"#,
        after,
        SEGMENTS,
        rows,
    )
    .fetch_all(db)
    .await
}

/// A control with its person's snapshot, where there is one.
#[derive(Debug)]
pub struct StoredControl {
    /// Its segment.
    pub segment: i64,
    /// Its place there.
    pub position: i32,
    /// The person.
    pub person_id: i64,
    /// What was controlled.
    pub r#type: i8,
    /// The snapshot's number.
    pub snapshot_id: i64,
    /// The snapshot's hash.
    pub snapshot: Option<Vec<u8>>,
    /// The snapshot's document.
    pub document: Option<String>,
    /// The import that had brought the person.
    pub import_id: Option<i64>,
    /// What was found.
    pub hits: Option<String>,
    /// The row's hash.
    pub hash: Vec<u8>,
}

/// The controls of segments: by segment, then by position.
pub fn controls<'c>(
    db: impl PgExecutor<'c> + 'c,
    segments: &'c [i64],
) -> impl Stream<Item = Result<StoredControl, sqlx::Error>> + 'c {
    sqlx::query_as!(
        StoredControl,
        r#"SELECT c.segment_id AS segment, c.position, c.person_id, c.type AS "type: i8", c.snapshot_id,
                  s.hash AS "snapshot?", s.document AS "document?", c.import_id, c.hits, c.hash
           FROM gda.controls c LEFT JOIN gda.person_snapshots s ON s.id = c.snapshot_id
           WHERE c.segment_id = ANY($1) ORDER BY c.segment_id, c.position"#,
        segments
    )
    .fetch(db)
}

/// A snapshot whose search keys are known.
pub struct StoredSnapshot {
    /// Its number.
    pub id: i64,
    /// JSON.
    pub document: String,
    /// What a search looks up for the person.
    pub search_keys: Vec<u8>,
}

/// The snapshots whose search keys are known.
pub fn snapshots<'c>(
    db: impl PgExecutor<'c> + 'c,
) -> impl Stream<Item = Result<StoredSnapshot, sqlx::Error>> + 'c {
    sqlx::query_as!(
        StoredSnapshot,
        r#"SELECT id, document, search_keys AS "search_keys!" FROM gda.person_snapshots
           WHERE search_keys IS NOT NULL"#
    )
    .fetch(db)
}

/// An event.
#[derive(Debug)]
pub struct StoredEvent {
    /// Its segment.
    pub segment: i64,
    /// Its place there.
    pub position: i32,
    /// Whose folder.
    pub person_id: i64,
    /// Which of the person's folders.
    pub r#type: i8,
    /// What.
    pub kind: String,
    /// JSON.
    pub body: String,
    /// The row's hash.
    pub hash: Vec<u8>,
}

/// The events of segments: by segment, then by position.
pub fn events<'c>(
    db: impl PgExecutor<'c> + 'c,
    segments: &'c [i64],
) -> impl Stream<Item = Result<StoredEvent, sqlx::Error>> + 'c {
    sqlx::query_as!(
        StoredEvent,
        r#"SELECT segment_id AS segment, position, person_id, type AS "type: i8", kind, body, hash
           FROM gda.events WHERE segment_id = ANY($1) ORDER BY segment_id, position"#,
        segments
    )
    .fetch(db)
}

/// A place and the chain's hash there, as stored.
pub type StoredHead = (i64, Vec<u8>);

/// The head of the chain as it is kept beside it; `None` where that row is gone.
pub async fn head(db: impl PgExecutor<'_>) -> Result<Option<StoredHead>, sqlx::Error> {
    let row = sqlx::query!("SELECT seq, hash FROM gda.chain").fetch_optional(db).await?;
    Ok(row.map(|row| (row.seq, row.hash)))
}

/// The chain's hashes and its segments' numbers at these places.
pub async fn places(db: impl PgExecutor<'_>, seqs: &[i64]) -> Result<Vec<(StoredHead, i64)>, sqlx::Error> {
    let rows = sqlx::query!("SELECT seq, hash, id FROM gda.segments WHERE seq = ANY($1)", seqs);
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| ((row.seq, row.hash), row.id)).collect())
}

/// A row of a segment that is not in the chain: whether it is a control, its segment and position.
pub async fn row_without_segment(db: impl PgExecutor<'_>) -> Result<Option<(bool, i64, i32)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"(SELECT true AS "is_control!", segment_id AS "segment!", position AS "position!" FROM gda.controls c
            WHERE NOT EXISTS (SELECT FROM gda.segments s WHERE s.id = c.segment_id)
            ORDER BY segment_id, position LIMIT 1)
           UNION ALL
           (SELECT false, segment_id, position FROM gda.events e
            WHERE NOT EXISTS (SELECT FROM gda.segments s WHERE s.id = e.segment_id)
            ORDER BY segment_id, position LIMIT 1)
           ORDER BY 2, 3 LIMIT 1"#
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.is_control, row.segment, row.position)))
}

/// An edition, as far as the trail says what it was.
#[derive(Debug)]
pub struct StoredEdition {
    /// Its number.
    pub id: i64,
    /// Its list.
    pub source: String,
    /// SHA-256 of its files.
    pub content: Vec<u8>,
    /// Its entries.
    pub total: i64,
    /// Its last update.
    pub date: DateTime<Utc>,
}

/// All editions.
pub async fn editions(db: impl PgExecutor<'_>) -> Result<Vec<StoredEdition>, sqlx::Error> {
    sqlx::query_as!(
        StoredEdition,
        r#"SELECT id, source, content_sha256 AS content, coalesce(published, imported_at) AS "date!",
                  persons::bigint + organisations + vessels + aircraft AS "total!"
           FROM gda.editions ORDER BY id"#
    )
    .fetch_all(db)
    .await
}

/// The hashes of an edition's records, in its order.
pub fn record_hashes<'c>(
    db: impl PgExecutor<'c> + 'c,
    edition: i64,
) -> impl Stream<Item = Result<Vec<u8>, sqlx::Error>> + 'c {
    sqlx::query_scalar!(
        "SELECT hash FROM gda.edition_records WHERE edition_id = $1 ORDER BY position",
        edition
    )
    .fetch(db)
}

/// A record.
#[derive(Debug)]
pub struct StoredRecord {
    /// Its list.
    pub source: String,
    /// Its hash.
    pub hash: Vec<u8>,
    /// JSON, in the database's spelling.
    pub record: String,
}

/// All records of all editions, each once.
pub fn records<'c>(
    db: impl PgExecutor<'c> + 'c,
) -> impl Stream<Item = Result<StoredRecord, sqlx::Error>> + 'c {
    sqlx::query_as!(
        StoredRecord,
        r#"SELECT source, hash, record::text AS "record!" FROM gda.records ORDER BY source, hash"#
    )
    .fetch(db)
}

/// Where what stands now is not what the trail ends with.
#[derive(Debug)]
pub struct Astray {
    /// The segment of the row that it should agree with.
    pub segment: i64,
    /// That row's position.
    pub position: i32,
}

/// A person that stands at another snapshot than its last control, or nowhere.
pub async fn person_astray(db: impl PgExecutor<'_>) -> Result<Option<Astray>, sqlx::Error> {
    sqlx::query_as!(
        Astray,
        r#"SELECT segment_id AS segment, position FROM (
               SELECT DISTINCT ON (person_id) person_id, segment_id, position, snapshot_id
               FROM gda.controls ORDER BY person_id, segment_id DESC, position
           ) last
           LEFT JOIN gda.persons p ON p.id = last.person_id
           WHERE p.snapshot_id IS DISTINCT FROM last.snapshot_id LIMIT 1"#
    )
    .fetch_optional(db)
    .await
}

/// A risk folder that is in another state than its last status says, or is none.
pub async fn folder_astray(db: impl PgExecutor<'_>) -> Result<Option<Astray>, sqlx::Error> {
    sqlx::query_as!(
        Astray,
        r#"SELECT segment_id AS segment, position FROM (
               SELECT DISTINCT ON (person_id, type) person_id, type, segment_id, position, body
               FROM gda.events WHERE kind = 'STATUS' ORDER BY person_id, type, segment_id DESC, position DESC
           ) last
           LEFT JOIN gda.folders f ON (f.person_id, f.type) = (last.person_id, last.type)
           WHERE f.state IS DISTINCT FROM last.body::json ->> 'state' LIMIT 1"#
    )
    .fetch_optional(db)
    .await
}
