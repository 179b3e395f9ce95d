//! `identity.*`

use chrono::TimeDelta;
use common::config::ConfigError;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::domain::key_schedule::{KeySchedule, LONGEST_ACCESS_TOKEN};
use common::passwords::HashingConfig;

const MIN_KEY_SECRET: usize = 32;

/// `identity.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// `iss` of our tokens: an absolute URL without query and fragment (RFC 8414 §2).
    pub issuer: String,
    /// Protects the signing keys in the database: at least 32 random characters, the same on every replica, best
    /// from a file (`GARANT__IDENTITY__KEY_SECRET_FILE`).
    pub key_secret: SecretString,
    /// Life of an access token, in seconds; at most 86,400.
    pub access_token_s: u32,
    /// Life of an access token that also names another service as its audience, in seconds; outside the local
    /// profile at most 300, because the other service learns of no revocation.
    pub foreign_audience_token_s: u32,
    /// Life of a refresh token, in seconds, counted anew with each rotation.
    pub refresh_token_s: u32,
    /// Whether anybody may register as a user.
    pub registration: bool,
    /// Registrations that one address may ask for in an hour.
    pub registrations_per_hour: u32,
    /// How passwords and client secrets are hashed.
    pub hashing: HashingConfig,
    /// How long a signing key signs, in days.
    pub key_rotation_days: u32,
    /// How long a signing key is published before it signs, in hours.
    pub key_publish_ahead_hours: u32,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            key_secret: SecretString::default(),
            access_token_s: 36_000,
            foreign_audience_token_s: 300,
            refresh_token_s: 30 * 24 * 3600,
            registration: false,
            registrations_per_hour: 10,
            hashing: HashingConfig::default(),
            key_rotation_days: 90,
            key_publish_ahead_hours: 24,
        }
    }
}

impl IdentityConfig {
    /// Checks what serde can't; the error names the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let require = |holds: bool, key: &str, reason: &str| {
            let error = || ConfigError::Key { key: format!("identity.{key}"), reason: reason.to_owned() };
            holds.then_some(()).ok_or_else(error)
        };
        let issuer = url::Url::parse(&self.issuer);
        let is_plain = |url: url::Url| url.has_host() && url.query().is_none() && url.fragment().is_none();
        require(
            issuer.is_ok_and(is_plain),
            "issuer",
            "an absolute URL without query and fragment is needed",
        )?;
        require(
            self.key_secret.expose_secret().len() >= MIN_KEY_SECRET,
            "key_secret",
            "at least 32 characters are needed",
        )?;
        let longest = LONGEST_ACCESS_TOKEN.num_seconds();
        require(
            (1..=longest).contains(&self.access_token_s.into()),
            "access_token_s",
            "1 to 86400 is allowed",
        )?;
        require(
            (1..=300).contains(&self.foreign_audience_token_s),
            "foreign_audience_token_s",
            "1 to 300 is allowed",
        )?;
        require(self.refresh_token_s > 0, "refresh_token_s", "it must not be 0")?;
        require(self.registrations_per_hour > 0, "registrations_per_hour", "it must not be 0")?;
        require(
            (1..=1_024).contains(&self.hashing.concurrency),
            "hashing.concurrency",
            "1 to 1024 is allowed",
        )?;
        require(self.hashing.queue <= 10_000, "hashing.queue", "at most 10000 is allowed")?;
        let ahead = i64::from(self.key_publish_ahead_hours);
        require(
            ahead > 0 && ahead < 24 * i64::from(self.key_rotation_days),
            "key_publish_ahead_hours",
            "it must be more than 0 and less than key_rotation_days",
        )
    }

    pub(crate) fn key_schedule(&self) -> KeySchedule {
        KeySchedule {
            rotation: TimeDelta::days(self.key_rotation_days.into()),
            publish_ahead: TimeDelta::hours(self.key_publish_ahead_hours.into()),
        }
    }
}
