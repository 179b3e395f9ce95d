//! Editions of lists, and their records.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use crate::domain::person::{Hash, sha256};
use crate::domain::record::Record;
use crate::lists::{Changes, EditionFacts, Format};

/// Rows of one statement at most.
const BATCH: usize = 2_000;

/// An edition's row.
#[derive(Debug, Clone)]
pub struct StoredEdition {
    /// Its number.
    pub id: i64,
    /// The list that it is of.
    pub source: String,
    /// The format of its files.
    pub format: String,
    /// SHA-256 of its files.
    pub content_sha256: Vec<u8>,
    /// Its date as it writes it.
    pub date: Option<String>,
    /// Its date as an instant.
    pub published: Option<DateTime<Utc>>,
    /// Natural persons.
    pub persons: i32,
    /// Companies, bodies, groups.
    pub organisations: i32,
    /// Ships.
    pub vessels: i32,
    /// Aircraft.
    pub aircraft: i32,
    /// Things in the files that are no entry.
    pub skipped: i32,
    /// The edition that it replaced.
    pub previous: Option<i64>,
    /// When it was imported.
    pub imported_at: DateTime<Utc>,
    /// By whom.
    pub imported_by: String,
}

impl StoredEdition {
    /// All entries.
    pub fn total(&self) -> u64 {
        [self.persons, self.organisations, self.vessels, self.aircraft]
            .iter()
            .map(|n| n.unsigned_abs() as u64)
            .sum()
    }

    /// The day of its last update: the edition's own, else its import's.
    pub fn last_update(&self) -> DateTime<Utc> {
        self.published.unwrap_or(self.imported_at)
    }
}

/// An edition to be stored.
pub struct NewEdition<'a> {
    /// The list.
    pub source: &'a str,
    /// The format of its files.
    pub format: Format,
    /// SHA-256 of its files.
    pub content_sha256: &'a [u8],
    /// What its files say of it.
    pub facts: &'a EditionFacts,
    /// Its records, in its order.
    pub records: &'a [Record],
    /// The edition that it replaces, and what it changes of it.
    pub previous: Option<i64>,
    /// What it changes of it.
    pub changes: &'a Changes,
    /// By whom.
    pub imported_by: &'a str,
}

/// One edition.
pub async fn by_id(db: impl PgExecutor<'_>, id: i64) -> Result<Option<StoredEdition>, sqlx::Error> {
    sqlx::query_as!(
        StoredEdition,
        "SELECT id, source, format, content_sha256, date, published, persons, organisations, vessels, aircraft, skipped,
                previous, imported_at, imported_by
         FROM gda.editions WHERE id = $1",
        id
    )
    .fetch_optional(db)
    .await
}

/// What an edition changed: identifier, kind, fields, and whether it is material.
#[derive(Debug, Clone)]
pub struct StoredChange {
    /// The record.
    pub record_id: String,
    /// `ADDED`, `REMOVED` or `AMENDED`.
    pub kind: String,
    /// The fields that differ.
    pub fields: Vec<String>,
    /// Whether a decided hit on it must be looked at again.
    pub material: bool,
}

/// The changes of an edition after a record, in the order of identifiers.
pub async fn changes(
    db: impl PgExecutor<'_>,
    edition: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<StoredChange>, sqlx::Error> {
    sqlx::query_as!(
        StoredChange,
        "SELECT record_id, kind, fields, material FROM gda.changes
         WHERE edition_id = $1 AND record_id > $2 ORDER BY record_id LIMIT $3",
        edition,
        after,
        limit,
    )
    .fetch_all(db)
    .await
}

/// How many records an edition added, removed and amended.
#[derive(Debug, Clone, Copy)]
pub struct ChangeCounts {
    /// Of this edition only.
    pub added: i64,
    /// Of the one before only.
    pub removed: i64,
    /// Of both, and different.
    pub amended: i64,
}

/// Counts the changes of an edition.
pub async fn count_changes(db: impl PgExecutor<'_>, edition: i64) -> Result<ChangeCounts, sqlx::Error> {
    sqlx::query_as!(
        ChangeCounts,
        r#"SELECT count(*) FILTER (WHERE kind = 'ADDED') AS "added!", count(*) FILTER (WHERE kind = 'REMOVED') AS "removed!",
                  count(*) FILTER (WHERE kind = 'AMENDED') AS "amended!"
           FROM gda.changes WHERE edition_id = $1"#,
        edition
    )
    .fetch_one(db)
    .await
}

/// A record as an edition has it.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// SHA-256 of the record's JSON.
    pub hash: Hash,
    /// The record.
    pub record: Record,
}

/// The macro of checked queries calls its own rows `Record`.
type Listed = Record;

/// The records of an edition, in its order.
pub fn records<'c>(
    db: impl PgExecutor<'c> + 'c,
    edition: i64,
) -> impl Stream<Item = Result<StoredRecord, sqlx::Error>> + 'c {
    sqlx::query!(
        r#"SELECT e.hash, r.record AS "record: Json<Listed>"
           FROM gda.edition_records e JOIN gda.records r ON (r.source, r.hash) = (e.source, e.hash)
           WHERE e.edition_id = $1 ORDER BY e.position"#,
        edition
    )
    .fetch(db)
    .map(|row| {
        row.map(|row| StoredRecord {
            hash: row.hash.as_slice().try_into().unwrap_or_default(),
            record: row.record.0,
        })
    })
}

