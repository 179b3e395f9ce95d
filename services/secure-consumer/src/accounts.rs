//! Who calls: HTTP Basic (RFC 7617) against merchants' accounts.
//!
//! A replica holds all accounts in memory and looks for changes every second, so a disabled one gets in nowhere after
//! that. A password that was right once is known by a keyed digest: Argon2id is made to be slow.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};
use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use common::back_off::{ACCOUNT, ACCOUNT_AT_ADDRESS, ADDRESS, Allowance};
use common::clock::SharedClock;
use common::error::{Problem, ToProblem};
use common::passwords::{HashingError, Passwords};
use common::server::client_address;
use governor::clock::Clock;
use governor::{DefaultDirectRateLimiter, NotUntil, Quota, RateLimiter};
use ipnet::IpNet;
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use crate::config::AccountsConfig;
use crate::store::accounts::{self, Account, State};

/// How often a replica looks for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Passwords that are remembered as right.
const REMEMBERED: usize = 10_000;
/// Accounts and addresses whose failures are counted.
const COUNTED: usize = 100_000;

/// Why a merchant was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// 401 `AUTH_001`: no credential, one that cannot be read, an unknown login or a wrong password, with no telling which.
    #[error("login or password")]
    Credential,
    /// 401 `AUTH_003`: the account may not call from this address.
    #[error("address")]
    Address,
    /// 401 `AUTH_004`
    #[error("inactive account")]
    Inactive,
    /// 401 `AUTH_005`
    #[error("closed account")]
    Closed,
    /// 429 `RATE_001`: too many requests, or too many wrong passwords.
    #[error("too many requests")]
    Rate(Duration),
    /// 503 or 500
    #[error(transparent)]
    Hashing(#[from] HashingError),
}

impl ToProblem for AccessError {
    fn problem(&self) -> Problem {
        let refused = |code| {
            Problem::new(StatusCode::UNAUTHORIZED, code, self.to_string())
                .challenge("Basic realm=\"secure-consumer\", charset=\"UTF-8\"")
        };
        match self {
            Self::Credential => refused("AUTH_001"),
            Self::Address => refused("AUTH_003"),
            Self::Inactive => refused("AUTH_004"),
            Self::Closed => refused("AUTH_005"),
            Self::Rate(after) => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_001", self.to_string()).retry_after(*after)
            }
            Self::Hashing(HashingError::Busy) => Problem::unavailable(),
            Self::Hashing(HashingError::Argon2(_)) => Problem::internal(),
        }
    }
}

common::error_response!(AccessError);

/// An account that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merchant {
    /// The account's number.
    pub account_id: i64,
}

struct Known {
    account: Account,
    rate: DefaultDirectRateLimiter,
}

/// Wrong passwords of an account, an address, or both.
#[derive(Debug, Clone, Copy)]
struct Failures {
    count: i32,
    first: DateTime<Utc>,
    blocked_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    Both(String, Option<IpAddr>),
    Account(String),
    Address(Option<IpAddr>),
}

impl Counted {
    fn allowance(&self) -> Allowance {
        match self {
            Self::Both(..) => ACCOUNT_AT_ADDRESS,
            Self::Account(_) => ACCOUNT,
            Self::Address(_) => ADDRESS,
        }
    }
}

/// All accounts.
pub struct Accounts {
    known: ArcSwap<HashMap<String, Arc<Known>>>,
    passwords: Passwords,
    /// Digests of credentials that were right, under a key of this process.
    right: Cache<[u8; 32], ()>,
    key: hmac::Key,
    failures: Cache<Counted, Failures>,
    quota: Quota,
    trusted_proxies: Vec<IpNet>,
    clock: SharedClock,
}

