//! The check digits that countries put inside their account numbers, besides those of the IBAN.
//!
//! Germany's are in [`super::german`]. A number that fails where a country has forms without check digits is
//! [`NationalKey::Unchecked`]: only what no bank can have issued is [`NationalKey::Invalid`].

use super::{Iban, remainder_97};

/// What the check digits inside a national account number say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NationalKey {
    /// They are right.
    Valid,
    /// They are wrong.
    Invalid,
    /// The country or bank has none, or none for this form of number, or its rule is not known here.
    Unchecked,
}

impl NationalKey {
    pub(super) fn of(right: bool) -> Self {
        if right { Self::Valid } else { Self::Invalid }
    }

    fn valid_or_unchecked(right: bool) -> Self {
        if right { Self::Valid } else { Self::Unchecked }
    }
}

/// The national key of an account outside Germany.
pub(crate) fn key(iban: &Iban) -> NationalKey {
    let bban = iban.bban().as_bytes();
    match iban.country() {
        "AL" => albania(bban),
        "BA" | "ME" | "MK" | "PT" | "RS" | "SI" | "TL" | "XK" => iso_7064(iban.country(), bban),
        "BE" => belgium(bban),
        "CZ" | "SK" => czechia(bban),
        "EE" => estonia(bban),
        "ES" => spain(bban),
        "FI" => finland(bban),
        "FR" | "MC" => rib(bban),
        "HR" => croatia(bban),
        "HU" => hungary(bban),
        "IS" => iceland(bban),
        "IT" | "SM" => italy(bban),
        "MR" | "TN" => remainder_zero(bban),
        "NL" => netherlands(bban),
        "NO" => norway(bban),
        "PL" => poland(bban),
        _ => NationalKey::Unchecked,
    }
}

/// Albania: eighth digit of the bank identifier, weights 9 7 3 1, modulo 10. Read from the examples of the
/// registry and of others, not from the Bank of Albania's rules, so none is wrong.
fn albania(bban: &[u8]) -> NationalKey {
    let sum = weighted(part(bban, 0, 8), &[9, 7, 3, 1, 9, 7, 3, 1]);
    NationalKey::valid_or_unchecked(sum.is_multiple_of(10))
}

/// Last two digits by ISO 7064 MOD 97-10, as on the IBAN itself: Bosnia and Herzegovina, Kosovo, Montenegro,
/// North Macedonia, Portugal (NIB), Serbia, Slovenia, Timor-Leste (ECBS TR201; the registry's examples). Accounts
/// at the central banks of Serbia (908) and Slovenia (01) are known without (php-iban), and Kosovo's rule only
/// from an example: of these, none is wrong.
fn iso_7064(country: &str, bban: &[u8]) -> NationalKey {
    // The standard gives 02 to 98, as for the IBAN's own check digits.
    let right = remainder_97(bban) == 1 && (2..=98).contains(&last_two(bban));
    match (country, bban) {
        ("RS", [b'9', b'0', b'8', ..]) | ("SI", [b'0', b'1', ..]) | ("XK", _) => {
            NationalKey::valid_or_unchecked(right)
        }
        _ => NationalKey::of(right),
    }
}

/// Last two digits make the whole divisible by 97: Mauritania and Tunisia (RIB; registry's examples).
fn remainder_zero(bban: &[u8]) -> NationalKey {
    NationalKey::of(remainder_97(bban) == 0 && (1..=97).contains(&last_two(bban)))
}

/// Belgium: first ten digits modulo 97, where 0 is written 97 (Febelfin; ECBS TR201).
fn belgium(bban: &[u8]) -> NationalKey {
    let rest = remainder_97(part(bban, 0, 10));
    NationalKey::of(last_two(bban) == if rest == 0 { 97 } else { rest })
}

