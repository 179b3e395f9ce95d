//! The operator's files, row by row.

use futures_util::TryStreamExt;
use sqlx::{PgConnection, PgExecutor};
use tokio::sync::mpsc;

use super::copy::CopyRows;
use crate::domain::matching::OperatorRow;
use crate::domain::statement_row::StatementRow;
use crate::domain::status::StatusVocabulary;

const SEND_AT: usize = 256 * 1024;

/// Stores the rows that arrive until the channel closes, as the rows of task `task_id`.
pub async fn copy_in(
    db: &mut PgConnection,
    task_id: i64,
    mut rows: mpsc::Receiver<Vec<StatementRow>>,
) -> Result<u64, sqlx::Error> {
    let mut copy = db
        .copy_in_raw(
            "COPY reconciliation.statement_rows (task_id, line, payment_date, payid, status, phone_num, amount_text,
                 amount, trans_id, account, agent) FROM STDIN",
        )
        .await?;
    let mut buffer = CopyRows::default();
    while let Some(batch) = rows.recv().await {
        for row in batch {
            buffer.integer(task_id);
            buffer.integer(i64::from(row.line));
            buffer.instant(row.payment_date);
            buffer.optional_text(row.payid.as_deref());
            buffer.text(&row.status);
            buffer.text(row.phone_num.expose());
            buffer.text(&row.amount_text);
            buffer.integer(row.amount);
            buffer.optional_text(row.trans_id.as_deref());
            buffer.text(&row.account);
            buffer.text(&row.agent);
            buffer.end_row();
        }
        if buffer.len() >= SEND_AT {
            copy.send(buffer.take()).await?;
        }
    }
    copy.send(buffer.take()).await?;
    copy.finish().await
}

/// The rows of a task, thin, their statuses classed by the operator's vocabulary.
pub async fn of_task(
    db: impl PgExecutor<'_>,
    task_id: i64,
    vocabulary: &StatusVocabulary,
) -> Result<Vec<OperatorRow>, sqlx::Error> {
    sqlx::query!(
        "SELECT id, line, payment_date, payid, status, amount, trans_id
         FROM reconciliation.statement_rows WHERE task_id = $1",
        task_id
    )
    .fetch(db)
    .map_ok(|row| OperatorRow {
        id: row.id,
        line: row.line.unsigned_abs(),
        payid: row.payid.map(Into::into),
        trans_id: row.trans_id.map(Into::into),
        amount: row.amount,
        status: vocabulary.classify(&row.status),
        instant: row.payment_date,
    })
    .try_collect()
    .await
}
