//! Tasks.

use chrono::{DateTime, Utc};
use jobs::JobId;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

/// Whose task it is: the pair of issuer and subject, and the login that people read.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The token's issuer.
    pub issuer: String,
    /// The token's subject.
    pub subject: String,
    /// Login at the time of creation.
    pub login: String,
}

/// A task as stored. The eight figures are all known at TERMINE and all unknown before.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct StoredTask {
    pub id: i64,
    pub owner_login: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// ATTENTE, ENCOURS, TERMINE or ECHEC.
    pub state: String,
    /// Why it is ECHEC.
    pub failure: Option<String>,
    pub file_name: String,
    pub operator_id: i32,
    pub operator_version: i32,
    pub window_start: DateTime<Utc>,
    pub window_end: DateTime<Utc>,
    pub window_until: DateTime<Utc>,
    /// The job of the latest run; results are this run's once the state is TERMINE.
    pub job_id: Uuid,
    pub montant_operateur: Option<i64>,
    pub montant_cinetpay: Option<i64>,
    pub count_operator: Option<i64>,
    pub count_cinetpay: Option<i64>,
}

/// What a new task is made of.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct NewTask<'a> {
    pub owner: &'a Owner,
    pub file_name: &'a str,
    pub operator_id: i32,
    pub operator_version: i32,
    pub window_start: DateTime<Utc>,
    pub window_end: DateTime<Utc>,
    pub window_until: DateTime<Utc>,
    pub at: DateTime<Utc>,
}

/// The figures of a finished run: all rows in the window, and those of status success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StoredFigures {
    pub montant_operateur: i64,
    pub montant_cinetpay: i64,
    pub count_operator: i64,
    pub count_cinetpay: i64,
    pub successful_montant_operateur: i64,
    pub successful_montant_cinetpay: i64,
    pub successful_count_operator: i64,
    pub successful_count_cinetpay: i64,
}

/// Whose tasks a caller may see.
#[derive(Debug, Clone, Copy)]
pub enum Visibility<'a> {
    /// Everybody's (scope `tasks:all`, or `auth.public_reads`).
    All,
    /// The caller's own.
    Own {
        /// The token's issuer.
        issuer: &'a str,
        /// The token's subject.
        subject: &'a str,
    },
}

impl<'a> Visibility<'a> {
    fn owner(self) -> (Option<&'a str>, Option<&'a str>) {
        match self {
            Self::All => (None, None),
            Self::Own { issuer, subject } => (Some(issuer), Some(subject)),
        }
    }
}

/// Reserves the number of a new task, under which its rows are stored before the task itself is written.
pub async fn next_id(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT nextval(pg_get_serial_sequence('reconciliation.tasks', 'id')) AS "id!""#)
        .fetch_one(db)
        .await
}

/// Writes a new task, in state ATTENTE.
pub async fn insert(
    db: impl PgExecutor<'_>,
    id: i64,
    job: JobId,
    task: &NewTask<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO reconciliation.tasks (id, owner_issuer, owner_subject, owner_login, created_at, updated_at,
             state, file_name, operator_id, operator_version, window_start, window_end, window_until, job_id)
         VALUES ($1, $2, $3, $4, $5, $5, 'ATTENTE', $6, $7, $8, $9, $10, $11, $12)",
        id,
        task.owner.issuer,
        task.owner.subject,
        task.owner.login,
        task.at,
        task.file_name,
        task.operator_id,
        task.operator_version,
        task.window_start,
        task.window_end,
        task.window_until,
        job.0
    )
    .execute(db)
    .await
    .map(drop)
}

