//! Encryption of secrets that lie in the database: AES-256-GCM, under keys derived from a secret of the configuration.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf;
use secrecy::{ExposeSecret, SecretString};

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed under another key or for another name, or is damaged.
    #[error("it was sealed under another secret")]
    Wrong,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Crypto,
}

impl From<Unspecified> for SealError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

/// The key for one `purpose` within `realm`, from a secret of the configuration (HKDF-SHA-256).
pub fn derive_key(secret: &SecretString, realm: &str, purpose: &str) -> Result<[u8; 32], SealError> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, realm.as_bytes());
    let mut key = [0; 32];
    salt.extract(secret.expose_secret().as_bytes())
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)?
        .fill(&mut key)?;
    Ok(key)
}

/// Seals what is stored. The nonce goes in front of the ciphertext.
pub struct SealingKey(RandomizedNonceKey);

impl SealingKey {
    /// With the key of [`derive_key`].
    pub fn derive(secret: &SecretString, realm: &str, purpose: &str) -> Result<Self, SealError> {
        let key = derive_key(secret, realm, purpose)?;
        Ok(Self(RandomizedNonceKey::new(&AES_256_GCM, &key)?))
    }

    /// Seals `plain` for `name`, the identifier of its row: sealed bytes that are moved to another row don't open.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut ciphertext = plain.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut ciphertext)?;
        Ok([nonce.as_ref().as_slice(), &ciphertext].concat())
    }

    /// What was sealed for `name`.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::Wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut in_out = ciphertext.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(name.as_bytes()), &mut in_out);
        Ok(plain.map_err(|_| SealError::Wrong)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_the_same_secret_purpose_and_name() {
        let key = |secret: &str, purpose| SealingKey::derive(&secret.into(), "test", purpose).unwrap();
        let ours = key("a secret of thirty-two characters", "keys");
        let sealed = ours.seal("k1", b"private").unwrap();
        assert_eq!(ours.open("k1", &sealed).unwrap(), b"private");
        assert_eq!(ours.open("k2", &sealed), Err(SealError::Wrong));
        assert_eq!(ours.open("k1", &sealed[..5]), Err(SealError::Wrong));
        assert_eq!(
            key("another secret of 32 characters..", "keys").open("k1", &sealed),
            Err(SealError::Wrong)
        );
        assert_eq!(
            key("a secret of thirty-two characters", "tokens").open("k1", &sealed),
            Err(SealError::Wrong)
        );
    }
}
