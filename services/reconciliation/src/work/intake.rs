//! Taking a statement in: rows, task and job are stored in one transaction, so that 201 means durable and a refusal
//! leaves nothing.

use std::fs::File;
use std::io::Cursor;

use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::mpsc;

use super::matching;
use crate::domain::field_error::FieldError;
use crate::domain::operator::OperatorConfig;
use crate::domain::statement_row::StatementRow;
use crate::statement::{self, Format, Limits, Refusal, SinkClosed};
use crate::store::tasks::{NewTask, StoredTask, Visibility};
use crate::store::{bulk_timeouts, statement_rows, tasks};

const BATCH: usize = 512;

/// An operator's statement as it was received.
pub enum Statement {
    /// A file; `None` where its format was not recognised.
    File {
        /// The file, rewound.
        file: File,
        /// What it seems to be.
        format: Option<Format>,
    },
    /// A JSON array of rows.
    JsonRows(Cursor<Vec<u8>>),
}

/// Why a statement was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The file is at fault.
    #[error("the file was refused")]
    Refused(Refusal),
    /// The stored configuration of the operator is not what this version writes.
    #[error("the operator's stored configuration: {0}")]
    Configuration(FieldError),
    /// The reader stopped without an answer.
    #[error("the reader of the statement failed")]
    Reader,
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

/// Reads the statement by the operator's stored configuration, checks it, and stores it as a new task whose matching is
/// queued.
pub async fn take(
    pool: &PgPool,
    configuration: Value,
    statement: Statement,
    max_rows: u32,
    task: &NewTask<'_>,
) -> Result<StoredTask, IntakeError> {
    let operator = OperatorConfig::parse(configuration).map_err(IntakeError::Configuration)?;
    let mut transaction = pool.begin().await?;
    bulk_timeouts(&mut transaction).await?;
    let id = tasks::next_id(&mut *transaction).await?;
    let (sender, receiver) = mpsc::channel(8);
    let limits = Limits { max_rows };
    // Dropping the transaction closes the channel, which stops the reader.
    let reader = tokio::task::spawn_blocking(move || read(statement, &operator, &limits, &sender));
    let stored = statement_rows::copy_in(&mut transaction, id, receiver).await;
    match reader.await.map_err(|_| IntakeError::Reader)? {
        Ok(()) => stored?,
        // The reader stopped because the rows could not be stored.
        Err(Refusal::Sink) => return Err(stored.err().map_or(IntakeError::Reader, IntakeError::Database)),
        Err(refusal) => return Err(IntakeError::Refused(refusal)),
    };

    let job = matching::enqueue(&mut transaction, id).await?;
    tasks::insert(&mut *transaction, id, job, task).await?;
    let stored = tasks::find(&mut *transaction, id, Visibility::All).await?;
    transaction.commit().await?;
    stored.ok_or(IntakeError::Database(sqlx::Error::RowNotFound))
}

fn read(
    statement: Statement,
    operator: &OperatorConfig,
    limits: &Limits,
    rows: &mpsc::Sender<Vec<StatementRow>>,
) -> Result<(), Refusal> {
    let mut batch = Vec::with_capacity(BATCH);
    let mut sink = |row: StatementRow| {
        batch.push(row);
        if batch.len() < BATCH {
            return Ok(());
        }
        rows.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).map_err(|_| SinkClosed)
    };
    match statement {
        Statement::File { file, format: Some(format) } => {
            statement::read(file, format, operator, limits, &mut sink)?
        }
        Statement::File { format: None, .. } => {
            return Err(Refusal::Headers("unknown file format".to_owned()));
        }
        Statement::JsonRows(rows) => statement::read(rows, Format::Json, operator, limits, &mut sink)?,
    };
    rows.blocking_send(batch).map_err(|_| Refusal::Sink)
}
