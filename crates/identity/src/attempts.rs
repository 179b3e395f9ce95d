//! Back-off after failed sign-ins (architecture §6).

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use chrono::{DateTime, Utc};
use common::clock::SharedClock;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::domain::credentials::digest_of_parts;
use crate::error::OAuthError;
use crate::keys::DerivedKeys;
use crate::store::attempts;
use common::back_off::{ACCOUNT, ACCOUNT_AT_ADDRESS, ADDRESS, Allowance};
use common::passwords::HashingError;

/// One for each first byte of a key.
const SHARDS: usize = 256;
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Counts failures of (account, address), of a user's account and of the address, in the database, for accounts that
/// exist and for those that don't.
pub(crate) struct Attempts {
    pool: PgPool,
    clock: SharedClock,
    /// An attempt counts as failed until it has succeeded. So that honest sign-ins of one account at the same time
    /// don't block each other, this replica takes them one after the other.
    one_at_a_time: [Mutex<()>; SHARDS],
}

/// Whose failures an attempt is counted among. Every transaction locks the rows in this order; the address, which
/// most attempts share, comes last.
pub(crate) struct Attempt {
    account_at_address: [u8; 32],
    account: Option<[u8; 32]>,
    address: [u8; 32],
}

impl Attempt {
    pub(crate) fn of_user(keys: &DerivedKeys, username: &str, address: IpAddr) -> Self {
        let account = keys.pseudonym(&digest_of_parts(&[b"user", username.as_bytes()]));
        Self { account: Some(account), ..Self::new(keys, "user", username, address) }
    }

    /// A generated secret can't be guessed, and a client's id is no secret: a count of the whole client would only
    /// let anybody lock it out.
    pub(crate) fn of_client(keys: &DerivedKeys, client_id: &str, address: IpAddr) -> Self {
        Self::new(keys, "client", client_id, address)
    }

    fn new(keys: &DerivedKeys, kind: &str, account: &str, address: IpAddr) -> Self {
        let address = network(address).to_string();
        let account_at_address = [kind.as_bytes(), account.as_bytes(), address.as_bytes()];
        Self {
            account_at_address: keys.pseudonym(&digest_of_parts(&account_at_address)),
            account: None,
            address: keys.pseudonym(&digest_of_parts(&[b"address", address.as_bytes()])),
        }
    }

    fn of_account(&self) -> impl Iterator<Item = (&[u8; 32], Allowance)> {
        let account = self.account.as_ref().map(|key| (key, ACCOUNT));
        std::iter::once((&self.account_at_address, ACCOUNT_AT_ADDRESS)).chain(account)
    }

    fn counts(&self) -> impl Iterator<Item = (&[u8; 32], Allowance)> {
        self.of_account().chain(std::iter::once((&self.address, ADDRESS)))
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
        Self { pool, clock, one_at_a_time: std::array::from_fn(|_| Mutex::new(())) }
    }

    /// Runs a verification unless it is blocked, and remembers how it ended. `Ok(None)` is a failure.
    pub(crate) async fn guard<T>(
        &self,
        attempt: &Attempt,
        verification: impl Future<Output = Result<Option<T>, OAuthError>>,
    ) -> Result<Option<T>, OAuthError> {
        let turn = self.one_at_a_time[usize::from(attempt.account_at_address[0])].lock();
        let _turn = tokio::time::timeout(QUEUE_TIMEOUT, turn).await.map_err(|_| HashingError::Busy)?;
        self.count(attempt).await?;
        let outcome = verification.await;
        match outcome {
            Ok(Some(_)) => self.succeed(attempt).await?,
            Ok(None) => {}
            Err(_) => self.uncount(attempt).await?,
        }
        outcome
    }

    async fn count(&self, attempt: &Attempt) -> Result<(), OAuthError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        for (key, allowance) in attempt.counts() {
            if let Err(until) = attempts::count(&mut tx, key, allowance, now).await? {
                return Err(blocked(until, now));
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// The account's failures are forgotten, the address's are not: whoever guesses may have an account of his own.
    async fn succeed(&self, attempt: &Attempt) -> Result<(), OAuthError> {
        let mut tx = self.pool.begin().await?;
        for (key, _) in attempt.of_account() {
            attempts::forget(&mut *tx, key).await?;
        }
        attempts::uncount(&mut tx, &attempt.address, ADDRESS).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The attempt was neither right nor wrong.
    async fn uncount(&self, attempt: &Attempt) -> Result<(), OAuthError> {
        let mut tx = self.pool.begin().await?;
        for (key, allowance) in attempt.counts() {
            attempts::uncount(&mut tx, key, allowance).await?;
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
    use chrono::TimeDelta;
    use common::clock::ManualClock;

    use super::*;
    use crate::store::empty_database;

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
    }

    fn attempt() -> Attempt {
        let keys = DerivedKeys::derive(&"a secret of thirty-two characters".into()).unwrap();
        Attempt::of_user(&keys, "kouassi.yao", [203, 0, 113, 1].into())
    }

    async fn busy() -> Result<Option<()>, OAuthError> {
        Err(HashingError::Busy.into())
    }

    async fn wrong() -> Result<Option<()>, OAuthError> {
        Ok(None)
    }

    #[tokio::test]
    async fn an_attempt_that_was_not_looked_at_leaves_nothing() {
        let (_database, pool) = empty_database().await;
        let attempts = Attempts::new(pool.clone(), ManualClock::at(DateTime::UNIX_EPOCH));
        for _ in 0..200 {
            let outcome = attempts.guard(&attempt(), busy()).await;
            assert!(matches!(outcome, Err(OAuthError::Hashing(HashingError::Busy))));
        }
        let rows = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM identity.attempts");
        assert_eq!(rows.fetch_one(&pool).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_attempt_that_was_not_looked_at_lifts_no_block_of_others() {
        let (_database, pool) = empty_database().await;
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);
        let [here, there] = [(), ()].map(|()| Attempts::new(pool.clone(), clock.clone()));
        let blocked_meanwhile = async {
            for _ in 0..4 {
                assert!(there.guard(&attempt(), wrong()).await.unwrap().is_none());
            }
            // The attempt here counts, too.
            assert!(matches!(there.guard(&attempt(), wrong()).await, Err(OAuthError::Blocked(_))));
            clock.advance(TimeDelta::seconds(30));
            assert!(there.guard(&attempt(), wrong()).await.unwrap().is_none());
            busy().await
        };
        assert!(here.guard(&attempt(), blocked_meanwhile).await.is_err());
        assert!(matches!(there.guard(&attempt(), wrong()).await, Err(OAuthError::Blocked(_))));
    }
}
