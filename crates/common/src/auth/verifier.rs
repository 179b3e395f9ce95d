use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use moka::sync::Cache;

use super::claims::Claims;
use crate::clock::SharedClock;

/// Tokens from clocks that run ahead of ours are accepted up to this many seconds early.
const CLOCK_SKEW_S: i64 = 60;
const CACHED_TOKENS: u64 = 50_000;

/// A dependency of the verification is away; the caller gets 503 and not 401.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the token cannot be verified now")]
pub struct Unavailable;

/// A public key with the one algorithm that it is for.
#[derive(Clone)]
pub struct VerificationKey {
    /// EdDSA or ES256.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
}

/// Where an issuer's public keys come from.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key of this `kid`; `None` if the issuer doesn't publish it.
    async fn key(&self, kid: &str) -> Result<Option<VerificationKey>, Unavailable>;
}

/// What the issuing service knows of revocations; asked on every use of a token, so it must answer from memory.
#[async_trait]
pub trait RevocationView: Send + Sync {
    /// Whether the token, its grant or its subject was revoked.
    async fn is_revoked(&self, claims: &Claims) -> Result<bool, Unavailable>;
}

/// An issuer whose tokens are accepted.
pub struct TrustedIssuer {
    /// Its keys.
    pub keys: Arc<dyn KeySource>,
    /// Its revocations, where this service can know them.
    pub revocations: Option<Arc<dyn RevocationView>>,
}

/// Verifies bearer tokens for one service. A verified token is cached by digest until it expires; revocation is
/// checked at every use.
pub struct Authenticator {
    audience: &'static str,
    issuers: HashMap<String, TrustedIssuer>,
    verified: Cache<[u8; 32], Arc<Claims>>,
    clock: SharedClock,
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("invalid token")]
    Invalid,
    #[error("cannot verify now")]
    Unavailable,
}

impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

impl Authenticator {
    /// An authenticator for the service that tokens call `audience`.
    pub fn new(audience: &'static str, issuers: HashMap<String, TrustedIssuer>, clock: SharedClock) -> Self {
        Self { audience, issuers, verified: Cache::new(CACHED_TOKENS), clock }
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        let digest = token_digest(token);
        let claims = match self.verified.get(&digest) {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(self.verify_signature(token).await?);
                self.verified.insert(digest, claims.clone());
                claims
            }
        };
        let now = self.clock.now().timestamp();
        if claims.exp <= now {
            self.verified.invalidate(&digest);
            return Err(Refusal::Invalid);
        }
        if claims.iat.max(claims.nbf.unwrap_or(0)) > now + CLOCK_SKEW_S {
            return Err(Refusal::Invalid);
        }
        if let Some(revocations) = self.issuers.get(&claims.iss).and_then(|i| i.revocations.as_ref())
            && revocations.is_revoked(&claims).await?
        {
            return Err(Refusal::Invalid);
        }
        Ok(claims)
    }

    async fn verify_signature(&self, token: &str) -> Result<Claims, Refusal> {
        let kid = access_token_kid(token).ok_or(Refusal::Invalid)?;
        let unverified: Claims =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| Refusal::Invalid)?;
        let issuer = self.issuers.get(&unverified.iss).ok_or(Refusal::Invalid)?;
        let key = issuer.keys.key(&kid).await?.ok_or(Refusal::Invalid)?;
        verified_claims(token, &key, &unverified.iss, Some(self.audience)).ok_or(Refusal::Invalid)
    }
}

/// The `kid` of an access token; RFC 9068 §4: the type tells one from any other JWT of the same issuer.
pub fn access_token_kid(token: &str) -> Option<String> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let is_access_token = header.typ.as_deref().is_some_and(|typ| {
        typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
    });
    header.kid.filter(|_| is_access_token)
}

/// The claims of a token that `key` signed for `issuer`, and for `audience` where one is asked for. Its times are the
/// caller's to check, against its own clock.
pub fn verified_claims(
    token: &str,
    key: &VerificationKey,
    issuer: &str,
    audience: Option<&str>,
) -> Option<Claims> {
    // The algorithm is the key's and never the header's choice.
    let mut validation = Validation::new(key.algorithm);
    validation.set_issuer(&[issuer]);
    match audience {
        Some(audience) => validation.set_audience(&[audience]),
        None => validation.validate_aud = false,
    }
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    jsonwebtoken::decode::<Claims>(token, &key.key, &validation).ok().map(|data| data.claims)
}

/// SHA-256 of a token: what caches and tables hold in its place.
pub fn token_digest(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}
