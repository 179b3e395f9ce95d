use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use common::auth::TrustedIssuer;
use common::clock::SharedClock;
use common::config::ConfigError;
use common::server::{Profile, client_address};
use governor::{DefaultKeyedRateLimiter, Quota};
use ipnet::IpNet;
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use tokio::task::JoinSet;

use crate::attempts::{Attempt, Attempts};
use crate::config::IdentityConfig;
use crate::domain::client::{Client, ClientType};
use crate::domain::credentials::digest_of_parts;
use crate::domain::scopes::Scopes;
use crate::domain::user::Username;
use crate::error::OAuthError;
use crate::keys::{KeyError, KeySet, Keys};
use crate::revocations::{POLL_INTERVAL, Revocations};
use crate::store::users::Account;
use crate::store::{self, clients, users};
use crate::tokens::WRONG_LOGIN;
use common::passwords::{HashingError, Passwords};

const KEY_INTERVAL: Duration = Duration::from_secs(60);
const PURGE_INTERVAL: Duration = Duration::from_secs(600);
const VERIFIED_SECRETS: u64 = 10_000;
const VERIFIED_SECRET_TTL: Duration = Duration::from_secs(300);

/// The service that an authorization server is part of.
#[derive(Debug, Clone)]
pub struct Host {
    /// The service's name: the audience of its own tokens, and their `client_id` where it signs users in itself.
    pub service: &'static str,
    /// Scopes of the service's own sign-in, and of users who registered themselves.
    pub first_party_scopes: &'static [&'static str],
    /// Outside `local`, tokens for other audiences live shortly.
    pub profile: Profile,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Issues, verifies and revokes the tokens of one service; shared by its workers.
pub struct AuthorizationServer {
    pub(crate) config: IdentityConfig,
    pub(crate) pool: PgPool,
    pub(crate) clock: SharedClock,
    pub(crate) service: &'static str,
    pub(crate) first_party_scopes: Scopes,
    pub(crate) profile: Profile,
    pub(crate) keys: Arc<Keys>,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) passwords: Passwords,
    pub(crate) registrations: DefaultKeyedRateLimiter<IpAddr>,
    trusted_proxies: Vec<IpNet>,
    attempts: Attempts,
    /// Client secrets that were right, by a digest that also covers their hash: another secret, or the same one after
    /// a rotation, misses.
    verified_secrets: Cache<[u8; 32], ()>,
    cache_key: [u8; 32],
}

