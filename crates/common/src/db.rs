//! The database: pool, migrations, grants, and what a failure means to a client.

use std::time::Duration;

use opentelemetry::{KeyValue, global};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use crate::config::ConfigError;
use crate::error::Problem;

/// `database.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://…` of the application's role, which has DML only.
    pub url: SecretString,
    /// `postgres://…` of the owner's role; only `migrate` uses it. Defaults to `url`.
    pub owner_url: Option<SecretString>,
    /// The application's role, to which `migrate` grants what it needs. Defaults to the user in `url`.
    pub app_role: Option<String>,
    /// Connections a replica holds at most.
    pub pool_size: u32,
    /// How long a request waits for a connection before it is answered 503, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long one statement of a request may run, in milliseconds; background work sets its own.
    pub statement_timeout_ms: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: SecretString::default(),
            owner_url: None,
            app_role: None,
            pool_size: 16,
            acquire_timeout_ms: 2_000,
            statement_timeout_ms: 30_000,
        }
    }
}

/// Why the database could not be opened or migrated.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// `database.url` is missing or not a URL.
    #[error("configuration key `database.{0}` is missing or not a postgres:// URL")]
    Url(&'static str),
    /// The server answered with an error, or not at all.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A migration failed.
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// `serve` found a migration that has not run.
    #[error("migration {0} has not run: run `migrate` first")]
    Pending(String),
    /// A role's name that would have to be quoted.
    #[error("database.app_role: only lower-case letters, digits and _ are allowed")]
    Role,
}

impl DatabaseConfig {
    fn options(url: &SecretString, key: &'static str) -> Result<PgConnectOptions, DatabaseError> {
        let options: PgConnectOptions = url.expose_secret().parse().map_err(|_| DatabaseError::Url(key))?;
        // Statements are logged by nobody: a slow one shows in the database's own log and in the span.
        Ok(options.disable_statement_logging())
    }

    /// Whether the URLs can be read; nothing is connected.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.pool_size == 0 {
            return Err(ConfigError::Invalid("database.pool_size must be at least 1".to_owned()));
        }
        let mut urls = vec![("url", &self.url)];
        urls.extend(self.owner_url.as_ref().map(|url| ("owner_url", url)));
        for (key, url) in urls {
            Self::options(url, key).map_err(|error| ConfigError::Invalid(error.to_string()))?;
        }
        Ok(())
    }

    /// Opens the application's pool; the first connection is made by the first use.
    pub fn pool(&self) -> Result<PgPool, DatabaseError> {
        self.pool_of(self.pool_size)
    }

    /// Opens a further pool, of `connections`: a connection lives in the runtime that opened it, and what must not wait
    /// for requests must not share theirs.
    pub fn pool_of(&self, connections: u32) -> Result<PgPool, DatabaseError> {
        let options = Self::options(&self.url, "url")?.options([
            ("statement_timeout", format!("{}ms", self.statement_timeout_ms)),
            ("idle_in_transaction_session_timeout", "60s".to_owned()),
            // A replica whose machine is gone must not keep its locks for hours.
            ("tcp_keepalives_idle", "30".to_owned()),
            ("tcp_keepalives_interval", "10".to_owned()),
            ("tcp_user_timeout", "60s".to_owned()),
        ]);
        Ok(PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_millis(self.acquire_timeout_ms))
            .connect_lazy_with(options))
    }

    /// Runs the migrations as the owner, then grants the application's role DML on their schemas.
    pub async fn migrate(&self, parts: &[Part]) -> Result<(), DatabaseError> {
        let owner = match &self.owner_url {
            Some(url) => Self::options(url, "owner_url")?,
            None => Self::options(&self.url, "url")?,
        };
        let app = Self::options(&self.url, "url")?;
        let role = self.app_role.clone().unwrap_or_else(|| app.get_username().to_owned());
        if role.is_empty() || !role.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            return Err(DatabaseError::Role);
        }
        let mut connection = owner.connect().await?;
        for part in parts {
            part.migrator.run_direct(None, &mut connection, false).await?;
            // One role for both has all rights already, and the grants would take its own away.
            if role != owner.get_username() {
                grant(&mut connection, part, &role).await?;
            }
        }
        connection.close().await?;
        Ok(())
    }
}

