//! Keyed digests: what memory, Redis and CAPS hold in place of a hash or a customer's identifier.
//!
//! An unkeyed digest of a phone number can be reversed by trying all numbers; without the pepper a keyed one cannot.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::proxy_hash::ProxyHash;

/// HMAC-SHA256 of a proxy's hash under the pepper.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashDigest([u8; 32]);

impl HashDigest {
    /// The digest's first eight bytes as a number.
    pub fn prefix(&self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

/// A customer as buckets and CAPS know them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Customer {
    /// Names the customer's bucket: 128 bits.
    pub bucket: u128,
    /// Keeps one customer's sketch from being compared with another's.
    pub salt: u64,
}

/// The pepper's keys, one for each use.
pub struct Pepper {
    hash: hmac::Key,
    customer: hmac::Key,
    requester: hmac::Key,
    client: hmac::Key,
}

impl Pepper {
    /// Derives the keys from the secret.
    pub fn new(secret: &SecretString) -> Self {
        let hash = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let derived = |label: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&hash, label).as_ref());
        Self {
            customer: derived(b"customer"),
            requester: derived(b"requester"),
            client: derived(b"client"),
            hash,
        }
    }

    /// The key under which a hash is cached and counted.
    pub fn hash(&self, hash: &ProxyHash) -> HashDigest {
        HashDigest(signed(&self.hash, hash.as_bytes()))
    }

    /// The customer behind `numtecprs`.
    pub fn customer(&self, numtecprs: &[u8]) -> Customer {
        let digest = signed(&self.customer, numtecprs);
        let bucket = digest.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        let salt = digest.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Customer { bucket, salt }
    }

    /// `X-Requester-Ref`: the customer as CAPS may know them.
    pub fn requester_ref(&self, numtecprs: &[u8]) -> String {
        hex(&signed(&self.requester, numtecprs))
    }

    /// The name of the bucket of the client application `client_id` of `issuer`.
    pub fn client(&self, issuer: &str, client_id: &str) -> String {
        let digest = signed(&self.client, format!("{issuer}\0{client_id}").as_bytes());
        format!("{:032x}", digest.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes)))
    }
}

fn signed(key: &hmac::Key, data: &[u8]) -> [u8; 32] {
    hmac::sign(key, data).as_ref().first_chunk().copied().unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_pepper_and_on_its_use() {
        let pepper = |secret: &str| Pepper::new(&SecretString::from(secret));
        let (one, other) = (pepper("one"), pepper("other"));
        let hash = ProxyHash::from([7; 32]);
        assert_eq!(one.hash(&hash).0, pepper("one").hash(&hash).0);
        assert_ne!(one.hash(&hash).0, other.hash(&hash).0);
        assert_ne!(one.requester_ref(b"4711"), other.requester_ref(b"4711"));
        assert!(!one.requester_ref(b"4711").starts_with(&format!("{:032x}", one.customer(b"4711").bucket)));
    }

    #[test]
    fn a_client_is_its_issuer_and_its_id() {
        let pepper = Pepper::new(&SecretString::from("one"));
        assert_ne!(pepper.client("https://a", "app"), pepper.client("https://b", "app"));
        assert_ne!(pepper.client("https://a", "app"), pepper.client("https://a", "other"));
    }
}
