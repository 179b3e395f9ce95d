//! Reason codes: why a request was answered so, and why a limit was given up or taken away.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::state::Party;

/// Why a request was answered as it was: a code of UN/EDIFACT 4509, credit cover response reason (directory D.00A).
///
/// An insured sees it. That is why a sanctions hit has the code that says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, example = "13")]
pub struct DecisionReason(u8);

/// What the codes mean, from 1 on.
const MEANINGS: [&str; 15] = [
    "the financial information asked for was not provided",
    "no financial information is available",
    "the debtor is out of business",
    "the debtor is a new company",
    "the debtor is not registered",
    "the debtor is a non-trading company",
    "no comment",
    "only the insolvency risk is covered",
    "subject to acceptance of a bill of exchange",
    "documents against acceptance",
    "documents against payment",
    "adverse information is publicly available",
    "the credit limit is full",
    "lack of turnover",
    "other",
];

impl DecisionReason {
    /// No accounts.
    pub const NO_ACCOUNTS: Self = Self(2);
    /// Insolvency.
    pub const INSOLVENT: Self = Self(3);
    /// A new company.
    pub const NEW_COMPANY: Self = Self(4);
    /// Nothing may be said.
    pub const NO_COMMENT: Self = Self(7);
    /// No capacity is left.
    pub const LIMIT_FULL: Self = Self(13);
    /// Any other, the score among them.
    pub const OTHER: Self = Self(15);

    /// Reads a code, `1` to `15`.
    pub fn parse(text: &str) -> Option<Self> {
        (1..=15).map(Self).find(|reason| reason.0.to_string() == text)
    }

    /// In words.
    pub fn meaning(self) -> &'static str {
        MEANINGS.get(usize::from(self.0).wrapping_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for DecisionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for DecisionReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DecisionReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?)
            .ok_or_else(|| D::Error::custom("no code of UN/EDIFACT 4509"))
    }
}

/// Why a limit is cancelled or deactivated (contract, "Classification").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum ChangeReason {
    /// No longer trading with the debtor.
    #[serde(rename = "1")]
    NoLongerTrading,
    /// Requested in error.
    #[serde(rename = "2")]
    InError,
    /// The limit is not needed.
    #[serde(rename = "3")]
    NotNeeded,
    /// Insolvency; the insurer's.
    #[serde(rename = "4")]
    Insolvency,
    /// Sanctions; the insurer's.
    #[serde(rename = "5")]
    Sanctions,
    /// The risk has worsened; the insurer's.
    #[serde(rename = "6")]
    RiskWorsened,
}

impl ChangeReason {
    /// All, in the order of their codes.
    pub const ALL: [Self; 6] = [
        Self::NoLongerTrading,
        Self::InError,
        Self::NotNeeded,
        Self::Insolvency,
        Self::Sanctions,
        Self::RiskWorsened,
    ];

    /// Reads a code, `1` to `6`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Its code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLongerTrading => "1",
            Self::InError => "2",
            Self::NotNeeded => "3",
            Self::Insolvency => "4",
            Self::Sanctions => "5",
            Self::RiskWorsened => "6",
        }
    }

    /// In words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NoLongerTrading => "no longer trading with the debtor",
            Self::InError => "requested in error",
            Self::NotNeeded => "limit not needed",
            Self::Insolvency => "insolvency",
            Self::Sanctions => "sanctions",
            Self::RiskWorsened => "the risk has worsened",
        }
    }

    /// Whether a party may give it.
    pub fn is_for(self, party: Party) -> bool {
        party == Party::Insurer || matches!(self, Self::NoLongerTrading | Self::InError | Self::NotNeeded)
    }

    /// Whether the insurer may act on it without notice.
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::Insolvency | Self::Sanctions)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn codes_are_strings_on_the_wire_and_read_back() {
        assert_eq!(serde_json::to_string(&DecisionReason::LIMIT_FULL).unwrap(), "\"13\"");
        for code in 1..=15 {
            let reason = DecisionReason::parse(&code.to_string()).unwrap();
            assert!(!reason.meaning().is_empty());
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(serde_json::from_str::<DecisionReason>(&json).unwrap(), reason);
        }
        for text in ["", "0", "16", "07", "+7", "x"] {
            assert_eq!(DecisionReason::parse(text), None, "{text}");
        }
        for reason in ChangeReason::ALL {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.as_str()));
            assert_eq!(ChangeReason::parse(reason.as_str()), Some(reason));
        }
    }

    #[test]
    fn the_insurer_needs_no_notice_for_insolvency_and_sanctions_only() {
        let urgent: Vec<&str> =
            ChangeReason::ALL.into_iter().filter(|it| it.is_urgent()).map(ChangeReason::as_str).collect();
        assert_eq!(urgent, ["4", "5"]);
    }

    #[test]
    fn a_sanctions_hits_reason_tells_nothing() {
        assert_eq!(DecisionReason::NO_COMMENT.meaning(), "no comment");
    }
}
