//! Reading events.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::chain::{Hash, ORIGIN, Row};
use super::signed;
use crate::domain::event::Event;

/// A stored event.
pub struct StoredEvent {
    /// As it was hashed.
    pub row: Row,
    /// What it says.
    pub event: Event,
}

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A row is not the one that was written, or one is missing.
    #[error("event {0} is not the one that was written")]
    Changed(i64),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The events of a classification up to one of a number, whose hashes are verified.
pub async fn history(
    db: impl PgExecutor<'_>,
    classification_id: Uuid,
    up_to: u64,
) -> Result<Vec<StoredEvent>, HistoryError> {
    let rows = sqlx::query!(
        r#"SELECT seq, type AS kind, from_status, to_status, actor, login, client_id, at, payload, prev_hash, hash
           FROM classifications.events WHERE classification_id = $1 AND seq <= $2 ORDER BY seq"#,
        classification_id,
        signed(up_to),
    )
    .fetch_all(db)
    .await?;
    let mut previous: Hash = ORIGIN;
    let mut events = Vec::with_capacity(rows.len());
    for (seq, it) in (1..).zip(rows) {
        let row = Row {
            classification_id,
            seq: it.seq,
            r#type: it.kind,
            from: it.from_status,
            to: it.to_status,
            actor: it.actor,
            login: it.login,
            client_id: it.client_id,
            at: it.at,
            payload: it.payload,
        };
        let hash = row.hash(&previous).map_err(|_| HistoryError::Changed(seq))?;
        if row.seq != seq || it.prev_hash != previous || it.hash != hash {
            return Err(HistoryError::Changed(seq));
        }
        let event = event(&row).ok_or(HistoryError::Changed(seq))?;
        previous = hash;
        events.push(StoredEvent { row, event });
    }
    Ok(events)
}

/// What a row says.
pub fn event(row: &Row) -> Option<Event> {
    let payload: Value = serde_json::from_str(&row.payload).ok()?;
    let mut event = json!({
        "from": row.from,
        "to": row.to,
        "actor": row.actor,
        "at": row.at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "type": row.r#type,
    });
    if !payload.is_null() {
        event.as_object_mut()?.insert("payload".to_owned(), payload);
    }
    serde_json::from_value(event).ok()
}

/// The events of some classifications until an instant, each one's in order.
pub async fn until(
    db: impl PgExecutor<'_>,
    classification_ids: &[Uuid],
    instant: DateTime<Utc>,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT classification_id, seq, type AS kind, from_status, to_status, actor, login, client_id, at, payload
           FROM classifications.events WHERE classification_id = ANY($1) AND at <= $2 ORDER BY classification_id, seq"#,
        classification_ids,
        instant,
    )
    .fetch_all(db)
    .await?;
    let row = rows.into_iter().map(|it| Row {
        classification_id: it.classification_id,
        seq: it.seq,
        r#type: it.kind,
        from: it.from_status,
        to: it.to_status,
        actor: it.actor,
        login: it.login,
        client_id: it.client_id,
        at: it.at,
        payload: it.payload,
    });
    Ok(row.collect())
}

/// The snapshots of the engine's decisions on a classification, with the numbers of the events that tell them.
pub async fn snapshots(
    db: impl PgExecutor<'_>,
    classification_id: Uuid,
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT seq, snapshot FROM classifications.decisions WHERE classification_id = $1 ORDER BY seq",
        classification_id
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.seq, row.snapshot)).collect())
}
