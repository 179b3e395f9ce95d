//! Signing keys: encrypted in the database, shared by the replicas, rotated.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use common::auth::{Claims, KeySource, Unavailable, VerificationKey, access_token_kid, verified_claims};
use common::clock::SharedClock;
use common::seal::{self, SealError, SealingKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use secrecy::SecretString;
use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::domain::key_schedule::{self, KeySchedule};
use crate::store::signing_keys::{self, StoredKey};

/// Unknown `kid`s make us look into the database at most this often.
const MIN_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// Why there are no signing keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database is away or refused.
    #[error("signing keys: {0}")]
    Sql(#[from] sqlx::Error),
    /// The configured secret is not the one under which the keys were stored.
    #[error("configuration key `identity.key_secret`: it doesn't open the signing key {0} in the database")]
    WrongSecret(String),
    /// The cryptographic library failed.
    #[error("signing keys: the cryptographic library failed")]
    Crypto,
    /// There is none.
    #[error("signing keys: there is none")]
    Missing,
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

impl From<SealError> for KeyError {
    fn from(_: SealError) -> Self {
        Self::Crypto
    }
}

/// What tells keys derived from `identity.key_secret` from those of other crates.
const REALM: &str = "garant identity";

/// What is derived from `identity.key_secret`.
pub(crate) struct DerivedKeys {
    encryption: SealingKey,
    pseudonyms: hmac::Key,
}

impl DerivedKeys {
    pub(crate) fn derive(secret: &SecretString) -> Result<Self, KeyError> {
        Ok(Self {
            encryption: SealingKey::derive(secret, REALM, "signing keys")?,
            pseudonyms: hmac::Key::new(hmac::HMAC_SHA256, &seal::derive_key(secret, REALM, "attempts")?),
        })
    }

    /// A stable stand-in for personal data, the same on every replica.
    pub(crate) fn pseudonym(&self, digest: &[u8; 32]) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&self.pseudonyms, digest).as_ref());
        bytes
    }

    fn open(&self, kid: &str, sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.encryption.open(kid, sealed).map_err(|error| match error {
            SealError::Wrong => KeyError::WrongSecret(kid.to_owned()),
            SealError::Crypto => KeyError::Crypto,
        })
    }
}

struct SigningKey {
    public: PublicKey,
    signer: EncodingKey,
    active_from: DateTime<Utc>,
}

/// A public key as JWK (RFC 7517, RFC 8037).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PublicKey {
    /// Always `OKP`.
    #[schema(value_type = String, example = "OKP")]
    pub kty: &'static str,
    /// Always `Ed25519`.
    #[schema(value_type = String, example = "Ed25519")]
    pub crv: &'static str,
    /// Always `EdDSA`.
    #[schema(value_type = String, example = "EdDSA")]
    pub alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    #[schema(value_type = String, example = "sig")]
    pub usage: &'static str,
    /// The key's identifier.
    pub kid: String,
    /// The key, base64url.
    pub x: String,
}

/// The keys that tokens may be signed with: the next, the active and the retired whose tokens may still live.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeySet {
    /// The public keys.
    pub keys: Vec<PublicKey>,
}

/// This replica's copy of the signing keys.
pub(crate) struct Keys {
    pool: PgPool,
    clock: SharedClock,
    schedule: KeySchedule,
    issuer: String,
    pub(crate) derived: DerivedKeys,
    keys: ArcSwap<HashMap<String, Arc<SigningKey>>>,
    last_reload: Mutex<Option<Instant>>,
}