impl Accounts {
    /// Reads all accounts.
    ///
    /// # Errors
    /// The database does not answer, or the hashing's parameters are not Argon2's.
    pub async fn open(
        config: &AccountsConfig,
        trusted_proxies: Vec<IpNet>,
        pool: &PgPool,
        clock: SharedClock,
    ) -> anyhow::Result<Arc<Self>> {
        let per_second = NonZeroU32::new(config.requests_per_second).unwrap_or(NonZeroU32::MIN);
        let accounts = Self {
            known: ArcSwap::default(),
            passwords: Passwords::new(&config.hashing)?,
            right: Cache::new(REMEMBERED),
            key: hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()),
            failures: Cache::new(COUNTED),
            quota: Quota::per_second(per_second),
            trusted_proxies,
            clock,
        };
        accounts.look(pool).await?;
        Ok(Arc::new(accounts))
    }

    /// Looks for changes until everybody else has dropped the accounts.
    pub fn watch(self: &Arc<Self>, pool: PgPool) {
        let accounts = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(accounts) = accounts.upgrade() else { return };
                if let Err(error) = accounts.look(&pool).await {
                    tracing::warn!(
                        error = common::db::loggable(&error),
                        "accounts cannot be read: the known ones stay"
                    );
                }
            }
        });
    }

    async fn look(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let before = self.known.load();
        let known = accounts::all(pool).await?.into_iter().map(|account| {
            let rate = || RateLimiter::direct(self.quota);
            let known = match before.get(&account.login) {
                Some(known) if is_same(&known.account, &account) => known.clone(),
                _ => Arc::new(Known { account: account.clone(), rate: rate() }),
            };
            (account.login, known)
        });
        self.known.store(Arc::new(known.collect()));
        Ok(())
    }

    /// The merchant whose credential a request carries.
    ///
    /// # Errors
    /// [`AccessError`]
    pub async fn merchant(&self, request: &HttpRequest) -> Result<Merchant, AccessError> {
        let (login, password) = credential(request).ok_or(AccessError::Credential)?;
        let address = client_address(request, &self.trusted_proxies);
        let known = self.known.load().get(&login).cloned();
        let hash = known.as_ref().map(|known| &known.account.password_hash);
        let digest = self.digest(&login, &password, hash.map_or("", |hash| hash.expose()));
        if known.is_none() || self.right.get(&digest).is_none() {
            self.verify(&login, &password, hash, address).await?;
            self.right.insert(digest, ());
        }
        let known = known.ok_or(AccessError::Credential)?;
        match known.account.state {
            State::Active => {}
            State::Inactive => return Err(AccessError::Inactive),
            State::Closed => return Err(AccessError::Closed),
        }
        let networks = &known.account.networks;
        let is_in = |network: &IpNet| address.is_some_and(|address| network.contains(&address));
        if !networks.is_empty() && !networks.iter().any(is_in) {
            return Err(AccessError::Address);
        }
        let wait = |until: NotUntil<_>| AccessError::Rate(until.wait_time_from(known.rate.clock().now()));
        known.rate.check().map_err(wait)?;
        Ok(Merchant { account_id: known.account.id })
    }

    async fn verify(
        &self,
        login: &str,
        password: &SecretString,
        hash: Option<&common::redact::Personal<String>>,
        address: Option<IpAddr>,
    ) -> Result<(), AccessError> {
        let counted = [
            Counted::Both(login.to_owned(), address),
            Counted::Account(login.to_owned()),
            Counted::Address(address),
        ];
        let now = self.clock.now();
        let blocked = counted.iter().filter_map(|it| self.failures.get(it)?.blocked_until).max();
        if let Some(wait) =
            blocked.and_then(|until| (until - now).to_std().ok()).filter(|wait| !wait.is_zero())
        {
            return Err(AccessError::Rate(wait));
        }
        if self.passwords.verify(password, hash).await? {
            self.failures.remove(&counted[0]);
            return Ok(());
        }
        for counted in counted {
            self.count(counted, now);
        }
        Err(AccessError::Credential)
    }

    fn count(&self, counted: Counted, now: DateTime<Utc>) {
        let allowance = counted.allowance();
        let known = self.failures.get(&counted).filter(|known| now - known.first < allowance.window);
        let mut failures = known.unwrap_or(Failures { count: 0, first: now, blocked_until: None });
        failures.count = failures.count.saturating_add(1);
        failures.blocked_until = allowance.block_after(failures.count).map(|block| now + block);
        self.failures.insert(counted, failures);
    }

    /// Of a credential and the hash that it was right for, so that a changed password is asked for again.
    fn digest(&self, login: &str, password: &SecretString, hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [login, "\0", password.expose_secret(), "\0", hash] {
            context.update(part.as_bytes());
        }
        context.sign().as_ref().try_into().unwrap_or_default()
    }
}

fn is_same(one: &Account, other: &Account) -> bool {
    one.password_hash == other.password_hash && one.state == other.state && one.networks == other.networks
}

fn credential(request: &HttpRequest) -> Option<(String, SecretString)> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (login, password) = text.split_once(':')?;
    Some((login.to_owned(), password.into()))
}
