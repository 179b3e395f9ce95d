use std::fmt;

use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::HandlerError;

/// A job's identity, a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct JobId(pub Uuid);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The request that a job comes from. Its worker's span and log lines carry both, and its handler runs within it, as
/// [`common::request::current`] tells.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The request's correlation ID.
    pub correlation_id: Option<Uuid>,
    /// The request's trace context, as the W3C header `traceparent` writes it.
    pub traceparent: Option<String>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum State {
    /// Waits for a worker, or for the end of a back-off.
    Queued,
    /// Leased to a worker.
    Running,
    /// Completed.
    Done,
    /// Given up.
    Failed,
}

/// What is known of a job from outside.
#[derive(Debug, Clone)]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// How often it was claimed.
    pub attempt: i32,
    /// Failures counted against its limit.
    pub failures: i32,
    /// Units of work done by the current attempt; the handler chooses the unit.
    pub progress_done: i64,
    /// Units of work in all; 0 while unknown.
    pub progress_total: i64,
    /// Why it last failed or was put back.
    pub last_error: Option<String>,
}

/// What identifies one attempt at one job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fence {
    pub id: JobId,
    pub attempt: i32,
}

/// A claimed job.
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// What [`Handler`](crate::Handler) it is for.
    pub kind: String,
    /// The fencing number: 1 at the first claim, raised by each.
    pub attempt: i32,
    /// Failures counted so far.
    pub failures: i32,
    /// Failures at which it is given up.
    pub max_attempts: i32,
    /// The request that it comes from.
    pub origin: Origin,
    pub(crate) last_error: Option<String>,
    pub(crate) payload: serde_json::Value,
}

impl Job {
    /// What was enqueued. A payload of another shape fails for good: no retry can mend it.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, HandlerError> {
        // serde's message may quote the value.
        T::deserialize(&self.payload)
            .map_err(|_| HandlerError::Permanent("the job's payload has an unknown shape".to_owned()))
    }

    pub(crate) fn fence(&self) -> Fence {
        Fence { id: self.id, attempt: self.attempt }
    }
}

/// Without the payload.
impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("attempt", &self.attempt)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}
