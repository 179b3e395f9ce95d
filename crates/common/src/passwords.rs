//! Argon2id on a bounded pool.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::redact::Personal;

/// Argon2id (RFC 9106).
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashingConfig {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Hashes computed at the same time.
    pub concurrency: usize,
    /// Hashes that may wait for that; more are answered 503.
    pub queue: usize,
    /// How long one may wait, in milliseconds, before it is answered 503.
    pub queue_timeout_ms: u64,
}

impl Default for HashingConfig {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
            concurrency: 2,
            queue: 64,
            queue_timeout_ms: 2_000,
        }
    }
}

/// Hashes passwords and client secrets, a few at a time: Argon2id is made to be slow and to fill memory.
#[derive(Debug)]
pub struct Passwords {
    argon2: Argon2<'static>,
    /// Verified in the place of the hash that an unknown account doesn't have, so that it takes the same time.
    dummy_hash: Personal<String>,
    computing: Arc<Semaphore>,
    waiting: Semaphore,
    queue_timeout: Duration,
}

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// Too many wait already, or the wait was too long: try again.
    #[error("too many passwords are being checked")]
    Busy,
    /// The parameters in the configuration, or a hash in the database, are not Argon2's.
    #[error("argon2: {0}")]
    Argon2(#[from] password_hash::Error),
}

impl From<argon2::Error> for HashingError {
    fn from(error: argon2::Error) -> Self {
        Self::Argon2(error.into())
    }
}

impl Passwords {
    /// # Errors
    /// Parameters that Argon2 does not take.
    pub fn new(config: &HashingConfig) -> Result<Self, HashingError> {
        let params = Params::new(config.memory_kib, config.iterations, config.parallelism, None)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy_hash = Personal::new(argon2.hash_password(&rand::random::<[u8; 32]>())?.to_string());
        Ok(Self {
            argon2,
            dummy_hash,
            computing: Arc::new(Semaphore::new(config.concurrency)),
            waiting: Semaphore::new(config.concurrency + config.queue),
            queue_timeout: Duration::from_millis(config.queue_timeout_ms),
        })
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: &SecretString) -> Result<Personal<String>, HashingError> {
        let password = password.clone();
        self.compute(move |argon2| {
            Ok(Personal::new(argon2.hash_password(password.expose_secret().as_bytes())?.to_string()))
        })
        .await
    }

    /// Whether the password is the hash's; never where there is no hash, and that takes as long.
    pub async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&Personal<String>>,
    ) -> Result<bool, HashingError> {
        let password = password.clone();
        let exists = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy_hash).clone();
        self.compute(move |argon2| {
            let hash = PasswordHash::new(hash.expose()).map_err(password_hash::Error::from)?;
            match argon2.verify_password(password.expose_secret().as_bytes(), &hash) {
                Ok(()) => Ok(exists),
                Err(password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> Result<T, HashingError> + Send + 'static,
    ) -> Result<T, HashingError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| HashingError::Busy)?;
        let computing = tokio::time::timeout(self.queue_timeout, self.computing.clone().acquire_owned());
        let Ok(Ok(permit)) = computing.await else { return Err(HashingError::Busy) };
        let argon2 = self.argon2.clone();
        let work = move || {
            // Held until the work has ended, also where the request has been dropped by then.
            let _permit = permit;
            work(&argon2)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| HashingError::Busy)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weak(config: HashingConfig) -> HashingConfig {
        HashingConfig { memory_kib: 8, iterations: 1, ..config }
    }

    #[tokio::test]
    async fn verifies_its_own_hash_and_nothing_without_one() {
        let passwords = Passwords::new(&weak(HashingConfig::default())).unwrap();
        let hash = passwords.hash(&"correct horse".into()).await.unwrap();
        assert!(passwords.verify(&"correct horse".into(), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&"wrong horse".into(), Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&"correct horse".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_at_once() {
        let config = weak(HashingConfig { concurrency: 1, queue: 0, ..HashingConfig::default() });
        let passwords = Passwords::new(&config).unwrap();
        let _waiting = passwords.waiting.try_acquire().unwrap();
        assert!(matches!(passwords.hash(&"x".into()).await, Err(HashingError::Busy)));
    }
}
