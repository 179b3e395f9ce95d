//! Heads of the audit trail in another database. Its table is no part of this service's schema, so these statements are
//! checked when they run.

use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::anchor::SignedHead;

/// Heads of a page.
const PAGE: i64 = 1_000;

/// Makes the table.
pub async fn create_table(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS garant_audit_heads (
             seq       bigint      NOT NULL,
             hash      text        NOT NULL,
             at        timestamptz NOT NULL,
             signature text        NOT NULL,
             PRIMARY KEY (seq, hash)
         )",
    )
    .execute(pool)
    .await
    .map(drop)
}

/// Whether a statement failed because there is no table yet.
pub fn has_no_table(error: &sqlx::Error) -> bool {
    common::db::has_code(error, &["42P01"])
}

/// Adds a head, unless it is there; another one at its place stays beside it.
pub async fn add(pool: &PgPool, head: &SignedHead) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO garant_audit_heads (seq, hash, at, signature) VALUES ($1, $2, $3, $4)
         ON CONFLICT (seq, hash) DO NOTHING",
    )
    .bind(head.seq)
    .bind(&head.hash)
    .bind(head.at)
    .bind(&head.signature)
    .execute(pool)
    .await
    .map(drop)
}

/// Heads after one, by place.
pub async fn page(pool: &PgPool, after: Option<&SignedHead>) -> Result<Vec<SignedHead>, sqlx::Error> {
    let rows: Vec<PgRow> = sqlx::query(
        "SELECT seq, hash, at, signature FROM garant_audit_heads
         WHERE (seq, hash) > ($1, $2) ORDER BY seq, hash LIMIT $3",
    )
    .bind(after.map_or(i64::MIN, |head| head.seq))
    .bind(after.map_or("", |head| head.hash.as_str()))
    .bind(PAGE)
    .fetch_all(pool)
    .await?;
    let head = |row: PgRow| {
        Ok(SignedHead {
            seq: row.try_get("seq")?,
            hash: row.try_get("hash")?,
            at: row.try_get("at")?,
            signature: row.try_get("signature")?,
        })
    };
    rows.into_iter().map(head).collect()
}
