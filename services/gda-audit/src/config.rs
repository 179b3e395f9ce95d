//! The service's configuration, one struct per concern; `README.md` has the table.

use std::collections::HashSet;

use common::auth::IssuerConfig;
use common::config::ConfigError;
use common::db::DatabaseConfig;
use common::server::{ManagementConfig, ServerConfig};
use common::telemetry::TelemetryConfig;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;
use webhooks::WebhooksConfig;

use crate::anchor::Signer;
use crate::domain::control::ControlType;
use crate::lists::Format;

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
    /// Whose tokens are accepted.
    pub auth: AuthConfig,
    /// The lists that are screened against.
    pub lists: Vec<ListConfig>,
    /// How lists are renewed.
    pub renewal: RenewalConfig,
    /// What proves the audit trail.
    pub audit: AuditConfig,
    /// What is sent to subscribers.
    pub webhooks: WebhooksConfig,
    /// Imports of persons, and screening in the background.
    pub batch: BatchConfig,
}

/// `batch.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Jobs that one replica works on at once.
    pub concurrency: usize,
    /// How long a job stays with a replica that has gone silent, in seconds.
    pub lease_s: u64,
    /// The largest file of persons, in bytes.
    pub max_bytes: u64,
    /// Files of persons that are taken in at once, each with a connection; one more is answered 503 with `Retry-After`.
    pub uploads: usize,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self { concurrency: 2, lease_s: 30, max_bytes: 4 * 1024 * 1024 * 1024, uploads: 8 }
    }
}

/// `audit.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Where the head of the chain is kept.
    pub anchor: AnchorConfig,
    /// Signs it: a random secret of 32 characters or more.
    pub signing_key: SecretString,
}

/// `audit.anchor.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorConfig {
    /// A place outside the database: `file:///…`, `https://…` or `postgres://…` of another database.
    pub url: SecretString,
}

/// `auth.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Issuers of tokens.
    pub issuers: Vec<IssuerConfig>,
}

/// `lists[]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListConfig {
    /// Its key in paths: letters, digits, `-` and `_`.
    pub source: String,
    /// What it is for.
    pub control_type: ControlType,
    /// The format of its files.
    pub format: Format,
    /// The official URLs of its files: one, or the four of OFAC's CSV.
    #[serde(default)]
    pub urls: Vec<Url>,
    /// How often it is fetched from there, in seconds; never by itself where absent.
    #[serde(default)]
    pub every_s: Option<u32>,
    /// Whether an edition of `OFAC_CSV` may lack some of its four files.
    #[serde(default)]
    pub may_be_partial: bool,
    /// The share of its entries, 0 to 1, that a new edition may lose.
    #[serde(default = "max_shrink_share")]
    pub max_shrink_share: f64,
}

fn max_shrink_share() -> f64 {
    0.2
}

/// `renewal.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenewalConfig {
    /// The largest file of an edition, in bytes.
    pub max_bytes: u64,
    /// How long fetching a file may take, in seconds.
    pub fetch_timeout_s: u64,
    /// How often a replica looks for editions that another one has put in force, in milliseconds.
    pub poll_ms: u64,
}

impl Default for RenewalConfig {
    fn default() -> Self {
        Self { max_bytes: 256 * 1024 * 1024, fetch_timeout_s: 300, poll_ms: 1_000 }
    }
}

impl Config {
    /// Checks the rules that a key's type cannot hold; the message names the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.server.validate()?;
        self.database.validate()?;
        crate::anchor::check(&self.audit.anchor.url, &self.database.url)
            .map_err(|error| wrong("audit.anchor.url", &error.0))?;
        Signer::new(&self.audit.signing_key)
            .map_err(|error| wrong("audit.signing_key", &error.to_string()))?;
        self.webhooks.validate()?;
        for (key, value) in
            [("batch.concurrency", self.batch.concurrency), ("batch.uploads", self.batch.uploads)]
        {
            if !(1..=1024).contains(&value) {
                return Err(wrong(key, "must be 1 to 1024"));
            }
        }
        if !(1..=3600).contains(&self.batch.lease_s) {
            return Err(wrong("batch.lease_s", "must be 1 to 3600"));
        }
        let mut sources = HashSet::new();
        for (n, list) in self.lists.iter().enumerate() {
            let key = |field: &str| format!("lists[{n}].{field}");
            let is_key = |source: &str| {
                (1..=64).contains(&source.len())
                    && source.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            };
            if !is_key(&list.source) || !sources.insert(&list.source) {
                return Err(wrong(&key("source"), "1 to 64 letters, digits, - and _, and no other list's"));
            }
            if !(0.0..=1.0).contains(&list.max_shrink_share) {
                return Err(wrong(&key("max_shrink_share"), "must be 0 to 1"));
            }
            if list.urls.iter().any(|url| !matches!(url.scheme(), "http" | "https")) {
                return Err(wrong(&key("urls"), "http:// or https:// only"));
            }
            if list.urls.len() > 1 && list.format != Format::OfacCsv {
                return Err(wrong(&key("urls"), "only OFAC_CSV has more than one file"));
            }
            if list.format == Format::OfacCsv && !list.may_be_partial && ![0, 4].contains(&list.urls.len()) {
                return Err(wrong(&key("urls"), "OFAC_CSV has four files, unless may_be_partial is set"));
            }
            if list.every_s.is_some_and(|every| every == 0 || list.urls.is_empty()) {
                return Err(wrong(&key("every_s"), "must be at least 1, and needs urls"));
            }
        }
        for (key, value) in [
            ("renewal.max_bytes", self.renewal.max_bytes),
            ("renewal.fetch_timeout_s", self.renewal.fetch_timeout_s),
            ("renewal.poll_ms", self.renewal.poll_ms),
        ] {
            if value == 0 {
                return Err(wrong(key, "must be at least 1"));
            }
        }
        Ok(())
    }

    /// A list by its key.
    pub fn list(&self, source: &str) -> Option<&ListConfig> {
        self.lists.iter().find(|list| list.source == source)
    }
}

fn wrong(key: &str, reason: &str) -> ConfigError {
    ConfigError::Key { key: key.to_owned(), reason: reason.to_owned() }
}
