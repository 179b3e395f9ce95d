//! A debtor's tax code, with its country's check digits where it publishes them.
//!
//! Facts: the descriptions and specimens that python-stdnum 2.2 (LGPL-2.1) gathers from the tax authorities'
//! publications and from the European Commission's forms of VAT numbers.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::country::Country;

/// How far a tax code was checked (contract, `idCheck`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IdCheck {
    /// Its check digits are right.
    Checksum,
    /// Only its form is plausible.
    FormatOnly,
}

/// Why a text is no tax code of its country (`CLS-TAXCODE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TaxCodeFault {
    /// No form that the country's codes have; in other countries, not 1–20 letters and digits.
    #[error("not a tax code of this country")]
    Form,
    /// A check digit is wrong.
    #[error("the tax code's check digit is wrong")]
    CheckDigit,
}

/// The most letters and digits of a code whose country publishes no check digits.
pub const MAX_LENGTH: usize = 20;

/// A tax code in its one spelling.
///
/// What comes from outside is read by [`TaxCode::parse`]; deserialising is for what the service has written itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaxCode {
    code: String,
    id_check: IdCheck,
    natural_person: bool,
}

impl TaxCode {
    /// Reads a tax code. Case, blanks, hyphens and dots make no difference, nor does the country's code before a number
    /// with check digits; a French VAT number gives the SIREN in it.
    ///
    /// # Errors
    /// When it is none of the country's. The fault does not quote it.
    pub fn parse(country: Country, text: &str) -> Result<Self, TaxCodeFault> {
        let is_mark = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '\u{2010}' | '\u{2011}');
        let code: String = text
            .chars()
            .filter(|c| !is_mark(*c))
            .take(MAX_LENGTH + 3)
            .collect::<String>()
            .to_ascii_uppercase();
        if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(TaxCodeFault::Form);
        }
        let national = code.strip_prefix(country.as_str()).map(|rest| Self::national(country, rest));
        match national {
            Some(Ok(code)) if code.id_check == IdCheck::Checksum => Ok(code),
            Some(Err(TaxCodeFault::CheckDigit)) => Err(TaxCodeFault::CheckDigit),
            _ => Self::national(country, &code),
        }
    }

    /// Reads letters and digits.
    fn national(country: Country, code: &str) -> Result<Self, TaxCodeFault> {
        let read = match country.as_str() {
            "ES" => es(code),
            "FR" => fr(code),
            "PT" => pt(code),
            "IT" => it(code),
            "DE" => de(code),
            "BE" => be(code),
            "NL" => nl(code),
            _ => None,
        };
        match read {
            Some(Read { is_right: true, natural_person, code }) => {
                Ok(Self { code, id_check: IdCheck::Checksum, natural_person })
            }
            Some(_) => Err(TaxCodeFault::CheckDigit),
            // Of these countries no other code is a company's or a taxpayer's.
            None if matches!(country.as_str(), "ES" | "FR" | "PT" | "IT" | "BE") => Err(TaxCodeFault::Form),
            None if (1..=MAX_LENGTH).contains(&code.len()) => {
                Ok(Self { code: code.to_owned(), id_check: IdCheck::FormatOnly, natural_person: false })
            }
            None => Err(TaxCodeFault::Form),
        }
    }

    /// In its one spelling.
    pub fn as_str(&self) -> &str {
        &self.code
    }

    /// How far it was checked.
    pub fn id_check(&self) -> IdCheck {
        self.id_check
    }

    /// Whether it says that its bearer is a natural person. Most countries' codes do not tell.
    pub fn is_natural_person(&self) -> bool {
        self.natural_person
    }
}

