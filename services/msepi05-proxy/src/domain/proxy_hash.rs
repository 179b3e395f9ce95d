//! A proxy's hash: SHA-256 of a phone number or an e-mail address.

use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::ser::Error;
use serde::{Serialize, Serializer};

/// Padded, and with neither stray trailing bits nor missing padding let through: every hash has one spelling.
const CANONICAL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// 32 bytes of hash. As good as the phone number itself (all of a country's numbers hash in minutes), so `Debug` hides
/// it and nothing but the wire shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyHash([u8; 32]);

impl ProxyHash {
    /// Length of the spelling in characters.
    pub const SPELLING: usize = 44;

    /// Reads the one canonical spelling: base64url with padding, 44 characters.
    pub fn parse(text: &str) -> Option<Self> {
        // One byte of room more than 32: the decoder asks for what a full last group would need.
        let mut bytes = [0; 33];
        if text.len() != Self::SPELLING || CANONICAL.decode_slice(text, &mut bytes) != Ok(32) {
            return None;
        }
        bytes.first_chunk().copied().map(Self)
    }

    /// The bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The canonical spelling, for the wire.
    pub fn spelled(&self) -> String {
        CANONICAL.encode(self.0)
    }
}

/// On the wire.
impl Serialize for ProxyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; Self::SPELLING];
        let spelled = CANONICAL.encode_slice(self.0, &mut text).map(|_| str::from_utf8(&text));
        match spelled {
            Ok(Ok(text)) => serializer.serialize_str(text),
            _ => Err(S::Error::custom("32 bytes have a spelling of 44 characters")),
        }
    }
}

impl fmt::Debug for ProxyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<[u8; 32]> for ProxyHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = "uT1CLsQ1AZPd_fUu1MS07IddzTQ4VpNGg08FcAD0Wrw=";

    #[test]
    fn the_contracts_sample_is_read_and_written_back() {
        let hash = ProxyHash::parse(SAMPLE).unwrap();
        assert_eq!(hash.spelled(), SAMPLE);
        assert_eq!(format!("{hash:?}"), "***");
    }

    #[test]
    fn any_other_spelling_is_refused() {
        let x = SAMPLE;
        let others = [
            x.trim_end_matches('=').to_owned(),
            x.replace('_', "/"),
            // The last character carries four bits of the hash and two that must be zero.
            x.replace("w=", "x="),
            format!("{x}="),
            format!(" {}", &x[1..]),
            format!("{}==", &x[..42]),
            "=".repeat(44),
            String::new(),
            "é".repeat(22),
        ];
        for other in others {
            assert_eq!(ProxyHash::parse(&other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_hash_has_one_spelling(bytes: [u8; 32], text in "[A-Za-z0-9_-]{43}=") {
            let hash = ProxyHash::from(bytes);
            prop_assert_eq!(ProxyHash::parse(&hash.spelled()), Some(hash));
            if let Some(hash) = ProxyHash::parse(&text) {
                prop_assert_eq!(hash.spelled(), text);
            }
        }
    }
}
