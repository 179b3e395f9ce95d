//! Persons and what was known of them.

use common::copy::Rows;
use sqlx::{PgConnection, PgExecutor};

use crate::domain::control::ControlType;
use crate::domain::person::{ExternalRef, Hash};

/// A person's row.
#[derive(Debug, Clone)]
pub struct StoredPerson {
    /// Its number.
    pub id: i64,
    /// The caller's reference.
    pub reference: String,
    /// What is known of it.
    pub snapshot_id: i64,
    /// SHA-256 of that.
    pub snapshot: Vec<u8>,
    /// The import that brought it last.
    pub import_id: Option<i64>,
}

/// The persons of a source with these references, locked until the transaction ends, always in the same order.
pub async fn lock(
    db: &mut PgConnection,
    source_id: i64,
    references: &[&str],
) -> Result<Vec<StoredPerson>, sqlx::Error> {
    sqlx::query_as!(
        StoredPerson,
        "SELECT p.id, p.reference, p.snapshot_id, s.hash AS snapshot, p.import_id
         FROM gda.persons p JOIN gda.person_snapshots s ON s.id = p.snapshot_id
         WHERE p.source_id = $1 AND p.reference = ANY($2) ORDER BY p.id FOR UPDATE OF p",
        source_id,
        references as &[&str],
    )
    .fetch_all(db)
    .await
}

/// Numbers for so many new persons.
pub async fn reserve(db: &mut PgConnection, count: usize) -> Result<Vec<i64>, sqlx::Error> {
    if count == 0 {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!(
        r#"SELECT nextval('gda.person_id') AS "id!" FROM generate_series(1, $1)"#,
        count as i64
    )
    .fetch_all(db)
    .await
}

/// Numbers for so many new snapshots.
pub async fn reserve_snapshots(db: &mut PgConnection, count: usize) -> Result<Vec<i64>, sqlx::Error> {
    if count == 0 {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!(
        r#"SELECT nextval('gda.snapshot_id') AS "id!" FROM generate_series(1, $1)"#,
        count as i64
    )
    .fetch_all(db)
    .await
}

/// What was known of a person at a time.
pub struct NewSnapshot<'a> {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub person_id: i64,
    /// SHA-256 of the document.
    pub hash: &'a Hash,
    /// JSON.
    pub document: &'a str,
    /// What a search looks up for the person.
    pub search_keys: Option<&'a [u8]>,
}

/// Adds snapshots.
pub async fn add_snapshots(
    db: &mut PgConnection,
    snapshots: impl Iterator<Item = NewSnapshot<'_>>,
) -> Result<(), sqlx::Error> {
    let mut rows = Rows::of(5);
    for snapshot in snapshots {
        rows.row();
        rows.bigint(snapshot.id);
        rows.bigint(snapshot.person_id);
        rows.bytes(snapshot.hash);
        rows.text(snapshot.document);
        rows.optional(snapshot.search_keys, Rows::bytes);
    }
    let copy =
        "COPY gda.person_snapshots (id, person_id, hash, document, search_keys) FROM STDIN (FORMAT binary)";
    rows.send(db, copy).await.map(drop)
}

/// An import that brings persons.
#[derive(Debug, Clone, Copy)]
pub struct Bringing {
    /// Its number.
    pub import_id: i64,
    /// Whether it is an import of the whole base.
    pub stock: bool,
}

/// How a control counts for the persons that it controls.
#[derive(Debug, Clone, Copy)]
pub struct Counting<'a> {
    /// By which flow they were controlled.
    pub flow_id: i64,
    /// What was controlled.
    pub control_types: &'a [ControlType],
    /// The import that brought them, where one did.
    pub import: Option<Bringing>,
}

impl Counting<'_> {
    fn flow(&self, control_type: ControlType) -> Option<i64> {
        self.control_types.contains(&control_type).then_some(self.flow_id)
    }

    fn of(&self, stock: bool, control_type: ControlType) -> i32 {
        let counts = self.import.is_some_and(|import| import.stock == stock);
        i32::from(counts && self.control_types.contains(&control_type))
    }

    /// In the order of the columns.
    fn all(&self) -> [i32; 4] {
        [
            self.of(true, ControlType::Blacklist),
            self.of(true, ControlType::Pep),
            self.of(false, ControlType::Blacklist),
            self.of(false, ControlType::Pep),
        ]
    }
}