/// A record as JSON.
pub async fn record(
    db: impl PgExecutor<'_>,
    source: &str,
    hash: &Hash,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT record::text AS "record!" FROM gda.records WHERE source = $1 AND hash = $2"#,
        source,
        hash.as_slice()
    )
    .fetch_optional(db)
    .await
}

/// SHA-256 of each record of an edition.
pub async fn hashes(db: impl PgExecutor<'_>, edition: i64) -> Result<Vec<Hash>, sqlx::Error> {
    let rows = sqlx::query_scalar!("SELECT hash FROM gda.edition_records WHERE edition_id = $1", edition)
        .fetch_all(db)
        .await?;
    Ok(rows.iter().map(|hash| hash.as_slice().try_into().unwrap_or_default()).collect())
}

/// The records of a list with these hashes.
pub async fn records_of(
    db: impl PgExecutor<'_>,
    source: &str,
    hashes: &[Vec<u8>],
) -> Result<Vec<StoredRecord>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT hash, record AS "record: Json<Listed>" FROM gda.records WHERE source = $1 AND hash = ANY($2)"#,
        source,
        hashes,
    )
    .fetch_all(db)
    .await?;
    let stored =
        |hash: Vec<u8>, record| StoredRecord { hash: hash.as_slice().try_into().unwrap_or_default(), record };
    Ok(rows.into_iter().map(|row| stored(row.hash, row.record.0)).collect())
}

/// An edition that was stored.
#[derive(Debug, Clone, Copy)]
pub struct Inserted {
    /// Its number.
    pub id: i64,
    /// SHA-256 of its records' hashes, in its order.
    pub records_sha256: Hash,
}

/// Stores an edition whole.
pub async fn insert(
    db: &mut PgConnection,
    edition: &NewEdition<'_>,
    now: DateTime<Utc>,
) -> Result<Inserted, sqlx::Error> {
    let NewEdition { source, facts, .. } = *edition;
    let count = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
    let id = sqlx::query_scalar!(
        "INSERT INTO gda.editions (source, format, content_sha256, date, published, persons, organisations, vessels,
                                   aircraft, skipped, previous, imported_at, imported_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id",
        source,
        edition.format.as_str(),
        edition.content_sha256,
        facts.date,
        facts.published,
        count(facts.persons),
        count(facts.organisations),
        count(facts.vessels),
        count(facts.aircraft),
        count(facts.skipped),
        edition.previous,
        now,
        edition.imported_by,
    )
    .fetch_one(&mut *db)
    .await?;
    let records_sha256 = insert_records(db, id, source, edition.records).await?;
    insert_changes(db, id, edition.changes).await?;
    Ok(Inserted { id, records_sha256 })
}

async fn insert_records(
    db: &mut PgConnection,
    edition: i64,
    source: &str,
    records: &[Record],
) -> Result<Hash, sqlx::Error> {
    let mut position = 0_i32;
    let mut all = digest::Context::new(&digest::SHA256);
    for batch in records.chunks(BATCH) {
        let (mut hashes, mut texts, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        for record in batch {
            let text = serde_json::to_string(record).map_err(|error| sqlx::Error::Encode(error.into()))?;
            let hash = sha256(text.as_bytes());
            all.update(&hash);
            hashes.push(hash.to_vec());
            texts.push(text);
            positions.push(position);
            position += 1;
        }
        sqlx::query!(
            "INSERT INTO gda.records (source, hash, record)
             SELECT $1, hash, record::jsonb FROM unnest($2::bytea[], $3::text[]) AS new (hash, record)
             ON CONFLICT DO NOTHING",
            source,
            &hashes,
            &texts,
        )
        .execute(&mut *db)
        .await?;
        sqlx::query!(
            "INSERT INTO gda.edition_records (edition_id, position, source, hash)
             SELECT $1, position, $2, hash FROM unnest($3::integer[], $4::bytea[]) AS new (position, hash)",
            edition,
            source,
            &positions,
            &hashes,
        )
        .execute(&mut *db)
        .await?;
    }
    Ok(all.finish().as_ref().try_into().unwrap_or_default())
}

async fn insert_changes(db: &mut PgConnection, edition: i64, changes: &Changes) -> Result<(), sqlx::Error> {
    let plain = |kind: &'static str, ids: &[String]| {
        ids.iter().map(|id| (id.clone(), kind, String::new(), true)).collect::<Vec<_>>()
    };
    let mut rows = plain("ADDED", &changes.added);
    rows.extend(plain("REMOVED", &changes.removed));
    rows.extend(changes.amended.iter().map(|amendment| {
        let fields: Vec<&str> = amendment.fields.iter().map(|field| field.as_str()).collect();
        (amendment.id.clone(), "AMENDED", fields.join(","), amendment.is_material())
    }));
    for batch in rows.chunks(BATCH) {
        let ids: Vec<String> = batch.iter().map(|row| row.0.clone()).collect();
        let kinds: Vec<String> = batch.iter().map(|row| row.1.to_owned()).collect();
        let fields: Vec<String> = batch.iter().map(|row| row.2.clone()).collect();
        let material: Vec<bool> = batch.iter().map(|row| row.3).collect();
        sqlx::query!(
            "INSERT INTO gda.changes (edition_id, record_id, kind, fields, material)
             SELECT $1, id, kind, string_to_array(fields, ','), material
             FROM unnest($2::text[], $3::text[], $4::text[], $5::boolean[]) AS new (id, kind, fields, material)",
            edition,
            &ids,
            &kinds,
            &fields,
            &material,
        )
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}
