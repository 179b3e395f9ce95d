use chrono::{DateTime, Utc};
use common::redact::Personal;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::revocations::Revocation;
use crate::domain::scopes::Scopes;

/// A sign-in to be stored.
pub(crate) struct NewGrant<'a> {
    pub(crate) id: Uuid,
    pub(crate) user_id: i64,
    /// The hash that the password was verified against: if it is another by now, the sign-in came too late.
    pub(crate) password_hash: &'a Personal<String>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) scopes: &'a Scopes,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A refresh token with its grant.
pub(crate) struct RefreshToken {
    pub(crate) grant_id: Uuid,
    pub(crate) user_id: i64,
    pub(crate) client_id: Option<String>,
    pub(crate) scopes: Scopes,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) is_used: bool,
    pub(crate) is_revoked: bool,
}

/// Stores a grant, unless the user was disabled or got another password in the meantime.
pub(crate) async fn insert(
    db: impl PgExecutor<'_>,
    grant: &NewGrant<'_>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO identity.grants (id, user_id, client_id, scopes, created_at, expires_at)
         SELECT $1, u.id, $4, $5, $6, $7
         FROM identity.users u WHERE u.id = $2 AND u.password_hash = $3 AND u.disabled_at IS NULL
         FOR SHARE",
        grant.id,
        grant.user_id,
        grant.password_hash.expose(),
        grant.client_id,
        &grant.scopes.to_vec(),
        now,
        grant.expires_at
    );
    Ok(done.execute(db).await?.rows_affected() == 1)
}

/// Finds a refresh token and locks its grant until the transaction ends: of two who use it at once one waits, and
/// then sees that it was used.
pub(crate) async fn lock_by_refresh_token(
    tx: &mut PgConnection,
    digest: &[u8; 32],
) -> Result<Option<RefreshToken>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT t.grant_id, t.expires_at, t.used_at, g.user_id, g.client_id, g.scopes, g.created_at, g.revoked_at
         FROM identity.refresh_tokens t JOIN identity.grants g ON g.id = t.grant_id
         WHERE t.digest = $1
         FOR UPDATE",
        digest
    );
    Ok(row.fetch_optional(tx).await?.map(|row| RefreshToken {
        grant_id: row.grant_id,
        user_id: row.user_id,
        client_id: row.client_id,
        scopes: row.scopes.into_iter().collect(),
        created_at: row.created_at,
        expires_at: row.expires_at,
        is_used: row.used_at.is_some(),
        is_revoked: row.revoked_at.is_some(),
    }))
}

pub(crate) async fn insert_refresh_token(
    db: impl PgExecutor<'_>,
    grant_id: Uuid,
    digest: &[u8; 32],
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO identity.refresh_tokens (digest, grant_id, expires_at) VALUES ($1, $2, $3)",
        digest,
        grant_id,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Uses up a refresh token that [`lock_by_refresh_token`] found, and keeps its grant until `expires_at` at least.
pub(crate) async fn use_refresh_token(
    tx: &mut PgConnection,
    grant_id: Uuid,
    digest: &[u8; 32],
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE identity.refresh_tokens SET used_at = $2 WHERE digest = $1", digest, now)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "UPDATE identity.grants SET expires_at = greatest(expires_at, $2) WHERE id = $1",
        grant_id,
        expires_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Revokes a grant with all of its tokens.
pub(crate) async fn revoke(
    tx: &mut PgConnection,
    grant_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Revocation, sqlx::Error> {
    sqlx::query!(
        "UPDATE identity.grants SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1",
        grant_id,
        now
    )
    .execute(&mut *tx)
    .await?;
    let revocation = Revocation::of_grant(grant_id, now);
    super::revocations::insert(tx, &revocation).await?;
    Ok(revocation)
}
