//! All SQL of this crate.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::outbox::{Audience, Event};
use crate::subscription::{Delivery, Owner, State, Subscription};

/// The channel on which dispatchers hear of new deliveries.
pub(crate) const CHANNEL: &str = "garant_webhooks";
/// Why what is pending for a disabled subscription is given up.
const DISABLED: &str = "the webhook is disabled";

async fn wake(conn: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(r#"SELECT pg_notify($1, '') AS "sent: ()""#, CHANNEL).execute(conn).await?;
    Ok(())
}

/// Writes a message and its deliveries; nothing where nobody asked for the event.
pub(crate) async fn publish(
    conn: &mut PgConnection,
    id: Uuid,
    event: &Event<'_>,
    body: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let only = match event.audience {
        Audience::Everybody => None,
        Audience::Owner(owner) => Some(owner.0.as_str()),
    };
    // The lock waits for a deletion under way, which would otherwise break the foreign key of our row.
    let written = sqlx::query!(
        "WITH asking AS MATERIALIZED (
             SELECT id FROM webhooks.subscription
             WHERE disabled_at IS NULL AND $2 = ANY(events) AND ($6::text IS NULL OR owner = $6)
             ORDER BY id
             FOR KEY SHARE),
         message AS (
             INSERT INTO webhooks.message (id, event, body, created_at)
             SELECT $1, $2, $4, $5 WHERE EXISTS (SELECT FROM asking)
             RETURNING id)
         INSERT INTO webhooks.delivery (message, subscription, key, due_at)
         SELECT message.id, asking.id, $3, $5 FROM message CROSS JOIN asking",
        id,
        event.name,
        event.key,
        body,
        now,
        only,
    )
    .execute(&mut *conn)
    .await?;
    if written.rows_affected() > 0 {
        wake(conn).await?;
    }
    Ok(())
}

pub(crate) async fn is_subscribed(conn: &mut PgConnection, event: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM webhooks.subscription WHERE disabled_at IS NULL AND $1 = ANY(events)) AS "is!""#,
        event
    )
    .fetch_one(conn)
    .await
}

/// False if the owner has `most` already.
pub(crate) async fn insert_subscription(
    pool: &PgPool,
    owner: &Owner,
    subscription: &Subscription,
    sealed_secret: &[u8],
    most: u32,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "INSERT INTO webhooks.subscription (id, owner, url, events, secret, created_at)
         SELECT $1, $2, $3, $4, $5, $6
         WHERE (SELECT count(*) FROM webhooks.subscription WHERE owner = $2) < $7",
        subscription.id,
        owner.0,
        subscription.url,
        &subscription.events,
        sealed_secret,
        subscription.created_at,
        i64::from(most),
    )
    .execute(pool)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(crate) async fn subscriptions(pool: &PgPool, owner: &Owner) -> Result<Vec<Subscription>, sqlx::Error> {
    sqlx::query_as!(
        Subscription,
        "SELECT id, url, events, created_at, disabled_at FROM webhooks.subscription
         WHERE owner = $1 ORDER BY id",
        owner.0,
    )
    .fetch_all(pool)
    .await
}

pub(crate) async fn subscription(
    pool: &PgPool,
    owner: &Owner,
    id: Uuid,
) -> Result<Option<Subscription>, sqlx::Error> {
    sqlx::query_as!(
        Subscription,
        "SELECT id, url, events, created_at, disabled_at FROM webhooks.subscription
         WHERE owner = $1 AND id = $2",
        owner.0,
        id,
    )
    .fetch_optional(pool)
    .await
}

/// False if there is none.
pub(crate) async fn delete_subscription(pool: &PgPool, owner: &Owner, id: Uuid) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!("DELETE FROM webhooks.subscription WHERE owner = $1 AND id = $2", owner.0, id)
        .execute(pool)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Up to `limit` deliveries, newest first, of those before `cursor`.
