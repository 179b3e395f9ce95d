//! Risk folders as they stand now; what happened to them is in the audit trail.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::domain::control::ControlType;
use crate::domain::folder::{Facts, Folder, KnownHit, State};
use crate::domain::person::Hash;

/// A folder's key: the person, and what was controlled.
pub type Key = (i64, ControlType);

/// A folder's row with its hits.
#[derive(Debug, Clone)]
pub struct StoredFolder {
    /// The person's source.
    pub source_id: i64,
    /// Raised by each change of its state, its hits to qualify or what was added by hand.
    pub version: i64,
    /// When it was made.
    pub opened_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// What was added by hand, as JSON.
    pub manual_information: Option<String>,
    /// Its hits.
    pub folder: Folder,
}

fn hash(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or_default()
}

fn unreadable() -> sqlx::Error {
    sqlx::Error::Decode("a code that this version does not know".into())
}

/// The folders of these persons, of those that have one.
pub async fn of_persons(
    db: &mut PgConnection,
    persons: &[i64],
) -> Result<HashMap<Key, StoredFolder>, sqlx::Error> {
    let mut folders = HashMap::new();
    if persons.is_empty() {
        return Ok(folders);
    }
    let rows = sqlx::query!(
        r#"SELECT person_id, type AS "type: i8", source_id, version, opened_at, updated_at,
                  manual_information
           FROM gda.folders WHERE person_id = ANY($1)"#,
        persons
    )
    .fetch_all(&mut *db)
    .await?;
    for row in rows {
        let key = (row.person_id, ControlType::of_code(row.r#type).ok_or_else(unreadable)?);
        folders.insert(
            key,
            StoredFolder {
                source_id: row.source_id,
                version: row.version,
                opened_at: row.opened_at,
                updated_at: row.updated_at,
                manual_information: row.manual_information,
                folder: Folder::default(),
            },
        );
    }
    if folders.is_empty() {
        return Ok(folders);
    }
    let rows = sqlx::query!(
        r#"SELECT person_id, type AS "type: i8", list, record_id, record_hash, score, state, record_facts, person_facts,
                  active
           FROM gda.folder_hits WHERE person_id = ANY($1) ORDER BY person_id, type, score DESC, list, record_id"#,
        persons
    )
    .fetch_all(db)
    .await?;
    for row in rows {
        let key = (row.person_id, ControlType::of_code(row.r#type).ok_or_else(unreadable)?);
        let Some(stored) = folders.get_mut(&key) else { continue };
        stored.folder.hits.push(KnownHit {
            list: row.list,
            record_id: row.record_id,
            record: hash(&row.record_hash),
            score: row.score,
            state: State::parse(&row.state).ok_or_else(unreadable)?,
            facts: Facts { record: hash(&row.record_facts), person: hash(&row.person_facts) },
            active: row.active,
        });
    }
    Ok(folders)
}

/// Writes a folder and all its hits.
pub async fn save(db: &mut PgConnection, key: Key, stored: &StoredFolder) -> Result<(), sqlx::Error> {
    save_all(db, &[(key, stored)]).await
}

/// Writes folders and all their hits.
pub async fn save_all(db: &mut PgConnection, folders: &[(Key, &StoredFolder)]) -> Result<(), sqlx::Error> {
    fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    if folders.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"INSERT INTO gda.folders (person_id, type, source_id, state, max_score, version, opened_at, updated_at,
                                    manual_information)
           SELECT * FROM unnest($1::bigint[], $2::"char"[], $3::bigint[], $4::text[], $5::real[], $6::bigint[],
                                $7::timestamptz[], $8::timestamptz[], $9::text[])
           ON CONFLICT (person_id, type) DO UPDATE
           SET state = excluded.state, max_score = excluded.max_score, version = excluded.version,
               updated_at = excluded.updated_at, manual_information = excluded.manual_information"#,
        &column(folders, |(key, _)| key.0),
        &column(folders, |(key, _)| key.1.code()),
        &column(folders, |(_, stored)| stored.source_id),
        &column(folders, |(_, stored)| stored.folder.state().as_str().to_owned()),
        &column(folders, |(_, stored)| stored.folder.max_score()),
        &column(folders, |(_, stored)| stored.version),
        &column(folders, |(_, stored)| stored.opened_at),
        &column(folders, |(_, stored)| stored.updated_at),
        &column(folders, |(_, stored)| stored.manual_information.clone()) as &[Option<String>],
    )
    .execute(&mut *db)
    .await?;
    let hits: Vec<(Key, &KnownHit)> =
        folders.iter().flat_map(|(key, stored)| stored.folder.hits.iter().map(|hit| (*key, hit))).collect();
    if hits.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"INSERT INTO gda.folder_hits (person_id, type, list, record_id, record_hash, score, state, record_facts,
                                        person_facts, active)
           SELECT * FROM unnest($1::bigint[], $2::"char"[], $3::text[], $4::text[], $5::bytea[], $6::real[],
                                $7::text[], $8::bytea[], $9::bytea[], $10::boolean[])
           ON CONFLICT (person_id, type, list, record_id) DO UPDATE
           SET record_hash = excluded.record_hash, score = excluded.score, state = excluded.state,
               record_facts = excluded.record_facts, person_facts = excluded.person_facts, active = excluded.active"#,
        &column(&hits, |(key, _)| key.0),
        &column(&hits, |(key, _)| key.1.code()),
        &column(&hits, |(_, hit)| hit.list.clone()),
        &column(&hits, |(_, hit)| hit.record_id.clone()),
        &column(&hits, |(_, hit)| hit.record.to_vec()),
        &column(&hits, |(_, hit)| hit.score),
        &column(&hits, |(_, hit)| hit.state.as_str().to_owned()),
        &column(&hits, |(_, hit)| hit.facts.record.to_vec()),
        &column(&hits, |(_, hit)| hit.facts.person.to_vec()),
        &column(&hits, |(_, hit)| hit.active),
    )
    .execute(db)
    .await
    .map(drop)
}

