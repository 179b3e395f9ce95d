//! Batches of persons: imports, the chunks of their files, and rejected lines.

use chrono::{DateTime, Utc};
use common::copy::Rows;
use sqlx::{PgConnection, PgExecutor};

use crate::person_file::Chunk;

/// An import's row.
#[derive(Debug, Clone)]
pub struct StoredImport {
    /// Its number.
    pub id: i64,
    /// STOCK or ACCIDENT.
    pub r#type: String,
    /// The flow that screens its persons.
    pub flow_id: i64,
    /// The flow's name.
    pub flow_name: String,
    /// The flow's source.
    pub source: String,
    /// Parts of the source that it comes from.
    pub sub_sources: Vec<String>,
    /// CSV or NDJSON.
    pub format: String,
    /// SHA-256 of its file.
    pub content_sha256: Vec<u8>,
    /// Whose it is.
    pub login: String,
    /// Persons in its file, good and bad.
    pub lines: i64,
    /// How many chunks the file was split into.
    pub chunks: i32,
    /// How many of them were worked on.
    pub chunks_done: i32,
    /// Persons that were screened.
    pub accepted: i64,
    /// Lines that were not.
    pub rejected: i64,
    /// The editions that its persons were screened against.
    pub editions: Vec<i64>,
    /// Why it was given up.
    pub failure: Option<String>,
    /// When it was taken in.
    pub created_at: DateTime<Utc>,
    /// When the work on it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When that ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// An import to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewImport<'a> {
    /// STOCK or ACCIDENT.
    pub kind: &'a str,
    /// The flow that screens its persons.
    pub flow_id: i64,
    /// Parts of the source that it comes from.
    pub sub_sources: &'a [String],
    /// CSV or NDJSON.
    pub format: &'a str,
    /// SHA-256 of its file.
    pub content_sha256: &'a [u8],
    /// Issuer and subject of the token.
    pub caller: &'a str,
    /// Whose it is, for people.
    pub login: &'a str,
    /// By which the caller may repeat it.
    pub idempotency_key: Option<&'a str>,
}

/// Adds an import, unless there is one of the same content or the caller's key. Waits for another one that is just being
/// added.
pub async fn add(
    db: &mut PgConnection,
    import: &NewImport<'_>,
    now: DateTime<Utc>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "INSERT INTO gda.imports (type, flow_id, sub_sources, format, content_sha256, caller, login, idempotency_key,
                                  created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id",
        import.kind,
        import.flow_id,
        import.sub_sources,
        import.format,
        import.content_sha256,
        import.caller,
        import.login,
        import.idempotency_key,
        now,
    )
    .fetch_optional(db)
    .await
}

/// The import of a caller's key.
pub async fn of_key(
    db: impl PgExecutor<'_>,
    caller: &str,
    idempotency_key: &str,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM gda.imports WHERE caller = $1 AND idempotency_key = $2",
        caller,
        idempotency_key
    )
    .fetch_optional(db)
    .await
}

/// The import of this type and content by a flow that did not fail.
pub async fn of_content(db: impl PgExecutor<'_>, import: &NewImport<'_>) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM gda.imports
         WHERE flow_id = $1 AND type = $2 AND content_sha256 = $3 AND failure IS NULL",
        import.flow_id,
        import.kind,
        import.content_sha256,
    )
    .fetch_optional(db)
    .await
}

/// Adds a chunk of an import's file.
pub async fn add_chunk(
    db: &mut PgConnection,
    import: i64,
    number: i32,
    chunk: &Chunk,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO gda.import_chunks (import_id, number, first_line, content, duplicates)
         VALUES ($1, $2, $3, $4, $5)",
        import,
        number,
        chunk.first_line as i64,
        chunk.content,
        &chunk.duplicates,
    )
    .execute(db)
    .await
    .map(drop)
}

/// Notes what a file has.
pub async fn set_size(
    db: &mut PgConnection,
    import: i64,
    lines: i64,
    chunks: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE gda.imports SET lines = $2, chunks = $3 WHERE id = $1", import, lines, chunks)
        .execute(db)
        .await
        .map(drop)
}

/// One import.
pub async fn by_id(db: impl PgExecutor<'_>, id: i64) -> Result<Option<StoredImport>, sqlx::Error> {
    sqlx::query_as!(
        StoredImport,
        "SELECT i.id, i.type, i.flow_id, f.name AS flow_name, s.name AS source, i.sub_sources, i.format, i.content_sha256,
                i.login, i.lines, i.chunks, i.chunks_done, i.accepted, i.rejected, i.editions, i.failure, i.created_at,
                i.started_at, i.ended_at
         FROM gda.imports i JOIN gda.flows f ON f.id = i.flow_id JOIN gda.sources s ON s.id = f.source_id
         WHERE i.id = $1",
        id
    )
    .fetch_optional(db)
    .await
}