/// Adds persons: number, reference and snapshot of each.
pub async fn add<'a>(
    db: &mut PgConnection,
    source_id: i64,
    persons: impl Iterator<Item = (i64, &'a str, i64)>,
    counting: Counting<'_>,
) -> Result<(), sqlx::Error> {
    let counts = counting.all();
    let mut rows = Rows::of(11);
    for (id, reference, snapshot_id) in persons {
        rows.row();
        rows.bigint(id);
        rows.bigint(source_id);
        rows.text(reference);
        rows.bigint(snapshot_id);
        ControlType::ALL.iter().for_each(|it| rows.optional(counting.flow(*it), Rows::bigint));
        rows.optional(counting.import.map(|import| import.import_id), Rows::bigint);
        counts.iter().for_each(|count| rows.integer(*count));
    }
    let copy = "COPY gda.persons (id, source_id, reference, snapshot_id, flow_blacklist, flow_pep, import_id,
                                  stock_blacklist, stock_pep, accident_blacklist, accident_pep) FROM STDIN (FORMAT binary)";
    rows.send(db, copy).await.map(drop)
}

/// Notes a control of known persons: number and snapshot of each.
pub async fn update(
    db: &mut PgConnection,
    ids: &[i64],
    snapshots: &[i64],
    counting: Counting<'_>,
) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let [stock_blacklist, stock_pep, accident_blacklist, accident_pep] = counting.all();
    sqlx::query!(
        "UPDATE gda.persons p
         SET snapshot_id = new.snapshot_id, flow_blacklist = coalesce($3, flow_blacklist),
             flow_pep = coalesce($9, flow_pep), import_id = coalesce($4, import_id),
             stock_blacklist = stock_blacklist + $5, stock_pep = stock_pep + $6,
             accident_blacklist = accident_blacklist + $7, accident_pep = accident_pep + $8
         FROM unnest($1::bigint[], $2::bigint[]) AS new (id, snapshot_id) WHERE p.id = new.id",
        ids,
        snapshots,
        counting.flow(ControlType::Blacklist),
        counting.import.map(|import| import.import_id),
        stock_blacklist,
        stock_pep,
        accident_blacklist,
        accident_pep,
        counting.flow(ControlType::Pep),
    )
    .execute(db)
    .await
    .map(drop)
}

/// A person with what is known of it.
#[derive(Debug, Clone)]
pub struct KnownPerson {
    /// Its number.
    pub id: i64,
    /// Its source's number.
    pub source_id: i64,
    /// What is known of it, as JSON.
    pub document: String,
}

/// One person.
pub async fn by_id(db: impl PgExecutor<'_>, id: i64) -> Result<Option<KnownPerson>, sqlx::Error> {
    sqlx::query_as!(
        KnownPerson,
        "SELECT p.id, p.source_id, s.document
         FROM gda.persons p JOIN gda.person_snapshots s ON s.id = p.snapshot_id WHERE p.id = $1",
        id
    )
    .fetch_optional(db)
    .await
}

/// Locks a person, as a control of it does.
pub async fn lock_one(db: &mut PgConnection, id: i64) -> Result<bool, sqlx::Error> {
    let row = sqlx::query_scalar!("SELECT id FROM gda.persons WHERE id = $1 FOR UPDATE", id);
    Ok(row.fetch_optional(db).await?.is_some())
}

/// A person's name in its source.
pub async fn external_ref(db: impl PgExecutor<'_>, id: i64) -> Result<ExternalRef, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT s.name, p.reference FROM gda.persons p JOIN gda.sources s ON s.id = p.source_id WHERE p.id = $1",
        id
    )
    .fetch_one(db)
    .await?;
    Ok(ExternalRef { source_key: Some(row.name), external_ref_id: row.reference })
}