pub(crate) async fn deliveries(
    pool: &PgPool,
    subscription: Uuid,
    cursor: Option<i64>,
    limit: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    sqlx::query_as!(
        Delivery,
        r#"SELECT message.id AS message, event, created_at, state AS "state: State", attempts,
                  CASE WHEN state = 'PENDING' THEN due_at END AS next_attempt_at,
                  last_status, last_error, delivered_at, number
           FROM webhooks.delivery JOIN webhooks.message ON message.id = delivery.message
           WHERE subscription = $1 AND number < coalesce($2, 9223372036854775807)
           ORDER BY number DESC
           LIMIT $3"#,
        subscription,
        cursor,
        limit,
    )
    .fetch_all(pool)
    .await
}

pub(crate) async fn delivery(
    pool: &PgPool,
    subscription: Uuid,
    message: Uuid,
) -> Result<Option<Delivery>, sqlx::Error> {
    sqlx::query_as!(
        Delivery,
        r#"SELECT message.id AS message, event, created_at, state AS "state: State", attempts,
                  CASE WHEN state = 'PENDING' THEN due_at END AS next_attempt_at,
                  last_status, last_error, delivered_at, number
           FROM webhooks.delivery JOIN webhooks.message ON message.id = delivery.message
           WHERE subscription = $1 AND message.id = $2"#,
        subscription,
        message,
    )
    .fetch_optional(pool)
    .await
}

/// Makes a delivery due, with a new schedule, unless it is just being sent.
pub(crate) async fn redeliver(
    pool: &PgPool,
    subscription: Uuid,
    message: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "UPDATE webhooks.delivery
         SET state = 'PENDING', failures = 0, due_at = $3, delivered_at = NULL, lease_until = NULL
         WHERE subscription = $1 AND message = $2 AND (lease_until IS NULL OR lease_until <= now())",
        subscription,
        message,
        now,
    )
    .execute(&mut *transaction)
    .await?;
    wake(&mut *transaction).await?;
    transaction.commit().await
}

/// One attempt at one delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fence {
    pub message: Uuid,
    pub subscription: Uuid,
    pub attempt: i32,
}

/// A claimed delivery.
pub(crate) struct Claimed {
    pub fence: Fence,
    pub failures: i32,
    pub event: String,
    pub body: String,
    pub url: String,
    pub sealed_secret: Vec<u8>,
}

/// Leases up to `limit` deliveries that are due by `now`, of each subscription only so many that about
/// `per_subscription` are under way.
pub(crate) async fn claim(
    pool: &PgPool,
    now: DateTime<Utc>,
    limit: i64,
    per_subscription: i64,
    lease: Duration,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let rows = sqlx::query!(
        "WITH due AS (
             SELECT found.message, found.subscription
             FROM (SELECT id FROM webhooks.subscription WHERE disabled_at IS NULL ORDER BY random()) AS active
             CROSS JOIN LATERAL (
                 SELECT delivery.message, delivery.subscription
                 FROM webhooks.delivery
                 WHERE delivery.subscription = active.id AND delivery.state = 'PENDING'
                   AND delivery.due_at <= $1
                   AND (delivery.lease_until IS NULL OR delivery.lease_until <= now())
                   AND NOT EXISTS (
                       SELECT FROM webhooks.delivery AS earlier
                       WHERE earlier.subscription = delivery.subscription AND earlier.key = delivery.key
                         AND earlier.number < delivery.number AND earlier.state = 'PENDING')
                 ORDER BY delivery.due_at, delivery.number
                 LIMIT greatest($3 - (
                     SELECT count(*) FROM webhooks.delivery AS leased
                     WHERE leased.subscription = active.id AND leased.lease_until > now()), 0)
                 FOR UPDATE OF delivery SKIP LOCKED) AS found
             LIMIT $2)
         UPDATE webhooks.delivery
         SET attempts = attempts + 1, lease_until = now() + make_interval(secs => $4)
         FROM due
         JOIN webhooks.message ON message.id = due.message
         JOIN webhooks.subscription ON subscription.id = due.subscription
         WHERE delivery.message = due.message AND delivery.subscription = due.subscription
         RETURNING delivery.message, delivery.subscription, attempts, failures, event, body, url, secret",
        now,
        limit,
        per_subscription,
        lease.as_secs_f64(),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Claimed {
            fence: Fence { message: row.message, subscription: row.subscription, attempt: row.attempts },
            failures: row.failures,
            event: row.event,
            body: row.body,
            url: row.url,
            sealed_secret: row.secret,
        })
        .collect())
}

