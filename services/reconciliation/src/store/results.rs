//! What the matching found.

use chrono::{DateTime, Utc};
use common::redact::Personal;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::copy::CopyRows;

const SEND_AT: usize = 256 * 1024;

/// One result to store; its place in the slice is its ordinal.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct NewResult<'a> {
    pub kind: &'static str,
    pub rule: Option<&'a str>,
    pub reason: String,
    pub statement_row_id: Option<i64>,
    pub transaction: Option<(&'a str, i32)>,
}

/// Puts the results of a run in the place of whatever the task had.
pub async fn replace<'a>(
    db: &mut PgConnection,
    task_id: i64,
    results: impl Iterator<Item = NewResult<'a>>,
) -> Result<u64, sqlx::Error> {
    sqlx::query!("DELETE FROM reconciliation.results WHERE task_id = $1", task_id).execute(&mut *db).await?;
    let mut copy = db
        .copy_in_raw(
            "COPY reconciliation.results (task_id, ordinal, kind, rule, reason, statement_row_id, cpm_trans_id,
                 transaction_version) FROM STDIN",
        )
        .await?;
    let mut buffer = CopyRows::default();
    for (ordinal, result) in (0_i64..).zip(results) {
        buffer.integer(task_id);
        buffer.integer(ordinal);
        buffer.text(result.kind);
        buffer.optional_text(result.rule);
        buffer.text(&result.reason);
        buffer.optional_integer(result.statement_row_id);
        buffer.optional_text(result.transaction.map(|(id, _)| id));
        buffer.optional_integer(result.transaction.map(|(_, version)| i64::from(version)));
        buffer.end_row();
        if buffer.len() >= SEND_AT {
            copy.send(buffer.take()).await?;
        }
    }
    copy.send(buffer.take()).await?;
    copy.finish().await
}

/// A result with the two rows that it speaks of, as far as it has them.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct ResultRow {
    pub ordinal: i32,
    pub kind: String,
    pub rule: Option<String>,
    pub reason: String,
    pub operator: Option<OperatorSide>,
    pub aggregator: Option<AggregatorSide>,
}

/// The operator's row of a result.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct OperatorSide {
    pub id: i64,
    pub payment_date: DateTime<Utc>,
    pub payid: Option<String>,
    pub status: String,
    pub phone_num: Personal<String>,
    pub amount_text: String,
    pub trans_id: Option<String>,
    pub account: String,
    pub agent: String,
}

/// The aggregator's row of a result, in the version that was matched.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct AggregatorSide {
    pub cpm_trans_id: String,
    pub payid: Option<String>,
    pub payment_method: String,
    pub status: String,
    pub amount: i64,
    pub currency: String,
    pub phone: Personal<String>,
    pub payment_date: DateTime<Utc>,
    pub trans_id: String,
}

/// Up to `limit` results of the task after `after`, in order, as long as `job_id` is the task's latest run.
pub async fn page(
    db: impl PgExecutor<'_>,
    task_id: i64,
    job_id: Uuid,
    after: i32,
    limit: i64,
) -> Result<Vec<ResultRow>, sqlx::Error> {
    sqlx::query!(
        r#"SELECT r.ordinal, r.kind, r.rule, r.reason,
             s.id AS "row_id?", s.payment_date AS "row_date?", s.payid AS row_payid, s.status AS "row_status?",
             s.phone_num AS "row_phone?", s.amount_text AS "row_amount?", s.trans_id AS row_trans_id,
             s.account AS "row_account?", s.agent AS "row_agent?",
             t.cpm_trans_id AS "cpm_trans_id?", t.payid AS t_payid, t.payment_method AS "t_method?",
             t.status AS "t_status?", t.amount AS "t_amount?", t.currency AS "t_currency?", t.phone AS "t_phone?",
             t.payment_date AS "t_date?", t.trans_id AS "t_trans_id?"
           FROM reconciliation.tasks k
           JOIN reconciliation.results r ON r.task_id = k.id
           LEFT JOIN reconciliation.statement_rows s ON s.task_id = r.task_id AND s.id = r.statement_row_id
           LEFT JOIN reconciliation.transactions t
                ON t.cpm_trans_id = r.cpm_trans_id AND t.version = r.transaction_version
           WHERE k.id = $1 AND k.job_id = $2 AND k.state = 'TERMINE' AND r.ordinal > $3
           ORDER BY r.ordinal LIMIT $4"#,
        task_id,
        job_id,
        after,
        limit
    )
    .map(|row| ResultRow {
        ordinal: row.ordinal,
        kind: row.kind,
        rule: row.rule,
        reason: row.reason,
        operator: row.row_id.map(|id| OperatorSide {
            id,
            payment_date: row.row_date.unwrap_or_default(),
            payid: row.row_payid,
            status: row.row_status.unwrap_or_default(),
            phone_num: row.row_phone.unwrap_or_default().into(),
            amount_text: row.row_amount.unwrap_or_default(),
            trans_id: row.row_trans_id,
            account: row.row_account.unwrap_or_default(),
            agent: row.row_agent.unwrap_or_default(),
        }),
        aggregator: row.cpm_trans_id.map(|cpm_trans_id| AggregatorSide {
            cpm_trans_id,
            payid: row.t_payid,
            payment_method: row.t_method.unwrap_or_default(),
            status: row.t_status.unwrap_or_default(),
            amount: row.t_amount.unwrap_or_default(),
            currency: row.t_currency.unwrap_or_default(),
            phone: row.t_phone.unwrap_or_default().into(),
            payment_date: row.t_date.unwrap_or_default(),
            trans_id: row.t_trans_id.unwrap_or_default(),
        }),
    })
    .fetch_all(db)
    .await
}

/// Whether the results that a reader is paging through still stand.
pub async fn stand(db: impl PgExecutor<'_>, task_id: i64, job_id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM reconciliation.tasks
                          WHERE id = $1 AND job_id = $2 AND state = 'TERMINE') AS "stand!""#,
        task_id,
        job_id
    )
    .fetch_one(db)
    .await
}
