//! Taking the aggregator's transactions in: one upload is one transaction of the database, so an answer means that all
//! its rows are durable, and a repeated upload changes nothing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use sqlx::{PgConnection, PgPool};
use tokio::sync::mpsc;

use crate::domain::ingest::{Tally, plan};
use crate::domain::transaction::NewTransaction;
use crate::store::{bulk_timeouts, transactions};
use crate::transaction_file::{self, Format, ReadError, Row, Stop};

const BATCH: usize = 2_000;
const ATTEMPTS: u32 = 4;
/// Rejections that an answer lists; `received` tells how many there were in all.
const REJECTIONS: usize = 1_000;

/// A row that was not taken.
#[derive(Debug)]
pub struct Rejection {
    /// Its line.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// What an upload did.
#[derive(Debug, Default)]
pub struct Ingested {
    /// Rows of the upload.
    pub received: u64,
    /// What became of the good ones.
    pub tally: Tally,
    /// The others, the first thousand of them.
    pub rejected: Vec<Rejection>,
}

/// Why an upload was not taken in; nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// 400
    #[error("{0}")]
    Malformed(String),
    /// 500
    #[error("spool file: {0}")]
    Spool(#[from] std::io::Error),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// 500
    #[error("the reader of the upload failed")]
    Reader,
}

/// Two uploads of the same new transaction, or in crossing orders, meet: unique violation or deadlock. The other one
/// commits, and a second look finds its rows. Or the wait for the other one was too long.
pub fn is_conflict(error: &sqlx::Error) -> bool {
    common::db::has_code(error, &["23505", "40P01", "55P03"])
}

/// Stores the transactions of an upload.
pub async fn take(
    pool: &PgPool,
    file: &File,
    format: Format,
    at: DateTime<Utc>,
) -> Result<Ingested, IngestError> {
    let mut attempt = 1;
    loop {
        let mut copy = file.try_clone()?;
        copy.seek(SeekFrom::Start(0))?;
        match once(pool, copy, format, at).await {
            Err(IngestError::Database(error)) if is_conflict(&error) && attempt < ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

async fn once(pool: &PgPool, file: File, format: Format, at: DateTime<Utc>) -> Result<Ingested, IngestError> {
    let (sender, receiver) = mpsc::channel(4);
    let mut transaction = pool.begin().await?;
    bulk_timeouts(&mut transaction).await?;
    let reader = tokio::task::spawn_blocking(move || read(file, format, &sender));
    let stored = store_all(&mut transaction, receiver, at).await;
    // The reader is waited for in any case: a further attempt reads the same file from its beginning.
    match (reader.await.map_err(|_| IngestError::Reader)?, stored) {
        (Err(ReadError::Malformed(reason)), _) => Err(IngestError::Malformed(reason)),
        (Err(ReadError::Io(error)), _) => Err(IngestError::Spool(error)),
        (_, Err(error)) => Err(error.into()),
        (Err(ReadError::Abandoned), Ok(_)) => Err(IngestError::Reader),
        (Ok(()), Ok(ingested)) => {
            transaction.commit().await?;
            count(&ingested);
            Ok(ingested)
        }
    }
}

/// Counts the rows of an upload by what became of them.
fn count(ingested: &Ingested) {
    static TRANSACTIONS: LazyLock<Counter<u64>> = LazyLock::new(|| {
        global::meter("garant")
            .u64_counter("garant.reconciliation.transactions")
            .with_description("Rows of the aggregator's uploads, by outcome")
            .build()
    });
    let Tally { inserted, updated, unchanged } = ingested.tally;
    let rejected = ingested.received - inserted - updated - unchanged;
    for (outcome, rows) in
        [("inserted", inserted), ("updated", updated), ("unchanged", unchanged), ("rejected", rejected)]
    {
        TRANSACTIONS.add(rows, &[KeyValue::new("outcome", outcome)]);
    }
}

async fn store_all(
    transaction: &mut PgConnection,
    mut batches: mpsc::Receiver<Vec<Row>>,
    at: DateTime<Utc>,
) -> Result<Ingested, sqlx::Error> {
    let mut ingested = Ingested::default();
    while let Some(rows) = batches.recv().await {
        ingested.received += rows.len() as u64;
        let mut good = Vec::with_capacity(rows.len());
        for row in rows {
            match row.transaction {
                Ok(new) => good.push(new),
                Err(reason) if ingested.rejected.len() < REJECTIONS => {
                    ingested.rejected.push(Rejection { line: row.line, reason });
                }
                Err(_) => {}
            }
        }
        ingested.tally += store(transaction, &good, at).await?;
    }
    Ok(ingested)
}

async fn store(
    transaction: &mut PgConnection,
    incoming: &[NewTransaction],
    at: DateTime<Utc>,
) -> Result<Tally, sqlx::Error> {
    if incoming.is_empty() {
        return Ok(Tally::default());
    }
    let mut ids: Vec<&str> = incoming.iter().map(|new| new.cpm_trans_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let known: HashMap<_, _> = transactions::known(transaction, &ids).await?;
    let (changes, tally) = plan(&known, incoming);
    if !changes.is_empty() {
        transactions::apply(transaction, &changes, at).await?;
    }
    Ok(tally)
}

fn read(file: File, format: Format, rows: &mpsc::Sender<Vec<Row>>) -> Result<(), ReadError> {
    let mut batch = Vec::with_capacity(BATCH);
    transaction_file::read(file, format, &mut |row| {
        batch.push(row);
        if batch.len() < BATCH {
            return Ok(());
        }
        rows.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).map_err(|_| Stop)
    })?;
    rows.blocking_send(batch).map_err(|_| ReadError::Abandoned)
}
