use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use super::verifier::{KeySource, Unavailable, VerificationKey};
use crate::client::Client;

const MAX_AGE: Duration = Duration::from_secs(300);
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(10);

/// Public keys of an issuer elsewhere, from its JWKS URL. Cached for five minutes; an unknown `kid` fetches them again,
/// at most every ten seconds. Where the issuer is away the cached keys stay in use.
pub struct RemoteKeys {
    url: url::Url,
    client: Client,
    keys: ArcSwap<Keys>,
    refresh: Mutex<()>,
}

#[derive(Default)]
struct Keys {
    by_kid: HashMap<String, VerificationKey>,
    fetched: Option<Instant>,
}

impl RemoteKeys {
    /// Keys published at `url`, fetched at first use.
    pub fn new(url: url::Url, client: Client) -> Self {
        Self { url, client, keys: ArcSwap::default(), refresh: Mutex::new(()) }
    }

    async fn get(&self, kid: &str) -> Result<Option<VerificationKey>, Unavailable> {
        let keys = self.keys.load();
        let age = keys.fetched.map(|fetched| fetched.elapsed());
        match (keys.by_kid.get(kid), age) {
            (Some(key), Some(age)) if age < MAX_AGE => Ok(Some(key.clone())),
            (None, Some(age)) if age < MIN_REFRESH_INTERVAL => Ok(None),
            (known, _) => match self.refreshed(keys.fetched).await {
                Ok(keys) => Ok(keys.by_kid.get(kid).cloned()),
                Err(Unavailable) => known.cloned().map(Some).ok_or(Unavailable),
            },
        }
    }

    /// Fetches the keys unless another request did so since `seen`. While one does, the others go on with the keys that
    /// there are; only before the very first fetch do they wait for it.
    async fn refreshed(&self, seen: Option<Instant>) -> Result<Arc<Keys>, Unavailable> {
        let _one_at_a_time = match self.refresh.try_lock() {
            Ok(guard) => guard,
            Err(_) if seen.is_some() => return Ok(self.keys.load_full()),
            Err(_) => self.refresh.lock().await,
        };
        let current = self.keys.load_full();
        if current.fetched != seen {
            return Ok(current);
        }
        let answer = self.client.get(self.url.clone()).await.map_err(|_| Unavailable)?;
        if !answer.status.is_success() {
            return Err(Unavailable);
        }
        let set: JwkSet = answer.json().map_err(|_| Unavailable)?;
        let by_kid = set.keys.iter().filter_map(usable).collect();
        let keys = Arc::new(Keys { by_kid, fetched: Some(Instant::now()) });
        self.keys.store(keys.clone());
        Ok(keys)
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    async fn key(&self, kid: &str) -> Result<Option<VerificationKey>, Unavailable> {
        self.get(kid).await
    }
}

/// A key of a set, if it is one of the two kinds that we accept.
fn usable(jwk: &jsonwebtoken::jwk::Jwk) -> Option<(String, VerificationKey)> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some((jwk.common.key_id.clone()?, VerificationKey { algorithm, key }))
}
