//! Phone numbers: whether one may be the consumer's.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region};

/// What a phone number says, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PhoneFinding {
    /// No number that could be called.
    Invalid,
    /// A number of a service: premium rate, shared cost, free of charge, internet telephony, call centre, pager.
    PremiumOrVoip,
    /// A subscriber's number of another country. It says nothing: who lives near a border or has moved keeps theirs,
    /// so it is not false, and it is not valid for the region.
    Foreign,
    /// A subscriber's number of the region.
    Valid,
}

/// The regions of France's own numbering plan: each dials the others in the national form, and who moves between
/// them keeps their number. (Its Pacific territories have plans of their own.)
const FRENCH: [&str; 9] = ["FR", "GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF"];

/// French ranges for call centres and platforms, which no subscriber has: the first digits after the 0 (Arcep,
/// decision 2022-1583).
const NOT_FOR_SUBSCRIBERS: [&str; 16] = [
    "162", "163", "270", "271", "377", "378", "424", "425", "568", "569", "937", "938", "939", "947", "948",
    "949",
];

/// Regions whose patterns are compiled at start: those of SEPA.
const SEPA: [&str; 56] = [
    "FR", "AD", "AL", "AT", "AX", "BE", "BG", "BL", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "GB",
    "GF", "GG", "GI", "GP", "GR", "HR", "HU", "IE", "IM", "IS", "IT", "JE", "LI", "LT", "LU", "LV", "MC",
    "MD", "ME", "MF", "MK", "MQ", "MT", "NC", "NL", "NO", "PF", "PL", "PM", "PT", "RE", "RO", "RS", "SE",
    "SI", "SK", "SM", "WF", "YT",
];

/// Every kind of number that a plan may have.
const KINDS: [PhoneNumberType; 10] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::Pager,
    PhoneNumberType::UAN,
    PhoneNumberType::VoiceMail,
];

/// The longest text read: E.164's 15 digits with an international prefix, `(0)` and separators.
const MAX_LENGTH: usize = 32;

/// The numbering plans of the world, ready to use.
#[derive(Debug)]
pub struct Phones(());

impl Default for Phones {
    fn default() -> Self {
        Self::new()
    }
}

impl Phones {
    /// Reads the plans and compiles SEPA's, which would else be done by the first numbers checked. It takes a good part
    /// of a second.
    pub fn new() -> Self {
        let phones = Self(());
        for code in SEPA {
            let Some(region) = region_of(code) else { continue };
            for number in KINDS.iter().filter_map(|kind| {
                PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, *kind).ok()
            }) {
                let _ = phones.check(&PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::National), code);
                let _ = phones.check(&PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164), code);
            }
        }
        phones
    }

    /// Checks a number in the national or the international form, for who lives in a region: ISO 3166-1 alpha-2,
    /// French overseas regions by [`super::place::region`].
    pub fn check(&self, text: &str, region: &str) -> PhoneFinding {
        let Some((number, kind)) = read(text, region) else { return PhoneFinding::Invalid };
        let is_french = FRENCH.iter().any(|region| calling_code(region) == Some(number.country_code));
        let is_kept = || {
            let national = number.national_number.to_string();
            NOT_FOR_SUBSCRIBERS.iter().any(|first| national.starts_with(first))
        };
        let is_subscribers = match kind {
            PhoneNumberType::FixedLine | PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile => true,
            // A French 09 is a household's line behind its internet box.
            PhoneNumberType::VoIP => is_french,
            _ => false,
        };
        if !is_subscribers || is_french && is_kept() {
            PhoneFinding::PremiumOrVoip
        } else if is_french && FRENCH.contains(&region) || calling_code(region) == Some(number.country_code) {
            PhoneFinding::Valid
        } else {
            PhoneFinding::Foreign
        }
    }

    /// A valid number as `+33612345678` (ITU-T E.164).
    pub fn e164(&self, text: &str, region: &str) -> Option<String> {
        let (number, _) = read(text, region)?;
        Some(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
    }
}

/// A valid number and its kind.
fn read(text: &str, region: &str) -> Option<(PhoneNumber, PhoneNumberType)> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_plain = |byte: u8| byte.is_ascii_digit() || b" .-/()".contains(&byte);
    if text.len() > MAX_LENGTH || !digits.bytes().all(is_plain) {
        return None;
    }
    // In the national form a number of the region, else of another one that dials it so. Who lives in the
    // Pacific territories writes a French number so, too.
    let is_french = FRENCH.contains(&region) || matches!(region, "NC" | "PF" | "WF");
    let others = if is_french { FRENCH.as_slice() } else { &[] };
    std::iter::once(&region).chain(others).find_map(|region| {
        let number = PHONE_NUMBER_UTIL.parse(text, region_of(region)).ok()?;
        let kind = PHONE_NUMBER_UTIL.get_number_type(&number);
        (kind != PhoneNumberType::Unknown).then_some((number, kind))
    })
}

