use chrono::{DateTime, Utc};
use common::redact::Personal;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::revocations::{GRANT, Revocation};
use crate::domain::key_schedule::LONGEST_ACCESS_TOKEN;
use crate::domain::user::User;

/// A user with what proves it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) password_hash: Personal<String>,
}

/// A user to be stored.
pub(crate) struct NewUser<'a> {
    pub(crate) username: &'a str,
    pub(crate) password_hash: &'a Personal<String>,
    pub(crate) roles: &'a [String],
    pub(crate) scopes: &'a [String],
    pub(crate) audiences: &'a [String],
}

struct Row {
    id: i64,
    subject: Uuid,
    username: String,
    password_hash: String,
    roles: Vec<String>,
    scopes: Vec<String>,
    audiences: Vec<String>,
    disabled_at: Option<DateTime<Utc>>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        let user = User {
            id: row.id,
            subject: row.subject,
            username: Personal::new(row.username),
            roles: row.roles,
            scopes: row.scopes.into_iter().collect(),
            audiences: row.audiences,
            is_enabled: row.disabled_at.is_none(),
        };
        Self { user, password_hash: Personal::new(row.password_hash) }
    }
}

pub(crate) async fn by_name(db: impl PgExecutor<'_>, username: &str) -> Result<Option<Account>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, subject, username, password_hash, roles, scopes, audiences, disabled_at
         FROM identity.users WHERE username = $1",
        username
    );
    Ok(row.fetch_optional(db).await?.map(Account::from))
}

pub(crate) async fn by_id(db: impl PgExecutor<'_>, id: i64) -> Result<Option<User>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, subject, username, password_hash, roles, scopes, audiences, disabled_at
         FROM identity.users WHERE id = $1",
        id
    );
    Ok(row.fetch_optional(db).await?.map(|row| Account::from(row).user))
}

pub(crate) async fn by_subject(db: impl PgExecutor<'_>, subject: Uuid) -> Result<Option<User>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, subject, username, password_hash, roles, scopes, audiences, disabled_at
         FROM identity.users WHERE subject = $1",
        subject
    );
    Ok(row.fetch_optional(db).await?.map(|row| Account::from(row).user))
}

pub(crate) async fn all(db: impl PgExecutor<'_>) -> Result<Vec<User>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, subject, username, password_hash, roles, scopes, audiences, disabled_at
         FROM identity.users ORDER BY username"
    );
    Ok(rows.fetch_all(db).await?.into_iter().map(|row| Account::from(row).user).collect())
}

/// Whether there is a user of another name.
pub(crate) async fn any_but(db: impl PgExecutor<'_>, usernames: &[String]) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM identity.users WHERE NOT username = ANY ($1)) AS "any!""#,
        usernames
    )
    .fetch_one(db)
    .await
}

/// Stores a user; `None` where the name is taken.
pub(crate) async fn insert(
    db: impl PgExecutor<'_>,
    user: &NewUser<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Account>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "INSERT INTO identity.users (subject, username, password_hash, roles, scopes, audiences, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (username) DO NOTHING
         RETURNING id, subject, username, password_hash, roles, scopes, audiences, disabled_at",
        Uuid::new_v4(),
        user.username,
        user.password_hash.expose(),
        user.roles,
        user.scopes,
        user.audiences,
        now
    );
    Ok(row.fetch_optional(db).await?.map(Account::from))
}

/// Stores a user, or gives an existing one of the name this password and these rights, enabled.
pub(crate) async fn upsert(
    db: impl PgExecutor<'_>,
    user: &NewUser<'_>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO identity.users (subject, username, password_hash, roles, scopes, audiences, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (username) DO UPDATE
         SET password_hash = excluded.password_hash, roles = excluded.roles, scopes = excluded.scopes,
             audiences = excluded.audiences, disabled_at = NULL",
        Uuid::new_v4(),
        user.username,
        user.password_hash.expose(),
        user.roles,
        user.scopes,
        user.audiences,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Disables a user and the applications that it registered; whether there is such a user.
pub(crate) async fn disable(
    tx: &mut PgConnection,
    username: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "UPDATE identity.users SET disabled_at = coalesce(disabled_at, $2) WHERE username = $1 RETURNING id",
        username,
        now
    );
    let Some(id) = id.fetch_optional(&mut *tx).await? else { return Ok(false) };
    end_sign_ins(tx, id, now).await?;
    let applications = sqlx::query_scalar!("SELECT client_id FROM identity.clients WHERE owner_id = $1", id)
        .fetch_all(&mut *tx)
        .await?;
    for client_id in applications {
        super::revocations::insert(&mut *tx, &Revocation::of_client(client_id, now)).await?;
    }
    Ok(true)
}

/// Sets a password, which ends what was signed in by the old one; whether there is such a user.
pub(crate) async fn set_password(
    tx: &mut PgConnection,
    username: &str,
    password_hash: &Personal<String>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "UPDATE identity.users SET password_hash = $2 WHERE username = $1 RETURNING id",
        username,
        password_hash.expose()
    );
    let Some(id) = id.fetch_optional(&mut *tx).await? else { return Ok(false) };
    end_sign_ins(tx, id, now).await?;
    Ok(true)
}

/// The user's row is locked by the caller's UPDATE, and sessions and grants are only made under a share lock of that
/// row: none slips through between the two.
async fn end_sign_ins(tx: &mut PgConnection, user_id: i64, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM identity.sessions WHERE user_id = $1", user_id).execute(&mut *tx).await?;
    sqlx::query!(
        "WITH revoked AS (
             UPDATE identity.grants SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL RETURNING id
         )
         INSERT INTO identity.revocations (kind, value, issued_until, expires_at)
         SELECT $3, id::text, $2, $4 FROM revoked
         ON CONFLICT DO NOTHING",
        user_id,
        now,
        GRANT,
        now + LONGEST_ACCESS_TOKEN
    )
    .execute(tx)
    .await?;
    Ok(())
}
