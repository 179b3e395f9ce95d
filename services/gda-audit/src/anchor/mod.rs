//! Where the head of the audit trail's chain is kept, outside the database that it proves.

mod file;
mod http;
mod postgres;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use url::Url;

use self::file::FileAnchor;
use self::http::HttpAnchor;
use self::postgres::PostgresAnchor;
use crate::domain::audit::instant;
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
        format!("{seq}|{hash}|{}", instant(at))
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

    /// All heads that it keeps.
    fn heads(&self) -> BoxStream<'_, Result<SignedHead, AnchorError>>;
}

/// What kind of sink a URL names.
enum Sink {
    File(PathBuf),
    Http(Url),
    Postgres(Box<PgConnectOptions>),
}

impl Sink {
    fn of(url: &SecretString) -> Result<Self, AnchorError> {
        // Said without the URL: a password may be in it.
        let expected = || AnchorError("must be file:///…, http(s)://… or postgres://…".to_owned());
        let text = url.expose_secret();
        let url = Url::parse(text).map_err(|_| expected())?;
        match url.scheme() {
            "file" => Ok(Self::File(url.to_file_path().map_err(|()| expected())?)),
            "http" | "https" => Ok(Self::Http(url)),
            "postgres" | "postgresql" => {
                Ok(Self::Postgres(text.parse().map(Box::new).map_err(|_| expected())?))
            }
            _ => Err(expected()),
        }
    }
}

/// Checks that there is a sink for a URL, and that it is not in the database that it is to prove.
///
/// # Errors
/// There is none, or it is.
pub fn check(url: &SecretString, database: &SecretString) -> Result<(), AnchorError> {
    let place = |options: &PgConnectOptions| {
        (options.get_host().to_owned(), options.get_port(), options.get_database().map(str::to_owned))
    };
    match (Sink::of(url)?, database.expose_secret().parse::<PgConnectOptions>()) {
        (Sink::Postgres(sink), Ok(own)) if place(&sink) == place(&own) => {
            Err(AnchorError("must be another database than database.url".to_owned()))
        }
        _ => Ok(()),
    }
}

/// The sink at a URL; it is not asked yet.
///
/// # Errors
/// There is none for such a URL.
pub fn open(url: &SecretString) -> Result<Arc<dyn Anchor>, AnchorError> {
    Ok(match Sink::of(url)? {
        Sink::File(path) => Arc::new(FileAnchor::new(path)),
        Sink::Http(url) => Arc::new(HttpAnchor::new(url).map_err(|error| AnchorError(error.to_string()))?),
        Sink::Postgres(options) => Arc::new(PostgresAnchor::new(*options)),
    })
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
