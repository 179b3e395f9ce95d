//! The structure of each country's IBAN (SWIFT IBAN registry, in `reference/iban_structures.tsv`).

use rustc_hash::FxHashMap;

use super::{Iban, IbanFault, MAX_LENGTH, PREFIX, remainder_97};

/// A reference table that is not as the service expects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{table}, line {line}: not in the expected form")]
pub struct ReferenceFault {
    /// The table's file name.
    pub table: &'static str,
    /// The line, from 1.
    pub line: usize,
}

/// The lines of a reference table that hold data, with their number from 1.
pub(crate) fn rows(tsv: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(tsv.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// A part of a BBAN: from this character to before that one, counted from 0; empty where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Span {
    pub(super) from: u8,
    pub(super) to: u8,
}

/// What may stand at a place.
#[derive(Debug, Clone, Copy)]
enum Class {
    Digit,
    Letter,
    Either,
}

#[derive(Debug)]
struct Structure {
    bban: Vec<Class>,
    bank_code: Span,
    branch_code: Span,
    account_number: Span,
}

/// The IBAN registry: one structure per country.
#[derive(Debug)]
pub struct Structures(FxHashMap<[u8; 2], Structure>);

impl Structures {
    /// Reads `iban_structures.tsv`: country, BBAN structure (`5!n5!n11!c2!n`), bank code, branch code and account
    /// number (`0-5`, or nothing).
    ///
    /// # Errors
    ///
    /// The first line that is not of that form.
    pub fn parse(tsv: &str) -> Result<Self, ReferenceFault> {
        rows(tsv)
            .map(|(line, row)| parse_row(row).ok_or(ReferenceFault { table: "iban_structures.tsv", line }))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Reads an IBAN of ASCII letters and digits, in either case; separators must be gone.
    ///
    /// # Errors
    ///
    /// The first [`IbanFault`] that applies.
    pub fn read(&self, text: &str) -> Result<Iban, IbanFault> {
        let text = text.as_bytes();
        if !text.iter().all(u8::is_ascii_alphanumeric) {
            return Err(IbanFault::Characters);
        }
        let country =
            text.first_chunk::<2>().ok_or(IbanFault::Country)?.map(|byte| byte.to_ascii_uppercase());
        let structure = self.0.get(&country).ok_or(IbanFault::Country)?;
        if text.len() != PREFIX + structure.bban.len() {
            return Err(IbanFault::Length);
        }
        let (prefix, bban) = text.split_at(PREFIX);
        let fits = |(byte, class): (&u8, &Class)| match class {
            Class::Digit => byte.is_ascii_digit(),
            Class::Letter => byte.is_ascii_alphabetic(),
            Class::Either => true,
        };
        let check_digits = prefix.get(2..).unwrap_or_default();
        if !check_digits.iter().all(u8::is_ascii_digit) || !bban.iter().zip(&structure.bban).all(fits) {
            return Err(IbanFault::Structure);
        }
        if [b"00", b"01", b"99"].iter().any(|refused| check_digits == *refused)
            || remainder_97(bban.iter().chain(prefix)) != 1
        {
            return Err(IbanFault::CheckDigits);
        }
        let mut upper = [0; MAX_LENGTH];
        for (to, from) in upper.iter_mut().zip(text) {
            *to = from.to_ascii_uppercase();
        }
        Ok(Iban {
            text: upper,
            length: u8::try_from(text.len()).map_err(|_| IbanFault::Length)?,
            bank_code: structure.bank_code,
            branch_code: structure.branch_code,
            account_number: structure.account_number,
        })
    }
}

fn parse_row(row: &str) -> Option<([u8; 2], Structure)> {
    let mut fields = row.split('\t');
    let country = fields.next()?.as_bytes().try_into().ok()?;
    let bban = parse_classes(fields.next()?)?;
    let mut span = || match fields.next()? {
        "" => Some(Span::default()),
        text => {
            let (from, to) = text.split_once('-')?;
            let span = Span { from: from.parse().ok()?, to: to.parse().ok()? };
            (span.from < span.to && usize::from(span.to) <= bban.len()).then_some(span)
        }
    };
    let (bank_code, branch_code, account_number) = (span()?, span()?, span()?);
    Some((country, Structure { bban, bank_code, branch_code, account_number }))
}

fn parse_classes(structure: &str) -> Option<Vec<Class>> {
    let mut classes = Vec::new();
    for field in structure.split_inclusive(['n', 'a', 'c']) {
        let (count, class) = field.split_once('!')?;
        let class = match class {
            "n" => Class::Digit,
            "a" => Class::Letter,
            "c" => Class::Either,
            _ => return None,
        };
        classes.extend(std::iter::repeat_n(class, usize::from(count.parse::<u8>().ok()?)));
    }
    (!classes.is_empty() && classes.len() <= MAX_LENGTH - PREFIX).then_some(classes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_wrong_line_is_named() {
        let good = "# comment\nFR\t5!n5!n11!c2!n\t0-5\t5-10\t10-21\n";
        assert!(Structures::parse(good).is_ok());
        for bad in [
            "FR",
            "F\t5!n\t\t\t",
            "FR\t5!x\t\t\t",
            "FR\t5n\t\t\t",
            "FR\t5!n\t0-6\t\t",
            "FR\t5!n\t\t",
            "FR\t31!n\t\t\t",
        ] {
            let fault = Structures::parse(&format!("{good}{bad}\n")).unwrap_err();
            assert_eq!(fault, ReferenceFault { table: "iban_structures.tsv", line: 3 }, "{bad}");
        }
    }
}
