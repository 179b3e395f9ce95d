use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::domain::key_schedule::LONGEST_ACCESS_TOKEN;

/// Tokens that are being issued while their client is disabled are revoked with the others.
const IN_FLIGHT: TimeDelta = TimeDelta::seconds(60);

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// One access token, by its `jti`.
    Token,
    /// The access tokens of a grant, by their `sid`.
    Grant,
    /// The access tokens of a client, by `client_id`.
    Client,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Grant => "grant",
            Self::Client => "client",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Token, Self::Grant, Self::Client].into_iter().find(|kind| kind.as_str() == name)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Revocation {
    pub(crate) kind: Kind,
    pub(crate) value: String,
    /// Of a client: its tokens issued up to then.
    pub(crate) issued_until: DateTime<Utc>,
    /// When the last of the tokens has expired by itself.
    pub(crate) expires_at: DateTime<Utc>,
}

impl Revocation {
    pub(crate) fn of_token(jti: String, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { kind: Kind::Token, value: jti, issued_until: now, expires_at }
    }

    pub(crate) fn of_grant(id: Uuid, now: DateTime<Utc>) -> Self {
        let expires_at = now + LONGEST_ACCESS_TOKEN;
        Self { kind: Kind::Grant, value: id.to_string(), issued_until: now, expires_at }
    }

    pub(crate) fn of_client(client_id: String, now: DateTime<Utc>) -> Self {
        let issued_until = now + IN_FLIGHT;
        let expires_at = issued_until + LONGEST_ACCESS_TOKEN;
        Self { kind: Kind::Client, value: client_id, issued_until, expires_at }
    }
}

pub(crate) async fn insert(db: impl PgExecutor<'_>, revocation: &Revocation) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO identity.revocations (kind, value, issued_until, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (kind, value) DO UPDATE
         SET issued_until = excluded.issued_until, expires_at = excluded.expires_at,
             transaction = excluded.transaction",
        revocation.kind.as_str(),
        revocation.value,
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
    let revocation = |kind: Option<String>, value, issued_until, expires_at| {
        let kind = Kind::named(&kind?)?;
        Some(Revocation { kind, value: value?, issued_until: issued_until?, expires_at: expires_at? })
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
        let (value, issued_until, expires_at) = (row.value, row.issued_until, row.expires_at);
        Some(Revocation { kind: Kind::named(&row.kind)?, value, issued_until, expires_at })
    });
    Ok(revocations.collect())
}
