//! One row of an operator's statement, and what can be wrong with it.

use chrono::{DateTime, Utc};
use common::redact::Personal;

/// A row that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// The row's place in the file (contract, "Conventions"): the first line is 1.
    pub line: u32,
    /// When the operator made the payment.
    pub payment_date: DateTime<Utc>,
    /// The operator's identifier, trimmed; `None` where blank.
    pub payid: Option<String>,
    /// The operator's word, trimmed.
    pub status: String,
    /// The file's own text, untrimmed; may be blank.
    pub phone_num: Personal<String>,
    /// The file's own text, untrimmed.
    pub amount_text: String,
    /// Whole XOF.
    pub amount: i64,
    /// The aggregator's identifier, trimmed; `None` where blank.
    pub trans_id: Option<String>,
    /// Trimmed, may be blank.
    pub account: String,
    /// Trimmed, may be blank.
    pub agent: String,
}

/// Why a line of a file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// The line's number, as in [`StatementRow::line`].
    pub line: u32,
    /// Our name of the column at fault, or [`LineProblem::WHOLE_ROW`].
    pub column: &'static str,
    /// What is wrong; never the value itself, which may be personal.
    pub reason: String,
}

impl LineProblem {
    /// The `column` of a problem that no single column has.
    pub const WHOLE_ROW: &'static str = "row";
}