impl fmt::Debug for TaxCode {
    /// It may be a person's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A code that has one of its country's forms.
struct Read {
    code: String,
    is_right: bool,
    natural_person: bool,
}

fn read(code: &str, is_right: bool, natural_person: bool) -> Option<Read> {
    Some(Read { code: code.to_owned(), is_right, natural_person })
}

/// The digits of a text that has only digits, and so many; not all of them zero.
fn digits<const N: usize>(text: &str) -> Option<[u32; N]> {
    let bytes: [u8; N] = text.as_bytes().try_into().ok()?;
    let is_number = bytes.iter().all(u8::is_ascii_digit) && bytes.iter().any(|byte| *byte != b'0');
    is_number.then(|| bytes.map(|byte| u32::from(byte - b'0')))
}

fn number(digits: &[u32]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

/// ISO/IEC 7812-1: the sum whose last digit is 0 where the check digit is right.
fn luhn(digits: &[u32]) -> u32 {
    let value = |(at, digit): (usize, &u32)| if at % 2 == 1 { digit / 5 + digit * 2 % 10 } else { *digit };
    digits.iter().rev().enumerate().map(value).sum()
}

/// The sum of the first eight digits of nine, weighted 9 to 2.
fn weighted(digits: &[u32; 9]) -> u32 {
    digits.iter().zip((2..=9).rev()).map(|(digit, weight)| digit * weight).sum()
}

/// NIF: a person's eight digits, or a letter and seven digits, and a check character.
fn es(code: &str) -> Option<Read> {
    const PERSON: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    const ENTITY: &[u8; 10] = b"JABCDEFGHI";

    if code.len() != 9 {
        return None;
    }
    let (first, rest) = code.split_at_checked(1)?;
    let (middle, check) = rest.split_at_checked(7)?;
    let check = check.bytes().next()?;
    // A sum of zeros is right, but nobody's.
    let middle: [u32; 7] = digits(middle)?;
    let of_person = |number: u64| PERSON.get((number % 23) as usize) == Some(&check);
    let first = first.bytes().next()?;
    match first {
        b'0'..=b'9' if check.is_ascii_alphabetic() => {
            read(code, of_person(u64::from(first - b'0') * 10_000_000 + number(&middle)), true)
        }
        b'X' | b'Y' | b'Z' if check.is_ascii_alphabetic() => {
            read(code, of_person(u64::from(first - b'X') * 10_000_000 + number(&middle)), true)
        }
        b'K' | b'L' | b'M' if check.is_ascii_alphabetic() => read(code, of_person(number(&middle)), true),
        // Which entities have a digit and which a letter is told in different ways: either is taken.
        b'A'..=b'H' | b'J' | b'N' | b'P'..=b'S' | b'U' | b'V' | b'W' => {
            let [a, b, c, d, e, f, g] = middle;
            let value = (10 - luhn(&[a, b, c, d, e, f, g, 0]) % 10) % 10;
            let is_right =
                u32::from(check) == u32::from(b'0') + value || ENTITY.get(value as usize) == Some(&check);
            read(code, is_right, false)
        }
        _ => None,
    }
}

/// SIREN, or VAT number: two characters that follow from the SIREN, and the SIREN.
fn fr(code: &str) -> Option<Read> {
    const KEY: &[u8] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";

    let Some((key, siren)) = code.split_at_checked(2).filter(|_| code.len() == 11) else {
        return read(code, luhn(&digits::<9>(code)?).is_multiple_of(10), false);
    };
    let digits: [u32; 9] = digits(siren)?;
    let mut values = key.bytes().map(|byte| KEY.iter().position(|it| *it == byte));
    let (first, second) = (values.next()?? as u64, values.next()?? as u64);
    let number = number(&digits);
    let is_key = if first < 10 && second < 10 {
        first * 10 + second == (number * 100 + 12) % 97
    } else {
        let check = if first < 10 {
            (first * 24 + second).checked_sub(10)
        } else {
            (first * 34 + second).checked_sub(100)
        };
        check.is_some_and(|check| (number + 1 + check / 11) % 11 == check % 11)
    };
    read(siren, is_key && luhn(&digits).is_multiple_of(10), false)
}

/// NIF: nine digits; those of people begin with 1, 2, 3 or 45.
fn pt(code: &str) -> Option<Read> {
    let digits: [u32; 9] = digits(code)?;
    if digits[0] == 0 {
        return None;
    }
    let is_right = (11 - weighted(&digits) % 11) % 11 % 10 == digits[8];
    read(code, is_right, matches!(digits, [1..=3, ..] | [4, 5, ..]))
}

/// Partita IVA: eleven digits; or a person's codice fiscale of sixteen characters.
fn it(code: &str) -> Option<Read> {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    const FORM: &[u8; 16] = b"AAAAAANNANNANNNA";

    if let Some(digits) = digits::<11>(code) {
        return read(code, luhn(&digits).is_multiple_of(10), false);
    }
    let bytes: &[u8; 16] = code.as_bytes().try_into().ok()?;
    // Letters stand for digits where two people would have the same code.
    let has_form = bytes.iter().zip(FORM).all(|(byte, form)| match form {
        b'A' => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte),
    });
    if !has_form {
        return None;
    }
    let value = |byte: &u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let of = |(at, byte): (usize, &u8)| match value(byte) {
        value if at % 2 == 0 => ODD.get(value as usize).copied().unwrap_or_default(),
        value => value,
    };
    let sum: u32 = bytes.iter().take(15).enumerate().map(of).sum();
    read(code, sum % 26 == value(&bytes[15]), true)
}

/// VAT number: nine digits (ISO/IEC 7064, MOD 11-10). Germany has other numbers too, whose form alone is looked at.
fn de(code: &str) -> Option<Read> {
    let digits: [u32; 9] = digits(code)?;
    if digits[0] == 0 {
        return None;
    }
    let check =
        digits.iter().fold(5, |check, digit| ((if check == 0 { 10 } else { check }) * 2 % 11 + digit) % 10);
    read(code, check == 1, false)
}

/// Enterprise number: ten digits, the first 0 or 1; the older nine have no leading 0.
fn be(code: &str) -> Option<Read> {
    let code = if code.len() == 9 { format!("0{code}") } else { code.to_owned() };
    let digits: [u32; 10] = digits(&code)?;
    if digits[0] > 1 {
        return None;
    }
    let (number, check) = (number(&digits[..8]), number(&digits[8..]));
    read(&code, (number + check).is_multiple_of(97), false)
}

/// RSIN: nine digits; or VAT number: nine digits, B and two digits. The register's eight digits have no check digit.
fn nl(code: &str) -> Option<Read> {
    let is_rsin = |digits: [u32; 9]| weighted(&digits) % 11 == digits[8];
    if let Some(digits) = digits::<9>(code) {
        return read(code, is_rsin(digits), false);
    }
    let (rsin, suffix) = code.split_at_checked(9)?;
    let [tens, ones] = digits::<2>(suffix.strip_prefix('B')?)?;
    let nine: [u32; 9] = digits(rsin)?;
    // Since 2020 a sole trader's is not made of a number of theirs: ISO/IEC 7064, MOD 97-10, over NL and the number, a
    // letter counting for two digits.
    let value = [2, 3, 2, 1].into_iter().chain(nine).chain([1, 1, tens, ones]);
    let remainder = value.fold(0, |remainder, digit| (remainder * 10 + digit) % 97);
    read(code, is_rsin(nine) || remainder == 1, false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn parse(country: &str, text: &str) -> Result<TaxCode, TaxCodeFault> {
        TaxCode::parse(Country::parse(country).unwrap(), text)
    }

    #[test]
    fn the_sandboxs_codes_are_right() {
        for code in [
            "A00000018",
            "B00000026",
            "B00000034",
            "B00000042",
            "A00000059",
            "B00000067",
            "B00000075",
            "B00000083",
            "W0000013C",
            "A00000091",
            "B00000117",
        ] {
            let read = parse("ES", code).unwrap();
            assert_eq!(
                (read.as_str(), read.id_check(), read.is_natural_person()),
                (code, IdCheck::Checksum, false)
            );
        }
        let person = parse("ES", "99999990S").unwrap();
        assert_eq!((person.id_check(), person.is_natural_person()), (IdCheck::Checksum, true));
        assert_eq!(parse("FR", "000000018").unwrap().id_check(), IdCheck::Checksum);
    }

    #[test]
    fn a_code_has_one_spelling() {
        for (country, text, code) in [
            ("ES", " b-00.000.026 ", "B00000026"),
            ("ES", "ESB58378431", "B58378431"),
            ("ES", "x-5253868-r", "X5253868R"),
            ("ES", "M-1234567-L", "M1234567L"),
            ("FR", "732 829 320", "732829320"),
            ("FR", "FR 40 303 265 045", "303265045"),
            ("FR", "K7399859412", "399859412"),
            ("FR", "0S732829320", "732829320"),
            ("FR", "JC732829320", "732829320"),
            ("NL", "123456789B13", "123456789B13"),
            ("PT", "PT 501.442.600", "501442600"),
            ("IT", "IT 00743110157", "00743110157"),
            ("IT", "RCC MNL 83S18 D969H", "RCCMNL83S18D969H"),
            ("DE", "DE 136.695.976", "136695976"),
            ("BE", "BE 403.019.261", "0403019261"),
            ("NL", "NL004495445B01", "004495445B01"),
            ("NL", "1112.22.333", "111222333"),
            ("GB", "gb 12-34", "GB1234"),
        ] {
            assert_eq!(parse(country, text).unwrap().as_str(), code, "{country} {text}");
        }
    }

    #[test]
    fn people_are_told_where_the_code_does() {
        for (country, code, person) in [
            ("ES", "X5253868R", true),
            ("ES", "54362315K", true),
            ("ES", "M1234567L", true),
            ("ES", "B58378431", false),
            ("PT", "501442600", false),
            ("PT", "123456789", true),
            ("PT", "450000001", true),
            ("IT", "RCCMNL83S18D969H", true),
            ("IT", "00743110157", false),
            ("GB", "1234", false),
        ] {
            assert_eq!(parse(country, code).unwrap().is_natural_person(), person, "{country} {code}");
        }
    }

    #[test]
    fn wrong_codes_are_refused() {
        use TaxCodeFault::{CheckDigit, Form};
        for (country, text, fault) in [
            ("ES", "", Form),
            ("ES", "B0000002", Form),
            ("ES", "B000000266", Form),
            ("ES", "O1234567L", Form),
            ("ES", "999999905", Form),
            ("ES", "B00000027", CheckDigit),
            ("ES", "99999990T", CheckDigit),
            ("ES", "ESB00000027", CheckDigit),
            ("FR", "000000000", Form),
            ("FR", "732829321", CheckDigit),
            ("FR", "FR41303265045", CheckDigit),
            ("FR", "0O303265045", Form),
            ("PT", "501442601", CheckDigit),
            ("IT", "00743110158", CheckDigit),
            ("IT", "RCCMNL83S18D969X", CheckDigit),
            ("DE", "136695978", CheckDigit),
            ("DE", "DE136695978", CheckDigit),
            ("BE", "0403019262", CheckDigit),
            ("BE", "2403019261", Form),
            ("NL", "111252333", CheckDigit),
            ("NL", "123456789B90", CheckDigit),
            ("GB", "GB/1234", Form),
            ("GB", "ÑANDÚ", Form),
            ("GB", "١٢٣٤", Form),
            ("GB", "123456789012345678901", Form),
        ] {
            assert_eq!(parse(country, text), Err(fault), "{country} {text}");
        }
    }

    #[test]
    fn codes_without_published_check_digits_have_only_their_form_checked() {
        for (country, code) in
            [("GB", "1"), ("DE", "HRB12345"), ("NL", "12345678"), ("US", "12345678901234567890")]
        {
            assert_eq!(parse(country, code).unwrap().id_check(), IdCheck::FormatOnly, "{code}");
        }
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", parse("ES", "99999990S").unwrap()), "***");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            country in prop::sample::select(vec!["ES", "FR", "PT", "IT", "DE", "BE", "NL", "GB"]),
            text in "[A-Z]{0,2}[0-9A-Z .-]{0,16}|\\PC*",
        ) {
            if let Ok(code) = parse(country, &text) {
                prop_assert!((1..=MAX_LENGTH).contains(&code.as_str().len()));
                prop_assert_eq!(parse(country, code.as_str()), Ok(code));
            }
        }

        #[test]
        fn one_wrong_digit_is_refused(
            (country, code) in prop::sample::select(vec![
                ("ES", "B00000026"), ("ES", "99999990S"), ("FR", "732829320"), ("PT", "123456789"),
                ("IT", "00743110157"), ("DE", "136695976"), ("BE", "0403019261"), ("NL", "111222333"),
            ]),
            at in 1_usize..9,
            other in 1_u8..10,
        ) {
            let mut bytes = code.as_bytes().to_vec();
            prop_assume!(bytes[at].is_ascii_digit());
            bytes[at] = b'0' + (bytes[at] - b'0' + other) % 10;
            let text = String::from_utf8(bytes).unwrap();
            prop_assert!(parse(country, &text).is_err(), "{text}");
        }
    }
}
