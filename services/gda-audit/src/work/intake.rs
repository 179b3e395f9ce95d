//! Takes a file of persons in: split, and stored with a job for each chunk, all or nothing.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use tokio::sync::mpsc;

use super::batch;
use crate::domain::person::Hash;
use crate::person_file::{self, Chunk, Format, Split, SplitError, Stop};
use crate::store::bulk_settings;
use crate::store::imports::{self, NewImport, StoredImport};

/// Why a file was not taken in; nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// 422: it cannot be read.
    #[error(transparent)]
    Unreadable(SplitError),
    /// 409
    #[error("the idempotency key was used for another import")]
    KeyReused,
    /// 503: an import of the same content has just failed.
    #[error("the same file is just being given up")]
    Vanished,
    /// 500
    #[error("spool file: {0}")]
    Spool(#[from] std::io::Error),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl From<SplitError> for IntakeError {
    fn from(error: SplitError) -> Self {
        match error {
            SplitError::Io(error) => Self::Spool(error),
            error => Self::Unreadable(error),
        }
    }
}

/// An import, and whether this call has added it.
pub struct Taken {
    /// As it stands.
    pub import: StoredImport,
    /// `false` where the same had been taken in before.
    pub is_new: bool,
}

/// SHA-256 of a file, which is rewound.
///
/// # Errors
/// The file failed.
pub fn content_hash(file: &mut File) -> std::io::Result<Hash> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        context.update(bytes);
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(context.finish().as_ref().try_into().unwrap_or_default())
}

/// Takes a file in, unless the same was before.
///
/// # Errors
/// [`IntakeError`]
pub async fn take(
    pool: &PgPool,
    file: File,
    format: Format,
    import: &NewImport<'_>,
    now: DateTime<Utc>,
) -> Result<Taken, IntakeError> {
    let mut tx = pool.begin().await?;
    bulk_settings(&mut tx).await?;
    let Some(id) = imports::add(&mut tx, import, now).await? else {
        let import = known(&mut tx, import).await?;
        return Ok(Taken { import, is_new: false });
    };
    let split = store_chunks(&mut tx, id, file, format).await?;
    imports::set_size(&mut tx, id, i64::try_from(split.lines).unwrap_or(i64::MAX), split.chunks).await?;
    let import = imports::by_id(&mut *tx, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    tx.commit().await?;
    Ok(Taken { import, is_new: true })
}

async fn known(db: &mut PgConnection, import: &NewImport<'_>) -> Result<StoredImport, IntakeError> {
    let of_key = match import.idempotency_key {
        Some(key) => imports::of_key(&mut *db, import.caller, key).await?,
        None => None,
    };
    let id = match of_key {
        Some(id) => id,
        None => imports::of_content(&mut *db, import).await?.ok_or(IntakeError::Vanished)?,
    };
    let known = imports::by_id(db, id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let is_same = known.content_sha256 == import.content_sha256
        && known.flow_id == import.flow_id
        && known.r#type == import.kind;
    if is_same { Ok(known) } else { Err(IntakeError::KeyReused) }
}

async fn store_chunks(
    db: &mut PgConnection,
    import: i64,
    file: File,
    format: Format,
) -> Result<Split, IntakeError> {
    let (sender, mut chunks) = mpsc::channel::<Chunk>(2);
    let splitting = tokio::task::spawn_blocking(move || {
        person_file::split(file, format, &mut |chunk| sender.blocking_send(chunk).map_err(|_| Stop))
    });
    let mut number = 0;
    while let Some(chunk) = chunks.recv().await {
        imports::add_chunk(db, import, number, &chunk).await?;
        batch::enqueue(db, import, number).await?;
        number += 1;
    }
    Ok(splitting.await.map_err(std::io::Error::other)??)
}
