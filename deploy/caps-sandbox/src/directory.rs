//! The made-up people, by the hash of their phone number or e-mail address.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::display::Base64Display;
use base64::prelude::BASE64_URL_SAFE;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const FIRST_NAMES: [&str; 7] = ["camille", "karim", "louise", "mateo", "ines", "yann", "zoe"];
const LAST_NAMES: [&str; 5] = ["exemple", "fictif", "modele", "specimen", "temoin"];
const DOMAINS: [&str; 2] = ["example.com", "example.org"];

/// SHA-256 of a proxy, written as padded base64url.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyHash([u8; 32]);

/// Not a hash, or not in its one spelling.
#[derive(Debug, thiserror::Error)]
#[error("must be 32 bytes in canonical, padded base64url")]
pub struct NotAHash;

impl ProxyHash {
    /// The hash of a proxy.
    pub fn of(proxy: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, proxy.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The hash of nobody.
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl FromStr for ProxyHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let bytes = BASE64_URL_SAFE.decode(text).map_err(|_| NotAHash)?;
        bytes.try_into().map(Self).map_err(|_| NotAHash)
    }
}

impl fmt::Display for ProxyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Base64Display::new(&self.0, &BASE64_URL_SAFE).fmt(f)
    }
}

/// Hidden, so that no hash gets into a log by way of a struct that holds it.
impl fmt::Debug for ProxyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyHash")
    }
}

impl Serialize for ProxyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProxyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What the directory says of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flags {
    /// Can be asked for a payment.
    pub can_be_payer: bool,
    /// Is a professional.
    pub pro: bool,
}

/// One line of the directory.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The phone number or address behind the hash, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The key.
    pub proxy_hash: ProxyHash,
    /// What is said of it.
    #[serde(flatten)]
    pub flags: Flags,
}

/// All lines, in the order of their hashes.
#[derive(Debug, Default)]
pub struct Directory(RwLock<BTreeMap<ProxyHash, Entry>>);

impl Directory {
    /// The same made-up people at every start, with all four combinations of flags.
    pub fn made_up(phones: u16, addresses: u16) -> Self {
        let proxies = (0..phones).map(phone).chain((0..addresses).map(address));
        let entries = proxies.enumerate().map(|(i, proxy)| {
            let proxy_hash = ProxyHash::of(&proxy);
            let flags = Flags { can_be_payer: i % 2 == 0, pro: i % 4 < 2 };
            (proxy_hash, Entry { proxy: Some(proxy), proxy_hash, flags })
        });
        Self(RwLock::new(entries.collect()))
    }

    /// All lines.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// What is said of those hashes that are known, in their order.
    pub fn find(&self, hashes: &[ProxyHash]) -> Vec<(ProxyHash, Flags)> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        hashes.iter().filter_map(|hash| Some((*hash, entries.get(hash)?.flags))).collect()
    }

    /// Adds or replaces a line; whether it replaced one, whose text it keeps.
    pub fn put(&self, proxy_hash: ProxyHash, flags: Flags) -> bool {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let former = entries.remove(&proxy_hash);
        let replaced = former.is_some();
        entries.insert(proxy_hash, Entry { proxy: former.and_then(|entry| entry.proxy), proxy_hash, flags });
        replaced
    }

    /// Removes a line; whether there was one.
    pub fn remove(&self, hash: &ProxyHash) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(hash).is_some()
    }
}

/// In the range that ARCEP reserves for fiction.
fn phone(i: u16) -> String {
    format!("+3363998{i:04}")
}

fn address(i: u16) -> String {
    let n = usize::from(i);
    let (first, last) = (FIRST_NAMES[n % FIRST_NAMES.len()], LAST_NAMES[n % LAST_NAMES.len()]);
    format!("{first}.{last}{i}@{}", DOMAINS[n % DOMAINS.len()])
}
