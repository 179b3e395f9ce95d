//! The service's configuration, one struct per concern; `README.md` has the table.

use std::time::Duration;

use common::auth::IssuerConfig;
use common::client::{ClientConfig, TlsConfig};
use common::config::ConfigError;
use common::server::{ManagementConfig, ServerConfig};
use common::telemetry::TelemetryConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::domain::bucket::Rate;
use crate::limits::Rules;
use crate::lookup::Lifetimes;

const DAY_S: u64 = 24 * 3_600;

/// Everything that `garant.toml` and the environment can set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The public port.
    pub server: ServerConfig,
    /// The port of probes and metrics.
    pub management: ManagementConfig,
    /// Logs, traces and metrics.
    pub telemetry: TelemetryConfig,
    /// Whose tokens are accepted.
    pub auth: AuthConfig,
    /// Client applications with limits or certificates of their own.
    pub clients: Vec<ClientApplicationConfig>,
    /// The directory.
    pub caps: CapsConfig,
    /// How long its answers are kept.
    pub cache: CacheConfig,
    /// How much may be asked.
    pub limits: LimitsConfig,
    /// Where replicas share the limits.
    pub redis: RedisConfig,
    /// What keeps pseudonyms from being reversed.
    pub privacy: PrivacyConfig,
    /// The OpenAPI document.
    pub openapi: OpenApiConfig,
}

/// `auth.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Issuers of the client applications' tokens.
    pub issuers: Vec<IssuerConfig>,
}

/// `clients[]`: a client application, known by its tokens or by its certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientApplicationConfig {
    /// Its name in metrics; the applications of one name share a bucket.
    pub name: String,
    /// Issuer of its tokens, with `client_id`.
    pub issuer: Option<String>,
    /// The `client_id` in its tokens.
    pub client_id: Option<String>,
    /// What the gateway says of its certificate: `URI=spiffe://…`, `Subject=CN=…` or `Hash=…`.
    pub certificate: Option<String>,
    /// Hashes that it may ask for in a minute.
    pub hashes_per_minute: u32,
}

/// `caps.*`; times in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CapsConfig {
    /// Its base, to which the operation's path is appended.
    pub url: Option<Url>,
    /// PEM files for mutual TLS.
    pub tls: TlsConfig,
    /// To open a connection.
    pub connect_timeout_ms: u64,
    /// For one attempt, the whole body included.
    pub attempt_timeout_ms: u64,
    /// For all that one request asks of CAPS.
    pub total_timeout_ms: u64,
    /// Calls under way at once in this process.
    pub max_concurrent: usize,
    /// Attempts in the window before the breaker looks at their failures.
    pub breaker_min_calls: u32,
    /// The breaker's window.
    pub breaker_window_ms: u64,
    /// How long the breaker stays open before it probes.
    pub breaker_open_ms: u64,
}

impl Default for CapsConfig {
    fn default() -> Self {
        Self {
            url: None,
            tls: TlsConfig::default(),
            connect_timeout_ms: 200,
            attempt_timeout_ms: 600,
            total_timeout_ms: 1_500,
            max_concurrent: 64,
            breaker_min_calls: 20,
            breaker_window_ms: 10_000,
            breaker_open_ms: 5_000,
        }
    }
}

impl CapsConfig {
    /// How the shared client calls CAPS: with one retry.
    pub fn client(&self) -> ClientConfig {
        ClientConfig {
            connect_timeout_ms: self.connect_timeout_ms,
            attempt_timeout_ms: self.attempt_timeout_ms,
            total_timeout_ms: self.total_timeout_ms,
            max_attempts: 2,
            max_concurrent: self.max_concurrent,
            max_body: 256 * 1024,
            breaker_min_calls: self.breaker_min_calls,
            breaker_window_ms: self.breaker_window_ms,
            breaker_open_ms: self.breaker_open_ms,
        }
    }
}

/// `cache.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Of a hash that CAPS knows, in seconds, ± 10 %.
    pub found_s: u64,
    /// Of one that it doesn't, in seconds, ± 10 %.
    pub unknown_s: u64,
    /// Hashes at most.
    pub capacity: usize,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { found_s: 300, unknown_s: 30, capacity: 500_000 }
    }
}

impl CacheConfig {
    /// The configured times.
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes { found: Duration::from_secs(self.found_s), unknown: Duration::from_secs(self.unknown_s) }
    }
}

