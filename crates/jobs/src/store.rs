//! All SQL of this crate.

use std::time::Duration;

use serde::Serialize;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::job::{Fence, Job, JobId, Origin, State, Status};
use crate::lease::Progress;

/// The channel on which workers hear of new jobs.
pub(crate) const CHANNEL: &str = "garant_jobs";

/// Puts a job into the queue in the caller's transaction; idle workers wake when it commits.
///
/// `max_attempts` is the number of failures at which the job is given up. Fails if the payload cannot be written as
/// JSON, or with the database.
pub async fn enqueue(
    conn: &mut PgConnection,
    kind: &str,
    payload: &impl Serialize,
    max_attempts: i32,
    origin: &Origin,
) -> Result<JobId, sqlx::Error> {
    let id = JobId(Uuid::now_v7());
    let payload = serde_json::to_value(payload).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query!(
        "INSERT INTO jobs.job (id, kind, payload, max_attempts, correlation_id, traceparent)
         VALUES ($1, $2, $3, $4, $5, $6)",
        id.0,
        kind,
        payload,
        max_attempts,
        origin.correlation_id,
        origin.traceparent,
    )
    .execute(&mut *conn)
    .await?;
    wake(conn).await?;
    Ok(id)
}

async fn wake(conn: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(r#"SELECT pg_notify($1, '') AS "sent: ()""#, CHANNEL).execute(conn).await?;
    Ok(())
}

/// Where a job stands; `None` if there is no such job, or none any more.
pub async fn status(executor: impl PgExecutor<'_>, id: JobId) -> Result<Option<Status>, sqlx::Error> {
    sqlx::query_as!(
        Status,
        r#"SELECT state AS "state: State", attempt, failures, progress_done, progress_total, last_error
           FROM jobs.job WHERE id = $1"#,
        id.0
    )
    .fetch_optional(executor)
    .await
}

/// Leases up to `limit` due jobs to `worker`: queued ones and, if it is to `take_over`, running ones whose lease has
/// lapsed, which is counted as a failure with `lost` as its reason.
pub(crate) async fn claim(
    pool: &PgPool,
    kinds: &[String],
    limit: i64,
    worker: &str,
    lease: Duration,
    take_over: bool,
    lost: &str,
) -> Result<Vec<Job>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"WITH due AS (
               SELECT id FROM jobs.job
               WHERE state IN ('queued', 'running') AND coalesce(lease_until, run_at) <= now() AND kind = ANY($1)
                 AND (state = 'queued' OR $6)
               ORDER BY coalesce(lease_until, run_at)
               LIMIT $2
               FOR UPDATE SKIP LOCKED)
           UPDATE jobs.job
           SET attempt = job.attempt + 1,
               failures = job.failures + CASE WHEN job.state = 'running' THEN 1 ELSE 0 END,
               last_error = CASE WHEN job.state = 'running' THEN $5 ELSE job.last_error END,
               state = 'running',
               lease_until = now() + make_interval(secs => $3),
               worker = $4,
               progress_done = 0,
               progress_total = 0,
               updated_at = now()
           FROM due
           WHERE job.id = due.id
           RETURNING job.id AS "id: JobId", kind, payload, attempt, failures, max_attempts,
                     correlation_id, traceparent, last_error"#,
        kinds,
        limit,
        lease.as_secs_f64(),
        worker,
        lost,
        take_over,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Job {
            id: row.id,
            kind: row.kind,
            attempt: row.attempt,
            failures: row.failures,
            max_attempts: row.max_attempts,
            origin: Origin { correlation_id: row.correlation_id, traceparent: row.traceparent },
            last_error: row.last_error,
            payload: row.payload,
        })
        .collect())
}

/// What became of a lease that was to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    Held,
    Completed,
    Lost,
}

/// Renews the lease and writes the progress. It never waits for the row: the lock on it may be the handler's own
/// fence, whose transaction may be waiting for this worker, and while it lasts nobody can take the lease anyway.
pub(crate) async fn renew(
    pool: &PgPool,
    fence: Fence,
    lease: Duration,
    progress: Progress,
) -> Result<Renewal, sqlx::Error> {
    let renewed = sqlx::query!(
        "WITH held AS (
             SELECT id FROM jobs.job
             WHERE id = $1 AND attempt = $2 AND state = 'running'
             FOR UPDATE SKIP LOCKED)
         UPDATE jobs.job
         SET lease_until = now() + make_interval(secs => $3),
             progress_done = $4,
             progress_total = $5,
             updated_at = now()
         FROM held
         WHERE job.id = held.id",
        fence.id.0,
        fence.attempt,
        lease.as_secs_f64(),
        progress.done,
        progress.total,
    )
    .execute(pool)
    .await?;
    if renewed.rows_affected() == 1 {
        return Ok(Renewal::Held);
    }
    Ok(match state(pool, fence).await? {
        Some(State::Running) => Renewal::Held,
        Some(State::Done) => Renewal::Completed,
        Some(State::Queued | State::Failed) | None => Renewal::Lost,
    })
}

