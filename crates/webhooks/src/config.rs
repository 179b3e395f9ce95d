//! `webhooks.*`

use chrono::TimeDelta;
use common::config::ConfigError;
use common::seal::{SealError, SealingKey};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

const MIN_KEY_SECRET: usize = 32;

/// `webhooks.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Protects the subscriptions' secrets in the database: at least 32 random characters, the same on every replica,
    /// best from a file (`GARANT__WEBHOOKS__KEY_SECRET_FILE`).
    pub key_secret: SecretString,
    /// Subscriptions that one owner may have.
    pub subscriptions_per_owner: u32,
    /// Deliveries that a replica sends at once.
    pub concurrency: usize,
    /// Of those, how many to one subscription.
    pub concurrency_per_subscription: u32,
    /// The waits after the first, second, … failed attempt, in seconds; one failure more and a delivery is given up.
    /// Each is drawn out by up to a tenth at random. The default is the schedule that Standard Webhooks recommends.
    pub retry_after_s: Vec<u32>,
    /// How long messages are kept after their publication, in days; longer while a delivery is pending.
    pub retention_days: u32,
    /// How often a replica looks for what became due, in milliseconds; new messages wake it at once.
    pub poll_ms: u64,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        const MINUTE: u32 = 60;
        const HOUR: u32 = 60 * MINUTE;
        Self {
            key_secret: SecretString::default(),
            subscriptions_per_owner: 20,
            concurrency: 16,
            concurrency_per_subscription: 4,
            retry_after_s: vec![
                5,
                5 * MINUTE,
                30 * MINUTE,
                2 * HOUR,
                5 * HOUR,
                10 * HOUR,
                14 * HOUR,
                20 * HOUR,
                24 * HOUR,
            ],
            retention_days: 30,
            poll_ms: 1_000,
        }
    }
}

impl WebhooksConfig {
    /// Checks what serde can't; the error names the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let require = |holds: bool, key: &str, reason: &str| {
            let error = || ConfigError::Key { key: format!("webhooks.{key}"), reason: reason.to_owned() };
            holds.then_some(()).ok_or_else(error)
        };
        require(
            self.key_secret.expose_secret().len() >= MIN_KEY_SECRET,
            "key_secret",
            "at least 32 characters are needed",
        )?;
        require(self.subscriptions_per_owner > 0, "subscriptions_per_owner", "must be at least 1")?;
        require((1..=256).contains(&self.concurrency), "concurrency", "must be 1 to 256")?;
        require(self.concurrency_per_subscription > 0, "concurrency_per_subscription", "must be at least 1")?;
        require(self.retry_after_s.len() <= 100, "retry_after_s", "at most 100 waits are allowed")?;
        require((1..=3_650).contains(&self.retention_days), "retention_days", "must be 1 to 3650")?;
        require(self.poll_ms > 0, "poll_ms", "must be at least 1")
    }

    /// What seals the subscriptions' secrets.
    pub(crate) fn sealing_key(&self) -> Result<SealingKey, SealError> {
        SealingKey::derive(&self.key_secret, "garant webhooks", "subscription secrets")
    }

    /// The wait after so many failures in a row; `None` where there were too many.
    pub(crate) fn wait(&self, failures: i32) -> Option<TimeDelta> {
        let place = usize::try_from(failures).ok()?.checked_sub(1)?;
        let wait_ms = i64::from(*self.retry_after_s.get(place)?) * 1_000;
        Some(TimeDelta::milliseconds(wait_ms + rand::random_range(0..=wait_ms / 10)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_are_made_over_three_days() {
        let config = WebhooksConfig::default();
        let waits: Vec<_> = (1..=9).map(|failures| config.wait(failures).unwrap()).collect();
        assert!((TimeDelta::seconds(5)..=TimeDelta::milliseconds(5_500)).contains(&waits[0]));
        let total: TimeDelta = waits.into_iter().sum();
        assert!((TimeDelta::hours(75)..TimeDelta::hours(84)).contains(&total), "{total}");
        assert_eq!(config.wait(10), None);
    }

    #[test]
    fn a_wrong_key_is_named() {
        let message = WebhooksConfig::default().validate().unwrap_err().to_string();
        assert!(message.contains("webhooks.key_secret"), "{message}");
    }
}