/// How an attempt ended, for the record.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub state: State,
    pub failures: i32,
    /// When it is due again, where it is.
    pub due_at: DateTime<Utc>,
    pub status: Option<i16>,
    pub error: Option<&'a str>,
    pub at: DateTime<Utc>,
}

/// Writes down how the attempt ended; false if it no longer owns the delivery.
pub(crate) async fn record(
    conn: &mut PgConnection,
    fence: Fence,
    record: &Record<'_>,
) -> Result<bool, sqlx::Error> {
    let recorded = sqlx::query!(
        "UPDATE webhooks.delivery
         SET state = $4, failures = $5, due_at = $6, last_status = $7, last_error = $8, lease_until = NULL,
             delivered_at = CASE WHEN $4 = 'DELIVERED' THEN $9::timestamptz END
         WHERE message = $1 AND subscription = $2 AND attempts = $3 AND lease_until IS NOT NULL",
        fence.message,
        fence.subscription,
        fence.attempt,
        record.state.name(),
        record.failures,
        record.due_at,
        record.status,
        record.error,
        record.at,
    )
    .execute(conn)
    .await?;
    Ok(recorded.rows_affected() == 1)
}

/// Stops all that goes to a subscription. What another attempt is just sending is left to it.
pub(crate) async fn disable(
    conn: &mut PgConnection,
    subscription: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE webhooks.subscription SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL",
        subscription,
        now,
    )
    .execute(&mut *conn)
    .await?;
    give_up_disabled(conn).await
}

/// Gives up what is pending for disabled subscriptions: also what was published while one was being disabled.
pub(crate) async fn give_up_disabled(executor: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE webhooks.delivery
         SET state = 'FAILED', last_error = $1, lease_until = NULL
         FROM webhooks.subscription
         WHERE subscription.id = delivery.subscription AND subscription.disabled_at IS NOT NULL
           AND delivery.state = 'PENDING' AND (lease_until IS NULL OR lease_until <= now())",
        DISABLED,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// What waits.
#[derive(Debug)]
pub(crate) struct Backlog {
    pub pending: i64,
    /// Seconds since the oldest was published; 0 if there is none.
    pub oldest_s: f64,
}

pub(crate) async fn backlog(pool: &PgPool, now: DateTime<Utc>) -> Result<Backlog, sqlx::Error> {
    sqlx::query_as!(
        Backlog,
        r#"SELECT count(*) AS "pending!",
                  greatest(coalesce(extract(epoch FROM $1 - min(created_at)), 0), 0)::float8 AS "oldest_s!"
           FROM webhooks.delivery JOIN webhooks.message ON message.id = delivery.message
           WHERE state = 'PENDING'"#,
        now,
    )
    .fetch_one(pool)
    .await
}

/// Deletes up to a thousand messages that were published before `oldest` and are pending nowhere.
pub(crate) async fn purge(pool: &PgPool, oldest: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM webhooks.message
         WHERE id IN (
             SELECT id FROM webhooks.message
             WHERE created_at < $1
               AND NOT EXISTS (
                   SELECT FROM webhooks.delivery
                   WHERE delivery.message = message.id AND delivery.state = 'PENDING')
             ORDER BY created_at
             LIMIT 1000
             FOR UPDATE SKIP LOCKED)",
        oldest,
    )
    .execute(pool)
    .await?;
    Ok(())
}
