//! International Bank Account Numbers (ISO 13616): reading one, its parts, published specimens.

pub(crate) mod german;
pub(crate) mod national;
mod specimens;
mod structure;

use std::fmt;

pub use national::NationalKey;
use structure::Span;
pub(crate) use structure::rows;
pub use structure::{ReferenceFault, Structures};

/// The longest IBAN (ISO 13616).
const MAX_LENGTH: usize = 34;
/// Country code and check digits.
const PREFIX: usize = 4;

/// An IBAN whose structure and check digits are right. It does not say that the account exists.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Iban {
    text: [u8; MAX_LENGTH],
    length: u8,
    bank_code: Span,
    branch_code: Span,
    account_number: Span,
}

impl Iban {
    /// Upper case, without separators.
    pub fn as_str(&self) -> &str {
        self.slice(0, usize::from(self.length))
    }

    /// The two letters in front: those of the registry, so accounts in Guadeloupe are `FR`.
    pub fn country(&self) -> &str {
        self.slice(0, 2)
    }

    /// The national part: all after the check digits.
    pub fn bban(&self) -> &str {
        self.slice(PREFIX, usize::from(self.length))
    }

    /// The bank identifier, where the registry places one.
    pub fn bank_code(&self) -> Option<&str> {
        self.part(self.bank_code)
    }

    /// The branch identifier, where the registry places one.
    pub fn branch_code(&self) -> Option<&str> {
        self.part(self.branch_code)
    }

    /// The account number without bank, branch and national check digits, where the country separates it.
    pub fn account_number(&self) -> Option<&str> {
        self.part(self.account_number)
    }

    /// Whether this number is printed as an example in public documentation.
    pub fn is_specimen(&self) -> bool {
        specimens::contains(self.as_str())
    }

    fn part(&self, span: Span) -> Option<&str> {
        let part = self.slice(PREFIX + usize::from(span.from), PREFIX + usize::from(span.to));
        (!part.is_empty()).then_some(part)
    }

    fn slice(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a text is no IBAN; the first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IbanFault {
    /// Something else than ASCII letters and digits.
    #[error("an IBAN has letters and digits only")]
    Characters,
    /// The first two characters are no country of the registry.
    #[error("no country of the IBAN registry")]
    Country,
    /// Not as long as the country's IBANs.
    #[error("wrong length for the country")]
    Length,
    /// A letter where the country has a digit, or a digit where it has a letter.
    #[error("wrong structure for the country")]
    Structure,
    /// Check digits outside 02 to 98, or not those of ISO 7064 MOD 97-10.
    #[error("wrong check digits")]
    CheckDigits,
}

/// What a text of ASCII letters and digits leaves when divided by 97, each letter read as two digits from
/// `A` = 10 to `Z` = 35 (ISO 7064 MOD 97-10).
fn remainder_97<'a>(text: impl IntoIterator<Item = &'a u8>) -> u32 {
    text.into_iter().fold(0, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte.to_ascii_uppercase().wrapping_sub(b'A')) + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static STRUCTURES: LazyLock<Structures> =
        LazyLock::new(|| Structures::parse(include_str!("../../../reference/iban_structures.tsv")).unwrap());

    #[test]
    fn a_french_iban_has_its_parts() {
        let iban = STRUCTURES.read("fr1420041010050500013m02606").unwrap();
        assert_eq!(iban.as_str(), "FR1420041010050500013M02606");
        assert_eq!((iban.country(), iban.bban()), ("FR", "20041010050500013M02606"));
        assert_eq!(iban.bank_code(), Some("20041"));
        assert_eq!(iban.branch_code(), Some("01005"));
        assert_eq!(iban.account_number(), Some("0500013M026"));
        assert_eq!(STRUCTURES.read("BE68539007547034").unwrap().branch_code(), None);
        assert_eq!(format!("{iban:?}"), "***");
    }

    #[test]
    fn each_fault_has_its_name() {
        let read = |text| STRUCTURES.read(text).unwrap_err();
        assert_eq!(read("FR14 2004"), IbanFault::Characters);
        assert_eq!(read("FR14２0041010050500013M02606"), IbanFault::Characters);
        assert_eq!(read(""), IbanFault::Country);
        assert_eq!(read("XX1420041010050500013M02606"), IbanFault::Country);
        assert_eq!(read("GP1420041010050500013M02606"), IbanFault::Country);
        assert_eq!(read("FR1420041010050500013M0260"), IbanFault::Length);
        assert_eq!(read("FR14X0041010050500013M02606"), IbanFault::Structure);
        assert_eq!(read("FR1X20041010050500013M02606"), IbanFault::Structure);
        assert_eq!(read("GB29123460161331926819"), IbanFault::Structure);
        assert_eq!(read("FR1520041010050500013M02606"), IbanFault::CheckDigits);
    }

    #[test]
    fn check_digits_00_01_and_99_are_refused_though_divisible() {
        // Each pair divides like 97, 98 and 02 (ISO 13616-1 allows 02 to 98 only).
        for (right, wrong) in [("98", "01"), ("97", "00"), ("02", "99")] {
            let account = (0..10_000_u32)
                .map(|n| format!("37040044{n:010}"))
                .find(|bban| STRUCTURES.read(&format!("DE{right}{bban}")).is_ok())
                .unwrap();
            let wrong = format!("DE{wrong}{account}");
            assert_eq!(STRUCTURES.read(&wrong).unwrap_err(), IbanFault::CheckDigits);
        }
    }

    #[test]
    fn every_specimen_is_an_iban_and_is_found() {
        for specimen in specimens::ALL {
            assert!(STRUCTURES.read(specimen).unwrap_or_else(|f| panic!("{specimen}: {f}")).is_specimen());
        }
        assert!(specimens::ALL.is_sorted());
        assert!(!STRUCTURES.read("FR7630001007941234567890186").is_ok_and(|iban| iban.is_specimen()));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_is_idempotent(text in "\\PC{0,40}") {
            if let Ok(iban) = STRUCTURES.read(&text) {
                prop_assert_eq!(STRUCTURES.read(iban.as_str()), Ok(iban));
            }
        }

        #[test]
        fn case_does_not_matter(at in 0..specimens::ALL.len()) {
            let specimen = specimens::ALL[at];
            let iban = STRUCTURES.read(&specimen.to_lowercase()).unwrap();
            prop_assert_eq!(iban.as_str(), specimen);
        }

        #[test]
        fn a_changed_digit_is_refused(at in 0..specimens::ALL.len(), place in 2..34_usize, digit in 0..10_u8) {
            let mut text = specimens::ALL[at].as_bytes().to_vec();
            if let Some(byte) = text.get_mut(place) && byte.is_ascii_digit() && *byte != b'0' + digit {
                *byte = b'0' + digit;
                prop_assert!(STRUCTURES.read(std::str::from_utf8(&text).unwrap()).is_err());
            }
        }
    }
}
