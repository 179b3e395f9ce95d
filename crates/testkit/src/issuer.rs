//! A made-up token issuer, for services that only verify tokens, and the forgeries that they must refuse.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY_ID: &str = "made-up";
const JWKS: &str = "/jwks.json";

/// An issuer with one Ed25519 key, which it publishes on a free port of 127.0.0.1. It ends when dropped.
pub struct Issuer {
    server: MockServer,
    key: Ed25519KeyPair,
}

impl Issuer {
    /// Makes a key and publishes it.
    ///
    /// # Errors
    /// The cryptographic library fails.
    pub async fn start() -> Result<Self> {
        let key = Ed25519KeyPair::generate().context("cannot make a key")?;
        let keys = json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID,
            "x": URL_SAFE_NO_PAD.encode(key.public_key()),
        }] });
        let server = MockServer::start().await;
        let published = ResponseTemplate::new(200).set_body_json(keys);
        Mock::given(path(JWKS)).respond_with(published).mount(&server).await;
        Ok(Self { server, key })
    }

    /// The `iss` of its tokens.
    pub fn issuer(&self) -> String {
        self.server.uri()
    }

    /// Where its keys are.
    pub fn jwks_url(&self) -> String {
        format!("{}{JWKS}", self.server.uri())
    }

    /// An access token (RFC 9068) for `client_id`, also its subject, valid for five minutes from now.
    pub fn token(&self, client_id: &str, audience: &str, scope: &str) -> Token<'_> {
        let now = now();
        let claims = [
            ("iss", json!(self.issuer())),
            ("sub", json!(client_id)),
            ("aud", json!([audience])),
            ("exp", json!(now + 300)),
            ("iat", json!(now)),
            ("jti", json!(crate::postgres::random(20))),
            ("client_id", json!(client_id)),
            ("scope", json!(scope)),
        ];
        let header = [("typ", json!("at+jwt")), ("alg", json!("EdDSA")), ("kid", json!(KEY_ID))];
        let members = |list: &[(&str, Value)]| list.iter().cloned().map(|(n, v)| (n.to_owned(), v)).collect();
        Token { key: &self.key, header: members(&header), claims: members(&claims) }
    }
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A token before it is signed. Without changes it is one to accept.
#[derive(Clone)]
pub struct Token<'a> {
    key: &'a Ed25519KeyPair,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Token<'_> {
    /// Sets a claim; `null` takes it away.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    /// Sets a member of the header; `null` takes it away.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.header, name, value.into());
        self
    }

    /// Signed by the issuer.
    pub fn signed(self) -> String {
        let text = self.text();
        with_signature(&text, self.key.sign(text.as_bytes()).as_ref())
    }

    /// Signed by a key of somebody else under the name of the issuer's.
    ///
    /// # Errors
    /// The cryptographic library fails.
    pub fn signed_by_a_stranger(self) -> Result<String> {
        let stranger = Ed25519KeyPair::generate().context("cannot make a key")?;
        let text = self.text();
        Ok(with_signature(&text, stranger.sign(text.as_bytes()).as_ref()))
    }

    /// `alg: none`, without a signature.
    pub fn unsigned(self) -> String {
        with_signature(&self.header("alg", "none").text(), b"")
    }

    /// `alg: HS256`, with the issuer's public key as the secret.
    pub fn signed_with_the_public_key(self) -> String {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.key.public_key().as_ref());
        let text = self.header("alg", "HS256").text();
        with_signature(&text, hmac::sign(&secret, text.as_bytes()).as_ref())
    }

    fn text(&self) -> String {
        let part = |members: &Map<String, Value>| URL_SAFE_NO_PAD.encode(json!(members).to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }
}

fn set(members: &mut Map<String, Value>, name: &str, value: Value) {
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
}

fn with_signature(text: &str, signature: &[u8]) -> String {
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
