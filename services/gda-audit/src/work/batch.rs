//! Screens a chunk of an import in the background.
//!
//! An attempt reads the chunk, screens it in memory, and commits controls, folders, rejected lines, the import's figures
//! and the end of the job in one transaction: killed at any point, it leaves nothing, and the next attempt begins anew.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use common::clock::SharedClock;
use common::request;
use jobs::{Handler, HandlerError, Job, Lease, LeaseError};
use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

use super::control::{self, Recording, Screened};
use super::ledger::{Ledger, LedgerError};
use crate::catalogue::{Catalogue, Holder};
use crate::domain::audit::{Trigger, TriggerKind};
use crate::domain::field::FieldError;
use crate::domain::flow::Flow;
use crate::domain::screening::Screener;
use crate::person_file::{self, Format};
use crate::store::audit::Head;
use crate::store::imports::{self, ChunkDone, RejectedLine, StoredChunk};
use crate::store::persons::Bringing;
use crate::store::{bulk_settings, flows};

/// The kind of the jobs that screen a chunk.
pub const KIND: &str = "gda-audit.screen-persons";

/// How often a transaction is tried that met another one.
pub(super) const ATTEMPTS: usize = 4;

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    import: i64,
    chunk: i32,
}

/// Queues a chunk, in the caller's transaction.
pub async fn enqueue(db: &mut PgConnection, import: i64, chunk: i32) -> Result<(), sqlx::Error> {
    jobs::enqueue(db, KIND, &Payload { import, chunk }, jobs::MAX_ATTEMPTS, &origin()).await.map(drop)
}

/// The request that a job comes from.
pub(super) fn origin() -> jobs::Origin {
    jobs::Origin {
        correlation_id: request::current().map(|context| context.correlation_id),
        traceparent: request::traceparent(),
    }
}

/// Where background work is done.
#[derive(Clone)]
pub struct Background {
    /// The database.
    pub pool: PgPool,
    /// The time.
    pub clock: SharedClock,
    /// The lists in force.
    pub holder: Arc<Holder>,
    /// The audit trail.
    pub ledger: Arc<Ledger>,
}

/// Does those jobs.
pub struct ChunkScreener(pub Background);

/// A chunk, screened.
struct ScreenedChunk {
    screened: Vec<Screened>,
    rejected: Vec<RejectedLine>,
}

impl ChunkScreener {
    /// The chain's head then, and when the import was taken in, if this was its last chunk.
    async fn commit(
        &self,
        lease: &Lease,
        number: i32,
        recording: &Recording<'_>,
        chunk: &ScreenedChunk,
        import: i64,
    ) -> Result<(Option<Head>, Option<DateTime<Utc>>), CommitError> {
        let Background { pool, clock, ledger, .. } = &self.0;
        let mut tx = pool.begin().await?;
        bulk_settings(&mut tx).await?;
        lease.fence(&mut tx).await?;
        imports::delete_chunk(&mut tx, import, number).await?;
        imports::add_rejected(&mut tx, import, &chunk.rejected).await?;
        let head = match chunk.screened.as_slice() {
            [] => None,
            screened => Some(control::record(&mut tx, ledger, recording, screened).await?.head),
        };
        // The import's row is every chunk's: it is held only when the chain is.
        let editions: Vec<i64> =
            recording.catalogue.editions_of(recording.flow).iter().map(|edition| edition.id).collect();
        let done = ChunkDone {
            accepted: chunk.screened.len() as i64,
            rejected: chunk.rejected.len() as i64,
            editions: if head.is_some() { &editions } else { &[] },
        };
        let taken_in_at = imports::count_chunk(&mut tx, import, &done, clock.now()).await?;
        lease.complete(&mut tx).await?;
        tx.commit().await?;
        Ok((head, taken_in_at))
    }
}

#[async_trait]
impl Handler for ChunkScreener {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, lease: &Lease) -> Result<(), HandlerError> {
        let Payload { import: id, chunk: number } = lease.job().payload()?;
        let Background { pool, clock, holder, ledger } = &self.0;
        let mut db = pool.acquire().await?;
        let import = imports::by_id(&mut *db, id).await?.ok_or_else(|| gone("the import"))?;
        let flow = flows::by_id(&mut *db, import.flow_id).await?.ok_or_else(|| gone("the flow"))?;
        let chunk = imports::begin_chunk(&mut db, id, number, clock.now()).await?;
        drop(db);
        let chunk = chunk.ok_or_else(|| gone("the chunk"))?;

        let catalogue = in_force(holder, &flow)?;
        let (flow, format) = (Arc::new(flow), Format::parse(&import.format));
        let format = format.ok_or_else(|| gone("the format"))?;
        let screening = {
            let (flow, catalogue) = (flow.clone(), catalogue.clone());
            tokio::task::spawn_blocking(move || screened(&chunk, format, &flow, &catalogue))
        };
        let chunk =
            screening.await.map_err(|_| HandlerError::Failed("the screening failed".to_owned()))??;

