//! The aggregator's transactions, every version of them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::{PgConnection, PgExecutor};

use crate::domain::ingest::{Change, Known};
use crate::domain::matching::AggregatorRow;
use crate::domain::status::StatusClass;
use crate::domain::transaction::NewTransaction;

/// Locks and returns the current version of each id that is known.
pub async fn known(db: &mut PgConnection, ids: &[&str]) -> Result<HashMap<String, Known>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT cpm_trans_id, version, content_hash FROM reconciliation.transactions
         WHERE cpm_trans_id = ANY($1) AND superseded_at IS NULL
         ORDER BY cpm_trans_id FOR UPDATE",
        ids as &[&str]
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.cpm_trans_id, Known { version: row.version, content_hash: row.content_hash }))
        .collect())
}

/// Writes the new versions and ends those that they follow.
pub async fn apply(
    db: &mut PgConnection,
    changes: &[Change<'_>],
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let followed: Vec<&str> = changes
        .iter()
        .filter(|change| change.version > 1)
        .map(|change| change.transaction.cpm_trans_id.as_str())
        .collect();
    if !followed.is_empty() {
        sqlx::query!(
            "UPDATE reconciliation.transactions SET superseded_at = $2
             WHERE cpm_trans_id = ANY($1) AND superseded_at IS NULL",
            &followed as &[&str],
            at
        )
        .execute(&mut *db)
        .await?;
    }
    let column = |of: fn(&NewTransaction) -> &str| -> Vec<&str> {
        changes.iter().map(|change| of(change.transaction)).collect()
    };
    sqlx::query!(
        "INSERT INTO reconciliation.transactions (cpm_trans_id, version, payid, payment_method, status, amount,
             currency, phone, payment_date, trans_id, content_hash, superseded_at)
         SELECT n.cpm_trans_id, n.version, n.payid, n.payment_method, n.status, n.amount, n.currency, n.phone,
                n.payment_date, n.trans_id, n.content_hash, CASE WHEN n.current THEN NULL ELSE $13::timestamptz END
         FROM UNNEST($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                     $8::text[], $9::timestamptz[], $10::text[], $11::bytea[], $12::boolean[])
              AS n(cpm_trans_id, version, payid, payment_method, status, amount, currency, phone, payment_date,
                   trans_id, content_hash, current)",
        &column(|t| &t.cpm_trans_id) as &[&str],
        &changes.iter().map(|c| c.version).collect::<Vec<_>>(),
        &changes.iter().map(|c| c.transaction.payid.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &column(|t| &t.payment_method) as &[&str],
        &column(|t| &t.status) as &[&str],
        &changes.iter().map(|c| c.transaction.amount).collect::<Vec<_>>(),
        &column(|t| &t.currency) as &[&str],
        &column(|t| t.phone.expose()) as &[&str],
        &changes.iter().map(|c| c.transaction.payment_date).collect::<Vec<_>>(),
        &column(|t| &t.trans_id) as &[&str],
        &changes.iter().map(|c| c.content_hash.to_vec()).collect::<Vec<_>>(),
        &changes.iter().map(|c| c.current).collect::<Vec<_>>(),
        at
    )
    .execute(&mut *db)
    .await
    .map(drop)
}

/// The current transactions of a payment method from `from` to before `until`, thin.
pub async fn in_window(
    db: impl PgExecutor<'_>,
    payment_method: &str,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<AggregatorRow>, sqlx::Error> {
    sqlx::query!(
        "SELECT cpm_trans_id, version, payid, trans_id, status, amount, payment_date
         FROM reconciliation.transactions
         WHERE payment_method = $1 AND payment_date >= $2 AND payment_date < $3 AND superseded_at IS NULL",
        payment_method,
        from,
        until
    )
    .fetch(db)
    .map_ok(|row| AggregatorRow {
        cpm_trans_id: row.cpm_trans_id.into(),
        version: row.version,
        payid: row.payid.map(Into::into),
        trans_id: Some(row.trans_id.into()),
        amount: row.amount,
        status: StatusClass::of_aggregator(&row.status),
        instant: row.payment_date,
    })
    .try_collect()
    .await
}
