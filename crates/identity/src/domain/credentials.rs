//! Random identifiers and secrets.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::redact::Personal;
use rand::Rng;
use rand::distr::Alphanumeric;
use secrecy::SecretString;

const CLIENT_ID_LENGTH: usize = 40;
const CLIENT_SECRET_LENGTH: usize = 64;

/// An opaque token (a refresh token, a session) of 256 random bits, and what is stored in its place.
#[derive(Debug, Clone)]
pub struct OpaqueToken {
    /// What the client gets.
    pub token: Personal<String>,
    /// Its SHA-256: the token has too much entropy to be guessed from it.
    pub digest: [u8; 32],
}

impl OpaqueToken {
    /// A new one.
    pub fn random() -> Self {
        let token = URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>());
        let digest = common::auth::token_digest(&token);
        Self { token: Personal::new(token), digest }
    }
}

/// A client's identifier and secret as our generator makes them.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// 40 ASCII letters and digits.
    pub client_id: String,
    /// 64 ASCII letters and digits.
    pub client_secret: SecretString,
}

impl ClientCredentials {
    /// New ones.
    pub fn random() -> Self {
        Self {
            client_id: alphanumeric(CLIENT_ID_LENGTH),
            client_secret: alphanumeric(CLIENT_SECRET_LENGTH).into(),
        }
    }

    /// Those that a form was prefilled with and sent back; `None` where they can't have been ours.
    pub fn prefilled(client_id: &str, client_secret: &str) -> Option<Self> {
        let is_ours =
            |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric());
        (is_ours(client_id, CLIENT_ID_LENGTH) && is_ours(client_secret, CLIENT_SECRET_LENGTH))
            .then(|| Self { client_id: client_id.to_owned(), client_secret: client_secret.to_owned().into() })
    }
}

/// A password for somebody who will be told it once.
pub fn random_password() -> SecretString {
    alphanumeric(24).into()
}

fn alphanumeric(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// SHA-256 of several parts, none of which can be mistaken for a piece of its neighbour.
pub(crate) fn digest_of_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}
