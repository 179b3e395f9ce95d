//! The number of a French company.

use std::fmt;

/// Why a text is no SIREN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SirenFault {
    /// Not nine digits.
    #[error("a SIREN has nine digits")]
    Form,
    /// `000000000`, whose sum is right, is nobody's.
    #[error("no company has this SIREN")]
    Zero,
    /// A digit is wrong.
    #[error("the SIREN's check digit is wrong")]
    CheckDigit,
}

/// A SIREN: the nine digits that INSEE gives a legal unit, the last of them a Luhn check digit (ISO/IEC 7812-1).
///
/// No SIREN is exempt. La Poste's establishments are (their SIRETs only sum to a multiple of 5), its SIREN is not;
/// the nine digits beginning with `000` in Monaco's VAT numbers are no SIREN.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Siren([u8; 9]);

impl Siren {
    /// Reads nine ASCII digits, without spaces.
    ///
    /// # Errors
    ///
    /// When the text is no SIREN.
    pub fn parse(text: &str) -> Result<Self, SirenFault> {
        let digits: [u8; 9] = text.as_bytes().try_into().map_err(|_| SirenFault::Form)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(SirenFault::Form);
        }
        if digits == [b'0'; 9] {
            return Err(SirenFault::Zero);
        }
        let doubled = |digit: u8| digit / 5 + digit * 2 % 10;
        let values = digits.iter().map(|digit| digit - b'0').enumerate();
        let sum: u8 = values.map(|(at, digit)| if at % 2 == 1 { doubled(digit) } else { digit }).sum();
        if sum.is_multiple_of(10) { Ok(Self(digits)) } else { Err(SirenFault::CheckDigit) }
    }

    /// Its nine digits.
    pub fn as_str(&self) -> &str {
        // Only digits are kept, so that this is never the default.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Siren {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Siren {
    /// A sole trader's SIREN is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sirens_are_told_from_other_texts() {
        // INSEE, La Poste, the SNCF, and one made up.
        for siren in ["120027016", "356000000", "552049447", "732829320"] {
            assert_eq!(Siren::parse(siren).unwrap().as_str(), siren);
        }
        for (text, fault) in [
            ("", SirenFault::Form),
            ("12002701", SirenFault::Form),
            ("12002701600012", SirenFault::Form),
            ("120 02701", SirenFault::Form),
            ("XXXXXXXXX", SirenFault::Form),
            ("١٢٠٠٢٧٠١٦", SirenFault::Form),
            ("000000000", SirenFault::Zero),
            ("120027017", SirenFault::CheckDigit),
            ("123456789", SirenFault::CheckDigit),
        ] {
            assert_eq!(Siren::parse(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", Siren::parse("120027016").unwrap()), "***");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            prop_assert!(Siren::parse(&text).is_err() || text.len() == 9);
        }

        #[test]
        fn one_wrong_digit_is_refused(number in 1_u32..100_000_000, at in 0_usize..9, other in 1_u8..10) {
            let siren = (0..10).map(|check| format!("{number:08}{check}")).find_map(|text| Siren::parse(&text).ok());
            let mut digits = siren.unwrap().0;
            digits[at] = b'0' + (digits[at] - b'0' + other) % 10;
            let text = String::from_utf8(digits.to_vec()).unwrap();
            prop_assert!(Siren::parse(&text).is_err());
        }
    }
}
