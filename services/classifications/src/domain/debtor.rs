//! What is known of a debtor: its figures, and what screening and consumer checks say of it.

use std::fmt;

use chrono::NaiveDate;
use common::redact::Personal;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::country::Country;

/// Who a debtor is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DebtorId {
    /// Its country.
    pub country: Country,
    /// Its tax code in its one spelling.
    pub tax_code: String,
}

impl DebtorId {
    /// `country:taxCode`, the reference under which it is screened.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.country, self.tax_code)
    }
}

impl fmt::Debug for DebtorId {
    /// A tax code may be a person's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A year's accounts, in thousands of euros.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Accounts {
    /// Current assets less current liabilities.
    pub working_capital: Decimal,
    /// Retained earnings.
    pub retained_earnings: Decimal,
    /// Earnings before interest and taxes.
    pub ebit: Decimal,
    /// Total assets.
    pub total_assets: Decimal,
    /// Book value of equity.
    pub equity: Decimal,
    /// Total liabilities.
    pub total_liabilities: Decimal,
    /// Sales of the year.
    pub turnover: Decimal,
}

/// What decides on a debtor, whoever asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// When it was founded, where known.
    pub founded: Option<NaiveDate>,
    /// Whether insolvency proceedings are open.
    pub is_insolvent: bool,
    /// Its last accounts, where there are any.
    pub accounts: Option<Accounts>,
    /// How many days late it pays on average, where payments are known; below zero it pays early.
    pub days_beyond_terms: Option<i32>,
}

/// A debtor.
#[derive(Debug, Clone, PartialEq)]
pub struct Debtor {
    /// Who it is.
    pub id: DebtorId,
    /// Its registered name, under which it is screened.
    pub name: Personal<String>,
    /// What decides on it.
    pub profile: Profile,
    /// What the insurer has at risk on it outside this service, in euros.
    pub other_exposure: Decimal,
}

/// What screening for sanctions says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Sanctions {
    /// Not listed.
    Clear,
    /// Perhaps listed.
    Possible,
    /// Listed.
    Confirmed,
    /// No answer.
    Unavailable,
}

impl Sanctions {
    /// Of a risk folder's state at gda-audit; a state that is not known is no answer.
    pub fn of_state(state: &str) -> Self {
        match state {
            "NO_RISK_FOUND" | "NO_MATCH" => Self::Clear,
            "POTENTIAL_RISK" | "UNKNOWN" => Self::Possible,
            "MATCH" => Self::Confirmed,
            _ => Self::Unavailable,
        }
    }
}

/// What secure-consumer says of a French debtor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConsumerCheck {
    /// Genuine.
    Green,
    /// Doubtful.
    Orange,
    /// Not genuine.
    Red,
    /// No answer.
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cleared_folder_is_clear() {
        for (state, sanctions) in [
            ("NO_RISK_FOUND", Sanctions::Clear),
            ("NO_MATCH", Sanctions::Clear),
            ("POTENTIAL_RISK", Sanctions::Possible),
            ("UNKNOWN", Sanctions::Possible),
            ("MATCH", Sanctions::Confirmed),
            ("", Sanctions::Unavailable),
            ("no_match", Sanctions::Unavailable),
        ] {
            assert_eq!(Sanctions::of_state(state), sanctions, "{state}");
        }
    }

    #[test]
    fn debug_output_hides_who_it_is() {
        let id = DebtorId { country: Country::ES, tax_code: "99999990S".to_owned() };
        assert_eq!(id.reference(), "ES:99999990S");
        assert_eq!(format!("{id:?}"), "***");
    }
}
