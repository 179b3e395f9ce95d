//! Puts an edition of a list in force, or refuses it whole.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use aws_lc_rs::digest;
use common::clock::SharedClock;
use futures_util::TryStreamExt;
use sqlx::PgPool;

use super::ledger::{Ledger, LedgerError, Segment};
use super::rescreen;
use crate::catalogue::Holder;
use crate::config::ListConfig;
use crate::domain::audit::{EditionProof, Header, Kind, Trigger, TriggerKind};
use crate::domain::record::Record;
use crate::lists::{self, Changes, EditionFacts, ListError, NamedFile, Shrunk};
use crate::store::audit;
use crate::store::editions::{self, Inserted, NewEdition};
use crate::store::lists::{Etags, Outcome};

/// A file of an edition.
pub struct EditionFile {
    /// Its name.
    pub name: String,
    /// Its content, from the start.
    pub content: std::fs::File,
}

/// Why no edition was put in force; the one that was stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// 422: it cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ListError),
    /// 422: too much of it is gone.
    #[error(transparent)]
    Shrunk(#[from] Shrunk),
    /// 500
    #[error("spool file: {0}")]
    Spool(#[from] std::io::Error),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// 503, 500: it cannot be proven.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What became of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// A new edition of this number is in force.
    New(i64),
    /// The edition of this number, with the same files, was in force already.
    Unchanged(i64),
}

/// Imports editions.
pub struct Importer {
    /// The database.
    pub pool: PgPool,
    /// The time.
    pub clock: SharedClock,
    /// What is told of a new edition.
    pub holder: Arc<Holder>,
    /// What proves that it was put in force.
    pub ledger: Arc<Ledger>,
}

struct ReadEdition {
    records: Vec<Record>,
    facts: EditionFacts,
    sha256: Vec<u8>,
}

impl Importer {
    /// Reads an edition and puts it in force. What comes of it is noted at the list, whatever it is.
    ///
    /// # Errors
    /// [`ImportError`]
    pub async fn import(
        &self,
        list: &ListConfig,
        files: Vec<EditionFile>,
        etags: &Etags,
        by: &str,
    ) -> Result<Imported, ImportError> {
        let outcome = self.put_in_force(list, files, etags, by).await;
        let (noted, reason) = match &outcome {
            Ok(Imported::New(_)) => return outcome,
            Ok(Imported::Unchanged(_)) => (Outcome::Unchanged, None),
            Err(error @ (ImportError::Unreadable(_) | ImportError::Shrunk(_))) => {
                tracing::warn!(source = list.source, "an edition was refused");
                (Outcome::Refused, Some(error.to_string()))
            }
            Err(_) => return outcome,
        };
        crate::store::lists::note(&self.pool, &list.source, noted, reason.as_deref(), self.clock.now())
            .await?;
        outcome
    }

    async fn put_in_force(
        &self,
        list: &ListConfig,
        files: Vec<EditionFile>,
        etags: &Etags,
        by: &str,
    ) -> Result<Imported, ImportError> {
        let format = list.format;
        if !list.may_be_partial {
            lists::require_all_files(format, files.iter().map(|file| file.name.as_str()))?;
        }
        let read = tokio::task::spawn_blocking(move || read(format, files));
        let ReadEdition { records, facts, sha256 } = read.await.map_err(std::io::Error::other)??;

        let mut tx = self.pool.begin().await?;
        let previous = crate::store::lists::lock(&mut tx, &list.source).await?;
        let mut changes = Changes::default();
        if let Some(previous) = previous {
            let known = editions::by_id(&mut *tx, previous).await?.ok_or(sqlx::Error::RowNotFound)?;
            if known.content_sha256 == sha256 {
                return Ok(Imported::Unchanged(previous));
            }
            lists::acceptance(known.total(), facts.total(), list.max_shrink_share)?;
            let old: Vec<Record> =
                editions::records(&mut *tx, previous).map_ok(|stored| stored.record).try_collect().await?;
            changes = lists::changes(&old, &records);
        }
        let edition = NewEdition {
            source: &list.source,
            format,
            content_sha256: &sha256,
            facts: &facts,
            records: &records,
            previous,
            changes: &changes,
            imported_by: by,
        };
        let now = self.clock.now();
        let Inserted { id, records_sha256 } = editions::insert(&mut tx, &edition, now).await?;
        crate::store::lists::put_in_force(&mut *tx, &list.source, id, etags, now).await?;
        rescreen::enqueue(&mut tx, id).await?;
        let header = Header {
            kind: Kind::Edition,
            at: now,
            trigger: Trigger { kind: TriggerKind::Api, login: by.to_owned() },
            screening: None,
            edition: Some(EditionProof {
                id,
                source: list.source.clone(),
                content: sha256.as_slice().try_into().unwrap_or_default(),
                records: records_sha256,
                total: facts.total(),
            }),
        };
        let segment = audit::reserve_segment(&mut tx).await?;
        let segment = Segment { id: segment, header: &header, controls: &[], events: &[] };
        let head = self.ledger.append(&mut tx, &segment).await?;
        tx.commit().await?;
        self.ledger.keep(head).await.map_err(LedgerError::from)?;
        tracing::info!(source = list.source, edition = id, entries = facts.total(), "an edition is in force");
        self.holder.look_now();
        Ok(Imported::New(id))
    }
}

fn read(format: lists::Format, mut files: Vec<EditionFile>) -> Result<ReadEdition, ImportError> {
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 256 * 1024];
    for file in &mut files {
        context.update(file.name.as_bytes());
        context.update(&[0]);
        loop {
            let read = file.content.read(&mut buffer)?;
            let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
            context.update(chunk);
        }
        file.content.seek(SeekFrom::Start(0))?;
    }
    let mut records = Vec::new();
    let mut named: Vec<NamedFile<'_>> =
        files.iter_mut().map(|file| NamedFile { name: &file.name, content: &mut file.content }).collect();
    let facts = lists::read(format, &mut named, &mut |record| records.push(record))?;
    Ok(ReadEdition { records, facts, sha256: context.finish().as_ref().to_vec() })
}
