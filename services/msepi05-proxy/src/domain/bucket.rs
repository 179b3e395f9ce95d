//! A bucket of tokens that refills steadily.

use std::time::{Duration, Instant};

/// How much a bucket holds and how fast it refills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens of a full bucket.
    pub limit: f64,
    /// Tokens that come back in an hour.
    pub per_hour: f64,
}

impl Rate {
    /// A limit a minute.
    pub fn per_minute(limit: u32) -> Self {
        Self { limit: f64::from(limit), per_hour: f64::from(limit) * 60.0 }
    }

    /// One replica's share where `replicas` cannot share a bucket.
    pub fn shared_by(self, replicas: u32) -> Self {
        let replicas = f64::from(replicas.max(1));
        Self { limit: self.limit / replicas, per_hour: self.per_hour / replicas }
    }

    /// How long `missing` tokens take to come back.
    pub fn time_for(&self, missing: f64) -> Duration {
        Duration::try_from_secs_f64(missing.max(0.0) * 3_600.0 / self.per_hour).unwrap_or(Duration::MAX)
    }
}

/// A bucket and when it was last looked at.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.limit, at: now }
    }

    /// The tokens in it now.
    pub fn level(&self, rate: Rate, now: Instant) -> f64 {
        let hours = now.saturating_duration_since(self.at).as_secs_f64() / 3_600.0;
        (self.tokens + hours * rate.per_hour).min(rate.limit)
    }

    /// Takes tokens that [`level`](Self::level) has shown to be there.
    pub fn take(&mut self, tokens: f64, rate: Rate, now: Instant) {
        *self = Self { tokens: self.level(rate, now) - tokens, at: now };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refills_steadily_and_never_beyond_its_limit() {
        let rate = Rate { limit: 1_000.0, per_hour: 5.0 };
        let start = Instant::now();
        let mut bucket = Bucket::full(rate, start);
        bucket.take(1_000.0, rate, start);
        assert_eq!(bucket.level(rate, start), 0.0);
        assert_eq!(bucket.level(rate, start + Duration::from_secs(3_600)), 5.0);
        assert_eq!(bucket.level(rate, start + Duration::from_secs(3_600 * 1_000)), 1_000.0);
        assert_eq!(rate.time_for(1.0), Duration::from_secs(720));
    }

    #[test]
    fn a_replicas_share_is_limit_and_refill_divided() {
        assert_eq!(Rate::per_minute(600).shared_by(4), Rate { limit: 150.0, per_hour: 9_000.0 });
    }
}