/// `limits.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// New hashes that a customer may ask for at once.
    pub customer_hashes: u32,
    /// How many of them come back in an hour.
    pub customer_refill_per_hour: u32,
    /// A customer's hashes are remembered for one to two periods of this many seconds.
    pub customer_period_s: u64,
    /// Hashes a minute of a client application that `clients` doesn't name.
    pub client_hashes_per_minute: u32,
    /// Replicas that share the limits while Redis doesn't do it for them.
    pub replicas: u32,
    /// Customers that a replica on its own remembers.
    pub local_customers: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            customer_hashes: 1_000,
            customer_refill_per_hour: 5,
            customer_period_s: 15 * DAY_S,
            client_hashes_per_minute: 60_000,
            replicas: 1,
            local_customers: 50_000,
        }
    }
}

impl LimitsConfig {
    /// The rules as the buckets apply them.
    pub fn rules(&self) -> Rules {
        Rules {
            customer: Rate {
                limit: f64::from(self.customer_hashes),
                per_hour: f64::from(self.customer_refill_per_hour),
            },
            period: Duration::from_secs(self.customer_period_s),
            replicas: self.replicas,
        }
    }
}

/// `redis.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// `redis://…` or `rediss://…`; without it the limits are kept in memory.
    pub url: Option<SecretString>,
    /// How long a call may take before the replica goes on by itself, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self { url: None, timeout_ms: 100 }
    }
}

/// `privacy.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacyConfig {
    /// Secret of 32 characters or more, the same on all replicas: hashes and customers are kept under it.
    pub pepper: SecretString,
}

/// `openapi.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenApiConfig {
    /// The server that the OpenAPI document names.
    pub server_url: String,
}

impl Default for OpenApiConfig {
    fn default() -> Self {
        Self { server_url: "/".to_owned() }
    }
}

impl Config {
    /// Checks the rules that a key's type cannot hold; the message names the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.server.validate()?;
        let positive = [
            ("caps.attempt_timeout_ms", self.caps.attempt_timeout_ms),
            ("caps.total_timeout_ms", self.caps.total_timeout_ms),
            ("caps.max_concurrent", self.caps.max_concurrent as u64),
            ("cache.capacity", self.cache.capacity as u64),
            ("limits.customer_hashes", self.limits.customer_hashes.into()),
            ("limits.customer_refill_per_hour", self.limits.customer_refill_per_hour.into()),
            ("limits.customer_period_s", self.limits.customer_period_s),
            ("limits.client_hashes_per_minute", self.limits.client_hashes_per_minute.into()),
            ("limits.replicas", self.limits.replicas.into()),
            ("limits.local_customers", self.limits.local_customers as u64),
            ("redis.timeout_ms", self.redis.timeout_ms),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(wrong(key, "must be at least 1"));
        }
        let at_most = [
            ("cache.found_s", self.cache.found_s, 30 * DAY_S),
            ("cache.unknown_s", self.cache.unknown_s, 30 * DAY_S),
            ("limits.customer_period_s", self.limits.customer_period_s, 365 * DAY_S),
        ];
        if let Some((key, _, most)) = at_most.iter().find(|(_, value, most)| value > most) {
            return Err(wrong(key, &format!("must be at most {most}")));
        }
        match &self.caps.url {
            Some(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {}
            _ => return Err(wrong("caps.url", "an http:// or https:// URL is required")),
        }
        if self.privacy.pepper.expose_secret().chars().count() < 32 {
            return Err(wrong("privacy.pepper", "must have 32 characters or more"));
        }
        let certificates = self.clients.iter().any(|client| client.certificate.is_some());
        if self.auth.issuers.is_empty() && !certificates {
            return Err(wrong(
                "auth.issuers",
                "nobody could get in: name an issuer, or a client's certificate",
            ));
        }
        for (n, client) in self.clients.iter().enumerate() {
            let key = format!("clients[{n}]");
            let by_token = client.issuer.is_some() && client.client_id.is_some();
            if client.issuer.is_some() != client.client_id.is_some() {
                return Err(wrong(&key, "issuer and client_id go together"));
            }
            if !by_token && client.certificate.is_none() {
                return Err(wrong(&key, "needs issuer and client_id, or certificate"));
            }
            let kinds = ["URI=", "Subject=", "Hash="];
            if client.certificate.as_ref().is_some_and(|c| !kinds.iter().any(|kind| c.starts_with(kind))) {
                return Err(wrong(&key, "certificate must begin with URI=, Subject= or Hash="));
            }
            if client.hashes_per_minute == 0 || client.name.is_empty() {
                return Err(wrong(&key, "needs a name, and hashes_per_minute of at least 1"));
            }
        }
        Ok(())
    }
}

fn wrong(key: &str, reason: &str) -> ConfigError {
    ConfigError::Key { key: key.to_owned(), reason: reason.to_owned() }
}