/// One folder of a person, locked by its person's row.
pub async fn one(db: &mut PgConnection, key: Key) -> Result<Option<StoredFolder>, sqlx::Error> {
    Ok(of_persons(db, &[key.0]).await?.remove(&key))
}

/// Which folders are looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// In this state.
    pub state: Option<State>,
    /// Of this type.
    pub control_type: Option<ControlType>,
    /// Of persons of this source.
    pub source: Option<&'a str>,
    /// Of the person with this reference.
    pub reference: Option<&'a str>,
    /// With a hit on this list.
    pub list: Option<&'a str>,
    /// With at least this score.
    pub least_score: f32,
}

/// A place in the queue: the time of a folder's last change, and its key.
pub type Place = (DateTime<Utc>, i64, i8);

/// A folder in the queue.
#[derive(Debug)]
pub struct QueuedFolder {
    /// The person.
    pub person_id: i64,
    /// What was controlled.
    pub r#type: i8,
    /// The person's source.
    pub source: String,
    /// The person's reference there.
    pub reference: String,
    /// What is known of the person, as JSON.
    pub document: String,
    /// Its state.
    pub state: String,
    /// Its highest score.
    pub max_score: f32,
    /// Its version.
    pub version: i64,
    /// When it was made.
    pub opened_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Folders after a place, those that have waited longest first.
pub async fn queue(
    db: impl PgExecutor<'_>,
    filter: &Filter<'_>,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<QueuedFolder>, sqlx::Error> {
    let (at, person_id, code) = after.unwrap_or((DateTime::<Utc>::UNIX_EPOCH, 0, 0));
    sqlx::query_as!(
        QueuedFolder,
        r#"SELECT f.person_id, f.type AS "type: i8", src.name AS source, p.reference, s.document, f.state, f.max_score,
                  f.version, f.opened_at, f.updated_at
           FROM gda.folders f
           JOIN gda.persons p ON p.id = f.person_id
           JOIN gda.sources src ON src.id = f.source_id
           JOIN gda.person_snapshots s ON s.id = p.snapshot_id
           WHERE ($1::text IS NULL OR f.state = $1) AND ($2::"char" IS NULL OR f.type = $2)
             AND ($3::text IS NULL OR src.name = $3) AND ($4::text IS NULL OR p.reference = $4)
             AND ($5::text IS NULL OR EXISTS (
                 SELECT FROM gda.folder_hits h
                 WHERE h.person_id = f.person_id AND h.type = f.type AND h.list = $5 AND h.active))
             AND f.max_score >= $6
             AND (NOT $11 OR (f.updated_at, f.person_id, f.type) > ($7, $8, $9::"char"))
           ORDER BY f.updated_at, f.person_id, f.type LIMIT $10"#,
        filter.state.map(State::as_str),
        filter.control_type.map(ControlType::code) as Option<i8>,
        filter.source,
        filter.reference,
        filter.list,
        filter.least_score,
        at,
        person_id,
        code,
        limit,
        after.is_some(),
    )
    .fetch_all(db)
    .await
}
