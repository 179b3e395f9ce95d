//! An insurance contract: what an insured company has agreed with the insurer.

use std::fmt;

use chrono::NaiveDate;
use common::redact::Personal;
use rust_decimal::Decimal;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::money::{Amount, Currency};

/// A contract's number: eleven digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[schema(value_type = String, example = "90000000001", pattern = r"^\d{11}$")]
pub struct ContractNo(String);

impl ContractNo {
    /// Reads a number.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 11 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContractNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ContractNo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a contract's number has eleven digits"))
    }
}

/// A contract's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// Its number.
    pub number: ContractNo,
    /// Whose it is: the user name that may see it.
    pub holder: Personal<String>,
    /// The currency of all its limits.
    pub currency: Currency,
    /// Its first day.
    pub from: NaiveDate,
    /// Its last day, where it has one.
    pub until: Option<NaiveDate>,
    /// The most that it covers on one debtor.
    pub debtor_cap: Amount,
    /// The most that it covers on all debtors together.
    pub aggregate: Amount,
    /// The longest payment terms that it covers, in days.
    pub terms_days: u16,
    /// Which part of a commercial loss it covers, 0–100.
    pub commercial_risk_cover_pct: Decimal,
    /// Which part of a political loss it covers, 0–100.
    pub political_risk_cover_pct: Decimal,
}

impl Contract {
    /// Whether it is in force on a day.
    pub fn is_in_force(&self, day: NaiveDate) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_number_has_eleven_digits() {
        assert_eq!(ContractNo::parse("90000000001").unwrap().as_str(), "90000000001");
        for text in ["", "9000000000", "900000000011", "9000000000a", " 0000000001", "٩٠٠٠٠٠٠"] {
            assert_eq!(ContractNo::parse(text), None, "{text}");
        }
    }
}