impl Keys {
    pub(crate) fn new(
        pool: PgPool,
        clock: SharedClock,
        schedule: KeySchedule,
        issuer: String,
        secret: &SecretString,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            pool,
            clock,
            schedule,
            issuer,
            derived: DerivedKeys::derive(secret)?,
            keys: ArcSwap::default(),
            last_reload: Mutex::new(None),
        })
    }

    /// Makes the key that is due, drops those that nobody needs, and loads the rest.
    pub(crate) async fn maintain(&self) -> Result<(), KeyError> {
        let now = self.clock.now();
        let mut tx = self.pool.begin().await?;
        signing_keys::lock(&mut tx).await?;
        let stored = signing_keys::all(&mut *tx).await?;
        let periods: Vec<_> = stored.iter().map(|key| key.active_from).collect();
        if let Some(active_from) = self.schedule.missing(&periods, now) {
            // A replica with another secret must not add a key that the others can't open.
            for key in &stored {
                self.derived.open(&key.kid, &key.private_key)?;
            }
            signing_keys::insert(&mut *tx, &self.generate(active_from)?).await?;
        }
        if let Some(oldest) = key_schedule::oldest_needed(&periods, now) {
            signing_keys::delete_before(&mut *tx, oldest).await?;
        }
        tx.commit().await?;
        self.load().await
    }

    /// Loads what other replicas have made.
    pub(crate) async fn load(&self) -> Result<(), KeyError> {
        let stored = signing_keys::all(&self.pool).await?;
        let known = self.keys.load();
        let keys = stored
            .into_iter()
            .map(|key| match known.get(&key.kid) {
                Some(known) => Ok((key.kid, known.clone())),
                None => Ok((key.kid.clone(), Arc::new(self.opened(key)?))),
            })
            .collect::<Result<_, KeyError>>()?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    fn generate(&self, active_from: DateTime<Utc>) -> Result<StoredKey, KeyError> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())?;
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| KeyError::Crypto)?;
        let kid = uuid::Uuid::now_v7().to_string();
        let private_key = self.derived.encryption.seal(&kid, pkcs8.as_ref())?;
        Ok(StoredKey { kid, public_key: pair.public_key().as_ref().to_vec(), private_key, active_from })
    }

    fn opened(&self, stored: StoredKey) -> Result<SigningKey, KeyError> {
        let pkcs8 = self.derived.open(&stored.kid, &stored.private_key)?;
        let x = URL_SAFE_NO_PAD.encode(&stored.public_key);
        let public = PublicKey { kty: "OKP", crv: "Ed25519", alg: "EdDSA", usage: "sig", kid: stored.kid, x };
        Ok(SigningKey { public, signer: EncodingKey::from_ed_der(&pkcs8), active_from: stored.active_from })
    }

    /// The published keys.
    pub(crate) fn public(&self) -> KeySet {
        let mut keys: Vec<_> = self.keys.load().values().map(|key| key.public.clone()).collect();
        keys.sort_by(|a, b| a.kid.cmp(&b.kid));
        KeySet { keys }
    }

    /// Signs an access token (RFC 9068 §2.1).
    pub(crate) fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let keys = self.keys.load();
        let periods: Vec<_> = keys.values().map(|key| key.active_from).collect();
        let active_from = key_schedule::signing(&periods, self.clock.now());
        let key = keys.values().find(|key| Some(key.active_from) == active_from);
        let key = key.ok_or(KeyError::Missing)?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(key.public.kid.clone());
        jsonwebtoken::encode(&header, claims, &key.signer).map_err(|_| KeyError::Crypto)
    }

    /// The claims of an access token of ours that has not expired, for whatever audience; `None` for anything else.
    pub(crate) async fn verify(&self, token: &str) -> Result<Option<Claims>, Unavailable> {
        let Some(kid) = access_token_kid(token) else { return Ok(None) };
        let Some(key) = self.key(&kid).await? else { return Ok(None) };
        let claims = verified_claims(token, &key, &self.issuer, None);
        Ok(claims.filter(|claims| claims.exp > self.clock.now().timestamp()))
    }

    fn verification_key(&self, kid: &str) -> Option<VerificationKey> {
        let x = self.keys.load().get(kid)?.public.x.clone();
        let key = DecodingKey::from_ed_components(&x).ok()?;
        Some(VerificationKey { algorithm: Algorithm::EdDSA, key })
    }
}

#[async_trait]
impl KeySource for Keys {
    /// A `kid` that is unknown here may be another replica's newest.
    async fn key(&self, kid: &str) -> Result<Option<VerificationKey>, Unavailable> {
        if let Some(key) = self.verification_key(kid) {
            return Ok(Some(key));
        }
        let mut last_reload = self.last_reload.lock().await;
        if last_reload.is_none_or(|at| at.elapsed() >= MIN_RELOAD_INTERVAL) {
            self.load().await.map_err(|error| {
                tracing::warn!(%error, "signing keys could not be reloaded");
                Unavailable
            })?;
            *last_reload = Some(Instant::now());
        }
        Ok(self.verification_key(kid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_another_secret_sealed_names_the_configuration_key() {
        let keys = DerivedKeys::derive(&"a secret of thirty-two characters".into()).unwrap();
        let others = DerivedKeys::derive(&"another secret of 32 characters..".into()).unwrap();
        let sealed = keys.encryption.seal("k1", b"private").unwrap();
        assert_eq!(keys.open("k1", &sealed).unwrap(), b"private");
        assert!(matches!(others.open("k1", &sealed), Err(KeyError::WrongSecret(_))));
    }
}
