use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Owner, store};

/// What happened.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The event's name, one of those that the service lets subscribe to.
    pub name: &'a str,
    /// What it happened to. Messages of one key are sent in order.
    pub key: &'a str,
    /// Who may learn of it.
    pub audience: Audience<'a>,
}

/// Who may learn of an event.
#[derive(Debug, Clone, Copy)]
pub enum Audience<'a> {
    /// Whoever subscribed to it.
    Everybody,
    /// Of those, this owner only.
    Owner(&'a Owner),
}

/// The payload's structure that Standard Webhooks recommends.
#[derive(Serialize)]
struct Body<'a, D> {
    r#type: &'a str,
    timestamp: String,
    data: &'a D,
}

/// Puts an event into the outbox in the caller's transaction; dispatchers wake when it commits. The body that
/// receivers get is `{"type","timestamp","data"}`.
///
/// The order within a key is the order of these calls: transactions that publish the same key must follow one
/// another, as they do where each first changes the row that the key names. Fails if `data` cannot be written as JSON,
/// or with the database.
pub async fn publish(
    conn: &mut PgConnection,
    event: &Event<'_>,
    data: &impl Serialize,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let timestamp = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let body = serde_json::to_string(&Body { r#type: event.name, timestamp, data })
        .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    store::publish(conn, Uuid::now_v7(), event, &body, now).await
}

/// Whether anybody is subscribed to an event: who has very many to publish may spare the work.
pub async fn is_wanted(conn: &mut PgConnection, event: &str) -> Result<bool, sqlx::Error> {
    store::is_subscribed(conn, event).await
}
