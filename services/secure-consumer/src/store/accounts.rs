//! Merchants' accounts.

use chrono::{DateTime, Utc};
use common::redact::Personal;
use ipnet::IpNet;
use sqlx::PgExecutor;

/// Whether an account may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It may.
    Active,
    /// For the time being it may not.
    Inactive,
    /// Never again.
    Closed,
}

impl State {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Closed => "CLOSED",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "ACTIVE" => Self::Active,
            "INACTIVE" => Self::Inactive,
            _ => Self::Closed,
        }
    }
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// Its login.
    pub login: String,
    /// Argon2id.
    pub password_hash: Personal<String>,
    /// Whether it may call.
    pub state: State,
    /// From where; none: from anywhere.
    pub networks: Vec<IpNet>,
}

/// All accounts, by login. A network that cannot be read admits nobody.
pub async fn all(db: impl PgExecutor<'_>) -> Result<Vec<Account>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, login, password_hash, state, networks FROM consumer.accounts ORDER BY login"
    )
    .fetch_all(db)
    .await?;
    let account = |row: (i64, String, String, String, Vec<String>)| {
        let (id, login, password_hash, state, networks) = row;
        let mut parsed: Vec<IpNet> = networks.iter().filter_map(|network| network.parse().ok()).collect();
        let is_readable = parsed.len() == networks.len();
        if !is_readable {
            parsed.clear();
        }
        let state = if is_readable { State::named(&state) } else { State::Closed };
        Account { id, login, password_hash: password_hash.into(), state, networks: parsed }
    };
    Ok(rows
        .into_iter()
        .map(|row| account((row.id, row.login, row.password_hash, row.state, row.networks)))
        .collect())
}

/// Adds an active account; false where the login is taken.
pub async fn insert(
    db: impl PgExecutor<'_>,
    login: &str,
    password_hash: &Personal<String>,
    networks: &[IpNet],
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
    let added = sqlx::query!(
        "INSERT INTO consumer.accounts (login, password_hash, state, networks, created_at, updated_at)
         VALUES ($1, $2, 'ACTIVE', $3, $4, $4) ON CONFLICT (login) DO NOTHING",
        login,
        password_hash.expose(),
        &networks,
        now,
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Changes whether an account may call; false where there is none, or it is closed.
pub async fn set_state(
    db: impl PgExecutor<'_>,
    login: &str,
    state: State,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query!(
        "UPDATE consumer.accounts SET state = $2, updated_at = $3 WHERE login = $1 AND state <> 'CLOSED'",
        login,
        state.name(),
        now,
    )
    .execute(db)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Changes an account's password; false where there is no such account.
pub async fn set_password(
    db: impl PgExecutor<'_>,
    login: &str,
    password_hash: &Personal<String>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query!(
        "UPDATE consumer.accounts SET password_hash = $2, updated_at = $3 WHERE login = $1",
        login,
        password_hash.expose(),
        now,
    )
    .execute(db)
    .await?;
    Ok(changed.rows_affected() == 1)
}
