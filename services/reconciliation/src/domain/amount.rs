//! Whole amounts of XOF as statements write them (contract, "Conventions").

/// The largest amount of one row, in XOF: sums of millions of rows stay far inside `i64`.
pub const MAX_AMOUNT: i64 = 999_999_999_999;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Nothing but blanks.
    #[error("the amount is missing")]
    Missing,
    /// A sign, another script's digits, an exponent, or marks that do not part strict groups of three.
    #[error("not an amount of whole francs")]
    Malformed,
    /// A decimal part other than `.0` or `.00`: the franc has none.
    #[error("the amount has a fraction")]
    Fraction,
    /// Above [`MAX_AMOUNT`].
    #[error("the amount is above {MAX_AMOUNT}")]
    TooLarge,
}

const MARKS: [char; 5] = [' ', '\u{a0}', '\u{202f}', ',', '.'];

/// Reads a whole amount of XOF, zero or more.
///
/// One kind of mark may part thousands, in strict groups of three; a decimal part of one or two zeros may
/// follow after `,` or `.`, where that is not the thousands mark. `5.000` and `5,000` are five thousand; a
/// group of three zeros is never a decimal part.
///
/// # Errors
/// [`AmountError`], which never quotes the text.
pub fn parse_amount(text: &str) -> Result<i64, AmountError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AmountError::Missing);
    }
    let (whole, decimals) = match text.rsplit_once([',', '.']) {
        Some((whole, decimals)) if matches!(decimals.len(), 1 | 2) => (whole, Some(decimals)),
        _ => (text, None),
    };
    let decimal_mark = decimals.and_then(|_| text[whole.len()..].chars().next());
    let digits = ungroup(whole, decimal_mark)?;
    match decimals {
        Some(decimals) if !decimals.bytes().all(|b| b.is_ascii_digit()) => {
            return Err(AmountError::Malformed);
        }
        Some(decimals) if decimals.bytes().any(|b| b != b'0') => return Err(AmountError::Fraction),
        _ => {}
    }
    digits
        .trim_start_matches('0')
        .parse::<i64>()
        .or_else(|_| if digits.bytes().all(|b| b == b'0') { Ok(0) } else { Err(AmountError::TooLarge) })
        .and_then(|amount| if amount > MAX_AMOUNT { Err(AmountError::TooLarge) } else { Ok(amount) })
}

/// The digits of a whole number without its thousands marks, which must not be `taken` (the decimal mark).
fn ungroup(whole: &str, taken: Option<char>) -> Result<String, AmountError> {
    let Some(mark) = whole.chars().find(|c| MARKS.contains(c)) else {
        return if !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit()) {
            Ok(whole.to_owned())
        } else {
            Err(AmountError::Malformed)
        };
    };
    let strict = whole.split(mark).enumerate().all(|(index, group)| {
        group.bytes().all(|b| b.is_ascii_digit())
            && if index == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 }
    });
    if strict && Some(mark) != taken { Ok(whole.split(mark).collect()) } else { Err(AmountError::Malformed) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_of_real_statements_are_read() {
        for (text, amount) in [
            ("5000", 5_000),
            ("5,000", 5_000),
            ("5.000", 5_000),
            (" 5 000\u{a0}", 5_000),
            ("1\u{a0}234\u{202f}", 1_234),
            ("1\u{202f}234\u{202f}567", 1_234_567),
            ("5000.00", 5_000),
            ("5000,0", 5_000),
            ("5,000.00", 5_000),
            ("5.000,00", 5_000),
            ("12 000,00", 12_000),
            ("0", 0),
            ("0.00", 0),
            ("007", 7),
            ("999999999999", MAX_AMOUNT),
        ] {
            assert_eq!(parse_amount(text), Ok(amount), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_whole_amount_is_refused() {
        use AmountError::{Fraction, Malformed, Missing, TooLarge};
        for (text, error) in [
            ("", Missing),
            (" \u{a0} ", Missing),
            ("5000.50", Fraction),
            ("5,000.5", Fraction),
            ("5,00,0", Malformed),
            ("5,0000", Malformed),
            ("1234,567", Malformed),
            ("5,000,00", Malformed),
            ("5 000,000 000", Malformed),
            ("1.234,567", Malformed),
            ("5000.", Malformed),
            (".00", Malformed),
            ("-5", Malformed),
            ("+5", Malformed),
            ("1e5", Malformed),
            ("٥٠٠٠", Malformed),
            ("5000 XOF", Malformed),
            ("5  000", Malformed),
            ("1000000000000", TooLarge),
            ("99999999999999999999999999", TooLarge),
        ] {
            assert_eq!(parse_amount(text), Err(error), "{text:?}");
        }
    }

    fn grouped(amount: i64, mark: char) -> String {
        let digits = amount.to_string();
        let mut out = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                out.push(mark);
            }
            out.push(digit);
        }
        out
    }

    proptest! {
        #[test]
        fn an_amount_survives_every_grouping(
            amount in 0..=MAX_AMOUNT,
            mark in proptest::sample::select(MARKS.to_vec()),
            decimals in proptest::sample::select(vec!["", ".0", ".00", ",0", ",00"]),
        ) {
            prop_assume!(!decimals.starts_with(mark) || amount < 1_000);
            let text = format!("{}{decimals}", grouped(amount, mark));
            prop_assert_eq!(parse_amount(&text), Ok(amount));
        }

        #[test]
        fn a_mark_in_a_wrong_place_is_refused(
            amount in 1_000..=MAX_AMOUNT,
            mark in proptest::sample::select(MARKS.to_vec()),
            place in any::<proptest::sample::Index>(),
        ) {
            let mut text = grouped(amount, mark);
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
            let place = places[place.index(places.len())];
            text.insert(place, mark);
            prop_assert!(parse_amount(&text).is_err(), "{text:?}");
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Ok(amount) = parse_amount(&text) {
                prop_assert!((0..=MAX_AMOUNT).contains(&amount));
            }
        }
    }
}