/// Why the authorization server can't start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A key of `identity.*` is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No signing keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// `identity.hashing` holds parameters that Argon2 refuses.
    #[error("configuration key `identity.hashing`: {0}")]
    Hashing(#[from] HashingError),
    /// The revocations could not be read.
    #[error("revocations: {0}")]
    Sql(#[from] sqlx::Error),
}

impl AuthorizationServer {
    /// Checks the configuration, makes or opens the signing keys and reads the revocations. The migrations of
    /// [`part`](crate::part) must have run.
    pub async fn open(
        config: IdentityConfig,
        pool: PgPool,
        clock: SharedClock,
        host: Host,
    ) -> Result<Arc<Self>, OpenError> {
        config.validate()?;
        let keys = Keys::new(
            pool.clone(),
            clock.clone(),
            config.key_schedule(),
            config.issuer.clone(),
            &config.key_secret,
        )?;
        keys.maintain().await?;
        let revocations = Revocations::new(&pool, clock.clone());
        revocations.poll().await?;
        let per_hour = NonZeroU32::new(config.registrations_per_hour).unwrap_or(NonZeroU32::MIN);
        Ok(Arc::new(Self {
            passwords: Passwords::new(&config.hashing)?,
            registrations: DefaultKeyedRateLimiter::keyed(Quota::per_hour(per_hour)),
            attempts: Attempts::new(pool.clone(), clock.clone()),
            verified_secrets: Cache::builder()
                .max_capacity(VERIFIED_SECRETS)
                .time_to_live(VERIFIED_SECRET_TTL)
                .build(),
            cache_key: rand::random(),
            keys: Arc::new(keys),
            revocations: Arc::new(revocations),
            service: host.service,
            first_party_scopes: host.first_party_scopes.iter().copied().collect(),
            profile: host.profile,
            trusted_proxies: host.trusted_proxies,
            config,
            pool,
            clock,
        }))
    }

    /// Starts what goes on beside the requests: looking for revocations, looking after the keys, deleting what has
    /// expired. It ends when the handle is dropped.
    pub fn spawn_background(self: &Arc<Self>) -> Background {
        let mut tasks = JoinSet::new();
        let server = self.clone();
        tasks.spawn(async move {
            let mut was_lost = false;
            loop {
                tokio::time::sleep(POLL_INTERVAL).await;
                let outcome = server.revocations.poll().await;
                match &outcome {
                    Err(error) if !was_lost => tracing::warn!(%error, "revocations can't be read"),
                    Ok(()) if was_lost => tracing::info!("revocations can be read again"),
                    _ => {}
                }
                was_lost = outcome.is_err();
            }
        });
        let server = self.clone();
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(KEY_INTERVAL).await;
                if let Err(error) = server.maintain_keys().await {
                    tracing::warn!(%error, "signing keys can't be looked after");
                }
            }
        });
        let server = self.clone();
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(PURGE_INTERVAL).await;
                server.registrations.retain_recent();
                if let Err(error) = server.purge().await {
                    tracing::warn!(%error, "expired rows can't be deleted");
                }
            }
        });
        Background { _tasks: tasks }
    }

    /// Makes the signing key that is due and drops those that nobody needs; the background does it every minute.
    pub async fn maintain_keys(&self) -> Result<(), KeyError> {
        self.keys.maintain().await
    }

    /// Deletes what has expired; the background does it every ten minutes.
    pub async fn purge(&self) -> Result<(), sqlx::Error> {
        self.revocations.sweep();
        store::purge(&self.pool, self.clock.now()).await
    }

    /// This server as an issuer that the service trusts, with its revocations.
    pub fn trusted_issuer(&self) -> TrustedIssuer {
        TrustedIssuer { keys: self.keys.clone(), revocations: Some(self.revocations.clone()) }
    }

    /// `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// The public keys, for the JWKS path.
    pub fn key_set(&self) -> KeySet {
        self.keys.public()
    }

    /// The address that failures and registrations are counted under.
    pub fn address_of(&self, request: &HttpRequest) -> IpAddr {
        client_address(request, &self.trusted_proxies).unwrap_or(Ipv4Addr::UNSPECIFIED.into())
    }

    /// Who has this name and password. A wrong name, a wrong password and a disabled user are told alike.
    pub(crate) async fn authenticate_user(
        &self,
        username: &str,
        password: &SecretString,
        address: IpAddr,
    ) -> Result<Account, OAuthError> {
        // A name that can't exist takes the same way as one that doesn't.
        let name = Username::parse(username).ok();
        let counted = name.as_ref().map_or(username, Username::expose);
        let attempt = Attempt::of_user(&self.keys.derived, counted, address);
        let verification = async {
            let account = match &name {
                Some(name) => users::by_name(&self.pool, name.expose()).await?,
                None => None,
            };
            let account = account.filter(|account| account.user.is_enabled);
            let hash = account.as_ref().map(|account| &account.password_hash);
            let is_right = self.passwords.verify(password, hash).await?;
            Ok(account.filter(|_| is_right))
        };
        self.attempts.guard(&attempt, verification).await?.ok_or(WRONG_LOGIN)
    }

    /// The client of this id, if the secret is its own; a public client must bring none (RFC 6749 §2.3).
    pub async fn authenticate_client(
        &self,
        client_id: &str,
        secret: Option<&SecretString>,
        address: IpAddr,
    ) -> Result<Client, OAuthError> {
        let account = clients::by_id(&self.pool, client_id).await?;
        let account = account.filter(|account| account.client.is_enabled);
        let Some(secret) = secret else {
            let public = account.filter(|account| account.client.client_type == ClientType::Public);
            return public.map(|account| account.client).ok_or(OAuthError::InvalidClient);
        };
        let hash = account.as_ref().and_then(|account| account.secret_hash.clone());
        let cache_key = hash.as_ref().map(|hash| {
            let parts =
                [self.cache_key.as_slice(), hash.expose().as_bytes(), secret.expose_secret().as_bytes()];
            digest_of_parts(&parts)
        });
        if cache_key.is_some_and(|key| self.verified_secrets.contains_key(&key)) {
            return account.map(|account| account.client).ok_or(OAuthError::InvalidClient);
        }
        let attempt = Attempt::of_client(&self.keys.derived, client_id, address);
        let verification = async { Ok(self.passwords.verify(secret, hash.as_ref()).await?.then_some(())) };
        self.attempts.guard(&attempt, verification).await?.ok_or(OAuthError::InvalidClient)?;
        // Checking may have taken seconds, in which the client was disabled or got another secret.
        let account = clients::by_id(&self.pool, client_id).await?;
        let account = account.filter(|account| account.client.is_enabled && account.secret_hash == hash);
        let account = account.ok_or(OAuthError::InvalidClient)?;
        if let Some(key) = cache_key {
            self.verified_secrets.insert(key, ());
        }
        Ok(account.client)
    }
}

/// What goes on beside the requests, until this is dropped.
#[must_use = "the work ends when this is dropped"]
#[derive(Debug)]
pub struct Background {
    _tasks: JoinSet<()>,
}
