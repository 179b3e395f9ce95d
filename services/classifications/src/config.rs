//! The service's configuration, one struct per concern; `README.md` has the table.

use common::auth::IssuerConfig;
use common::config::ConfigError;
use common::db::DatabaseConfig;
use common::server::{ManagementConfig, ServerConfig};
use common::telemetry::TelemetryConfig;
use identity::IdentityConfig;
use rust_decimal::Decimal;
use serde::Deserialize;
use webhooks::WebhooksConfig;

use crate::connectors::ConnectorsConfig;
use crate::domain::engine::Parameters;
use crate::domain::money::{Currency, FxTable};

/// The life of an access token, in seconds (contract, "OAuth 2.0").
const TOKEN_LIFE_S: u32 = 3_600;

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
    /// The authorization server that this service carries; read it through [`Config::identity`].
    pub identity: IdentityConfig,
    /// Whose tokens are accepted beside its own.
    pub auth: AuthConfig,
    /// Where the operations are.
    pub api: ApiConfig,
    /// The outside systems that are asked.
    pub connectors: ConnectorsConfig,
    /// The decision engine's numbers.
    pub parameters: Parameters,
    /// Exchange rates: `[{currency = "USD", date = "2026-11-20", rate = "1.10"}]`.
    pub fx: FxTable,
    /// What writes down what time has changed.
    pub sweeper: SweeperConfig,
    /// What is sent to subscribers.
    pub webhooks: WebhooksConfig,
}

/// `auth.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Issuers elsewhere.
    pub issuers: Vec<IssuerConfig>,
}

/// `api.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    /// Before the paths of the contract's operations.
    pub base_path: String,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self { base_path: "/classifications/v1".to_owned() }
    }
}

/// `sweeper.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweeperConfig {
    /// How often a replica looks, in seconds. Reads do not wait for it: they take time into account themselves.
    pub every_s: u64,
}

impl Default for SweeperConfig {
    fn default() -> Self {
        Self { every_s: 30 }
    }
}

impl Config {
    /// Checks the rules that a key's type cannot hold; the message names the key.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.server.validate()?;
        self.database.validate()?;
        self.identity.validate()?;
        self.webhooks.validate()?;
        self.parameters
            .check()
            .map_err(|parameter| wrong(&format!("parameters.{parameter}"), "out of range or order"))?;
        if self.fx.0.iter().any(|line| line.currency == Currency::EUR || line.rate <= Decimal::ZERO) {
            return Err(wrong("fx", "rates are above zero and not the euro's"));
        }
        let path = &self.api.base_path;
        if !path.starts_with('/') || path.ends_with('/') || path.contains(['{', '}', '?', '#']) {
            return Err(wrong("api.base_path", "begins with / and does not end with it"));
        }
        if self.sweeper.every_s == 0 {
            return Err(wrong("sweeper.every_s", "must be at least 1"));
        }
        Ok(())
    }

    /// `identity.*`, where no token lives longer than the contract says.
    pub fn identity(&self) -> IdentityConfig {
        let mut identity = self.identity.clone();
        identity.access_token_s = identity.access_token_s.min(TOKEN_LIFE_S);
        identity
    }
}

fn wrong(key: &str, reason: &str) -> ConfigError {
    ConfigError::Key { key: key.to_owned(), reason: reason.to_owned() }
}
