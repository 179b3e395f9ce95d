//! The service's configuration, one struct per concern; `README.md` has the table.

use common::auth::IssuerConfig;
use common::config::ConfigError;
use common::db::DatabaseConfig;
use common::server::{ManagementConfig, ServerConfig};
use common::telemetry::TelemetryConfig;
use identity::IdentityConfig;
use serde::Deserialize;

/// Everything that `garant.toml` and the environment can set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The public port.
    pub server: ServerConfig,
    /// The port of probes and metrics.
    pub management: ManagementConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Logs, traces and metrics.
    pub telemetry: TelemetryConfig,
    /// The authorization server that this service carries.
    pub identity: IdentityConfig,
    /// Whose tokens are accepted beside its own, and what is open without one.
    pub auth: AuthConfig,
    /// What an uploaded file may cost.
    pub upload: UploadConfig,
    /// The background matching.
    pub matching: MatchingConfig,
}

impl Config {
    /// Checks the rules that a key's type cannot hold; the message names the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.server.validate()?;
        self.database.validate()?;
        self.identity.validate()?;
        let places = |key: &str, value: usize| {
            if (1..=1024).contains(&value) { Ok(()) } else { Err(wrong(key, "must be 1 to 1024")) }
        };
        places("upload.concurrency", self.upload.concurrency)?;
        places("upload.spooling", self.upload.spooling)?;
        places("matching.concurrency", self.matching.concurrency)?;
        if self.upload.idle_s == 0 {
            return Err(wrong("upload.idle_s", "must be at least 1"));
        }
        if !(1..=3600).contains(&self.matching.lease_s) {
            return Err(wrong("matching.lease_s", "must be 1 to 3600"));
        }
        Ok(())
    }
}

fn wrong(key: &str, reason: &str) -> ConfigError {
    ConfigError::Key { key: key.to_owned(), reason: reason.to_owned() }
}

/// `auth.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Issuers elsewhere.
    pub issuers: Vec<IssuerConfig>,
    /// Opens the reads of tasks and their details to everybody, as the original has it; never profiles.
    pub public_reads: bool,
}

/// `upload.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UploadConfig {
    /// Largest file of a multipart upload, in bytes; it is spooled to disk.
    pub max_bytes: u64,
    /// Largest JSON request with a statement, in bytes; its rows are held in memory while they are read.
    pub max_json_bytes: u64,
    /// Rows of a file at most.
    pub max_rows: u32,
    /// Uploads that arrive at once; one more is answered 503 with `Retry-After`.
    pub spooling: usize,
    /// Uploads that are read and stored at once, each with a connection; further ones wait their turn.
    pub concurrency: usize,
    /// How long a client may be silent in the middle of its upload, in seconds.
    pub idle_s: u64,
}

impl Default for UploadConfig {
    fn default() -> Self {
        Self {
            max_bytes: 1024 * 1024 * 1024,
            max_json_bytes: 32 * 1024 * 1024,
            max_rows: 5_000_000,
            spooling: 32,
            concurrency: 4,
            idle_s: 60,
        }
    }
}

/// `matching.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatchingConfig {
    /// Tasks that one replica matches at once.
    pub concurrency: usize,
    /// How long a task stays with a replica that has gone silent, in seconds.
    pub lease_s: u64,
}

impl Default for MatchingConfig {
    fn default() -> Self {
        Self { concurrency: 2, lease_s: 30 }
    }
}