/// Imports before a number, the newest first.
pub async fn before(db: impl PgExecutor<'_>, id: i64, limit: i64) -> Result<Vec<StoredImport>, sqlx::Error> {
    sqlx::query_as!(
        StoredImport,
        "SELECT i.id, i.type, i.flow_id, f.name AS flow_name, s.name AS source, i.sub_sources, i.format, i.content_sha256,
                i.login, i.lines, i.chunks, i.chunks_done, i.accepted, i.rejected, i.editions, i.failure, i.created_at,
                i.started_at, i.ended_at
         FROM gda.imports i JOIN gda.flows f ON f.id = i.flow_id JOIN gda.sources s ON s.id = f.source_id
         WHERE i.id < $1 ORDER BY i.id DESC LIMIT $2",
        id,
        limit,
    )
    .fetch_all(db)
    .await
}

/// A chunk that waits.
#[derive(Debug)]
pub struct StoredChunk {
    /// The number of its first line in the file.
    pub first_line: i64,
    /// Its lines.
    pub content: Vec<u8>,
    /// Lines whose reference an earlier line of the file has.
    pub duplicates: Vec<i64>,
}

/// A chunk, if it still waits; the import's work has begun then.
pub async fn begin_chunk(
    db: &mut PgConnection,
    import: i64,
    number: i32,
    now: DateTime<Utc>,
) -> Result<Option<StoredChunk>, sqlx::Error> {
    sqlx::query!("UPDATE gda.imports SET started_at = $2 WHERE id = $1 AND started_at IS NULL", import, now)
        .execute(&mut *db)
        .await?;
    sqlx::query_as!(
        StoredChunk,
        "SELECT first_line, content, duplicates FROM gda.import_chunks WHERE import_id = $1 AND number = $2",
        import,
        number,
    )
    .fetch_optional(db)
    .await
}

/// Deletes a chunk that nobody needs any more.
pub async fn delete_chunk(db: &mut PgConnection, import: i64, number: i32) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM gda.import_chunks WHERE import_id = $1 AND number = $2", import, number)
        .execute(db)
        .await
        .map(drop)
}

/// A line that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// Its number in the file.
    pub line: i64,
    /// The field at fault, where one is.
    pub field: Option<String>,
    /// Why.
    pub reason: String,
}

/// Adds rejected lines.
pub async fn add_rejected(
    db: &mut PgConnection,
    import: i64,
    lines: &[RejectedLine],
) -> Result<(), sqlx::Error> {
    let mut rows = Rows::of(4);
    for rejected in lines {
        rows.row();
        rows.bigint(import);
        rows.bigint(rejected.line);
        rows.optional(rejected.field.as_deref(), Rows::text);
        rows.text(&rejected.reason);
    }
    let copy = "COPY gda.rejected_lines (import_id, line, field, reason) FROM STDIN (FORMAT binary)";
    rows.send(db, copy).await.map(drop)
}

/// Rejected lines after a line, in the file's order.
pub async fn rejected(
    db: impl PgExecutor<'_>,
    import: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<RejectedLine>, sqlx::Error> {
    sqlx::query_as!(
        RejectedLine,
        "SELECT line, field, reason FROM gda.rejected_lines
         WHERE import_id = $1 AND line > $2 ORDER BY line LIMIT $3",
        import,
        after,
        limit,
    )
    .fetch_all(db)
    .await
}

/// What became of a chunk.
pub struct ChunkDone<'a> {
    /// Persons that were screened.
    pub accepted: i64,
    /// Lines that were not.
    pub rejected: i64,
    /// The editions that they were screened against.
    pub editions: &'a [i64],
}

/// Counts a chunk. When the import was taken in, if this was its last one.
pub async fn count_chunk(
    db: &mut PgConnection,
    import: i64,
    done: &ChunkDone<'_>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"UPDATE gda.imports
           SET chunks_done = chunks_done + 1, accepted = accepted + $2, rejected = rejected + $3,
               editions = ARRAY(SELECT DISTINCT unnest(editions || $4) ORDER BY 1),
               ended_at = CASE WHEN chunks_done + 1 = chunks AND failure IS NULL THEN $5::timestamptz ELSE ended_at END
           WHERE id = $1
           RETURNING CASE WHEN chunks_done = chunks AND failure IS NULL THEN created_at END"#,
        import,
        done.accepted,
        done.rejected,
        done.editions,
        now,
    )
    .fetch_one(db)
    .await
}

/// Notes that an import was given up.
pub async fn fail(
    db: &mut PgConnection,
    import: i64,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE gda.imports SET failure = $2, ended_at = $3 WHERE id = $1 AND failure IS NULL",
        import,
        reason,
        now
    )
    .execute(db)
    .await
    .map(drop)
}