        let recording = Recording {
            flow: &flow,
            catalogue: &catalogue,
            trigger: Trigger { kind: TriggerKind::Batch, login: import.login.clone() },
            at: clock.now(),
            import: Some(Bringing { import_id: id, stock: import.r#type == "STOCK" }),
        };
        let mut attempt = 1;
        let (head, taken_in_at) = loop {
            match self.commit(lease, number, &recording, &chunk, id).await {
                Err(error) if attempt < ATTEMPTS && error.is_conflict() => attempt += 1,
                outcome => break outcome?,
            }
        };
        // What is not kept now is by whoever appends next.
        if let Some(head) = head {
            let _ = ledger.keep(head).await;
        }
        count_persons("import", chunk.screened.len());
        if let Some(taken_in_at) = taken_in_at {
            let seconds = (clock.now() - taken_in_at).as_seconds_f64();
            DURATION.record(seconds, &[KeyValue::new("type", import.r#type)]);
        }
        Ok(())
    }

    async fn exhausted(&self, conn: &mut PgConnection, job: &Job, reason: &str) -> Result<(), sqlx::Error> {
        let Ok(Payload { import, chunk }) = job.payload() else { return Ok(()) };
        // Nobody will read it any more, and it is personal.
        imports::delete_chunk(conn, import, chunk).await?;
        imports::fail(conn, import, reason, self.0.clock.now()).await
    }
}

fn gone(what: &str) -> HandlerError {
    HandlerError::Permanent(format!("{what} is not there"))
}

/// The catalogue of this moment, if the flow can be used with it.
pub(super) fn in_force(holder: &Holder, flow: &Flow) -> Result<Arc<Catalogue>, HandlerError> {
    let catalogue = holder
        .current()
        .ok_or_else(|| HandlerError::Unavailable("the lists are not loaded yet".to_owned()))?;
    match catalogue.wants(flow) {
        Some(wanting) => Err(HandlerError::Unavailable(format!("no edition of {wanting} is in force"))),
        None => Ok(catalogue),
    }
}

fn screened(
    chunk: &StoredChunk,
    format: Format,
    flow: &Flow,
    catalogue: &Catalogue,
) -> Result<ScreenedChunk, HandlerError> {
    let mut screener = Screener::new(&catalogue.index);
    let lines = person_file::read(format, &chunk.content, chunk.first_line.unsigned_abs())
        .map_err(|error| HandlerError::Permanent(error.to_string()))?;
    let (mut screened, mut rejected) = (Vec::with_capacity(lines.len()), Vec::new());
    for (line, person) in lines {
        let line = i64::try_from(line).unwrap_or(i64::MAX);
        let person = if chunk.duplicates.binary_search(&line).is_ok() {
            Err(FieldError::new("externalRef.externalRefId", "an earlier line of the file has it"))
        } else {
            person.and_then(|person| person.of_source(&flow.source))
        };
        match person {
            Ok((document, subject)) => screened.push(
                Screened::new(&document, &subject, flow, catalogue, &mut screener)
                    .map_err(|_| HandlerError::Permanent("a person cannot be written".to_owned()))?,
            ),
            Err(error) => rejected.push(RejectedLine {
                line,
                field: (error.field != ".").then(|| error.field.into_owned()),
                reason: error.detail,
            }),
        }
    }
    Ok(ScreenedChunk { screened, rejected })
}

/// Why a transaction of background work was rolled back.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the persons are just being controlled")]
    Controlled,
}

impl CommitError {
    /// Whether the same again will do.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Lease(LeaseError::Database(error)) | Self::Ledger(LedgerError::Database(error)) => {
                control::is_conflict(error)
            }
            Self::Controlled => true,
            _ => false,
        }
    }
}

impl From<sqlx::Error> for CommitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<CommitError> for HandlerError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Lease(error) => error.into(),
            CommitError::Ledger(LedgerError::Database(error)) => error.into(),
            CommitError::Ledger(LedgerError::Anchor(error)) => Self::Unavailable(error.to_string()),
            CommitError::Controlled => Self::Unavailable(error.to_string()),
            CommitError::Ledger(LedgerError::Header(error)) => Self::Failed(error.to_string()),
        }
    }
}

/// Counts persons that background work has screened.
pub(super) fn count_persons(work: &'static str, persons: usize) {
    static PERSONS: LazyLock<Counter<u64>> = LazyLock::new(|| {
        global::meter("garant")
            .u64_counter("garant.gda_audit.persons")
            .with_description("Persons controlled in the background, by work")
            .build()
    });
    PERSONS.add(persons as u64, &[KeyValue::new("work", work)]);
}

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("garant")
        .f64_histogram("garant.gda_audit.import.duration")
        .with_unit("s")
        .with_description("From taking an import in to its end")
        .with_boundaries(vec![1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0])
        .build()
});
