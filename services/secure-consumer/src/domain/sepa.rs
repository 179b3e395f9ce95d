//! Where a SEPA direct debit can reach an account.

use rustc_hash::FxHashSet;

use super::iban::{ReferenceFault, rows};

/// The IBAN prefixes within the SEPA direct debit's reach: countries of the scheme's scope, without those that
/// joined for credit transfers only (European Payments Council; `reference/sepa_countries.tsv`).
///
/// The French prefix also covers the Pacific territories, which are outside: the prefix cannot tell.
#[derive(Debug)]
pub struct SepaCountries(FxHashSet<[u8; 2]>);

impl SepaCountries {
    /// Reads `sepa_countries.tsv`: one IBAN prefix a line.
    ///
    /// # Errors
    ///
    /// The first line that is not two characters long.
    pub fn parse(tsv: &str) -> Result<Self, ReferenceFault> {
        rows(tsv)
            .map(|(line, row)| {
                row.as_bytes().try_into().map_err(|_| ReferenceFault { table: "sepa_countries.tsv", line })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a direct debit can reach accounts with this IBAN prefix (two upper-case letters).
    pub fn reaches(&self, country: &str) -> bool {
        <[u8; 2]>::try_from(country.as_bytes()).is_ok_and(|country| self.0.contains(&country))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn new_members_are_reached_and_credit_transfer_members_are_not() {
        let sepa = SepaCountries::parse(include_str!("../../reference/sepa_countries.tsv")).unwrap();
        for country in ["FR", "DE", "CH", "GB", "GI", "IS", "AL", "MD", "ME", "MK", "VA"] {
            assert!(sepa.reaches(country), "{country}");
        }
        for country in ["RS", "TR", "UA", "XK", "fr", "GP", ""] {
            assert!(!sepa.reaches(country), "{country}");
        }
        assert_eq!(SepaCountries::parse("FR\nFRA\n").unwrap_err().line, 2);
    }
}
