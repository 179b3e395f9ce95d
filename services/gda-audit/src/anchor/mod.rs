//! Where the head of the audit trail's chain is kept, outside the database that it proves.

mod file;

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::file::FileAnchor;
use crate::domain::control::hex;
use crate::domain::person::{Hash, sha256};
use crate::store::audit::Head;

/// A head with a signature over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// The place in the chain.
    pub seq: i64,
    /// The chain's hash there, hexadecimal.
    pub hash: String,
    /// When it was signed.
    pub at: DateTime<Utc>,
    /// Ed25519 over `seq|hash|at`, base64.
    pub signature: String,
}

impl SignedHead {
    fn signed_text(seq: i64, hash: &str, at: DateTime<Utc>) -> String {
        format!("{seq}|{hash}|{}", at.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// The head could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("the audit anchor failed: {0}")]
pub struct AnchorError(pub String);

/// A sink outside the database.
#[async_trait]
pub trait Anchor: Send + Sync {
    /// Keeps a head, durably. The same head may be written twice.
    async fn write(&self, head: &SignedHead) -> Result<(), AnchorError>;

    /// All heads that it keeps, in the order in which they were written.
    async fn heads(&self) -> Result<Vec<SignedHead>, AnchorError>;
}

/// The sink at a URL.
///
/// # Errors
/// There is none for such a URL.
pub fn open(url: &SecretString) -> Result<Arc<dyn Anchor>, AnchorError> {
    let expected = || AnchorError("must be file:///…".to_owned());
    let url = Url::parse(url.expose_secret()).map_err(|_| expected())?;
    match url.scheme() {
        "file" => Ok(Arc::new(FileAnchor::new(url.to_file_path().map_err(|()| expected())?))),
        _ => Err(expected()),
    }
}

/// `audit.signing_key` is too short.
#[derive(Debug, thiserror::Error)]
#[error("must have 32 characters or more")]
pub struct KeyError;

/// Signs heads.
pub struct Signer(Ed25519KeyPair);

impl Signer {
    /// With a key that is derived from a random secret.
    pub fn new(secret: &SecretString) -> Result<Self, KeyError> {
        let secret = secret.expose_secret().trim();
        if secret.len() < 32 {
            return Err(KeyError);
        }
        let seed = sha256(format!("garant audit head\0{secret}").as_bytes());
        Ed25519KeyPair::from_seed_unchecked(&seed).map(Self).map_err(|_| KeyError)
    }

    /// Signs a head.
    pub fn sign(&self, head: Head, at: DateTime<Utc>) -> SignedHead {
        let hash = hex::encode(&head.hash);
        let signature = self.0.sign(SignedHead::signed_text(head.seq, &hash, at).as_bytes());
        SignedHead { seq: head.seq, hash, at, signature: STANDARD.encode(signature.as_ref()) }
    }

    /// The hash of a head that this key has signed.
    pub fn verified(&self, head: &SignedHead) -> Option<Hash> {
        let text = SignedHead::signed_text(head.seq, &head.hash, head.at);
        let signature = STANDARD.decode(&head.signature).ok()?;
        let key = UnparsedPublicKey::new(&ED25519, self.0.public_key().as_ref());
        key.verify(text.as_bytes(), &signature).ok()?;
        hex::decode(&head.hash)
    }
}
