//! The eight columns of a statement.

use serde::{Deserialize, Serialize};

/// A column by our name for it: the fields of the contract's `not_correspondent` row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// When the operator made the payment.
    PaymentDate,
    /// The operator's own identifier of it.
    Payid,
    /// The operator's word for its state.
    Status,
    /// The subscriber.
    PhoneNum,
    /// Whole XOF.
    Amount,
    /// The aggregator's identifier of it.
    TransId,
    /// The merchant's account.
    Account,
    /// Who acted for the operator.
    Agent,
}

impl Column {
    /// Every column, in the contract's order; a column's place in it is `column as usize`.
    pub const ALL: [Self; 8] = [
        Self::PaymentDate,
        Self::Payid,
        Self::Status,
        Self::PhoneNum,
        Self::Amount,
        Self::TransId,
        Self::Account,
        Self::Agent,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentDate => "payment_date",
            Self::Payid => "payid",
            Self::Status => "status",
            Self::PhoneNum => "phone_num",
            Self::Amount => "amount",
            Self::TransId => "trans_id",
            Self::Account => "account",
            Self::Agent => "agent",
        }
    }
}