/// The tasks that the caller may see, newest first.
pub async fn list(
    db: impl PgExecutor<'_>,
    visibility: Visibility<'_>,
) -> Result<Vec<StoredTask>, sqlx::Error> {
    let (issuer, subject) = visibility.owner();
    sqlx::query_as!(
        StoredTask,
        "SELECT id, owner_login, created_at, updated_at, state, failure, file_name, operator_id,
             operator_version, window_start, window_end, window_until, job_id,
             montant_operateur, montant_cinetpay, count_operator, count_cinetpay
         FROM reconciliation.tasks
         WHERE $1::text IS NULL OR (owner_issuer = $1 AND owner_subject = $2)
         ORDER BY id DESC",
        issuer,
        subject
    )
    .fetch_all(db)
    .await
}

/// One task, if the caller may see it.
pub async fn find(
    db: impl PgExecutor<'_>,
    id: i64,
    visibility: Visibility<'_>,
) -> Result<Option<StoredTask>, sqlx::Error> {
    let (issuer, subject) = visibility.owner();
    sqlx::query_as!(
        StoredTask,
        "SELECT id, owner_login, created_at, updated_at, state, failure, file_name, operator_id,
             operator_version, window_start, window_end, window_until, job_id,
             montant_operateur, montant_cinetpay, count_operator, count_cinetpay
         FROM reconciliation.tasks
         WHERE id = $1 AND ($2::text IS NULL OR (owner_issuer = $2 AND owner_subject = $3))",
        id,
        issuer,
        subject
    )
    .fetch_optional(db)
    .await
}

/// Puts a finished or failed task back to ATTENTE for another run. `false` if it is waiting or running.
pub async fn restart(
    db: impl PgExecutor<'_>,
    id: i64,
    job: JobId,
    at: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let restarted = sqlx::query!(
        "UPDATE reconciliation.tasks
         SET state = 'ATTENTE', failure = NULL, job_id = $2, updated_at = $3,
             montant_operateur = NULL, montant_cinetpay = NULL, count_operator = NULL, count_cinetpay = NULL,
             successful_montant_operateur = NULL, successful_montant_cinetpay = NULL,
             successful_count_operator = NULL, successful_count_cinetpay = NULL
         WHERE id = $1 AND state IN ('TERMINE', 'ECHEC')",
        id,
        job.0,
        at
    )
    .execute(db)
    .await?;
    Ok(restarted.rows_affected() == 1)
}

/// Marks the task as being worked on by this job.
pub async fn begin(
    db: impl PgExecutor<'_>,
    id: i64,
    job: JobId,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE reconciliation.tasks SET state = 'ENCOURS', updated_at = $3
         WHERE id = $1 AND job_id = $2 AND state = 'ATTENTE'",
        id,
        job.0,
        at
    )
    .execute(db)
    .await
    .map(drop)
}

/// Ends the task with its figures.
pub async fn finish(
    db: &mut PgConnection,
    id: i64,
    job: JobId,
    figures: &StoredFigures,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let finished = sqlx::query!(
        "UPDATE reconciliation.tasks
         SET state = 'TERMINE', updated_at = $3,
             montant_operateur = $4, montant_cinetpay = $5, count_operator = $6, count_cinetpay = $7,
             successful_montant_operateur = $8, successful_montant_cinetpay = $9,
             successful_count_operator = $10, successful_count_cinetpay = $11
         WHERE id = $1 AND job_id = $2",
        id,
        job.0,
        at,
        figures.montant_operateur,
        figures.montant_cinetpay,
        figures.count_operator,
        figures.count_cinetpay,
        figures.successful_montant_operateur,
        figures.successful_montant_cinetpay,
        figures.successful_count_operator,
        figures.successful_count_cinetpay
    )
    .execute(db)
    .await?;
    // Results must not be committed without their figures.
    if finished.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

/// Ends the task as ECHEC, with the reason.
pub async fn fail(
    db: &mut PgConnection,
    id: i64,
    job: JobId,
    reason: &str,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE reconciliation.tasks SET state = 'ECHEC', failure = $3, updated_at = $4
         WHERE id = $1 AND job_id = $2",
        id,
        job.0,
        reason,
        at
    )
    .execute(db)
    .await
    .map(drop)
}