/// Czechia and Slovakia: prefix and number each divisible by 11 (ČNB decree 169/2011; Národná banka Slovenska).
fn czechia(bban: &[u8]) -> NationalKey {
    const WEIGHTS: [u32; 10] = [6, 3, 7, 9, 10, 5, 8, 4, 2, 1];
    let (prefix, number) = (part(bban, 4, 10), part(bban, 10, 20));
    let (_, of_prefix) = WEIGHTS.split_at(4);
    NationalKey::of(
        weighted(prefix, of_prefix).is_multiple_of(11) && weighted(number, &WEIGHTS).is_multiple_of(11),
    )
}

/// Estonia: weights 7 3 1 from the right over branch and account, modulo 10 (Estonian Banking Association).
fn estonia(bban: &[u8]) -> NationalKey {
    const WEIGHTS: [u32; 14] = [7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1];
    NationalKey::of(weighted(part(bban, 2, 16), &WEIGHTS).is_multiple_of(10))
}

/// Spain: one digit for bank and branch, one for the account, modulo 11 (CCC; Banco de España).
fn spain(bban: &[u8]) -> NationalKey {
    const WEIGHTS: [u32; 10] = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let digit = |sum: u32| match 11 - sum % 11 {
        11 => 0,
        10 => 1,
        digit => digit,
    };
    let (_, of_bank) = WEIGHTS.split_at(2);
    let of_bank = digit(weighted(part(bban, 0, 8), of_bank));
    let of_account = digit(weighted(part(bban, 10, 20), &WEIGHTS));
    NationalKey::of(number(part(bban, 8, 10)) == of_bank * 10 + of_account)
}

/// Finland: Luhn over all fourteen digits (Finance Finland).
fn finland(bban: &[u8]) -> NationalKey {
    let sum: u32 =
        bban.iter().rev().zip([1, 2].into_iter().cycle()).map(|(b, w)| cross_sum(digit(*b) * w)).sum();
    NationalKey::of(sum.is_multiple_of(10))
}

/// France and Monaco: the RIB key makes the whole divisible by 97, letters read as A J = 1, B K S = 2 … (CFONB).
fn rib(bban: &[u8]) -> NationalKey {
    let rest = bban.iter().fold(0, |sum, byte| (sum * 10 + rib_digit(*byte)) % 97);
    NationalKey::of(rest == 0 && (1..=97).contains(&last_two(bban)))
}

fn rib_digit(byte: u8) -> u32 {
    match byte {
        b'A'..=b'I' => u32::from(byte - b'A') + 1,
        b'J'..=b'R' => u32::from(byte - b'J') + 1,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => digit(byte),
    }
}

/// Croatia: ISO 7064 MOD 11,10 on the bank's seven digits and on the account's ten (HNB decision on accounts).
fn croatia(bban: &[u8]) -> NationalKey {
    let right = |digits: &[u8]| {
        let product = digits.iter().fold(10, |product, byte| match (product + digit(*byte)) % 10 {
            0 => 20 % 11,
            sum => sum * 2 % 11,
        });
        // The last step doubled what must be 1.
        product == 2
    };
    NationalKey::of(right(part(bban, 0, 7)) && right(part(bban, 7, 17)))
}

/// Hungary: weights 9 7 3 1 over bank and branch, and over the account, each modulo 10 (Magyar Nemzeti Bank; an
/// account of eight digits is filled with zeros, which change nothing).
fn hungary(bban: &[u8]) -> NationalKey {
    const WEIGHTS: [u32; 16] = [9, 7, 3, 1, 9, 7, 3, 1, 9, 7, 3, 1, 9, 7, 3, 1];
    let right = |digits: &[u8]| weighted(digits, &WEIGHTS).is_multiple_of(10);
    NationalKey::of(right(part(bban, 0, 8)) && right(part(bban, 8, 24)))
}

/// Iceland: ninth digit of the holder's kennitala, modulo 11. Those given since 18 February 2026 have no check
/// digit (Registers Iceland), so none is wrong.
fn iceland(bban: &[u8]) -> NationalKey {
    let sum = weighted(part(bban, 12, 21), &[3, 2, 7, 6, 5, 4, 3, 2, 1]);
    NationalKey::valid_or_unchecked(sum.is_multiple_of(11))
}

