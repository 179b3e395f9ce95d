//! The service's configuration, one struct per concern; `README.md` has the table.

use std::path::PathBuf;

use common::config::ConfigError;
use common::db::DatabaseConfig;
use common::passwords::HashingConfig;
use common::server::{ManagementConfig, ServerConfig};
use common::telemetry::TelemetryConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::connectors::ConnectorsConfig;
use crate::domain::outcome::{Overrides, Weights};

const MIN_SECRET: usize = 32;

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
    /// Merchants' accounts.
    pub accounts: AccountsConfig,
    /// The outside systems that are asked.
    pub connectors: ConnectorsConfig,
    /// Who was seen on which IBAN.
    pub history: HistoryConfig,
    /// The stored decisions.
    pub decisions: DecisionsConfig,
    /// Lists of banks, places and domains.
    pub reference: ReferenceConfig,
    /// What is other than in the table of weights, by check and outcome.
    pub score: Overrides,
}

/// `accounts.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountsConfig {
    /// How passwords are hashed.
    pub hashing: HashingConfig,
    /// Requests of one account in a second, on one replica.
    pub requests_per_second: u32,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self { hashing: HashingConfig::default(), requests_per_second: 200 }
    }
}

/// `history.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistoryConfig {
    /// Keys the digests: at least 32 random characters, the same on every replica, best from a file.
    pub secret: SecretString,
    /// Secrets under which digests are looked for, too: while replicas change to another one, and for 90 days after.
    pub also_read: Vec<SecretString>,
}

/// `decisions.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionsConfig {
    /// How long a decision can be retrieved, in days.
    pub retention_days: u32,
}

impl Default for DecisionsConfig {
    fn default() -> Self {
        // A debtor may dispute an unauthorised direct debit for 13 months (Dir. (EU) 2015/2366 art. 71).
        Self { retention_days: 400 }
    }
}

/// `reference.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReferenceConfig {
    /// Directory whose files take the place of those in the binary, and are read again when they change.
    pub directory: Option<PathBuf>,
}

impl Config {
    /// Checks the rules that a key's type cannot hold; the message names the key.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.server.validate()?;
        self.database.validate()?;
        for (key, secret) in std::iter::once(("history.secret", &self.history.secret))
            .chain(self.history.also_read.iter().map(|secret| ("history.also_read", secret)))
        {
            if secret.expose_secret().len() < MIN_SECRET {
                return Err(wrong(key, "at least 32 characters are needed"));
            }
        }
        if self.accounts.requests_per_second == 0 {
            return Err(wrong("accounts.requests_per_second", "must be at least 1"));
        }
        if !(1..=3_660).contains(&self.decisions.retention_days) {
            return Err(wrong("decisions.retention_days", "must be 1 to 3660"));
        }
        self.weights().map(drop)
    }

    /// The table of weights with what the configuration changes of it.
    ///
    /// # Errors
    /// [`ConfigError`] that names the key.
    pub fn weights(&self) -> Result<Weights, ConfigError> {
        Weights::with(&self.score).map_err(|(key, fault)| wrong(&format!("score.{key}"), &fault.to_string()))
    }
}

fn wrong(key: &str, reason: &str) -> ConfigError {
    ConfigError::Key { key: key.to_owned(), reason: reason.to_owned() }
}