/// Waits some seconds for a database that is still starting.
pub async fn wait_until_reachable(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut attempt = 0;
    loop {
        match pool.acquire().await {
            Ok(_) => return Ok(()),
            Err(error) if attempt < 10 && is_unavailable(&error) => {
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Shows the pool as gauge `garant.db.connections`, by state.
pub fn observe_pool(pool: &PgPool) {
    let pool = pool.clone();
    global::meter("garant")
        .u64_observable_gauge("garant.db.connections")
        .with_description("Connections of the pool, in use and idle")
        .with_callback(move |gauge| {
            let idle = pool.num_idle() as u64;
            let in_use = u64::from(pool.size()).saturating_sub(idle);
            gauge.observe(in_use, &[KeyValue::new("state", "in_use")]);
            gauge.observe(idle, &[KeyValue::new("state", "idle")]);
        })
        .build();
}

/// One schema of a service's database, with its migrations.
#[derive(Debug)]
pub struct Part {
    /// The schema.
    pub schema: &'static str,
    /// Its migrations, recorded in the schema's own `_sqlx_migrations`.
    pub migrator: &'static Migrator,
    /// Tables on which the application has INSERT and SELECT only.
    pub append_only: &'static [&'static str],
}

async fn grant(connection: &mut PgConnection, part: &Part, role: &str) -> Result<(), sqlx::Error> {
    let schema = part.schema;
    let mut sql = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
         REVOKE INSERT, UPDATE, DELETE ON {schema}._sqlx_migrations FROM {role};"
    );
    for table in part.append_only {
        sql.push_str(&format!("REVOKE UPDATE, DELETE ON {schema}.{table} FROM {role};"));
    }
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await?;
    Ok(())
}

/// Fails where a migration of `parts` has not run: `serve` must not start on an older schema.
pub async fn require_migrations(pool: &PgPool, parts: &[Part]) -> Result<(), DatabaseError> {
    for part in parts {
        let sql = format!("SELECT version FROM {}._sqlx_migrations WHERE success", part.schema);
        let applied: Vec<i64> = match sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await {
            Ok(applied) => applied,
            // 42P01, 3F000: no such table or schema, so nothing has run. 42501: migrated for another role.
            Err(error) if has_code(&error, &["42P01", "3F000", "42501"]) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if let Some(missing) = part.migrator.iter().find(|m| !applied.contains(&m.version)) {
            return Err(DatabaseError::Pending(format!("{}/{}", part.schema, missing.version)));
        }
    }
    Ok(())
}

/// Whether the database answered with one of these SQLSTATE codes.
pub fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| codes.contains(&code.as_ref()))
}

/// Whether the failure is the database's absence and not the statement's fault: the connection broke, the pool is
/// full, the server is starting, stopping, out of resources or a standby (SQLSTATE classes 08, 53, 57, and 25006), or
/// another transaction was in the way (40001, 40P01, 55P03). A statement that ran into its timeout (57014) would do so
/// again.
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => {
            true
        }
        sqlx::Error::Database(error) => error.code().is_some_and(|code| match code.as_ref() {
            "57014" => false,
            "25006" | "40001" | "40P01" | "55P03" => true,
            code => ["08", "53", "57"].iter().any(|class| code.starts_with(class)),
        }),
        // sqlx reports a connection that the server closed in mid-message this way.
        sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}

/// What the client is told of a database failure: 503 when the database is away, else 500.
pub fn problem(error: &sqlx::Error) -> Problem {
    let problem = if is_unavailable(error) { Problem::unavailable() } else { Problem::internal() };
    problem.cause(loggable(error))
}

/// What the log may say of a failure. Of the server's answer that is the SQLSTATE and the constraint: its message may
/// quote a row, and so may ours about a value that could not be decoded.
pub fn loggable(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(answer) => {
            let code = answer.code().unwrap_or_default();
            let constraint = answer.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
            format!("database error {code}{constraint}")
        }
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Encode(_) => {
            "database: a value could not be read or written".to_owned()
        }
        error => format!("database: {error}"),
    }
}