/// Italy and San Marino: the CIN in front, values of the tax code's check letter (ABI, as ECBS TR201).
fn italy(bban: &[u8]) -> NationalKey {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let value =
        |byte: u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte.wrapping_sub(b'A') });
    let Some((cin, account)) = bban.split_first() else { return NationalKey::Unchecked };
    let sum: u32 = account
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            let value = value(*byte);
            if at % 2 == 0 { ODD.get(value as usize).copied().unwrap_or_default() } else { value }
        })
        .sum();
    NationalKey::of(value(*cin) == sum % 26)
}

/// Netherlands: the eleven-test. Former Postbank numbers (seven digits) never had it and new numbers need not
/// pass it (Betaalvereniging Nederland), so none is wrong.
fn netherlands(bban: &[u8]) -> NationalKey {
    let account = part(bban, 4, 14);
    let sum = weighted(account, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    NationalKey::valid_or_unchecked(sum.is_multiple_of(11) && number(account) > 9_999_999)
}

/// Norway: modulo 11 over all digits. Numbers with 00 in the fifth and sixth place, the former postal giro's
/// among them, may count the last five only, so none of these is wrong (Bits; ECBS TR201).
fn norway(bban: &[u8]) -> NationalKey {
    const WEIGHTS: [u32; 11] = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1];
    let right = weighted(bban, &WEIGHTS).is_multiple_of(11);
    if part(bban, 4, 6) != b"00" {
        return NationalKey::of(right);
    }
    NationalKey::valid_or_unchecked(right || weighted(part(bban, 6, 11), &[5, 4, 3, 2, 1]).is_multiple_of(11))
}

/// Poland: eighth digit of the sort code, weights 3 9 7 1, modulo 10 (Narodowy Bank Polski).
fn poland(bban: &[u8]) -> NationalKey {
    NationalKey::of(weighted(part(bban, 0, 8), &[3, 9, 7, 1, 3, 9, 7, 1]).is_multiple_of(10))
}

fn part(bban: &[u8], from: usize, to: usize) -> &[u8] {
    bban.get(from..to).unwrap_or_default()
}

fn digit(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |sum: u32, byte| sum.wrapping_mul(10).wrapping_add(digit(*byte)))
}

fn last_two(bban: &[u8]) -> u32 {
    number(part(bban, bban.len().saturating_sub(2), bban.len()))
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(byte, weight)| digit(*byte) * weight).sum()
}

