use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::job::{Fence, Job};
use crate::store::{self, Renewal};

const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Why a write under a lease did not happen.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The lease lapsed and another attempt took over, or the job has ended: the transaction must be rolled back.
    #[error("a later attempt owns the job")]
    Superseded,
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

/// Units of work done, and in all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    pub done: i64,
    pub total: i64,
}

/// One worker's hold on one attempt at a job.
#[derive(Debug)]
pub struct Lease {
    job: Job,
    progress: watch::Sender<Progress>,
}

impl Lease {
    pub(crate) fn new(job: Job) -> Self {
        Self { job, progress: watch::Sender::default() }
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Reports `done` units of `total`. It costs next to nothing and may be called for every row: the latest report
    /// is written at most every 500 ms, outside the handler's transaction, and only while the lease holds.
    pub fn progress(&self, done: i64, total: i64) {
        self.progress.send_replace(Progress { done, total });
    }

    /// Locks the job for the rest of the transaction, so that no other attempt can begin before it ends.
    ///
    /// Fails with [`LeaseError::Superseded`] unless this attempt still owns the job.
    pub async fn fence(&self, conn: &mut PgConnection) -> Result<(), LeaseError> {
        owned(store::lock(conn, self.job.fence()).await?)
    }

    /// Marks the job done when the transaction commits; call it last, right before the commit.
    ///
    /// Fails with [`LeaseError::Superseded`] unless this attempt still owns the job.
    pub async fn complete(&self, conn: &mut PgConnection) -> Result<(), LeaseError> {
        let progress = *self.progress.borrow();
        owned(store::complete(conn, self.job.fence(), progress).await?)
    }

    pub(crate) fn keeper(&self, pool: PgPool, duration: Duration, claimed_at: Instant) -> Keeper {
        Keeper {
            pool,
            fence: self.job.fence(),
            duration,
            written_at: claimed_at,
            until: claimed_at + duration,
            progress: self.progress.subscribe(),
        }
    }
}

fn owned(still: bool) -> Result<(), LeaseError> {
    if still { Ok(()) } else { Err(LeaseError::Superseded) }
}

/// Keeps a lease from lapsing.
pub(crate) struct Keeper {
    pool: PgPool,
    fence: Fence,
    duration: Duration,
    written_at: Instant,
    /// Until when the lease surely holds, counted from before the statement that renewed it was sent.
    until: Instant,
    progress: watch::Receiver<Progress>,
}

impl Keeper {
    /// Renews every third of the lease, and whenever there is progress to write. Returns why the lease is lost: to
    /// another attempt, or because the database could not be reached until it had run out.
    pub(crate) async fn keep(mut self) -> LeaseError {
        let beat = self.duration / 3;
        let mut next = self.written_at + beat;
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                () = reported(&mut self.progress, self.written_at + PROGRESS_EVERY) => {}
            }
            let sent = Instant::now();
            self.written_at = sent;
            let progress = *self.progress.borrow_and_update();
            let renewal = store::renew(&self.pool, self.fence, self.duration, progress);
            // A renewal may find no connection or no answer; it must not outlast the lease that it renews.
            let error = match timeout(beat.min(self.until.saturating_duration_since(sent)), renewal).await {
                Ok(Ok(Renewal::Held)) => {
                    self.until = sent + self.duration;
                    next = sent + beat;
                    continue;
                }
                Ok(Ok(Renewal::Completed)) => std::future::pending().await,
                Ok(Ok(Renewal::Lost)) => return LeaseError::Superseded,
                Ok(Err(error)) => error,
                Err(_) => sqlx::Error::PoolTimedOut,
            };
            if Instant::now() >= self.until {
                return error.into();
            }
            tracing::debug!("the lease could not be renewed, trying again");
            next = self.until.min(Instant::now() + self.duration / 10);
        }
    }
}

/// Waits for progress, and then for the time at which it may be written.
async fn reported(progress: &mut watch::Receiver<Progress>, not_before: Instant) {
    match progress.changed().await {
        Ok(()) => sleep_until(not_before).await,
        Err(_) => std::future::pending().await,
    }
}
