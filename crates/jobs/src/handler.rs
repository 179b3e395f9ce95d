use async_trait::async_trait;
use sqlx::PgConnection;

use crate::{Job, Lease, LeaseError};

/// Does the work of one kind of job.
#[async_trait]
pub trait Handler: Send + Sync {
    /// The kind that it takes.
    fn kind(&self) -> &'static str;

    /// Does the work. It stages what it makes, then writes its results and calls [`Lease::complete`] in one
    /// transaction, as the last statement before the commit. Returning `Ok` without having completed is a failure.
    ///
    /// The future is dropped when the lease is lost or the runner stops, so whatever it holds must clean up by drop.
    async fn run(&self, lease: &Lease) -> Result<(), HandlerError>;

    /// Told once when the job is given up, in the transaction that makes it `failed`. `reason` may be shown to users.
    /// Where it fails, the job is not given up; both are tried again after a back-off.
    async fn exhausted(&self, conn: &mut PgConnection, job: &Job, reason: &str) -> Result<(), sqlx::Error>;
}

/// Why an attempt did not complete. Reasons are logged, stored and shown to users: nothing personal belongs in them.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Counts as a failure, and is tried again until there are too many.
    #[error("{0}")]
    Failed(String),
    /// No retry can help: the job is given up at once.
    #[error("{0}")]
    Permanent(String),
    /// Something that the work needs is away. Tried again after a back-off, and not counted.
    #[error("{0}")]
    Unavailable(String),
    /// A later attempt owns the job.
    #[error(transparent)]
    Lease(LeaseError),
}

impl From<LeaseError> for HandlerError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Database(error) => error.into(),
            LeaseError::Superseded => Self::Lease(error),
        }
    }
}

/// The database's absence is [`HandlerError::Unavailable`], anything else a failure. Of the server's answer only the
/// SQLSTATE and the constraint are told: its message may quote a row.
impl From<sqlx::Error> for HandlerError {
    fn from(error: sqlx::Error) -> Self {
        if common::db::is_unavailable(&error) {
            return Self::Unavailable("the database is unavailable".to_owned());
        }
        Self::Failed(common::db::loggable(&error))
    }
}
