//! Back-off after failed sign-ins (architecture §6).

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::clock::SharedClock;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::domain::back_off::{PER_ACCOUNT, PER_ADDRESS};
use crate::domain::credentials::digest_of_parts;
use crate::error::OAuthError;
use crate::keys::DerivedKeys;
use crate::store::attempts;

const SHARDS: usize = 256;
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Counts failures of (account, address) and of the account, in the database, for accounts that exist and for those
/// that don't.
pub(crate) struct Attempts {
    pool: PgPool,
    clock: SharedClock,
    /// An attempt counts as failed until it has succeeded. So that honest sign-ins of one account at the same time
    /// don't block each other, this replica takes them one after the other.
    one_at_a_time: Vec<Mutex<()>>,
}

/// Whose attempts are counted together.
pub(crate) struct Attempt {
    /// Of (account, address), then of the account.
    keys: [Vec<u8>; 2],
}

impl Attempt {
    /// `kind` keeps users apart from clients.
    pub(crate) fn new(keys: &DerivedKeys, kind: &str, account: &str, address: IpAddr) -> Self {
        let address = network(address).to_string();
        let account_only = digest_of_parts(&[kind.as_bytes(), account.as_bytes()]);
        let with_address = digest_of_parts(&[kind.as_bytes(), account.as_bytes(), address.as_bytes()]);
        Self { keys: [keys.pseudonym(&with_address), keys.pseudonym(&account_only)] }
    }
}

/// Whoever has one IPv6 address has its /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        },
    }
}

impl Attempts {
    pub(crate) fn new(pool: PgPool, clock: SharedClock) -> Self {
        Self { pool, clock, one_at_a_time: (0..SHARDS).map(|_| Mutex::new(())).collect() }
    }

    /// Fails where the next attempt is blocked.
    pub(crate) async fn check(&self, attempt: &Attempt) -> Result<(), OAuthError> {
        let now = self.clock.now();
        match attempts::blocked_until(&self.pool, &attempt.keys, now).await? {
            Some(until) => Err(blocked(until, now)),
            None => Ok(()),
        }
    }

    /// Runs a verification unless it is blocked, and remembers how it ended. `Ok(None)` is a failure.
    pub(crate) async fn guard<T>(
        &self,
        attempt: &Attempt,
        verification: impl Future<Output = Result<Option<T>, OAuthError>>,
    ) -> Result<Option<T>, OAuthError> {
        let shard = attempt.keys[0].first().map_or(0, |byte| usize::from(*byte) % SHARDS);
        let busy = || OAuthError::Hashing(crate::passwords::HashingError::Busy);
        let mutex = self.one_at_a_time.get(shard).ok_or_else(busy)?;
        let _turn = tokio::time::timeout(QUEUE_TIMEOUT, mutex.lock()).await.map_err(|_| busy())?;
        self.count(attempt).await?;
        let outcome = verification.await;
        for key in &attempt.keys {
            match outcome {
                Ok(Some(_)) => attempts::forget(&self.pool, key).await?,
                Ok(None) => {}
                Err(_) => attempts::uncount(&self.pool, key).await?,
            }
        }
        outcome
    }

    async fn count(&self, attempt: &Attempt) -> Result<(), OAuthError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        for (key, allowance) in attempt.keys.iter().zip([PER_ADDRESS, PER_ACCOUNT]) {
            if let Err(until) = attempts::count(&mut tx, key, allowance, now).await? {
                return Err(blocked(until, now));
            }
        }
        tx.commit().await?;
        Ok(())
    }
}

fn blocked(until: DateTime<Utc>, now: DateTime<Utc>) -> OAuthError {
    OAuthError::Blocked((until - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
    }
}