/// The job's state if its last attempt is this one.
pub(crate) async fn state(pool: &PgPool, fence: Fence) -> Result<Option<State>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT state AS "state: State" FROM jobs.job WHERE id = $1 AND attempt = $2"#,
        fence.id.0,
        fence.attempt,
    )
    .fetch_optional(pool)
    .await
}

/// Locks the job until the transaction ends; false if this attempt does not own it.
pub(crate) async fn lock(conn: &mut PgConnection, fence: Fence) -> Result<bool, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT id FROM jobs.job WHERE id = $1 AND attempt = $2 AND state = 'running' FOR UPDATE",
        fence.id.0,
        fence.attempt,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// Marks the job done; false if this attempt does not own it.
pub(crate) async fn complete(
    conn: &mut PgConnection,
    fence: Fence,
    progress: Progress,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE jobs.job
         SET state = 'done', lease_until = NULL, last_error = NULL, progress_done = $3, progress_total = $4,
             updated_at = now()
         WHERE id = $1 AND attempt = $2 AND state = 'running'",
        fence.id.0,
        fence.attempt,
        progress.done,
        progress.total,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts the job back with its count of failures, to be run after `delay`; false if this attempt does not own it.
pub(crate) async fn requeue(
    pool: &PgPool,
    fence: Fence,
    failures: i32,
    delay: Duration,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let queued = sqlx::query!(
        "UPDATE jobs.job
         SET state = 'queued', failures = $3, run_at = now() + make_interval(secs => $4), last_error = $5,
             lease_until = NULL, worker = NULL, updated_at = now()
         WHERE id = $1 AND attempt = $2 AND state = 'running'",
        fence.id.0,
        fence.attempt,
        failures,
        delay.as_secs_f64(),
        reason,
    )
    .execute(pool)
    .await?;
    let owned = queued.rows_affected() == 1;
    if owned && delay.is_zero() {
        wake(pool).await?;
    }
    Ok(owned)
}

/// Gives the job up; false if this attempt does not own it.
pub(crate) async fn fail(
    conn: &mut PgConnection,
    fence: Fence,
    failures: i32,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let failed = sqlx::query!(
        "UPDATE jobs.job
         SET state = 'failed', failures = $3, last_error = $4, lease_until = NULL, updated_at = now()
         WHERE id = $1 AND attempt = $2 AND state = 'running'",
        fence.id.0,
        fence.attempt,
        failures,
        reason,
    )
    .execute(conn)
    .await?;
    Ok(failed.rows_affected() == 1)
}

/// What waits, of one kind.
#[derive(Debug)]
pub(crate) struct Backlog {
    pub kind: String,
    pub queued: i64,
    /// Seconds since the oldest job became due; 0 if none is.
    pub oldest_s: f64,
}

/// What waits, of each of `kinds`.
pub(crate) async fn backlog(pool: &PgPool, kinds: &[String]) -> Result<Vec<Backlog>, sqlx::Error> {
    sqlx::query_as!(
        Backlog,
        r#"SELECT wanted.kind AS "kind!",
                  count(job.id) AS "queued!",
                  greatest(coalesce(extract(epoch FROM now() - min(job.run_at)), 0), 0)::float8 AS "oldest_s!"
           FROM unnest($1::text[]) AS wanted (kind)
           LEFT JOIN jobs.job ON job.kind = wanted.kind AND job.state = 'queued'
           GROUP BY wanted.kind"#,
        kinds,
    )
    .fetch_all(pool)
    .await
}

/// Deletes up to a thousand of the jobs that were done more than 7 days or failed more than 30 days ago.
pub(crate) async fn purge(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM jobs.job
         WHERE id IN (
             SELECT id FROM jobs.job
             WHERE (state = 'done' AND updated_at < now() - interval '7 days')
                OR (state = 'failed' AND updated_at < now() - interval '30 days')
             LIMIT 1000
             FOR UPDATE SKIP LOCKED)"
    )
    .execute(pool)
    .await?;
    Ok(())
}
