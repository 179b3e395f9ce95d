//! Why a command changes nothing.

use chrono::NaiveDate;

use super::money::AmountFault;
use super::state::{Action, Status};

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The status does not have the action. What else the caller may do is listed.
    #[error("not possible in status {}", .status.as_str())]
    State {
        /// The status.
        status: Status,
        /// What the caller may do in it.
        allowed: Vec<Action>,
    },
    /// It is for another actor, or the reason is.
    #[error("not for this actor")]
    Actor,
    /// There is a limit or an open request on the debtor.
    #[error("request {request_no} on this debtor stands")]
    Duplicate {
        /// Its number.
        request_no: u64,
    },
    /// There is no limit that could be raised, lowered or prolonged.
    #[error("there is no limit on this debtor")]
    NoLimit,
    /// No capacity. That an insured is not told why is on purpose: it would tell of other insureds' business, or of a
    /// sanctions hit.
    #[error("the limit cannot be put into force at present")]
    Capacity,
    /// The offer's time has passed.
    #[error("the offer has expired")]
    OfferExpired,
    /// Another amount than the offer's.
    #[error("the amount is not the offer's")]
    OfferChanged,
    /// The contract is not in force today.
    #[error("the contract is not in force")]
    ContractNotInForce,
    /// The amount is wrong.
    #[error(transparent)]
    Amount(#[from] AmountFault),
    /// Not the contract's currency.
    #[error("not the contract's currency")]
    Currency,
    /// The date is too early or too late.
    #[error("the date must lie between {earliest} and {latest}")]
    EffectiveDate {
        /// The first that is possible.
        earliest: NaiveDate,
        /// The last; before the first where there is none.
        latest: NaiveDate,
    },
}

impl Refusal {
    /// The contract's code; none for a date, which it has no code for.
    pub fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::State { .. } | Self::NoLimit => "CLS-STATE",
            Self::Actor => "CLS-ACTOR",
            Self::Duplicate { .. } => "CLS-DUPLICATE",
            Self::Capacity => "CLS-CAPACITY",
            Self::OfferExpired => "CLS-OFFER-EXPIRED",
            Self::OfferChanged => "CLS-OFFER-CHANGED",
            Self::ContractNotInForce => "CLS-CONTRACT-NOT-IN-FORCE",
            Self::Amount(_) => "CLS-AMOUNT",
            Self::Currency => "CLS-CURRENCY",
            Self::EffectiveDate { .. } => return None,
        })
    }
}
