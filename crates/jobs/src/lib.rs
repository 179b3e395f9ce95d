//! A durable work queue on PostgreSQL (contract reconciliation, "Jobs live in Postgres"; architecture §4).
//!
//! A job is one row of `jobs.job`, written by [`enqueue`] in the transaction of whoever needs the work done. Any
//! replica's [`Runner`] claims it with `FOR UPDATE SKIP LOCKED` under a lease, renews the lease while its [`Handler`]
//! runs, and the handler marks it done in its own last transaction: its results and the end of the job are
//! durable together or not at all.
//!
//! - **Fencing.** Every claim raises `attempt`, and every write under a [`Lease`] checks it. A worker that lost its
//!   lease without noticing is refused with [`LeaseError::Superseded`].
//! - **Time** is the database's: replicas with skewed clocks agree on when a lease lapses.
//! - **Failures** are errors, panics and lost workers; after `max_attempts` of them the job is `failed` for good and
//!   [`Handler::exhausted`] runs in that same transaction. Outages and graceful stops do not count: what lapsed while
//!   nobody could reach the database is put back by its workers when they can again, and until they had a lease's time
//!   to do so, the others leave it to them. A worker that alone is cut off for longer than its lease is a lost one.
//! - **Retention.** Jobs are deleted 7 days after they were done, 30 days after they failed.
//! - **Privacy.** The payload reaches no log, span or label.

mod handler;
mod job;
mod lease;
mod metrics;
mod runner;
mod store;

pub use handler::{Handler, HandlerError};
pub use job::{Job, JobId, Origin, State, Status};
pub use lease::{Lease, LeaseError};
pub use runner::{Runner, Settings};
pub use store::{enqueue, status};

/// The migrations of schema `jobs`; they record themselves in `jobs._sqlx_migrations` and need the owner's role.
/// Everything else in this crate runs under a role with SELECT, INSERT, UPDATE and DELETE on
/// `jobs.job`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// How many failures a job may have before it is `failed`, where nothing else is wanted.
pub const MAX_ATTEMPTS: i32 = 3;
