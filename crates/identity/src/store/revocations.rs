use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::key_schedule::LONGEST_ACCESS_TOKEN;

/// Tokens that are being issued while their client is disabled are revoked with the others.
const IN_FLIGHT: TimeDelta = TimeDelta::seconds(60);
/// So far may the clocks of replicas lie apart. No more is added when a secret is rotated, for tokens got with the new
/// one are revoked until then, too.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(2);

/// What is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// One access token, by its `jti`.
    Token(Uuid),
    /// The access tokens of a grant, by their `sid`.
    Grant(Uuid),
    /// The access tokens of a client, by `client_id`.
    Client(String),
}

pub(crate) const TOKEN: &str = "token";
pub(crate) const GRANT: &str = "grant";
pub(crate) const CLIENT: &str = "client";

impl Revoked {
    fn named(kind: &str, value: String) -> Option<Self> {
        match kind {
            TOKEN => Some(Self::Token(value.parse().ok()?)),
            GRANT => Some(Self::Grant(value.parse().ok()?)),
            CLIENT => Some(Self::Client(value)),
            _ => None,
        }
    }

    fn kind_and_value(&self) -> (&'static str, String) {
        match self {
            Self::Token(jti) => (TOKEN, jti.to_string()),
            Self::Grant(id) => (GRANT, id.to_string()),
            Self::Client(client_id) => (CLIENT, client_id.clone()),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Revocation {
    pub(crate) revoked: Revoked,
    /// Of a client: its tokens issued up to then.
    pub(crate) issued_until: DateTime<Utc>,
    /// When the last of the tokens has expired by itself.
    pub(crate) expires_at: DateTime<Utc>,
}

impl Revocation {
    pub(crate) fn of_token(jti: Uuid, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { revoked: Revoked::Token(jti), issued_until: now, expires_at }
    }

    pub(crate) fn of_grant(id: Uuid, now: DateTime<Utc>) -> Self {
        Self { revoked: Revoked::Grant(id), issued_until: now, expires_at: now + LONGEST_ACCESS_TOKEN }
    }

    /// Of a client that is disabled.
    pub(crate) fn of_client(client_id: String, now: DateTime<Utc>) -> Self {
        Self::of_client_until(client_id, now + IN_FLIGHT)
    }

    /// Of a client that gets another secret or other products.
    pub(crate) fn before_change(client_id: String, now: DateTime<Utc>) -> Self {
        Self::of_client_until(client_id, now + CLOCK_SKEW)
    }

    fn of_client_until(client_id: String, issued_until: DateTime<Utc>) -> Self {
        let expires_at = issued_until + LONGEST_ACCESS_TOKEN;
        Self { revoked: Revoked::Client(client_id), issued_until, expires_at }
    }
}

pub(crate) async fn insert(db: impl PgExecutor<'_>, revocation: &Revocation) -> Result<(), sqlx::Error> {
    let (kind, value) = revocation.revoked.kind_and_value();
    sqlx::query!(
        "INSERT INTO identity.revocations AS r (kind, value, issued_until, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (kind, value) DO UPDATE
         SET issued_until = greatest(r.issued_until, excluded.issued_until),
             expires_at = greatest(r.expires_at, excluded.expires_at),
             transaction = excluded.transaction",
        kind,
        value,
        revocation.issued_until,
        revocation.expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What was written by transactions that had not ended at `horizon`, and the horizon for the next look. Ordering by
/// time or by a sequence would miss a row that was committed late; this can't.
pub(crate) async fn since(
    db: impl PgExecutor<'_>,
    horizon: i64,
) -> Result<(i64, Vec<Revocation>), sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "horizon!",
                  r.kind AS "kind?", r.value AS "value?", r.issued_until AS "issued_until?",
                  r.expires_at AS "expires_at?"
           FROM (VALUES (1)) AS always LEFT JOIN identity.revocations r ON r.transaction >= $1"#,
        horizon
    )
    .fetch_all(db)
    .await?;
    let next = rows.first().map_or(horizon, |row| row.horizon);
    let revocation = |kind: Option<String>, value: Option<String>, issued_until, expires_at| {
        let revoked = Revoked::named(&kind?, value?)?;
        Some(Revocation { revoked, issued_until: issued_until?, expires_at: expires_at? })
    };
    let revoked =
        rows.into_iter().filter_map(|row| revocation(row.kind, row.value, row.issued_until, row.expires_at));
    Ok((next, revoked.collect()))
}

/// Those of the given pairs of kind and value that are revoked.
pub(crate) async fn among(
    db: impl PgExecutor<'_>,
    kinds: &[String],
    values: &[String],
) -> Result<Vec<Revocation>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT r.kind, r.value, r.issued_until, r.expires_at
           FROM identity.revocations r
           JOIN unnest($1::text[], $2::text[]) AS asked (kind, value) USING (kind, value)"#,
        kinds,
        values
    )
    .fetch_all(db)
    .await?;
    let revocations = rows.into_iter().filter_map(|row| {
        let revoked = Revoked::named(&row.kind, row.value)?;
        Some(Revocation { revoked, issued_until: row.issued_until, expires_at: row.expires_at })
    });
    Ok(revocations.collect())
}