fn region_of(code: &str) -> Option<Region> {
    code.parse().ok()
}

fn calling_code(region: &str) -> Option<i32> {
    PHONE_NUMBER_UTIL.get_country_code_for_region(region_of(region)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PhoneFinding::{Foreign, Invalid, PremiumOrVoip, Valid};
    use super::*;

    fn check(text: &str, region: &str) -> PhoneFinding {
        Phones(()).check(text, region)
    }

    #[test]
    fn a_number_is_read_in_the_consumers_region() {
        for (text, region, expected) in [
            ("0612345678", "FR", Valid),
            ("0756789012", "FR", Valid),
            ("0142685300", "FR", Valid),
            ("+33612345678", "FR", Valid),
            ("0033612345678", "FR", Valid),
            ("+33(0)612345678", "FR", Valid),
            ("06 12 34 56 78", "FR", Valid),
            ("06.12.34.56.78", "FR", Valid),
            ("0470123456", "BE", Valid),
            ("+447400123456", "GG", Valid),
            ("+37793101234", "MC", Valid),
            ("061234567", "FR", Invalid),
            ("06123456789", "FR", Invalid),
            ("0000000000", "FR", Invalid),
            ("0712345678", "FR", Invalid), // not assigned
            ("0639980001", "FR", Invalid), // kept for fiction
            ("112", "FR", Invalid),
            ("3631", "FR", Invalid),
            ("0612345678", "BE", Invalid),
            ("", "FR", Invalid),
            ("+", "FR", Invalid),
            ("abcdefghij", "FR", Invalid),
            ("0800FLOWERS", "FR", Invalid),
            ("06+12345678", "FR", Invalid),
            ("0612345678", "", Invalid),
        ] {
            assert_eq!(check(text, region), expected, "{text} in {region}");
        }
    }

    #[test]
    fn france_and_its_overseas_regions_share_their_numbers() {
        for (text, region) in [
            ("0692123456", "RE"),
            ("0639012345", "YT"),
            ("0692123456", "YT"),
            ("0690301234", "GP"),
            ("0690301234", "BL"),
            ("0590271234", "MF"),
            ("0696201234", "MQ"),
            ("0694201234", "GF"),
            ("0612345678", "RE"),
            ("+33612345678", "RE"),
            ("0692123456", "FR"),
            ("+262692123456", "FR"),
            ("0590271234", "RE"),
        ] {
            assert_eq!(check(text, region), Valid, "{text} in {region}");
        }
        assert_eq!(check("+687751234", "NC"), Valid);
        assert_eq!(check("+33612345678", "NC"), Foreign);
    }

    #[test]
    fn a_number_of_another_country_is_neither_valid_nor_false() {
        assert_eq!(check("+32470123456", "FR"), Foreign);
        assert_eq!(check("+33612345678", "BE"), Foreign);
        assert_eq!(check("0612345678", "NC"), Foreign);
        assert_eq!(check("+12015550123", "FR"), Foreign);
        assert_eq!(check("+32470123", "FR"), Invalid);
    }

    #[test]
    fn numbers_of_services_are_no_subscribers() {
        for text in [
            "0899123456",
            "0820123456",
            "0800123456",
            "+80012345678",
            "+449012345678",
            "0162123456",
            "0937123456",
            "0948123456",
        ] {
            assert_eq!(check(text, "FR"), PremiumOrVoip, "{text}");
        }
        assert_eq!(check("+445612345678", "GB"), PremiumOrVoip);
        // Behind an internet box.
        assert_eq!(check("0951234567", "FR"), Valid);
    }

    #[test]
    fn e164_is_one_form_of_all() {
        for text in ["0612345678", "+33612345678", "0033612345678", "+33(0)612345678"] {
            assert_eq!(Phones(()).e164(text, "FR").as_deref(), Some("+33612345678"));
        }
        assert_eq!(Phones(()).e164("0692123456", "FR").as_deref(), Some("+262692123456"));
        assert_eq!(Phones(()).e164("061234567", "FR"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_checked(text in any::<String>(), region in "[A-Z]{0,3}") {
            check(&text, &region);
        }

        #[test]
        fn any_digits_are_checked(text in "\\+?[0-9 ().-]{0,40}", region in prop::sample::select(SEPA.to_vec())) {
            let is_valid = check(&text, region) > Invalid;
            prop_assert_eq!(is_valid, Phones(()).e164(&text, region).is_some());
        }
    }
}