/// The sum of a number's two digits.
pub(super) fn cross_sum(number: u32) -> u32 {
    number / 10 + number % 10
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::ops::Range;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::iban::Structures;

    /// Numbers whose key is right, with the places that it covers. Those of the SWIFT IBAN registry, of
    /// python-stdnum 2.2 (ES, second) and of schwifty 2026.10.1 (the other seconds).
    const RIGHT: &[(&str, &str, Range<usize>)] = &[
        ("AL", "212110090000000235698741", 0..8),
        ("AL", "202111090000000001234567", 0..8),
        ("BA", "1290079401028494", 0..16),
        ("BE", "539007547034", 0..12),
        ("BE", "050000017797", 0..12),
        ("CZ", "08000000192000145399", 4..20),
        ("EE", "2200221020145685", 2..16),
        ("EE", "1000001020145685", 2..16),
        ("ES", "21000418450200051332", 0..0),
        ("ES", "12341234161234567890", 0..0),
        ("FI", "12345600000785", 0..14),
        ("FR", "20041010050500013M02606", 0..23),
        ("FR", "30006000011234567890189", 0..23),
        ("HR", "10010051863000160", 0..17),
        ("HR", "23600001101234565", 0..17),
        ("HU", "117730161111101800000000", 0..24),
        ("IS", "0159260076545510730339", 12..21),
        ("IT", "X0542811101000000123456", 1..23),
        ("MC", "11222000010123456789030", 0..23),
        ("ME", "505000012345678951", 0..18),
        ("MK", "250120000058984", 0..15),
        ("MR", "00020001010000123456753", 0..23),
        ("NL", "ABNA0417164300", 4..14),
        ("NO", "86011117947", 0..11),
        ("NO", "60421439640", 0..11),
        ("PL", "109010140000071219812874", 0..8),
        ("PT", "000201231234567890154", 0..21),
        ("RS", "260005601001611379", 0..18),
        ("SI", "263300012039086", 0..15),
        ("SI", "191000000123438", 0..15),
        ("SK", "12000000198742637541", 4..20),
        ("SM", "U0322509800000000270100", 1..23),
        ("TL", "0080012345678910157", 0..19),
        ("TN", "10006035183598478831", 0..20),
        ("XK", "1212012345678906", 0..16),
    ];

    static STRUCTURES: LazyLock<Structures> =
        LazyLock::new(|| Structures::parse(include_str!("../../../reference/iban_structures.tsv")).unwrap());

    fn of(country: &str, bban: &str) -> NationalKey {
        let iban = (2..=98).find_map(|digits| STRUCTURES.read(&format!("{country}{digits:02}{bban}")).ok());
        key(&iban.unwrap_or_else(|| panic!("{country} {bban} fits no IBAN")))
    }

    #[test]
    fn published_numbers_are_right() {
        for (country, bban, _) in RIGHT {
            assert_eq!(of(country, bban), NationalKey::Valid, "{country} {bban}");
        }
    }

    #[test]
    fn wrong_keys_are_refused() {
        for (country, bban) in [
            ("BE", "050000123456"),
            ("RS", "260005601001611378"),
            ("SI", "263300012039087"),
            ("ES", "21000418460200051332"),
            ("ES", "12341234001234567890"),
            ("FR", "20041010050500013M02609"),
            ("FR", "20041010050500013N02606"),
            ("IT", "A0542811101000000123456"),
            // Divisible alike, but not how the key is written.
            ("BE", "000000009700"),
            ("FR", "00000000000000000000000"),
        ] {
            assert_eq!(of(country, bban), NationalKey::Invalid, "{country} {bban}");
        }
    }

    #[test]
    fn a_form_without_check_digits_is_not_wrong() {
        for (country, bban) in [
            // New Dutch numbers, and those of the former Postbank.
            ("NL", "ABNA0417164301"),
            ("NL", "INGB0001234567"),
            // A kennitala of 2026.
            ("IS", "0159260076545510730349"),
            ("NO", "86010012345"),
            // Accounts at central banks.
            ("RS", "908000000000000000"),
            ("SI", "010000000000000"),
            ("AL", "212110080000000235698741"),
            // Countries without a key, or with one that depends on the bank.
            ("GB", "NWBK60161331926819"),
            ("LU", "0019400644750000"),
            ("SE", "50000000058398257466"),
            ("DE", "370400440532013000"),
        ] {
            assert_eq!(of(country, bban), NationalKey::Unchecked, "{country} {bban}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_digit_is_noticed(at in 0..RIGHT.len(), place in 0..24_usize, digit in 0..10_u8) {
            let (country, bban, covered) = &RIGHT[at];
            let mut bban = bban.as_bytes().to_vec();
            if covered.contains(&place) && bban[place].is_ascii_digit() && bban[place] != b'0' + digit {
                bban[place] = b'0' + digit;
                prop_assert_ne!(of(country, std::str::from_utf8(&bban).unwrap()), NationalKey::Valid);
            }
        }

        #[test]
        fn a_changed_digit_of_a_french_rib_is_refused(
            account in "[0-9]{10}[0-9A-Z]{11}", place in 0..23_usize, digit in 0..10_u8,
        ) {
            let right = (1..=97).map(|key| format!("{account}{key:02}")).find(|bban| of("FR", bban) == NationalKey::Valid);
            let mut bban = right.unwrap().into_bytes();
            if bban[place].is_ascii_digit() && bban[place] != b'0' + digit {
                bban[place] = b'0' + digit;
                prop_assert_eq!(of("FR", std::str::from_utf8(&bban).unwrap()), NationalKey::Invalid);
            }
        }
    }
}
